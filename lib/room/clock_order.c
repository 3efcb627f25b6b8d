/* A merge sort that can be left anywhere: runs of `width` become runs of twice that, one link a
 * step. At any time a link is in the list or by itself, so whoever gives up needs to put nothing
 * back before the things are freed. */
#include "room/clock_order.h"

#include "base/alloc.h"

#include <stdlib.h>

enum order_state { ORDER_TAKE_OUT, ORDER_MERGE, ORDER_PUT_BACK, ORDER_DONE };

struct clock_order {
    struct list *list; /* borrowed */
    clock_order_fn clock_of;
    enum order_state state;
    struct list **from, **to; /* owned */
    size_t count, cap;
    size_t width;       /* of a run in `from` */
    size_t at;          /* how many are in `to`, or back in the list */
    size_t left, right; /* next of the two runs that are merged */
};

struct clock_order *clock_order_create(struct list *list, clock_order_fn clock_of)
{
    struct clock_order *order = xcalloc(1, sizeof(*order));
    order->list = list;
    order->clock_of = clock_of;
    return order;
}

void clock_order_destroy(struct clock_order *order)
{
    if (order) {
        free(order->from);
        free(order->to);
        free(order);
    }
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static void take_out(struct clock_order *order)
{
    if (list_empty(order->list)) {
        order->to = xcalloc(order->count + 1, sizeof(struct list *));
        order->width = 1;
        order->right = least(1, order->count);
        order->state = ORDER_MERGE;
        return;
    }
    if (order->count == order->cap) {
        order->cap = order->cap ? order->cap * 2 : 1024;
        order->from = xrealloc(order->from, order->cap * sizeof(struct list *));
    }
    order->from[order->count] = order->list->next;
    list_remove(order->from[order->count++]);
}

/* The two runs at `at`, which begin where the ones before ended. */
static void begin_runs(struct clock_order *order)
{
    order->left = order->at;
    order->right = least(order->at + order->width, order->count);
}

static void end_pass(struct clock_order *order)
{
    struct list **merged = order->to;
    order->to = order->from;
    order->from = merged;
    order->width *= 2;
    order->at = 0;
    begin_runs(order);
    order->state = order->width < order->count ? ORDER_MERGE : ORDER_PUT_BACK;
}

static void merge_one(struct clock_order *order)
{
    if (order->at == order->count) {
        end_pass(order);
        return;
    }
    size_t runs = order->at / (order->width * 2) * (order->width * 2);
    size_t left_end = least(runs + order->width, order->count);
    size_t right_end = least(runs + order->width * 2, order->count);
    bool from_left = order->left < left_end &&
                     (order->right == right_end || order->clock_of(order->from[order->left]) <=
                                                       order->clock_of(order->from[order->right]));
    order->to[order->at++] = order->from[from_left ? order->left++ : order->right++];
    if (order->at == right_end) {
        begin_runs(order);
    }
}

static void put_back(struct clock_order *order)
{
    if (order->at == order->count) {
        order->state = ORDER_DONE;
        return;
    }
    list_append(order->list, order->from[order->at++]);
}

bool clock_order_step(struct clock_order *order, struct slice *slice)
{
    while (order->state != ORDER_DONE && slice_left(slice)) {
        switch (order->state) {
        case ORDER_TAKE_OUT:
            take_out(order);
            break;
        case ORDER_MERGE:
            merge_one(order);
            break;
        case ORDER_PUT_BACK:
            put_back(order);
            break;
        case ORDER_DONE:
            break;
        }
        slice_spend(slice, 0);
    }
    return order->state == ORDER_DONE;
}
