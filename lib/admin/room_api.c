/* What is asked of a room, and answered. */
#include "admin/room_api.h"

#include "admin/fields.h"
#include "base/alloc.h"
#include "value/json.h"
#include "value/pack.h"

#include <strings.h>

/* ---- the parts of a request ---- */

/* curl calls every body a form unless it is told otherwise. */
static bool type_is_fine(struct str type)
{
    static const char *const known[] = {"application/json", "application/octet-stream",
                                        "application/x-www-form-urlencoded"};
    const char *end = type.ptr ? memchr(type.ptr, ';', type.len) : NULL;
    size_t len = end ? (size_t)(end - type.ptr) : type.len;
    while (len > 0 && type.ptr[len - 1] == ' ') {
        len--;
    }
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (len == strlen(known[i]) && strncasecmp(type.ptr, known[i], len) == 0) {
            return true;
        }
    }
    return len == 0 || (len > 5 && strncasecmp(type.ptr + len - 5, "+json", 5) == 0);
}

static bool bad(struct admin_call *call, const char *what)
{
    admin_answer_problem(call, PROBLEM_BAD_REQUEST, "%s", what);
    return false;
}

/* One JSON text of any kind. */
static bool read_json(const struct room_api_input *in, struct buf *operand, struct admin_call *call)
{
    size_t where;
    if (!type_is_fine(in->type)) {
        admin_answer_problem(call, PROBLEM_MEDIA_TYPE, "%.*s; JSON is wanted", STR_ARG(in->type));
        return false;
    }
    enum err err = json_parse_where(in->body, operand, &where);
    if (err) {
        admin_answer_problem(call, PROBLEM_BAD_REQUEST, "the body is no JSON: %s at byte %zu",
                             err_name(err), where);
    }
    return !err;
}

static bool is_known(struct str name, const char *const *known)
{
    for (; *known; known++) {
        if (str_eq(name, str_of(*known))) {
            return true;
        }
    }
    return false;
}

/* An object without members that nobody knows: a misspelled one would be a wish not granted. */
static bool check_members(struct value body, const char *const *known, struct admin_call *call)
{
    if (value_type(body) != VALUE_MAP) {
        return bad(call, "the body is no JSON object");
    }
    struct value_walk walk = value_members(body);
    struct str key;
    struct value member;
    while (value_next_member(&walk, &key, &member)) {
        if (!is_known(key, known)) {
            admin_answer_problem(call, PROBLEM_BAD_REQUEST, "the body has a member \"%.*s\"",
                                 STR_ARG(key));
            return false;
        }
    }
    return true;
}

static bool is_record(struct value item)
{
    struct str text;
    return value_string(value_get(item, STR("id")), &text) &&
           value_string(value_get(item, STR("typeName")), &text);
}

static bool is_id(struct value item)
{
    return value_type(item) == VALUE_STRING;
}

static bool check_items(struct value body, const char *name, bool (*fits)(struct value item),
                        const char *wanted, struct admin_call *call)
{
    struct value list = value_get(body, str_of(name));
    struct value_walk walk = value_items(list);
    struct value item;
    if (value_present(list) && value_type(list) != VALUE_ARRAY) {
        admin_answer_problem(call, PROBLEM_BAD_REQUEST, "$.%s is no array", name);
        return false;
    }
    for (uint32_t i = 0; value_next_item(&walk, &item); i++) {
        if (!fits(item)) {
            admin_answer_problem(call, PROBLEM_BAD_REQUEST, "$.%s[%u] is no %s", name, i, wanted);
            return false;
        }
    }
    return true;
}

static bool check_update(struct value body, struct admin_call *call)
{
    static const char *const known[] = {"puts", "deletes", "expectedClock", NULL};
    struct value expected = value_get(body, STR("expectedClock"));
    uint64_t clock;
    if (!check_members(body, known, call) ||
        !check_items(body, "puts", is_record, "object with \"id\" and \"typeName\"", call) ||
        !check_items(body, "deletes", is_id, "record id", call)) {
        return false;
    }
    return !value_present(expected) || value_u64(expected, &clock) ||
           bad(call, "$.expectedClock is no clock");
}

static bool check_snapshot(struct value body, struct admin_call *call)
{
    bool is = value_type(value_get(body, STR("documents"))) == VALUE_ARRAY ||
              value_type(value_get(body, STR("store"))) == VALUE_MAP;
    return is || bad(call, "the body is neither a room snapshot (with an array \"documents\") nor "
                           "a store snapshot (with an object \"store\")");
}

