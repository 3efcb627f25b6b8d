/* Any bytes as a stored snapshot, and as the body of one: what can be read is written again, and
 * that must read back as the same room. The first byte says which of the two it is; a body comes as
 * JSON, so that a fuzzer gets past the checksum. */
#include "base/alloc.h"
#include "cluster/stored_snapshot.h"
#include "room/room.h"
#include "value/json.h"
#include "value/pack.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            __builtin_trap();                                                                      \
        }                                                                                          \
    } while (0)

static const struct room_config config = {0};
static const struct room_host host; /* a room without sessions says nothing */

/* NULL if the snapshot is none. */
static struct room *room_of(struct value snapshot)
{
    struct room *room = room_create(&config, &host, NULL);
    if (room_read_snapshot(room, snapshot)) {
        room_destroy(room);
        return NULL;
    }
    return room;
}

static void check_room(const struct room *room)
{
    const struct documents *documents = room_documents(room);
    uint64_t bytes = 0;
    uint64_t last = 0;
    uint32_t count = 0;
    struct record *record;
    MUST(documents->history_start <= documents->clock);
    list_each(record, &documents->by_clock, link, struct record)
    {
        MUST(record->clock >= last && record->clock <= documents->clock);
        MUST(documents_get(documents, record_id(record)) == record);
        last = record->clock;
        bytes += record->len;
        count++;
    }
    MUST(count == documents->records.count && bytes == documents->bytes);
    struct tombstone *tombstone;
    last = count = 0;
    list_each(tombstone, &documents->buried, link, struct tombstone)
    {
        MUST(tombstone->clock >= last && tombstone->clock <= documents->clock);
        MUST(!documents_get(documents, (struct str){tombstone->id, tombstone->id_len}));
        last = tombstone->clock;
        count++;
    }
    MUST(count == documents->tombstones.count);
}

static void check_body(struct value snapshot)
{
    struct room *room = room_of(snapshot);
    if (!room) {
        return;
    }
    check_room(room);
    struct buf body = {0};
    room_write_snapshot(room, &body);
    struct buf stored = {0};
    struct buf back = {0};
    struct buf recent = {0};
    stored_snapshot_write(buf_value(&body), buf_value(&body), room_documents(room)->clock, &stored);
    MUST(stored_snapshot_read(buf_str(&stored), &back, &recent) == ERR_OK);
    MUST(str_eq(buf_str(&recent), buf_str(&body)));
    buf_finish(&recent);
    MUST(str_eq(buf_str(&back), buf_str(&body)));
    struct room *again = room_of(buf_value(&back));
    MUST(again);
    check_room(again);
    struct buf body_again = {0};
    room_write_snapshot(again, &body_again);
    MUST(str_eq(buf_str(&body), buf_str(&body_again)));
    room_destroy(again);
    room_destroy(room);
    buf_finish(&body);
    buf_finish(&body_again);
    buf_finish(&stored);
    buf_finish(&back);
}

static void check_stored(const uint8_t *data, size_t size)
{
    struct buf body = {0};
    struct buf recent = {0};
    buf_append_str(&body, STR("in front"));
    enum err err = stored_snapshot_read((struct str){(const char *)data, size}, &body, &recent);
    MUST(str_starts(buf_str(&body), STR("in front")));
    if (err) {
        MUST(buf_len(&body) == 8 && buf_len(&recent) == 0);
    } else {
        check_body((struct value){buf_head(&body) + 8, buf_len(&body) - 8});
    }
    buf_finish(&body);
    buf_finish(&recent);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1) {
        return 0;
    }
    bool is_stored = data[0] & 1;
    uint8_t *copy = xmemdup(data + 1, size - 1);
    if (is_stored) {
        check_stored(copy, size - 1);
    } else {
        struct buf body = {0};
        if (!json_parse((struct str){(const char *)copy, size - 1}, &body)) {
            check_body(buf_value(&body));
        }
        buf_finish(&body);
    }
    free(copy);
    return 0;
}
