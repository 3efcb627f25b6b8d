/* Snapshots for the host: in one piece, or in pieces while the room goes on. */
#include "base/alloc.h"
#include "room/host.h"
#include "room/internal.h"
#include "value/pack.h"

#include <assert.h>
#include <stdlib.h>

static void pack_entry(struct buf *out, const struct record *record, uint64_t clock)
{
    pack_map(out, 2);
    pack_member(out, STR("state"), record_value(record));
    pack_str(out, STR("lastChangedClock"));
    pack_u64(out, clock);
}

static bool is_object(const struct room *room, const struct record *record)
{
    return room->schema && schema_is_object_type(room->schema, record_type(record));
}

/* The entries of one lane (OBJ-2), as an array. */
static void pack_lane(const struct room *room, bool objects, struct buf *out)
{
    uint32_t count = 0;
    struct buf entries = {0};
    struct record *record;
    list_each(record, &room->documents.by_clock, link, struct record)
    {
        if (is_object(room, record) == objects) {
            pack_entry(&entries, record, record->clock);
            count++;
        }
    }
    pack_array(out, count);
    buf_append_str(out, buf_str(&entries));
    buf_finish(&entries);
}

static void pack_clocks(const struct room *room, struct buf *out)
{
    pack_str(out, STR("documentClock"));
    pack_u64(out, room->documents.clock);
    pack_str(out, STR("tombstoneHistoryStartsAtClock"));
    pack_u64(out, room->documents.history_start);
    if (room->schema) {
        pack_member(out, STR("schema"), stored_schema(room));
    }
}

void room_write_host_snapshot(const struct room *room, struct buf *out)
{
    pack_map(out, room->schema ? 5 : 4);
    pack_clocks(room, out);
    pack_str(out, STR("documents"));
    pack_lane(room, false, out);
    pack_str(out, STR("tombstones"));
    pack_map(out, room->documents.tombstones.count);
    struct tombstone *tombstone;
    list_each(tombstone, &room->documents.buried, link, struct tombstone)
    {
        pack_str(out, (struct str){tombstone->id, tombstone->id_len});
        pack_u64(out, tombstone->clock);
    }
}

void room_write_objects(const struct room *room, struct buf *out)
{
    pack_lane(room, true, out);
}

/* ---- in pieces ---- */

struct held_record {
    struct record *record; /* owned reference */
    uint64_t clock;        /* of then: a record's own is set anew if it is stored again */
};

struct held_tombstone {
    uint64_t clock;
    size_t id_at; /* in reader.ids */
    uint32_t id_len;
};

struct room_reader {
    bool whole;                  /* all documents, as the bytes of one map */
    struct buf head;             /* a map, or the beginning of one; once */
    struct held_record *records; /* owned */
    size_t record_count, record_at;
    struct held_tombstone *tombstones; /* owned */
    size_t tombstone_count, tombstone_at;
    struct buf ids;
    size_t bytes; /* that the map will have */
};

static void hold_records(const struct room *room, struct room_reader *reader)
{
    reader->records = xcalloc(room->documents.records.count + 1, sizeof(*reader->records));
    struct record *record;
    list_each(record, &room->documents.by_clock, link, struct record)
    {
        if (reader->whole || !is_object(room, record)) {
            reader->records[reader->record_count++] =
                (struct held_record){record_ref(record), record->clock};
        }
    }
}

static void hold_tombstones(const struct room *room, struct room_reader *reader)
{
    reader->tombstones = xcalloc(room->documents.tombstones.count + 1, sizeof(*reader->tombstones));
    struct tombstone *tombstone;
    list_each(tombstone, &room->documents.buried, link, struct tombstone)
    {
        reader->tombstones[reader->tombstone_count++] =
            (struct held_tombstone){tombstone->clock, buf_len(&reader->ids), tombstone->id_len};
        buf_append(&reader->ids, tombstone->id, tombstone->id_len);
    }
}

struct room_reader *room_reader_create(const struct room *room)
{
    struct room_reader *reader = xcalloc(1, sizeof(*reader));
    pack_map(&reader->head, room->schema ? 3 : 2);
    pack_clocks(room, &reader->head);
    hold_records(room, reader);
    hold_tombstones(room, reader);
    return reader;
}

/* The beginning of a map that goes on with the documents. */
static void write_whole_head(const struct room *room, struct room_reader *reader)
{
    pack_map(&reader->head, room->schema ? 5 : 4);
    pack_clocks(room, &reader->head);
    pack_str(&reader->head, STR("documents"));
    pack_array(&reader->head, (uint32_t)reader->record_count);
}

static void write_whole_middle(const struct room_reader *reader, struct buf *out)
{
    pack_str(out, STR("tombstones"));
    pack_map(out, (uint32_t)reader->tombstone_count);
}

