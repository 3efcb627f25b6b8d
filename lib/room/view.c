/* Handing out a long diff in parts. */
#include "room/view.h"

#include "base/alloc.h"
#include "room/internal.h"
#include "value/pack.h"

#include <assert.h>
#include <stdlib.h>

struct part {
    uint32_t first, end; /* in room_view.records */
};

struct room_view {
    struct blob *holder;     /* owned reference; NULL: it is of documents */
    struct value_walk walk;  /* what is left in the holder */
    uint64_t clock;          /* of the documents */
    struct record **records; /* owned references; those before `at` are in parts */
    uint32_t count, at;
    struct part *parts; /* owned */
    uint32_t part_count, part_cap;
};

static struct room_view *create(const struct room *room)
{
    struct room_view *view = xcalloc(1, sizeof(*view));
    view->clock = room->documents.clock;
    view->records = xmalloc((room->documents.records.count + 1) * sizeof(struct record *));
    return view;
}

static void add(struct room_view *view, struct record *record)
{
    view->records[view->count++] = record_ref(record);
}

/* What has been handed out up to there, or need not be. */
static void end_part(struct room_view *view, uint32_t end)
{
    if (view->part_count == view->part_cap) {
        view->part_cap = view->part_cap ? view->part_cap * 2 : 8;
        view->parts = xrealloc(view->parts, view->part_cap * sizeof(*view->parts));
    }
    view->parts[view->part_count++] = (struct part){view->at, end};
    view->at = end;
}

struct room_view *room_view_create(const struct room *room, uint32_t *members)
{
    struct room_view *view = create(room);
    struct record *record;
    list_each(record, &room->documents.by_clock, link, struct record)
    {
        add(view, record);
    }
    *members = view->count;
    return view;
}

/* ---- an earlier view ---- */

static bool is_current(const struct record *record)
{
    return !list_empty(&record->link);
}

static bool holds(const struct room_view *view, struct part part, size_t bytes)
{
    size_t size = 0;
    for (uint32_t i = part.first; i < part.end; i++) {
        if (!is_current(view->records[i])) {
            return false;
        }
        size += view->records[i]->len;
    }
    return size >= bytes / 2;
}

static void add_current(struct room_view *view, const struct room_view *before, struct part part)
{
    for (uint32_t i = part.first; i < part.end; i++) {
        if (is_current(before->records[i])) {
            add(view, before->records[i]);
        }
    }
}

/* Whatever has changed since is at the end of the room's list. */
static void add_newer(struct room_view *view, const struct room *room, uint64_t clock)
{
    const struct list *end = &room->documents.by_clock;
    struct list *node = end->prev;
    while (node != end && list_entry(node, struct record, link)->clock > clock) {
        node = node->prev;
    }
    for (node = node->next; node != end; node = node->next) {
        add(view, list_entry(node, struct record, link));
    }
}

struct room_view *room_view_renew(const struct room *room, const struct room_view *before,
                                  size_t bytes, struct buf *kept, uint32_t *members)
{
    struct room_view *view = create(room);
    uint32_t *numbers = xmalloc((before->part_count + 1) * sizeof(*numbers));
    for (uint32_t i = 0; i < before->part_count; i++) {
        if (holds(before, before->parts[i], bytes)) {
            numbers[view->part_count] = i;
            add_current(view, before, before->parts[i]);
            end_part(view, view->count);
        }
    }
    pack_array(kept, view->part_count);
    for (uint32_t i = 0, next = 0; i < before->part_count; i++) {
        if (next < view->part_count && numbers[next] == i) {
            pack_u64(kept, i);
            next++;
        } else {
            add_current(view, before, before->parts[i]);
        }
    }
    add_current(view, before, (struct part){before->at, before->count});
    add_newer(view, room, before->clock);
    assert(view->count == room->documents.records.count);
    free(numbers);
    *members = view->count;
    return view;
}

/* ---- of documents ---- */

/* How many come next, and about how many bytes they are. */
static uint32_t count_next(const struct room_view *view, size_t bytes, size_t *size)
{
    enum { AROUND_ONE = 16 };
    uint32_t count = 0;
    *size = AROUND_ONE;
    while (view->at + count < view->count && (count == 0 || *size < bytes)) {
        const struct record *record = view->records[view->at + count++];
        *size += record->len + record_id(record).len + AROUND_ONE;
    }
    return count;
}

static bool put_next(struct room_view *view, size_t bytes, struct buf *diff)
{
    size_t size;
    uint32_t count = count_next(view, bytes, &size);
    if (count == 0) {
        return false;
    }
    buf_reserve(diff, size);
    pack_map(diff, count);
    for (uint32_t i = view->at; i < view->at + count; i++) {
        ops_put(diff, record_id(view->records[i]), record_value(view->records[i]));
    }
    end_part(view, view->at + count);
    return true;
}

/* ---- of a diff ---- */

struct room_view *room_view_of(struct blob *holder, struct value diff, uint32_t *members)
{
    struct room_view *view = xcalloc(1, sizeof(*view));
    view->holder = blob_ref(holder);
    view->walk = value_members(diff);
    *members = view->walk.left;
    return view;
}

static bool copy_next(struct room_view *view, size_t bytes, struct buf *diff)
{
    const uint8_t *start = view->walk.at;
    uint32_t count = view->walk.left;
    struct str key;
    struct value member;
    while ((size_t)(view->walk.at - start) < bytes &&
           value_next_member(&view->walk, &key, &member)) {
    }
    count -= view->walk.left;
    if (count == 0) {
        return false;
    }
    pack_map(diff, count);
    buf_append(diff, start, (size_t)(view->walk.at - start));
    return true;
}

bool room_view_next(struct room_view *view, size_t bytes, struct buf *diff)
{
    return view->holder ? copy_next(view, bytes, diff) : put_next(view, bytes, diff);
}

void room_view_destroy(struct room_view *view)
{
    if (view) {
        blob_unref(view->holder);
        for (uint32_t i = 0; i < view->count; i++) {
            record_unref(view->records[i]);
        }
        free(view->records);
        free(view->parts);
        free(view);
    }
}
