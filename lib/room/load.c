/* Snapshots that the host loads into rooms (LOAD). */
#include "base/alloc.h"
#include "room/draft_migration.h"
#include "room/host.h"
#include "room/intake.h"
#include "room/internal.h"
#include "room/transaction.h"

#include <stdlib.h>

enum loading_state {
    LOADING_READ,
    LOADING_SCHEMA,
    LOADING_REMOVES,
    LOADING_PUTS,
    LOADING_MIGRATE,
    LOADING_COLLECT,
    LOADING_COMMIT,
    LOADING_EMPTY, /* what it took to get there is given back */
    LOADING_OVER,
};

struct room_loading {
    struct room *room; /* borrowed */
    struct value schema;
    enum loading_state state;
    struct intake *intake; /* owned */
    struct documents given;
    struct schema_path *path; /* a reference; NULL: none is needed */
    struct draft draft;
    struct draft_migration *migration; /* owned */
    struct list *at;                   /* next of a list of records that is walked */
    struct draft_edits edits;
    struct transaction transaction;
    bool other; /* the room gets another schema */
    enum room_edited edited;
    struct buf why;
};

struct room_loading *room_load_begin(struct room *room, struct value snapshot)
{
    struct room_loading *loading = xcalloc(1, sizeof(*loading));
    loading->room = room;
    documents_init(&loading->given);
    draft_init(&loading->draft, &room->documents);
    loading->intake = intake_create(&loading->given, snapshot);
    return loading;
}

static enum loading_state end(struct room_loading *loading, enum room_edited edited, struct str why)
{
    loading->edited = edited;
    buf_append_str(&loading->why, why);
    return LOADING_EMPTY;
}

static enum loading_state read_given(struct room_loading *loading, struct slice *slice)
{
    enum err err = intake_step(loading->intake, slice);
    if (err == ERR_AGAIN) {
        return LOADING_READ;
    }
    loading->schema = intake_schema(loading->intake);
    if (value_type(loading->schema) != VALUE_MAP) {
        return end(loading, ROOM_EDIT_NO_SCHEMA, STR("the snapshot has no schema"));
    }
    return err ? end(loading, ROOM_EDIT_INVALID,
                     STR("not a room snapshot and not a store snapshot"))
               : LOADING_SCHEMA;
}

/* LOAD-2, with what is given and its schema. */
static enum loading_state find_path(struct room_loading *loading)
{
    struct room *room = loading->room;
    enum schema_match match;
    if (!room_begin_schema(room, loading->schema, &match)) {
        return end(loading, ROOM_EDIT_MIGRATION, STR("the snapshot's schema cannot be read"));
    }
    if (schema_path_from(room->schema, loading->schema, &loading->path) != SCHEMA_SERVED) {
        loading->path = NULL;
        return end(loading, ROOM_EDIT_MIGRATION,
                   STR("the snapshot's schema is not known here; it may be newer"));
    }
    loading->draft.bytes = room->documents.bytes; /* a schema may begin with documents */
    loading->at = room->documents.by_clock.next;
    return LOADING_REMOVES;
}

/* What is not given goes. */
static enum loading_state draft_removes(struct room_loading *loading, struct slice *slice)
{
    while (slice_left(slice)) {
        if (loading->at == &loading->room->documents.by_clock) {
            loading->at = loading->given.by_clock.next;
            return LOADING_PUTS;
        }
        const struct record *record = list_entry(loading->at, struct record, link);
        loading->at = loading->at->next;
        if (!documents_get(&loading->given, record_id(record))) {
            draft_set(&loading->draft, record_id(record), NULL);
        }
        slice_spend(slice, 0);
    }
    return LOADING_REMOVES;
}

/* What is new or different moves over. */
static enum loading_state draft_puts(struct room_loading *loading, struct slice *slice)
{
    while (slice_left(slice)) {
        if (loading->at == &loading->given.by_clock) {
            return LOADING_MIGRATE;
        }
        struct record *record = list_entry(loading->at, struct record, link);
        const struct record *own = documents_get(&loading->room->documents, record_id(record));
        loading->at = loading->at->next;
        slice_spend(slice, record->len);
        if (!own || !value_equal(record_value(own), record_value(record))) {
            draft_set(&loading->draft, record_id(record), documents_take(&loading->given, record));
        }
    }
    return LOADING_PUTS;
}

