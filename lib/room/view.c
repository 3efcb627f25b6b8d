/* Handing out a room's documents in parts. */
#include "room/view.h"

#include "base/alloc.h"
#include "room/internal.h"
#include "value/pack.h"

#include <stdlib.h>

struct room_view {
    uint32_t count, at;
    struct record *records[]; /* owned references, from `at` on */
};

struct room_view *room_view_create(const struct room *room, uint32_t *members)
{
    const struct documents *documents = &room->documents;
    struct room_view *view =
        xmalloc(sizeof(*view) + documents->records.count * sizeof(struct record *));
    view->count = view->at = 0;
    struct record *record;
    list_each(record, &documents->by_clock, link, struct record)
    {
        view->records[view->count++] = record_ref(record);
    }
    *members = view->count;
    return view;
}

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

bool room_view_next(struct room_view *view, size_t bytes, struct buf *diff)
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

void room_view_destroy(struct room_view *view)
{
    if (view) {
        for (; view->at < view->count; view->at++) {
            record_unref(view->records[view->at]);
        }
        free(view);
    }
}
