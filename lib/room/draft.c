/* Drafts: what is to be written, by id. */
#include "room/draft.h"

#include "base/alloc.h"
#include "room/room.h"

#include <assert.h>
#include <stdlib.h>

struct draft_item {
    struct list link;     /* in draft.items */
    struct record *after; /* owned reference; NULL: it is to be removed */
    uint32_t id_len;
    char id[];
};

static struct str item_id(const struct draft_item *item)
{
    return (struct str){item->id, item->id_len};
}

static struct str item_key(const void *entry)
{
    return item_id(entry);
}

void draft_init(struct draft *draft, struct documents *documents)
{
    *draft = (struct draft){.documents = documents, .bytes = documents->bytes};
    map_init(&draft->by_id, item_key);
    list_init(&draft->items);
}

static size_t bytes_of(const struct draft *draft, const struct draft_item *item, struct str id)
{
    const struct record *original = documents_get(draft->documents, id);
    return item ? (item->after ? item->after->len : 0) : original ? original->len : 0;
}

static void item_free(struct draft *draft, struct draft_item *item)
{
    list_remove(&item->link);
    map_remove(&draft->by_id, item_id(item));
    record_unref(item->after);
    free(item);
}

void draft_set(struct draft *draft, struct str id, struct record *take)
{
    struct draft_item *item = map_get(&draft->by_id, id);
    draft->bytes -= bytes_of(draft, item, id);
    draft->bytes += take ? take->len : 0;
    if (item) {
        list_remove(&item->link);
        record_unref(item->after);
    } else {
        item = xmalloc(sizeof(*item) + id.len);
        item->id_len = (uint32_t)id.len;
        memcpy(item->id, id.ptr, id.len);
        map_put(&draft->by_id, item);
    }
    item->after = take;
    list_init(&item->link);
    list_append(&draft->items, &item->link);
}

enum err draft_weigh(const struct draft *draft, struct buf *why)
{
    if (draft->bytes > ROOM_MAX_BYTES && draft->bytes > draft->documents->bytes) {
        buf_append_str(why, STR("the room would be too large"));
        return ERR_TOO_LARGE;
    }
    return ERR_OK;
}

void draft_drop(struct draft *draft, struct str id)
{
    struct draft_item *item = map_get(&draft->by_id, id);
    if (item) {
        draft->bytes -= bytes_of(draft, item, id);
        item_free(draft, item);
        draft->bytes += bytes_of(draft, NULL, id);
    }
}

struct record *draft_get(const struct draft *draft, struct str id)
{
    const struct draft_item *item = map_get(&draft->by_id, id);
    return item ? item->after : documents_get(draft->documents, id);
}

bool draft_has(const struct draft *draft, struct str id)
{
    return map_get(&draft->by_id, id) != NULL;
}

bool draft_next(const struct draft *draft, struct draft_walk *walk, struct record **record)
{
    struct list *untouched = &draft->documents->by_clock;
    walk->at = walk->at ? walk->at : draft->items.next;
    if (!walk->untouched && walk->at == &draft->items) {
        walk->untouched = true;
        walk->at = untouched->next;
    }
    if (walk->untouched && walk->at == untouched) {
        return false;
    }
    if (walk->untouched) {
        *record = list_entry(walk->at, struct record, link);
        *record = draft_has(draft, record_id(*record)) ? NULL : *record;
    } else {
        *record = list_entry(walk->at, struct draft_item, link)->after;
    }
    walk->at = walk->at->next;
    return true;
}

/* Puts before removes (UPD-4), each in the order it was asked for. */
static void collect(const struct draft *draft, const struct draft_item *item,
                    struct draft_edits *edits)
{
    struct str id = item_id(item);
    struct record *original = documents_get(draft->documents, id);
    if (edits->removes ? !item->after && original : item->after != NULL) {
        edits->list[edits->count++] = (struct edit){id, original, item->after};
    }
}

bool draft_collect(const struct draft *draft, struct draft_edits *edits, struct slice *slice)
{
    if (!edits->list) {
        edits->list = xcalloc(draft->by_id.count + 1, sizeof(*edits->list));
        edits->at = draft->items.next;
    }
    while (slice_left(slice)) {
        if (edits->at != &draft->items) {
            collect(draft, list_entry(edits->at, struct draft_item, link), edits);
            edits->at = edits->at->next;
        } else if (!edits->removes) {
            edits->removes = true;
            edits->at = draft->items.next;
        } else {
            return true;
        }
        slice_spend(slice, 0);
    }
    return false;
}

uint32_t draft_edits(const struct draft *draft, struct edit **edits)
{
    struct slice all = SLICE_ALL;
    struct draft_edits collected = {0};
    bool over = draft_collect(draft, &collected, &all);
    assert(over);
    *edits = collected.list;
    return collected.count;
}

bool draft_empty(struct draft *draft, struct slice *slice)
{
    while (slice_left(slice) && !list_empty(&draft->items)) {
        item_free(draft, list_entry(draft->items.next, struct draft_item, link));
        slice_spend(slice, 0);
    }
    return list_empty(&draft->items);
}

void draft_finish(struct draft *draft)
{
    struct draft_item *item;
    list_each(item, &draft->items, link, struct draft_item)
    {
        item_free(draft, item);
    }
    map_finish(&draft->by_id);
}