static enum loading_state migrate_draft(struct room_loading *loading, struct slice *slice)
{
    enum err err = ERR_OK;
    if (loading->path) {
        if (!loading->migration) {
            loading->migration = draft_migration_create(&loading->draft, loading->path);
        }
        err = draft_migration_step(loading->migration, slice, &loading->why);
    } else {
        err = draft_weigh(&loading->draft, &loading->why);
    }
    if (err == ERR_AGAIN) {
        return LOADING_MIGRATE;
    }
    return err ? end(loading, err == ERR_TOO_LARGE ? ROOM_EDIT_TOO_LARGE : ROOM_EDIT_MIGRATION,
                     STR(""))
               : LOADING_COLLECT;
}

static enum loading_state collect_edits(struct room_loading *loading, struct slice *slice)
{
    struct room *room = loading->room;
    if (!draft_collect(&loading->draft, &loading->edits, slice)) {
        return LOADING_COLLECT;
    }
    struct value schema = loading->path ? schema_serialized(room->schema) : loading->schema;
    loading->other = !value_equal(schema, stored_schema(room));
    if (loading->edits.count == 0 && !loading->other) {
        return end(loading, ROOM_UNCHANGED, STR(""));
    }
    if (loading->other) {
        room_keep_schema(room, schema);
    }
    transaction_begin(&loading->transaction, room, loading->edits.list, loading->edits.count,
                      loading->other ? schema : VALUE_NONE);
    return LOADING_COMMIT;
}

static enum loading_state commit(struct room_loading *loading, struct slice *slice, uint64_t now_ms)
{
    if (!transaction_step(&loading->transaction, slice)) {
        return LOADING_COMMIT;
    }
    transaction_end(&loading->transaction, now_ms);
    loading->edited = ROOM_EDITED;
    return LOADING_EMPTY;
}

/* One step of the kind that its state is of. */
static enum loading_state step(struct room_loading *loading, struct slice *slice, uint64_t now_ms)
{
    switch (loading->state) {
    case LOADING_READ:
        return read_given(loading, slice);
    case LOADING_SCHEMA:
        return find_path(loading);
    case LOADING_REMOVES:
        return draft_removes(loading, slice);
    case LOADING_PUTS:
        return draft_puts(loading, slice);
    case LOADING_MIGRATE:
        return migrate_draft(loading, slice);
    case LOADING_COLLECT:
        return collect_edits(loading, slice);
    case LOADING_COMMIT:
        return commit(loading, slice, now_ms);
    case LOADING_EMPTY:
        transaction_finish(&loading->transaction);
        loading->transaction = (struct transaction){0};
        return draft_empty(&loading->draft, slice) && documents_empty(&loading->given, slice)
                   ? LOADING_OVER
                   : LOADING_EMPTY;
    case LOADING_OVER:
        break;
    }
    return LOADING_OVER;
}

bool room_load_step(struct room_loading *loading, struct slice *slice, uint64_t now_ms)
{
    while (loading->state != LOADING_OVER && slice_left(slice)) {
        loading->state = step(loading, slice, now_ms);
        if (room_load_waits(loading)) {
            return false;
        }
    }
    return loading->state == LOADING_OVER;
}

bool room_load_waits(const struct room_loading *loading)
{
    return loading->state == LOADING_MIGRATE && loading->migration &&
           draft_migration_waits(loading->migration);
}

enum room_edited room_load_edited(const struct room_loading *loading, struct str *why)
{
    *why = buf_str(&loading->why);
    return loading->edited;
}

void room_load_end(struct room_loading *loading)
{
    if (loading) {
        transaction_finish(&loading->transaction);
        free(loading->edits.list);
        draft_migration_destroy(loading->migration);
        draft_finish(&loading->draft);
        documents_finish(&loading->given);
        intake_destroy(loading->intake);
        schema_path_unref(loading->path);
        buf_finish(&loading->why);
        free(loading);
    }
}

enum room_edited room_load(struct room *room, struct value snapshot, uint64_t now_ms,
                           struct buf *why)
{
    struct slice all = SLICE_ALL;
    struct str text;
    struct room_loading *loading = room_load_begin(room, snapshot);
    while (!room_load_step(loading, &all, now_ms)) {
    }
    enum room_edited edited = room_load_edited(loading, &text);
    buf_append_str(why, text);
    room_load_end(loading);
    return edited;
}