/* {"isReadonly":BOOL}: the bool is the operand. */
static bool read_settings(const struct room_api_input *in, struct buf *operand,
                          struct admin_call *call)
{
    static const char *const known[] = {"isReadonly", NULL};
    struct buf body = {0};
    bool readonly = false;
    bool fine = read_json(in, &body, call) && check_members(buf_value(&body), known, call) &&
                (value_bool(value_get(buf_value(&body), STR("isReadonly")), &readonly) ||
                 bad(call, "$.isReadonly is no bool"));
    pack_bool(operand, readonly);
    buf_finish(&body);
    return fine;
}

static bool read_reason(const struct room_api_input *in, struct buf *operand,
                        struct admin_call *call)
{
    char text[URL_NAME_MAX + 1];
    struct str reason;
    struct str raw = url_query_get(in->query, STR("reason"));
    const char *why = url_decode_name(raw, true, text, &reason);
    if (why) {
        admin_answer_problem(call, PROBLEM_BAD_REQUEST, "\"reason\" in the query %s", why);
    } else if (raw.ptr) {
        pack_str(operand, reason);
    } else {
        pack_nil(operand);
    }
    return !why;
}

/* ---- asking ---- */

static enum link_verb verb_of(enum route_id route)
{
    switch (route) {
    case ROUTE_ERASE:
        return LINK_VERB_ERASE;
    case ROUTE_LOAD:
        return LINK_VERB_LOAD;
    case ROUTE_OBJECTS:
        return LINK_VERB_OBJECTS;
    case ROUTE_RECORD:
        return LINK_VERB_RECORD;
    case ROUTE_UPDATE:
        return LINK_VERB_UPDATE;
    case ROUTE_SESSIONS:
        return LINK_VERB_SESSIONS;
    case ROUTE_SET_SESSION:
        return LINK_VERB_SET_READONLY;
    case ROUTE_CLOSE:
        return LINK_VERB_CLOSE;
    case ROUTE_CUSTOM:
        return LINK_VERB_CUSTOM;
    case ROUTE_SESSION_SNAPSHOT:
        return LINK_VERB_SESSION_SNAPSHOT;
    case ROUTE_SNAPSHOT:
    case ROUTE_INDEX:
    case ROUTE_HEALTHZ:
    case ROUTE_READYZ:
    case ROUTE_METRICS:
    case ROUTE_PROCESSES:
    case ROUTE_ROOMS:
    case ROUTE_ROOM:
    case ROUTE_MOVE:
    case ROUTE_RELEASE:
    case ROUTE_DRAIN:
    case ROUTE_UNDRAIN:
    case ROUTE_WORKERS:
    case ROUTE_NODES:
    case ROUTE_DRAIN_NODE:
    case ROUTE_UNDRAIN_NODE:
    case ROUTE_BEGIN_REBALANCE:
    case ROUTE_REBALANCE:
        break;
    }
    return LINK_VERB_SNAPSHOT;
}

/* Only what is known, so that nothing that was meant is passed over. */
static bool check_query(const struct room_api_input *in, struct admin_call *call)
{
    bool closes = in->match->route->id == ROUTE_CLOSE;
    struct str query = in->query;
    bool fine = query.len == 0 ||
                (closes && str_starts(query, STR("reason=")) && !memchr(query.ptr, '&', query.len));
    return fine || bad(call, closes ? "the query may have \"reason\" and nothing else"
                                    : "there is no query here");
}

static bool read_operand(const struct room_api_input *in, enum link_verb verb, struct buf *operand,
                         struct admin_call *call)
{
    if (verb == LINK_VERB_SET_READONLY) {
        return read_settings(in, operand, call);
    }
    if (verb == LINK_VERB_CLOSE) {
        return read_reason(in, operand, call);
    }
    if (verb == LINK_VERB_CUSTOM) {
        return read_json(in, operand, call);
    }
    if (verb == LINK_VERB_UPDATE) {
        return read_json(in, operand, call) && check_update(buf_value(operand), call);
    }
    if (verb == LINK_VERB_LOAD) {
        return read_json(in, operand, call) && check_snapshot(buf_value(operand), call);
    }
    pack_nil(operand);
    return true;
}

