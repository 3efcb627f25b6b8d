/* A stored room is brought to the server's schema (SNAP-7, SNAP-8), in slices. */
#include "base/alloc.h"
#include "room/draft_migration.h"
#include "room/host.h"
#include "room/internal.h"
#include "room/transaction.h"
#include "schema/path.h"
#include "value/pack.h"

#include <assert.h>
#include <stdlib.h>

enum settling_state {
    SETTLING_MIGRATE,
    SETTLING_COLLECT,
    SETTLING_COMMIT,
    SETTLING_EMPTY, /* what it took to get there is given back */
    SETTLING_OVER,
};

struct room_settling {
    struct room *room; /* borrowed */
    enum settling_state state;
    struct buf before;        /* the serialized schema that it was stored under */
    struct schema_path *path; /* a reference */
    struct draft draft;
    struct draft_migration *migration; /* owned */
    struct draft_edits edits;
    struct transaction transaction;
    enum err err;
    struct buf why;
};

void room_keep_schema(struct room *room, struct value serialized)
{
    struct buf kept = {0};
    if (!value_equal(serialized, schema_serialized(room->schema))) {
        buf_append(&kept, serialized.data, serialized.len);
    }
    buf_finish(&room->stored_schema);
    room->stored_schema = kept;
}

static void take_schema(struct room *room)
{
    schema_unref(room->schema);
    room->schema = schema_ref(room->config->schema);
}

/* Sessions that come from an owner before are on the schema of then. */
static void remember_former(struct room_settling *settling)
{
    struct room *room = settling->room;
    if (!value_equal(buf_value(&settling->before), schema_serialized(room->schema))) {
        room->former_schema = settling->before;
        settling->before = (struct buf){0};
    }
}

/* Where the way leads, or that there is none. */
static void find_path(struct room_settling *settling)
{
    struct room *room = settling->room;
    struct schema *schema = room->config->schema;
    struct value before = room->schema ? stored_schema(room) : schema_earliest(schema);
    buf_append(&settling->before, before.data, before.len);
    settling->state = SETTLING_OVER;
    if (schema_path_from(schema, buf_value(&settling->before), &settling->path) != SCHEMA_SERVED) {
        buf_append_str(&settling->why, STR("its schema is not known here; it may be newer"));
        settling->path = NULL;
        settling->err = ERR_VERSION;
    } else if (settling->path) {
        settling->migration = draft_migration_create(&settling->draft, settling->path);
        settling->state = SETTLING_MIGRATE;
    } else {
        take_schema(room);
        room_keep_schema(room, buf_value(&settling->before));
        remember_former(settling);
    }
}

struct room_settling *room_settle_begin(struct room *room)
{
    struct room_settling *settling = xcalloc(1, sizeof(*settling));
    bool nothing_stored = !room->schema && room->documents.records.count == 0;
    settling->room = room;
    draft_init(&settling->draft, &room->documents);
    if (!room->config->schema || nothing_stored) {
        settling->state = SETTLING_OVER; /* its first client begins it */
    } else {
        find_path(settling);
    }
    return settling;
}

/* Step 5 of the migration of a storage undoes all of it when anything fails: the draft is dropped.
 */
static enum settling_state migrate(struct room_settling *settling, struct slice *slice)
{
    settling->err = draft_migration_step(settling->migration, slice, &settling->why);
    return settling->err == ERR_AGAIN ? SETTLING_MIGRATE
           : settling->err            ? SETTLING_EMPTY
                                      : SETTLING_COLLECT;
}

static enum settling_state collect(struct room_settling *settling, struct slice *slice)
{
    struct room *room = settling->room;
    if (!draft_collect(&settling->draft, &settling->edits, slice)) {
        return SETTLING_COLLECT;
    }
    take_schema(room);
    buf_finish(&room->stored_schema);
    transaction_begin(&settling->transaction, room, settling->edits.list, settling->edits.count,
                      schema_serialized(room->schema));
    return SETTLING_COMMIT;
}

static enum settling_state commit(struct room_settling *settling, struct slice *slice)
{
    if (!transaction_step(&settling->transaction, slice)) {
        return SETTLING_COMMIT;
    }
    transaction_tell_log(&settling->transaction);
    remember_former(settling);
    return SETTLING_EMPTY;
}

static enum settling_state step(struct room_settling *settling, struct slice *slice)
{
    switch (settling->state) {
    case SETTLING_MIGRATE:
        return migrate(settling, slice);
    case SETTLING_COLLECT:
        return collect(settling, slice);
    case SETTLING_COMMIT:
        return commit(settling, slice);
    case SETTLING_EMPTY:
        transaction_finish(&settling->transaction);
        settling->transaction = (struct transaction){0};
        return draft_empty(&settling->draft, slice) ? SETTLING_OVER : SETTLING_EMPTY;
    case SETTLING_OVER:
        break;
    }
    return SETTLING_OVER;
}

enum err room_settle_step(struct room_settling *settling, struct slice *slice)
{
    while (settling->state != SETTLING_OVER) {
        if (!slice_left(slice)) {
            return ERR_AGAIN;
        }
        settling->state = step(settling, slice);
        if (room_settle_waits(settling)) {
            return ERR_AGAIN;
        }
    }
    return settling->err;
}

bool room_settle_waits(const struct room_settling *settling)
{
    return settling->state == SETTLING_MIGRATE && draft_migration_waits(settling->migration);
}

struct str room_settle_why(const struct room_settling *settling)
{
    return buf_str(&settling->why);
}

void room_settle_end(struct room_settling *settling)
{
    if (settling) {
        transaction_finish(&settling->transaction);
        free(settling->edits.list);
        draft_migration_destroy(settling->migration);
        draft_finish(&settling->draft);
        schema_path_unref(settling->path);
        buf_finish(&settling->before);
        buf_finish(&settling->why);
        free(settling);
    }
}

enum err room_settle_schema(struct room *room, struct buf *why)
{
    struct slice all = SLICE_ALL;
    enum err err;
    struct room_settling *settling = room_settle_begin(room);
    do {
        err = room_settle_step(settling, &all);
    } while (err == ERR_AGAIN);
    buf_append_str(why, room_settle_why(settling));
    room_settle_end(settling);
    return err;
}
