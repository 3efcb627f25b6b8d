/* Handing out a long diff in parts. */
#include "room/view.h"

#include "base/alloc.h"
#include "room/internal.h"
#include "value/pack.h"

#include <stdlib.h>

struct room_view {
    struct blob *holder;     /* owned reference; NULL: it is of documents */
    struct value_walk walk;  /* what is left in the holder */
    struct record **records; /* owned, and owned references from `at` on */
    uint32_t count, at;
};

struct room_view *room_view_create(const struct room *room, uint32_t *members)
{
    const struct documents *documents = &room->documents;
    struct room_view *view = xcalloc(1, sizeof(*view));
    view->records = xmalloc((documents->records.count + 1) * sizeof(struct record *));
    struct record *record;
    list_each(record, &documents->by_clock, link, struct record)
    {
        view->records[view->count++] = record_ref(record);
    }
    *members = view->count;
    return view;
}

struct room_view *room_view_of(struct blob *holder, struct value diff, uint32_t *members)
{
    struct room_view *view = xcalloc(1, sizeof(*view));
    view->holder = blob_ref(holder);
    view->walk = value_members(diff);
    *members = view->walk.left;
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
        *size += record->len + record->id_len + AROUND_ONE;
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
    for (uint32_t end = view->at + count; view->at < end; view->at++) {
        struct record *record = view->records[view->at];
        ops_put(diff, record_id(record), record_value(record));
        record_unref(record);
    }
    return true;
}

/* ---- of a diff ---- */

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
        for (; view->at < view->count; view->at++) {
            record_unref(view->records[view->at]);
        }
        free(view->records);
        free(view);
    }
}
