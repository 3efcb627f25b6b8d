/* Requests of the API, and their answers. */
#include "admin/api.h"

#include "admin/fields.h"
#include "admin/processes.h"
#include "base/number_text.h"
#include "value/json.h"
#include "value/pack.h"

#include <inttypes.h>
#include <stdio.h>

enum { PAGE_DEFAULT = 100 };

/* Answers with what was built in the call's own body, as a line. */
static void answer(struct admin_call *call)
{
    buf_append_byte(call_body(call), '\n');
    call_answer(call, 200, "OK", CALL_JSON, buf_str(call_body(call)));
}

/* ---- processes ---- */

static void on_collected(void *arg, const struct admin_process *processes, size_t count)
{
    processes_render(processes, count, call_body(arg));
    answer(arg);
}

/* ---- rooms ---- */

/* Decodes a name of the query. */
static bool query_name(struct str query, struct str key, char text[URL_NAME_MAX + 1],
                       struct str *name, struct admin_call *call)
{
    const char *why = url_decode_name(url_query_get(query, key), true, text, name);
    if (why) {
        admin_answer_problem(call, PROBLEM_BAD_REQUEST, "\"%.*s\" in the query %s", STR_ARG(key),
                             why);
    }
    return !why;
}

static bool query_number(struct str query, struct str key, uint64_t max, uint64_t *number,
                         struct admin_call *call)
{
    struct str text = url_query_get(query, key);
    if (text.ptr && number_parse(text, max, number)) {
        admin_answer_problem(call, PROBLEM_BAD_REQUEST,
                             "\"%.*s\" in the query is not a number up to %" PRIu64, STR_ARG(key),
                             max);
        return false;
    }
    return true;
}

static bool query_state(struct str query, struct admin_room_query *wanted, struct admin_call *call)
{
    struct str text = url_query_get(query, STR("state"));
    wanted->by_state = text.ptr != NULL;
    if (text.ptr && !room_state_find(text, &wanted->state)) {
        admin_answer_problem(call, PROBLEM_BAD_REQUEST, "\"state\" in the query is no state");
        return false;
    }
    return true;
}

static void list_rooms(struct admin *admin, struct str query, struct admin_call *call)
{
    struct admin_room_query wanted = {.limit = PAGE_DEFAULT};
    char text[2][URL_NAME_MAX + 1];
    if (!query_number(query, STR("cursor"), UINT64_MAX, &wanted.cursor, call) ||
        !query_number(query, STR("limit"), ADMIN_PAGE_MAX, &wanted.limit, call) ||
        !query_name(query, STR("worker"), text[0], &wanted.worker, call) ||
        !query_name(query, STR("node"), text[1], &wanted.node, call) ||
        !query_state(query, &wanted, call)) {
        return;
    }
    if (wanted.limit == 0) {
        admin_answer_problem(call, PROBLEM_BAD_REQUEST, "\"limit\" in the query is 0");
        return;
    }
    fields_open(call_body(call), '{');
    fields_name(call_body(call), "rooms");
    fields_open(call_body(call), '[');
    admin->source->list_rooms(admin->ctx, &wanted, call);
}

void admin_add_room(struct admin_call *call, const struct admin_room *room)
{
    room_render(room, call_body(call));
}

void admin_answer_rooms(struct admin_call *call, uint64_t cursor)
{
    struct buf *body = call_body(call);
    fields_close(body, ']');
    if (cursor > 0) {
        char text[24];
        snprintf(text, sizeof(text), "%" PRIu64, cursor); /* beyond what a double holds */
        fields_text(body, "cursor", text);
    } else {
        fields_null(body, "cursor");
    }
    fields_close(body, '}');
    answer(call);
}

void admin_answer_room(struct admin_call *call, const struct admin_room *room)
{
    room_render(room, call_body(call));
    answer(call);
}

void admin_answer_released(struct admin_call *call, struct str room, bool was)
{
    struct buf *body = call_body(call);
    fields_open(body, '{');
    fields_str(body, "id", room);
    fields_bool(body, "released", was);
    fields_close(body, '}');
    answer(call);
}

/* ---- the cluster ---- */

/* {"name":[ and then an item each. */
static void open_list(struct admin_call *call, const char *name)
{
    fields_open(call_body(call), '{');
    fields_name(call_body(call), name);
    fields_open(call_body(call), '[');
}

static void answer_list(struct admin_call *call)
{
    fields_close(call_body(call), ']');
    fields_close(call_body(call), '}');
    answer(call);
}

void admin_add_worker(struct admin_call *call, const struct admin_worker *worker)
{
    worker_render(worker, call_body(call));
}

void admin_answer_workers(struct admin_call *call)
{
    answer_list(call);
}

void admin_add_node(struct admin_call *call, const struct admin_node *node)
{
    node_render(node, call_body(call));
}

void admin_answer_nodes(struct admin_call *call)
{
    answer_list(call);
}

void admin_answer_node_drain(struct admin_call *call, const char *node, bool draining, bool changed)
{
    struct buf *body = call_body(call);
    fields_open(body, '{');
    fields_text(body, "node", node);
    fields_bool(body, "draining", draining);
    fields_bool(body, "changed", changed);
    fields_close(body, '}');
    answer(call);
}

void admin_answer_rebalance(struct admin_call *call, struct str id)
{
    struct buf *body = call_body(call);
    fields_open(body, '{');
    fields_str(body, "id", id.len > 0 ? id : (struct str){0});
    fields_close(body, '}');
    answer(call);
}

