/* Documents, tombstones and the document clock. */
#include "room/documents.h"

#include "base/alloc.h"

#include <assert.h>
#include <stdlib.h>

static struct str tombstone_key(const void *entry)
{
    const struct tombstone *tombstone = entry;
    return (struct str){tombstone->id, tombstone->id_len};
}

void documents_init(struct documents *documents)
{
    *documents = (struct documents){0};
    map_init(&documents->records, record_key);
    map_init(&documents->tombstones, tombstone_key);
    list_init(&documents->by_clock);
    list_init(&documents->buried);
}

void documents_finish(struct documents *documents)
{
    uint32_t pos = 0;
    struct record *record;
    while ((record = map_next(&documents->records, &pos))) {
        list_remove(&record->link);
        record_unref(record);
    }
    struct tombstone *tombstone;
    pos = 0;
    while ((tombstone = map_next(&documents->tombstones, &pos))) {
        free(tombstone);
    }
    map_finish(&documents->records);
    map_finish(&documents->tombstones);
}

struct record *documents_get(const struct documents *documents, struct str id)
{
    return map_get(&documents->records, id);
}

static void drop_tombstone(struct tombstone *tombstone)
{
    if (tombstone) {
        list_remove(&tombstone->link);
        free(tombstone);
    }
}

void documents_put(struct documents *documents, struct record *take)
{
    drop_tombstone(map_remove(&documents->tombstones, record_id(take)));
    struct record *old = map_put(&documents->records, take);
    if (old) {
        list_remove(&old->link);
        documents->bytes -= old->len;
        record_unref(old);
    }
    documents->bytes += take->len;
    list_append(&documents->by_clock, &take->link);
}

void documents_bury(struct documents *documents, struct str id, uint64_t clock)
{
    struct tombstone *tombstone = xmalloc(sizeof(*tombstone) + id.len);
    *tombstone = (struct tombstone){.clock = clock, .id_len = (uint32_t)id.len};
    memcpy(tombstone->id, id.ptr, id.len);
    list_append(&documents->buried, &tombstone->link);
    drop_tombstone(map_put(&documents->tombstones, tombstone));
}

void documents_remove(struct documents *documents, struct str id, uint64_t clock)
{
    struct record *record = map_remove(&documents->records, id);
    assert(record);
    documents_bury(documents, record_id(record), clock);
    list_remove(&record->link);
    documents->bytes -= record->len;
    record_unref(record);
}

struct record *documents_take(struct documents *documents, struct record *record)
{
    map_remove(&documents->records, record_id(record));
    list_remove(&record->link);
    documents->bytes -= record->len;
    return record;
}

bool documents_empty(struct documents *documents, struct slice *slice)
{
    while (slice_left(slice) && !list_empty(&documents->by_clock)) {
        struct record *oldest = list_entry(documents->by_clock.next, struct record, link);
        record_unref(documents_take(documents, oldest));
        slice_spend(slice, 0);
    }
    return list_empty(&documents->by_clock);
}

void documents_forget_tombstones(struct documents *documents)
{
    struct tombstone *tombstone;
    list_each(tombstone, &documents->buried, link, struct tombstone)
    {
        drop_tombstone(tombstone);
    }
    map_finish(&documents->tombstones);
}

uint32_t documents_prune(struct documents *documents, struct prune_limits limits)
{
    uint32_t count = documents->tombstones.count;
    if (count <= limits.max_tombstones) {
        return 0;
    }
    uint32_t cut = limits.buffer + count - limits.max_tombstones;
    uint32_t pruned = 0;
    uint64_t last = 0;
    struct tombstone *tombstone;
    list_each(tombstone, &documents->buried, link, struct tombstone)
    {
        /* A group of one clock goes as a whole, or clients miss some of it. */
        if (pruned >= cut && tombstone->clock != last) {
            break;
        }
        last = tombstone->clock;
        map_remove(&documents->tombstones, tombstone_key(tombstone));
        drop_tombstone(tombstone);
        pruned++;
    }
    uint64_t start = list_empty(&documents->buried)
                         ? documents->clock
                         : list_entry(documents->buried.next, struct tombstone, link)->clock;
    /* Where the clock has jumped, history starts later than the oldest tombstone. */
    documents->history_start = start > documents->history_start ? start : documents->history_start;
    return pruned;
}
