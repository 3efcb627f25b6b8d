/* Editions: records migrated down for older clients, and the differences between them. */
#include "room/edition.h"

#include "base/alloc.h"
#include "room/internal.h"
#include "value/diff.h"
#include "value/pack.h"

#include <assert.h>
#include <stdlib.h>

/* What a state of a record is in the edition, where code had to find out. */
struct kept_state {
    struct record *source; /* owned reference */
    struct record *state;  /* owned reference */
};

static struct str kept_key(const void *entry)
{
    return record_id(((const struct kept_state *)entry)->source);
}

struct edition *edition_hold(struct room *room, struct schema_path *path)
{
    struct edition *edition;
    list_each(edition, &room->editions, link, struct edition)
    {
        if (schema_path_equal(edition->path, path)) {
            schema_path_unref(path);
            edition->sessions++;
            return edition;
        }
    }
    edition = xcalloc(1, sizeof(*edition));
    edition->number = ++room->edition_numbers;
    edition->path = path;
    edition->sessions = 1;
    map_init(&edition->kept, kept_key);
    list_append(&room->editions, &edition->link);
    return edition;
}

static void kept_free(struct kept_state *kept)
{
    if (kept) {
        record_unref(kept->source);
        record_unref(kept->state);
        free(kept);
    }
}

void edition_release(struct edition *edition)
{
    if (!edition || --edition->sessions > 0) {
        return;
    }
    assert(edition->connected == 0);
    uint32_t pos = 0;
    struct kept_state *kept;
    while ((kept = map_next(&edition->kept, &pos))) {
        kept_free(kept);
    }
    map_finish(&edition->kept);
    schema_path_unref(edition->path);
    list_remove(&edition->link);
    free(edition);
}

void edition_forget(struct edition *edition, struct str id)
{
    kept_free(map_remove(&edition->kept, id));
}

static void keep(struct edition *edition, struct record *source, struct record *state)
{
    struct kept_state *kept = xmalloc(sizeof(*kept));
    *kept = (struct kept_state){record_ref(source), record_ref(state)};
    kept_free(map_put(&edition->kept, kept));
}

static struct record *find_kept(const struct edition *edition, const struct record *source)
{
    const struct kept_state *kept = map_get(&edition->kept, record_id(source));
    return kept && kept->source == source ? kept->state : NULL;
}

/* What the engine has to do for it, and is worth keeping. */
static bool is_costly(const struct edition *edition, const struct record *record)
{
    return schema_path_needs_engine(edition->path, SCHEMA_DOWN, record_value(record));
}

/* The state that a migrated record leads to; NULL if that is none of this record. */
static struct record *arrived(struct record *record, const struct schema_traveller *traveller)
{
    struct str id;
    struct str type;
    switch (traveller->migrated) {
    case SCHEMA_SAME:
        return record_ref(record);
    case SCHEMA_CHANGED:
        if (record_identity(buf_value(&traveller->out), &id, &type) &&
            str_eq(id, record_id(record))) {
            return record_create(buf_value(&traveller->out), record->clock);
        }
        break;
    case SCHEMA_TOO_OLD:
    case SCHEMA_TOO_NEW:
    case SCHEMA_FAILED:
        break;
    }
    return NULL;
}

/* Migrates the records whose place in `out` is empty. */
static bool migrate_rest(struct edition *edition, struct record *const *records, size_t count,
                         struct record **out)
{
    struct schema_traveller *travellers = xcalloc(count + 1, sizeof(*travellers));
    size_t going = 0;
    for (size_t i = 0; i < count; i++) {
        if (!out[i]) {
            travellers[going++].record = record_value(records[i]);
        }
    }
    schema_migrate(edition->path, SCHEMA_DOWN, travellers, going);
    bool ok = true;
    edition->again = true;
    for (size_t i = 0, at = 0; i < count; i++) {
        if (out[i]) {
            continue;
        }
        out[i] = arrived(records[i], &travellers[at]);
        edition->again &= out[i] || travellers[at].again;
        buf_finish(&travellers[at++].out);
        ok = ok && out[i];
        if (out[i] && is_costly(edition, records[i])) {
            keep(edition, records[i], out[i]);
        }
    }
    free(travellers);
    return ok;
}

bool edition_records(struct edition *edition, struct record *const *records, size_t count,
                     struct record **out)
{
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        struct record *kept = find_kept(edition, records[i]);
        out[i] = kept ? record_ref(kept) : NULL;
        found += kept != NULL;
    }
    if (found == count || migrate_rest(edition, records, count, out)) {
        return true;
    }
    for (size_t i = 0; i < count; i++) {
        record_unref(out[i]);
    }
    return false;
}

struct record *edition_record(struct edition *edition, struct record *record)
{
    struct record *out;
    return edition_records(edition, &record, 1, &out) ? out : NULL;
}

size_t edition_missing(const struct edition *edition, struct record *const *records, size_t count)
{
    size_t missing = 0;
    for (size_t i = 0; i < count; i++) {
        missing += !find_kept(edition, records[i]) && is_costly(edition, records[i]);
    }
    return missing;
}

/* MIG-4 for a record that was and is; false only if it cannot be migrated. */
static bool write_difference(struct edition *edition, const struct edit *edit, bool legacy_append,
                             struct arena *scratch, struct buf *ops, uint32_t *op_count)
{
    struct record *before = edition_record(edition, edit->before);
    struct record *after = edition_record(edition, edit->after);
    struct buf diff = {0};
    if (before && after &&
        diff_record(record_value(before), record_value(after), legacy_append, scratch, &diff)) {
        ops_patch(ops, edit->id, buf_value(&diff));
        ++*op_count;
    }
    bool ok = before && after;
    buf_finish(&diff);
    record_unref(before);
    record_unref(after);
    return ok;
}

static bool write_new(struct edition *edition, const struct edit *edit, struct buf *ops,
                      uint32_t *op_count)
{
    struct record *after = edition_record(edition, edit->after);
    if (!after) {
        return false;
    }
    ops_put(ops, edit->id, record_value(after));
    ++*op_count;
    record_unref(after);
    return true;
}

bool edition_write_ops(struct edition *edition, const struct edit *edits, size_t count,
                       bool legacy_append, struct arena *scratch, struct buf *ops,
                       uint32_t *op_count)
{
    for (size_t i = 0; i < count; i++) {
        const struct edit *edit = &edits[i];
        bool ok = true;
        if (!edit->after) {
            edition_forget(edition, edit->id);
            ops_remove(ops, edit->id);
            ++*op_count;
        } else if (edit->before) {
            ok = write_difference(edition, edit, legacy_append, scratch, ops, op_count);
        } else {
            ok = write_new(edition, edit, ops, op_count);
        }
        if (!ok) {
            return false;
        }
    }
    return true;
}
