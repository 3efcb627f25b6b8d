/* The operator's HTTP server, on evhttp. */
#include "admin/admin.h"

#include "admin/call.h"
#include "admin/processes.h"
#include "admin/prometheus.h"
#include "admin/route.h"
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
#define BODY_MAX_EVHTTP (1024 * 1024)

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
    struct buf body = {0};
    buf_printf(&body, "roomd %s\n\n", ROOMD_VERSION);
    for (size_t i = 0; i < route_count; i++) {
        struct buf method = {0};
        route_allow(routes[i].method, &method);
        buf_printf(&body, "%-10.*s %-30s %s\n", STR_ARG(buf_str(&method)), routes[i].path,
                   routes[i].help);
        buf_finish(&method);
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

/* ---- the API ---- */

static void on_processes_collected(void *arg, const struct admin_process *processes, size_t count)
{
    struct buf body = {0};
    processes_render(processes, count, &body);
    call_answer(arg, HTTP_OK, "OK", CALL_JSON, buf_str(&body));
    buf_finish(&body);
}

/* ---- requests ---- */

static void handle(struct admin *admin, const struct route_match *match, struct admin_call *call)
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
        admin->source->collect(admin->ctx, on_processes_collected, call);
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
    if (evbuffer_get_length(evhttp_request_get_input_buffer(request)) > BODY_MAX) {
        admin_answer_problem(call, PROBLEM_TOO_LARGE, "a body may have %d bytes", BODY_MAX);
        return;
    }
    switch (route_find(path, method_of(request), &match)) {
    case ROUTE_FOUND:
        handle(admin, &match, call);
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

struct admin *admin_create(struct event_base *base, int fd, const struct admin_source *source,
                           void *ctx)
{
    struct admin *admin = xcalloc(1, sizeof(*admin));
    admin->source = source;
    admin->ctx = ctx;
    admin->http = evhttp_new(base);
    assert(admin->http);
    evhttp_set_timeout(admin->http, TIMEOUT_S);
    evhttp_set_max_headers_size(admin->http, HEADERS_MAX);
    evhttp_set_max_body_size(admin->http, BODY_MAX_EVHTTP);
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
