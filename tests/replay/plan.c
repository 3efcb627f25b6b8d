/* What a transcript needs. */
#include "plan.h"

#include "edge/chunk.h"
#include "schema/path.h"
#include "schema/serialized.h"
#include "split.h"
#include "value/json.h"
#include "value/pack.h"

#include <string.h>

struct planner {
    struct value schema;      /* what the original's room had, serialized */
    bool has_schema;          /* our room has it by now */
    struct str presence_type; /* the original's; absent: our room's schema says the same */
    struct str present[8];    /* sockets whose sessions have a presence record */
    size_t present_count;
};

static struct str text_of(struct value map, const char *name)
{
    struct str text = STR("");
    value_string(value_get(map, str_of(name)), &text);
    return text;
}

static bool text_is(struct value map, const char *name, const char *text)
{
    return str_eq(text_of(map, name), str_of(text));
}

/* Steps whose functions a room does not have. */
static const char *const not_offered[] = {
    "updateStore", "loadSnapshot", "getObjectsSnapshot", "getSessionSnapshot", "restart", "resume",
};

static const char *offered(struct value step)
{
    for (size_t i = 0; i < sizeof(not_offered) / sizeof(not_offered[0]); i++) {
        if (text_is(step, "do", not_offered[i])) {
            return "the room does not offer this step yet";
        }
    }
    return NULL;
}

/* The message that the list `expect` sends to `socket` with that type. */
static struct value expected_message(struct value expect, struct str socket, const char *type)
{
    struct value_walk walk = value_items(expect);
    struct value entry;
    while (value_next_item(&walk, &entry)) {
        struct value message = value_get(entry, STR("message"));
        if (text_is(message, "type", type) &&
            (!socket.ptr || str_eq(socket, text_of(entry, "socket")))) {
            return message;
        }
    }
    return VALUE_NONE;
}

static struct value original_schema(struct value transcript)
{
    struct value_walk walk = value_items(value_get(transcript, STR("steps")));
    struct value step;
    while (value_next_item(&walk, &step)) {
        struct value expect = value_get(step, STR("expect"));
        struct value reply = expected_message(expect, (struct str){0}, "connect");
        struct value result = value_get(step, STR("result"));
        struct value schema = value_get(reply, STR("schema"));
        if (!value_present(schema) && text_is(step, "do", "getSnapshot")) {
            schema = value_get(result, STR("schema"));
        }
        if (value_present(schema)) {
            return schema;
        }
    }
    return value_get(value_get(transcript, STR("initialSnapshot")), STR("schema"));
}

/* Why `socket` is turned away, as the close reason. */
static struct str expected_refusal(struct value expect, struct str socket)
{
    static const struct {
        const char *legacy, *reason;
    } names[] = {{"clientTooOld", "CLIENT_TOO_OLD"},
                 {"serverTooOld", "SERVER_TOO_OLD"},
                 {"invalidRecord", "INVALID_RECORD"},
                 {"invalidOperation", "UNKNOWN_ERROR"}};
    struct value legacy = expected_message(expect, socket, "incompatibility_error");
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (text_is(legacy, "reason", names[i].legacy)) {
            return str_of(names[i].reason);
        }
    }
    struct value_walk walk = value_items(expect);
    struct value entry;
    while (value_next_item(&walk, &entry)) {
        struct value close = value_get(entry, STR("close"));
        if (value_present(close) && str_eq(socket, text_of(entry, "socket"))) {
            return text_of(close, "reason");
        }
    }
    return STR("");
}

bool plan_expects_invalid(struct value expect, struct str socket)
{
    return str_eq(expected_refusal(expect, socket), STR("INVALID_RECORD"));
}

static struct str reason_of(enum schema_match match)
{
    switch (match) {
    case SCHEMA_SERVED:
        break;
    case SCHEMA_CLIENT_TOO_OLD:
        return STR("CLIENT_TOO_OLD");
    case SCHEMA_SERVER_TOO_OLD:
        return STR("SERVER_TOO_OLD");
    case SCHEMA_MALFORMED:
        return STR("UNKNOWN_ERROR");
    }
    return STR("");
}

