/* The operator's HTTP server, on evhttp. */
#include "admin/admin.h"

#include "admin/api.h"
#include "admin/call.h"
#include "admin/prometheus.h"
#include "admin/room_api.h"
#include "base/alloc.h"

#include <assert.h>
#include <event2/buffer.h>
#include <event2/http.h>
#include <stdlib.h>

#define TIMEOUT_S 30
#define HEADERS_MAX 16384
/* A longer body gets evhttp's own answer, which is no problem document; so we look ourselves for
 * what is too long for us, and leave to evhttp what nobody means. */
#define BODY_MAX 65536
#define BODY_BEYOND (1024 * 1024)
/* A custom message. */
#define MESSAGE_MAX (1024 * 1024)

/* ---- pages for people and probes ---- */

static void on_readyz(struct admin *admin, struct admin_call *call)
{
    struct buf body = {0};
    bool ready = admin->source->ready(admin->ctx, &body);
    if (ready) {
        buf_append_str(&body, STR("ready\n"));
    }
    call_answer(call, ready ? HTTP_OK : HTTP_SERVUNAVAIL, ready ? "OK" : "Service Unavailable",
                CALL_TEXT, buf_str(&body));
    buf_finish(&body);
}

static void on_index(struct admin_call *call)
{
    enum { METHODS_WIDTH = 10 };
    struct buf body = {0};
    buf_printf(&body, "roomd %s\n\n", ROOMD_VERSION);
    for (size_t i = 0; i < route_count; i++) {
        struct buf methods = {0};
        route_allow(routes[i].method, &methods);
        while (buf_len(&methods) < METHODS_WIDTH) {
            buf_append_byte(&methods, ' ');
        }
        buf_append_str(&body, buf_str(&methods));
        buf_printf(&body, " %-51s %s\n", routes[i].path, routes[i].help);
        buf_finish(&methods);
    }
    call_answer(call, HTTP_OK, "OK", CALL_TEXT, buf_str(&body));
    buf_finish(&body);
}

static void on_metrics_collected(void *arg, const struct admin_process *processes, size_t count)
{
    struct buf body = {0};
    prometheus_render(processes, count, &body);
    call_answer(arg, HTTP_OK, "OK", PROMETHEUS_CONTENT_TYPE, buf_str(&body));
    buf_finish(&body);
}

/* ---- requests ---- */

/* A browser says from which site's page a request comes; curl and roomctl say nothing. Without
 * this any page that an operator looks at could drain the workers on his own machine. */
static bool is_foreign(struct evhttp_request *request)
{
    struct evkeyvalq *headers = evhttp_request_get_input_headers(request);
    const char *origin = evhttp_find_header(headers, "Origin");
    const char *host = evhttp_find_header(headers, "Host");
    const char *site = origin ? strstr(origin, "://") : NULL;
    return origin && (!site || !host || strcmp(site + 3, host) != 0);
}

static size_t body_max(const struct admin *admin, enum route_id route)
{
    bool big = route == ROUTE_LOAD || route == ROUTE_UPDATE;
    return big ? admin->max_snapshot : route == ROUTE_CUSTOM ? MESSAGE_MAX : BODY_MAX;
}

static void handle_api(struct admin *admin, const struct route_match *match,
                       struct evhttp_request *request, struct admin_call *call)
{
    const char *query = evhttp_uri_get_query(evhttp_request_get_evhttp_uri(request));
    struct evbuffer *input = evhttp_request_get_input_buffer(request);
    size_t len = evbuffer_get_length(input);
    struct str body = {(const char *)evbuffer_pullup(input, -1), len};
    size_t max = body_max(admin, match->route->id);
    if (match->route->method != METHOD_GET && is_foreign(request)) {
        admin_answer_problem(call, PROBLEM_FOREIGN_ORIGIN, "Origin and Host differ");
    } else if (len > max) {
        admin_answer_problem(call, PROBLEM_TOO_LARGE, "a body may have %zu bytes", max);
    } else if (match->route->id >= ROUTE_ERASE) {
        struct room_api_input in = {
            .match = match,
            .query = str_of(query),
            .type = str_of(
                evhttp_find_header(evhttp_request_get_input_headers(request), "Content-Type")),
            .body = body,
        };
        room_api_handle(admin, &in, call);
    } else {
        api_handle(admin, match, str_of(query), body, call);
    }
}

