/* Host edits: update contexts (UPD). */
#include "base/alloc.h"
#include "room/draft.h"
#include "room/host.h"
#include "room/internal.h"
#include "value/check.h"

#include <stdlib.h>

struct room_context {
    struct room *room;
    struct draft draft;
};

struct room_context *room_context_create(struct room *room)
{
    struct room_context *context = xcalloc(1, sizeof(*context));
    context->room = room;
    draft_init(&context->draft, &room->documents);
    return context;
}

void room_context_destroy(struct room_context *context)
{
    if (context) {
        draft_finish(&context->draft);
        free(context);
    }
}

/* Whether it may be stored at all; `why` says why not. */
static enum room_edited check_record(const struct room *room, struct value record, struct str *id,
                                     struct buf *why)
{
    struct str type;
    if (!record_identity(record, id, &type)) {
        buf_append_str(why, STR("a record has no id or no typeName"));
        return ROOM_EDIT_INVALID;
    }
    if (record.len > ROOM_RECORD_MAX_BYTES || !value_walkable(record)) {
        buf_printf(why, "the record %.*s is too large", STR_ARG(*id));
        return ROOM_EDIT_TOO_LARGE;
    }
    if (schema_scope_of(room->schema, type) != SCHEMA_DOCUMENT) {
        buf_printf(why, "%.*s: \"%.*s\" is no document type", STR_ARG(*id), STR_ARG(type));
        return ROOM_EDIT_INVALID;
    }
    enum schema_valid valid = schema_check(room->schema, type, record);
    if (valid != SCHEMA_VALID) {
        buf_printf(why,
                   valid == SCHEMA_INVALID ? "%.*s: not a valid %.*s"
                                           : "%.*s: the validator of %.*s does not run just now",
                   STR_ARG(*id), STR_ARG(type));
        return ROOM_EDIT_INVALID;
    }
    return ROOM_EDITED;
}

enum room_edited room_context_put(struct room_context *context, struct value record,
                                  struct buf *why)
{
    struct str id;
    if (!context->room->schema) {
        buf_append_str(why, STR("the room has no schema before its first client"));
        return ROOM_EDIT_NO_SCHEMA;
    }
    enum room_edited edited = check_record(context->room, record, &id, why);
    if (edited != ROOM_EDITED) {
        return edited;
    }
    const struct record *original = documents_get(&context->room->documents, id);
    if (original && value_equal(record_value(original), record)) {
        draft_drop(&context->draft, id); /* UPD-2 */
    } else {
        draft_set(&context->draft, id, record_create(record, 0));
    }
    return ROOM_EDITED;
}

void room_context_delete(struct room_context *context, struct str id)
{
    if (documents_get(&context->room->documents, id)) {
        draft_set(&context->draft, id, NULL);
    } else {
        draft_drop(&context->draft, id); /* UPD-3 */
    }
}

struct value room_context_get(const struct room_context *context, struct str id)
{
    const struct record *record = draft_get(&context->draft, id);
    return record ? record_value(record) : VALUE_NONE;
}

void room_context_each(const struct room_context *context,
                       void (*visit)(void *ctx, struct value record), void *ctx)
{
    struct draft_walk walk = {0};
    struct record *record;
    while (draft_next(&context->draft, &walk, &record)) {
        if (record) {
            visit(ctx, record_value(record));
        }
    }
}

enum room_edited room_context_commit(struct room_context *context, uint64_t now_ms, struct buf *why)
{
    struct room *room = context->room;
    enum room_edited edited = ROOM_UNCHANGED;
    if (draft_weigh(&context->draft, why)) {
        edited = ROOM_EDIT_TOO_LARGE;
    } else {
        struct edit *edits;
        uint32_t count = draft_edits(&context->draft, &edits);
        if (count > 0) {
            room_transact(room, edits, count, VALUE_NONE, now_ms);
            edited = ROOM_EDITED;
        }
        free(edits);
    }
    draft_finish(&context->draft);
    draft_init(&context->draft, &room->documents);
    return edited;
}

static enum room_edited put_all(struct room_context *context, struct value puts, struct buf *why)
{
    struct value_walk walk = value_items(puts);
    struct value record;
    enum room_edited edited = ROOM_EDITED;
    while (edited == ROOM_EDITED && value_next_item(&walk, &record)) {
        edited = room_context_put(context, record, why);
    }
    return edited;
}

static enum room_edited delete_all(struct room_context *context, struct value deletes,
                                   struct buf *why)
{
    struct value_walk walk = value_items(deletes);
    struct value item;
    struct str id;
    while (value_next_item(&walk, &item)) {
        if (!value_string(item, &id)) {
            buf_append_str(why, STR("an id to delete is no string"));
            return ROOM_EDIT_INVALID;
        }
        room_context_delete(context, id);
    }
    return ROOM_EDITED;
}

enum room_edited room_update(struct room *room, const struct room_update *update, uint64_t now_ms,
                             struct buf *why)
{
    room_begin(room);
    if (update->check_clock && update->clock != room->documents.clock) {
        buf_printf(why, "the document clock is %llu", (unsigned long long)room->documents.clock);
        return ROOM_EDIT_CLOCK;
    }
    struct room_context *context = room_context_create(room);
    enum room_edited edited = put_all(context, update->puts, why);
    if (edited == ROOM_EDITED) {
        edited = delete_all(context, update->deletes, why);
    }
    if (edited == ROOM_EDITED) {
        edited = room_context_commit(context, now_ms, why);
    }
    room_context_destroy(context);
    return edited;
}