/* What is around a record or behind a tombstone's id: its clock decides how long that is. */
static size_t weigh(struct buf *scratch, const struct record *record, uint64_t clock)
{
    buf_clear(scratch, SIZE_MAX);
    if (record) {
        pack_map(scratch, 2);
        pack_str(scratch, STR("state"));
        pack_str(scratch, STR("lastChangedClock"));
    }
    pack_u64(scratch, clock);
    return buf_len(scratch) + (record ? record->len : 0);
}

static size_t weigh_all(const struct room_reader *reader)
{
    struct buf scratch = {0};
    write_whole_middle(reader, &scratch);
    size_t bytes = buf_len(&reader->head) + buf_len(&scratch);
    for (size_t i = 0; i < reader->record_count; i++) {
        bytes += weigh(&scratch, reader->records[i].record, reader->records[i].clock);
    }
    for (size_t i = 0; i < reader->tombstone_count; i++) {
        const struct held_tombstone *held = &reader->tombstones[i];
        const char *id = (const char *)buf_head(&reader->ids) + held->id_at;
        bytes += weigh(&scratch, NULL, held->clock);
        buf_clear(&scratch, SIZE_MAX);
        pack_str(&scratch, (struct str){id, held->id_len});
        bytes += buf_len(&scratch);
    }
    buf_finish(&scratch);
    return bytes;
}

struct room_reader *room_reader_create_whole(const struct room *room, size_t *bytes)
{
    struct room_reader *reader = xcalloc(1, sizeof(*reader));
    reader->whole = true;
    hold_records(room, reader);
    hold_tombstones(room, reader);
    write_whole_head(room, reader);
    *bytes = reader->bytes = weigh_all(reader);
    return reader;
}

void room_reader_destroy(struct room_reader *reader)
{
    if (!reader) {
        return;
    }
    for (size_t i = reader->record_at; i < reader->record_count; i++) {
        record_unref(reader->records[i].record);
    }
    free(reader->records);
    free(reader->tombstones);
    buf_finish(&reader->ids);
    buf_finish(&reader->head);
    free(reader);
}

/* At least one. */
static uint32_t pack_records(struct room_reader *reader, size_t bytes, struct buf *out)
{
    uint32_t count = 0;
    size_t start = buf_len(out);
    do {
        const struct held_record *held = &reader->records[reader->record_at++];
        pack_entry(out, held->record, held->clock);
        record_unref(held->record);
        count++;
    } while (reader->record_at < reader->record_count && buf_len(out) - start < bytes);
    return count;
}

static void next_records(struct room_reader *reader, size_t bytes, struct buf *out)
{
    struct buf entries = {0};
    uint32_t count = pack_records(reader, bytes, &entries);
    pack_array(out, count);
    buf_append_str(out, buf_str(&entries));
    buf_finish(&entries);
}

/* At least one. */
static uint32_t pack_tombstones(struct room_reader *reader, size_t bytes, struct buf *out)
{
    uint32_t count = 0;
    size_t start = buf_len(out);
    do {
        const struct held_tombstone *held = &reader->tombstones[reader->tombstone_at++];
        const char *id = (const char *)buf_head(&reader->ids) + held->id_at;
        pack_str(out, (struct str){id, held->id_len});
        pack_u64(out, held->clock);
        count++;
    } while (reader->tombstone_at < reader->tombstone_count && buf_len(out) - start < bytes);
    return count;
}

static void next_tombstones(struct room_reader *reader, size_t bytes, struct buf *out)
{
    struct buf entries = {0};
    uint32_t count = pack_tombstones(reader, bytes, &entries);
    pack_map(out, count);
    buf_append_str(out, buf_str(&entries));
    buf_finish(&entries);
}

enum room_piece room_reader_next(struct room_reader *reader, size_t bytes, struct buf *out)
{
    if (buf_len(&reader->head) > 0) {
        buf_append_str(out, buf_str(&reader->head));
        buf_finish(&reader->head);
        return ROOM_PIECE_HEAD;
    }
    if (reader->record_at < reader->record_count) {
        next_records(reader, bytes, out);
        return ROOM_PIECE_DOCUMENTS;
    }
    if (reader->tombstone_at < reader->tombstone_count) {
        next_tombstones(reader, bytes, out);
        return ROOM_PIECE_TOMBSTONES;
    }
    return ROOM_PIECE_END;
}

bool room_reader_read(struct room_reader *reader, size_t bytes, struct buf *out)
{
    assert(reader->whole);
    size_t start = buf_len(out);
    if (buf_len(&reader->head) > 0) {
        buf_append_str(out, buf_str(&reader->head));
        buf_finish(&reader->head);
        if (reader->record_count == 0) {
            write_whole_middle(reader, out);
        }
    } else if (reader->record_at < reader->record_count) {
        pack_records(reader, bytes, out);
        if (reader->record_at == reader->record_count) {
            write_whole_middle(reader, out);
        }
    } else if (reader->tombstone_at < reader->tombstone_count) {
        pack_tombstones(reader, bytes, out);
    }
    size_t read = buf_len(out) - start;
    assert(read <= reader->bytes);
    reader->bytes -= read;
    assert(read > 0 || reader->bytes == 0);
    return read > 0;
}