static void handle(struct admin *admin, const struct route_match *match,
                   struct evhttp_request *request, struct admin_call *call)
{
    switch (match->route->id) {
    case ROUTE_INDEX:
        on_index(call);
        break;
    case ROUTE_HEALTHZ: /* that the loop got here is the answer */
        call_answer(call, HTTP_OK, "OK", CALL_TEXT, STR("ok\n"));
        break;
    case ROUTE_READYZ:
        on_readyz(admin, call);
        break;
    case ROUTE_METRICS:
        admin->source->collect(admin->ctx, on_metrics_collected, call);
        break;
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
        handle_api(admin, match, request, call);
        break;
    }
}

static enum route_method method_of(struct evhttp_request *request)
{
    switch (evhttp_request_get_command(request)) {
    case EVHTTP_REQ_GET:
    case EVHTTP_REQ_HEAD:
        return METHOD_GET;
    case EVHTTP_REQ_POST:
        return METHOD_POST;
    case EVHTTP_REQ_PUT:
        return METHOD_PUT;
    case EVHTTP_REQ_PATCH:
        return METHOD_PATCH;
    case EVHTTP_REQ_DELETE:
        return METHOD_DELETE;
    case EVHTTP_REQ_OPTIONS:
    case EVHTTP_REQ_TRACE:
    case EVHTTP_REQ_CONNECT:
        break;
    }
    return METHOD_OTHER;
}

static void refuse_path(struct admin_call *call, struct str path)
{
    if (route_is_api(path)) {
        admin_answer_problem(call, PROBLEM_NO_PAGE, "GET / lists what there is");
    } else {
        call_answer(call, HTTP_NOTFOUND, "Not Found", CALL_TEXT,
                    STR("not found; / lists what there is\n"));
    }
}

static void refuse_method(struct admin_call *call, struct str path, unsigned methods)
{
    struct buf allow = {0};
    route_allow(methods, &allow);
    call_add_header(call, "Allow", buf_str(&allow));
    if (route_is_api(path)) {
        admin_answer_problem(call, PROBLEM_METHOD, "it has %.*s", STR_ARG(buf_str(&allow)));
    } else {
        call_answer(call, HTTP_BADMETHOD, "Method Not Allowed", CALL_TEXT,
                    STR("only GET and HEAD\n"));
    }
    buf_finish(&allow);
}

static void on_request(struct evhttp_request *request, void *ctx)
{
    struct admin *admin = ctx;
    struct admin_call *call = call_create(admin, request);
    const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(request);
    const char *text = uri ? evhttp_uri_get_path(uri) : NULL;
    struct str path = str_of(text ? text : "");
    struct route_match match;
    switch (route_find(path, method_of(request), &match)) {
    case ROUTE_FOUND:
        handle(admin, &match, request, call);
        break;
    case ROUTE_NO_PATH:
        refuse_path(call, path);
        break;
    case ROUTE_NO_METHOD:
        refuse_method(call, path, match.methods);
        break;
    case ROUTE_BAD_NAME:
        admin_answer_problem(call, PROBLEM_BAD_REQUEST, "the name in the path %s", match.why);
        break;
    }
}

struct admin *admin_create(struct event_base *base, int fd, size_t max_snapshot,
                           const struct admin_source *source, void *ctx)
{
    struct admin *admin = xcalloc(1, sizeof(*admin));
    admin->max_snapshot = max_snapshot;
    admin->source = source;
    admin->ctx = ctx;
    admin->http = evhttp_new(base);
    assert(admin->http);
    evhttp_set_timeout(admin->http, TIMEOUT_S);
    evhttp_set_max_headers_size(admin->http, HEADERS_MAX);
    evhttp_set_max_body_size(admin->http, (ev_ssize_t)(max_snapshot + BODY_BEYOND));
    /* All of them, so that on_request answers 405 rather than evhttp 501. */
    evhttp_set_allowed_methods(admin->http, UINT16_MAX);
    evhttp_set_gencb(admin->http, on_request, admin);
    int failed = evhttp_accept_socket(admin->http, fd);
    assert(!failed);
    return admin;
}

void admin_destroy(struct admin *admin)
{
    if (admin) {
        assert(admin->pending == 0);
        evhttp_free(admin->http);
        free(admin);
    }
}
