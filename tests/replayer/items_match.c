/* Comparing two lists of items, lane by lane. */
#include "items.h"
#include "report.h"
#include "value/pack.h"

/* One lane of one list, read from the front. */
struct lane {
    const struct items *items;
    const char *name;
    unsigned end; /* items of this step and later do not count */
    unsigned at;
};

/* The next item, or NULL. */
static const struct item *peek(struct lane *lane)
{
    for (; lane->at < lane->items->count; lane->at++) {
        const struct item *item = &lane->items->items[lane->at];
        if (item->step < lane->end && str_eq(str_of(item->lane), str_of(lane->name))) {
            return item;
        }
    }
    return NULL;
}

static const struct item *next_event(struct lane *lane, unsigned *pongs)
{
    const struct item *item = peek(lane);
    while (item && item->kind == ITEM_PONG) {
        ++*pongs;
        lane->at++;
        item = peek(lane);
    }
    return item && item->kind == ITEM_EVENT ? item : NULL;
}

static bool differ(const struct lane *lane, const struct item *wanted, const struct item *found,
                   struct buf *why)
{
    buf_printf(why, "%s, step %u: ", lane->name, wanted ? wanted->step : found->step);
    report_difference(why, "wanted", wanted ? buf_value(&wanted->value) : VALUE_NONE,
                      found ? buf_value(&found->value) : VALUE_NONE);
    if (wanted && found && wanted->step != found->step) {
        buf_printf(why, " in step %u", found->step);
    }
    return false;
}

/* The events up to the next item of another kind, and the number of pongs among them. */
static bool match_events(struct lane *wanted, struct lane *found, struct presence_ids *ids,
                         struct buf *why)
{
    unsigned pongs_wanted = 0;
    unsigned pongs_found = 0;
    for (;;) {
        const struct item *a = next_event(wanted, &pongs_wanted);
        const struct item *b = next_event(found, &pongs_found);
        if (!a && !b) {
            break;
        }
        if (!a || !b || !match(ids, buf_value(&a->value), buf_value(&b->value))) {
            return differ(wanted, a, b, why);
        }
        wanted->at++;
        found->at++;
    }
    if (pongs_wanted != pongs_found) {
        buf_printf(why, "%s: wanted %u pongs, got %u", wanted->name, pongs_wanted, pongs_found);
    }
    return pongs_wanted == pongs_found;
}

static bool match_lane(struct lane *wanted, struct lane *found, struct presence_ids *ids,
                       struct buf *why)
{
    for (;;) {
        if (!match_events(wanted, found, ids, why)) {
            return false;
        }
        const struct item *a = peek(wanted);
        const struct item *b = peek(found);
        if (!a && !b) {
            return true;
        }
        /* Time passes only within steps, so those of both must be the same. */
        if (!a || !b || a->kind != b->kind || a->step != b->step ||
            !match(ids, buf_value(&a->value), buf_value(&b->value))) {
            return differ(wanted, a, b, why);
        }
        wanted->at++;
        found->at++;
    }
}

static bool seen_before(const struct items *items, unsigned at)
{
    for (unsigned i = 0; i < at; i++) {
        if (str_eq(str_of(items->items[i].lane), str_of(items->items[at].lane))) {
            return true;
        }
    }
    return false;
}

/* Every lane that `list` mentions. */
static bool match_lanes(const struct items *list, const struct items *wanted,
                        const struct items *found, unsigned end, struct presence_ids *ids,
                        struct buf *why)
{
    for (unsigned i = 0; i < list->count; i++) {
        if (seen_before(list, i)) {
            continue;
        }
        struct lane a = {wanted, list->items[i].lane, end, 0};
        struct lane b = {found, list->items[i].lane, end, 0};
        if (!match_lane(&a, &b, ids, why)) {
            return false;
        }
    }
    return true;
}

bool items_match(const struct items *wanted, const struct items *found, unsigned end,
                 struct presence_ids *ids, struct buf *why)
{
    return match_lanes(wanted, wanted, found, end, ids, why) &&
           match_lanes(found, wanted, found, end, ids, why);
}