/* ---- bodies ---- */

/* An object, or nothing at all where `optional`. */
static bool read_body(struct str body, bool optional, struct buf *bytes, struct value *out,
                      struct admin_call *call)
{
    *out = VALUE_NONE;
    if (optional && body.len == 0) {
        return true;
    }
    enum err err = json_parse(body, bytes);
    if (err) {
        admin_answer_problem(call, PROBLEM_BAD_REQUEST, "the body is no JSON: %s", err_name(err));
        return false;
    }
    *out = buf_value(bytes);
    if (value_type(*out) != VALUE_MAP) {
        admin_answer_problem(call, PROBLEM_BAD_REQUEST, "the body is no JSON object");
        return false;
    }
    return true;
}

static void move(struct admin *admin, struct str room, struct str text, struct admin_call *call)
{
    struct buf bytes = {0};
    struct value body;
    struct str worker;
    if (read_body(text, false, &bytes, &body, call)) {
        if (value_string(value_get(body, STR("worker")), &worker) && worker.len > 0) {
            admin->source->move(admin->ctx, room, worker, call);
        } else {
            admin_answer_problem(call, PROBLEM_BAD_REQUEST,
                                 "\"worker\" in the body is no name or id of a worker");
        }
    }
    buf_finish(&bytes);
}

typedef void (*drain_fn)(void *ctx, struct str name, bool on, bool force, struct admin_call *call);

static void drain(struct admin *admin, drain_fn fn, struct str name, struct str text,
                  struct admin_call *call)
{
    struct buf bytes = {0};
    struct value body;
    if (read_body(text, true, &bytes, &body, call)) {
        struct value force = value_get(body, STR("force"));
        bool forced = false;
        if (!value_present(force) || value_bool(force, &forced)) {
            fn(admin->ctx, name, true, forced, call);
        } else {
            admin_answer_problem(call, PROBLEM_BAD_REQUEST, "\"force\" in the body is no bool");
        }
    }
    buf_finish(&bytes);
}

void admin_answer_moved(struct admin_call *call, const struct admin_moved *moved)
{
    struct buf *body = call_body(call);
    fields_open(body, '{');
    fields_str(body, "id", moved->room);
    fields_bool(body, "moved", moved->from.len > 0);
    fields_str(body, "from", moved->from.len > 0 ? moved->from : (struct str){0});
    fields_str(body, "owner", moved->owner);
    fields_text(body, "worker", moved->slot);
    fields_str(body, "node", moved->node);
    fields_u64(body, "epoch", moved->epoch);
    fields_close(body, '}');
    answer(call);
}

void admin_answer_drain(struct admin_call *call, const char *id, const char *slot, bool draining,
                        bool changed)
{
    struct buf *body = call_body(call);
    fields_open(body, '{');
    fields_text(body, "worker", slot);
    fields_text(body, "id", id);
    fields_bool(body, "draining", draining);
    fields_bool(body, "changed", changed);
    fields_close(body, '}');
    answer(call);
}

/* ---- all of them ---- */

void api_handle(struct admin *admin, const struct route_match *match, struct str query,
                struct str body, struct admin_call *call)
{
    const struct admin_source *source = admin->source;
    switch (match->route->id) {
    case ROUTE_INDEX:
    case ROUTE_HEALTHZ:
    case ROUTE_READYZ:
    case ROUTE_METRICS:
        break; /* not of the API */
    case ROUTE_ERASE:
    case ROUTE_SNAPSHOT:
    case ROUTE_LOAD:
    case ROUTE_OBJECTS:
    case ROUTE_RECORD:
    case ROUTE_UPDATE:
    case ROUTE_SESSIONS:
    case ROUTE_SET_SESSION:
    case ROUTE_CLOSE:
    case ROUTE_CUSTOM:
    case ROUTE_SESSION_SNAPSHOT:
        break; /* room_api.c */
    case ROUTE_PROCESSES:
        source->collect(admin->ctx, on_collected, call);
        break;
    case ROUTE_ROOMS:
        list_rooms(admin, query, call);
        break;
    case ROUTE_ROOM:
        source->room(admin->ctx, match->name, call);
        break;
    case ROUTE_MOVE:
        move(admin, match->name, body, call);
        break;
    case ROUTE_RELEASE:
        source->release(admin->ctx, match->name, call);
        break;
    case ROUTE_DRAIN:
        drain(admin, source->drain, match->name, body, call);
        break;
    case ROUTE_UNDRAIN:
        source->drain(admin->ctx, match->name, false, false, call);
        break;
    case ROUTE_WORKERS:
        open_list(call, "workers");
        source->list_workers(admin->ctx, call);
        break;
    case ROUTE_NODES:
        open_list(call, "nodes");
        source->list_nodes(admin->ctx, call);
        break;
    case ROUTE_DRAIN_NODE:
        drain(admin, source->drain_node, match->name, body, call);
        break;
    case ROUTE_UNDRAIN_NODE:
        source->drain_node(admin->ctx, match->name, false, false, call);
        break;
    case ROUTE_BEGIN_REBALANCE:
        source->begin_rebalance(admin->ctx, call);
        break;
    case ROUTE_REBALANCE:
        source->show_rebalance(admin->ctx, call);
        break;
    }
}