/* Whether a schema has a form that cannot be served whatever the room knows. */
static bool cannot_be_read(struct value theirs)
{
    struct buf upgraded = {0};
    enum schema_match match = serialized_upgrade(theirs, &upgraded);
    buf_finish(&upgraded);
    return match != SCHEMA_SERVED;
}

/* What a room without migrations answers to a client's schema. */
static enum schema_match open_answer(const struct planner *planner, struct value theirs)
{
    struct schema *schema;
    struct schema_path *path;
    enum schema_match match = schema_adopt(planner->schema, &schema);
    if (match == SCHEMA_SERVED) {
        match = schema_match(schema, theirs, &path);
        schema_unref(schema);
    }
    return match;
}

static const char *connect_needs(struct planner *planner, struct value message, struct str socket,
                                 struct value expect)
{
    struct value theirs = value_get(message, STR("schema"));
    double protocol;
    bool negotiated = value_number(value_get(message, STR("protocolVersion")), &protocol) &&
                      (protocol == 5 || protocol == 6 || protocol == 7 || protocol == 8);
    if (!negotiated || value_type(theirs) == VALUE_NIL || cannot_be_read(theirs)) {
        return NULL; /* turned away before versions are compared */
    }
    enum schema_match match = open_answer(planner, theirs);
    bool served = value_present(expected_message(expect, socket, "connect"));
    if (match == SCHEMA_SERVED) {
        planner->has_schema = planner->has_schema || served;
        return NULL;
    }
    if (!planner->has_schema) {
        return "a new room would adopt the schema of this client";
    }
    if (!served && str_eq(expected_refusal(expect, socket), reason_of(match))) {
        return NULL;
    }
    return served ? "a client of another schema version needs migrations"
                  : "the reason of the refusal follows from the migrations";
}

/* The type of the presence records in a recording, by their names; absent if it shows none. */
static struct str find_presence_type(struct value value)
{
    struct str type = {0};
    struct value_walk items = value_items(value);
    struct value_walk members = value_members(value);
    struct value inner;
    struct str key;
    while (!type.ptr && value_next_item(&items, &inner)) {
        type = find_presence_type(inner);
    }
    while (!type.ptr && value_next_member(&members, &key, &inner)) {
        struct value put = value_item(inner, 1);
        if (!str_starts(key, STR("$presence:")) ||
            !value_string(value_get(value_present(put) ? put : inner, STR("typeName")), &type)) {
            type = find_presence_type(inner);
        }
    }
    return type;
}

static bool has_presence(const struct planner *planner, struct str socket)
{
    for (size_t i = 0; i < planner->present_count; i++) {
        if (str_eq(planner->present[i], socket)) {
            return true;
        }
    }
    return false;
}

/* Where the schema names no presence type, a session's first record says it; the original gave
 * every record the type of its schema. */
static const char *presence_needs(struct planner *planner, struct value message, struct str socket)
{
    enum { MAX = sizeof(planner->present) / sizeof(planner->present[0]) };
    struct value field = value_get(message, STR("presence"));
    struct str name;
    if (!planner->presence_type.ptr || !value_string(value_item(field, 0), &name) ||
        !str_eq(name, STR("put")) || has_presence(planner, socket)) {
        return NULL;
    }
    if (planner->present_count < MAX) {
        planner->present[planner->present_count++] = socket;
    }
    return str_eq(text_of(value_item(field, 1), "typeName"), planner->presence_type)
               ? NULL
               : "only a schema file can tell the type of presence";
}

static const char *message_needs(struct planner *planner, struct value message, struct str socket,
                                 struct value expect)
{
    return text_is(message, "type", "connect") ? connect_needs(planner, message, socket, expect)
           : text_is(message, "type", "push")  ? presence_needs(planner, message, socket)
                                               : NULL;
}