void room_api_handle(struct admin *admin, const struct room_api_input *in, struct admin_call *call)
{
    struct buf operand = {0};
    struct admin_request request = {
        .verb = verb_of(in->match->route->id),
        .room = in->match->name,
        .target = in->match->target,
        .operand = &operand,
    };
    if (check_query(in, call) && read_operand(in, request.verb, &operand, call)) {
        *call_subject(call) = (struct call_subject){
            .verb = request.verb,
            .room = xstrndup(request.room.ptr, request.room.len),
            .target = xstrndup(request.target.len ? request.target.ptr : "", request.target.len),
        };
        admin->source->request(admin->ctx, &request, call);
    }
    buf_finish(&operand);
}

/* ---- answers ---- */

static void answer_done(struct admin_call *call, struct value payload)
{
    const struct call_subject *subject = call_subject(call);
    struct buf *body = call_body(call);
    uint64_t clock = 0;
    if (subject->verb == LINK_VERB_CLOSE || subject->verb == LINK_VERB_CUSTOM) {
        fields_open(body, '{');
        fields_text(body, "id", subject->room);
        fields_text(body, "sessionId", subject->target);
        fields_bool(body, subject->verb == LINK_VERB_CLOSE ? "closed" : "sent", true);
        fields_close(body, '}');
    } else if (subject->verb == LINK_VERB_ERASE) {
        value_u64(value_get(payload, STR("clock")), &clock);
        fields_open(body, '{');
        fields_text(body, "id", subject->room);
        fields_bool(body, "deleted", true);
        fields_u64(body, "clock", clock);
        fields_close(body, '}');
    } else {
        json_write(payload, body);
    }
    buf_append_byte(body, '\n');
    call_answer(call, 200, "OK", CALL_JSON, buf_str(body));
}

static void answer_no(struct admin_call *call, enum problem problem, const char *what)
{
    const struct call_subject *subject = call_subject(call);
    admin_answer_problem(call, problem, "\"%s\" of the room \"%s\" %s", subject->target,
                         subject->room, what);
}

void admin_answer_request(struct admin_call *call, enum link_status status, struct value payload,
                          struct str why)
{
    uint64_t clock = 0;
    switch (status) {
    case LINK_STATUS_OK:
        answer_done(call, payload);
        return;
    case LINK_STATUS_NO_SESSION:
        answer_no(call, PROBLEM_NO_SESSION, "is not there");
        return;
    case LINK_STATUS_NO_RECORD:
        answer_no(call, PROBLEM_NO_RECORD, "is not there");
        return;
    case LINK_STATUS_NOT_CONNECTED:
        answer_no(call, PROBLEM_NOT_CONNECTED, "has not connected yet, or is leaving");
        return;
    case LINK_STATUS_CLOCK:
        value_u64(value_get(payload, STR("clock")), &clock);
        admin_answer_problem(call, PROBLEM_CLOCK, "its clock is %llu", (unsigned long long)clock);
        return;
    case LINK_STATUS_INVALID:
        admin_answer_problem(call, PROBLEM_INVALID_RECORD, "%.*s", STR_ARG(why));
        return;
    case LINK_STATUS_TOO_LARGE:
        admin_answer_problem(call, PROBLEM_TOO_LARGE, "%.*s", STR_ARG(why));
        return;
    case LINK_STATUS_NO_SCHEMA:
        admin_answer_problem(call, PROBLEM_NO_SCHEMA, "%.*s", STR_ARG(why));
        return;
    case LINK_STATUS_MIGRATION:
        admin_answer_problem(call, PROBLEM_MIGRATION, "%.*s", STR_ARG(why));
        return;
    case LINK_STATUS_UNKNOWN:
        admin_answer_problem(call, PROBLEM_OUTCOME_UNKNOWN, "%.*s", STR_ARG(why));
        return;
    case LINK_STATUS_MALFORMED:
        break;
    }
    admin_answer_problem(call, PROBLEM_BAD_REQUEST, "the room's owner does not understand it");
}

/* ---- snapshots ---- */

bool admin_snapshot_begin(struct admin_call *call, const struct admin_snapshot_handlers *handlers,
                          void *arg)
{
    struct call_stream stream = {handlers->drained, handlers->gone, arg};
    if (call_stream_begin(call, CALL_JSON, &stream)) {
        return true;
    }
    call_stream_end(call);
    return false;
}

void admin_snapshot_piece(struct admin_call *call, enum link_piece piece, struct value value)
{
    struct buf text = {0};
    snapshot_text_piece(call_snapshot_text(call), piece, value, &text);
    call_stream_write(call, buf_str(&text));
    buf_finish(&text);
    if (piece == LINK_PIECE_END) {
        call_stream_end(call);
    }
}

void admin_snapshot_break(struct admin_call *call)
{
    call_stream_break(call);
}