static const char *frames_need(struct planner *planner, struct value step)
{
    struct chunk_assembler chunks = {0};
    struct value_walk walk = value_items(value_get(step, STR("frames")));
    struct value frame;
    struct str text;
    const char *why = NULL;
    while (!why && value_next_item(&walk, &frame) && value_string(frame, &text)) {
        struct str whole;
        enum chunk_result result = chunk_feed(&chunks, text, 1 << 30, &whole);
        struct buf json = {0};
        struct buf message = {0};
        if (result == CHUNK_WHOLE || result == CHUNK_JOINED) {
            split_escape(whole, &json);
            if (json_parse(buf_str(&json), &message) == ERR_OK) {
                why = message_needs(planner, buf_value(&message), text_of(step, "socket"),
                                    value_get(step, STR("expect")));
            }
        }
        buf_finish(&json);
        buf_finish(&message);
    }
    chunk_finish(&chunks);
    return why;
}

static const char *step_needs(struct planner *planner, struct value step)
{
    if (text_is(step, "do", "send")) {
        return message_needs(planner, value_get(step, STR("message")), text_of(step, "socket"),
                             value_get(step, STR("expect")));
    }
    if (text_is(step, "do", "raw")) {
        return frames_need(planner, step);
    }
    if (!planner->has_schema &&
        (text_is(step, "do", "getSnapshot") || text_is(step, "do", "getRecord"))) {
        return "a new room has nothing before its first client";
    }
    return offered(step);
}

/* What cannot even start. */
static const char *start_needs(const struct planner *planner, struct value transcript)
{
    struct value options = value_get(transcript, STR("options"));
    struct value snapshot = value_get(transcript, STR("initialSnapshot"));
    bool session_snapshots = false;
    value_bool(value_get(options, STR("sessionSnapshots")), &session_snapshots);
    if (value_count(value_get(options, STR("objectTypes"))) > 0) {
        return "object types are named by schema files only";
    }
    if (session_snapshots) {
        return "the room has no session snapshots yet";
    }
    if (value_type(snapshot) == VALUE_MAP &&
        !value_equal(value_get(snapshot, STR("schema")), planner->schema)) {
        return "the initial snapshot needs migrations";
    }
    return NULL;
}

struct plan plan_make(struct value transcript)
{
    struct planner planner = {
        .schema = original_schema(transcript),
        .has_schema = value_type(value_get(transcript, STR("initialSnapshot"))) == VALUE_MAP,
    };
    if (!text_is(transcript, "schema", "default")) {
        planner.presence_type = find_presence_type(value_get(transcript, STR("steps")));
    }
    struct plan plan = {0, start_needs(&planner, transcript)};
    struct value_walk walk = value_items(value_get(transcript, STR("steps")));
    struct value step;
    while (!plan.why && value_next_item(&walk, &step)) {
        plan.why = step_needs(&planner, step);
        plan.end += plan.why == NULL;
    }
    return plan;
}

static bool put_refused(const struct room *room, struct value record)
{
    struct str type;
    if (!value_present(record) || value_type(record) == VALUE_NIL) {
        return false; /* another error */
    }
    return !value_string(value_get(record, STR("typeName")), &type) ||
           schema_scope_of(room_schema(room), type) != SCHEMA_DOCUMENT;
}

static bool patch_refused(const struct room *room, struct str id, struct value diff)
{
    const struct record *record = documents_get(room_documents(room), id);
    struct value op = value_get(diff, STR("typeName"));
    struct str name;
    struct str type;
    if (!record || !value_string(value_item(op, 0), &name)) {
        return false;
    }
    bool put = str_eq(name, STR("put"));
    return str_eq(name, STR("delete")) ||
           (put && !(value_string(value_item(op, 1), &type) && str_eq(type, record_type(record))));
}

bool plan_room_refuses(const struct room *room, struct value message)
{
    struct value presence = value_get(message, STR("presence"));
    struct str name = {0};
    value_string(value_item(presence, 0), &name);
    if (str_eq(name, STR("put")) && value_type(value_item(presence, 1)) != VALUE_MAP) {
        return true;
    }
    struct value_walk walk = value_members(value_get(message, STR("diff")));
    struct str id;
    struct value op;
    while (value_next_member(&walk, &id, &op)) {
        struct value operand = value_item(op, 1);
        if (value_string(value_item(op, 0), &name) &&
            (str_eq(name, STR("put"))     ? put_refused(room, operand)
             : str_eq(name, STR("patch")) ? patch_refused(room, id, operand)
                                          : false)) {
            return true;
        }
    }
    return false;
}
