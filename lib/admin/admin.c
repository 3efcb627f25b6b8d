/* The operator's HTTP server, on evhttp. */
#include "admin/admin.h"

#include "base/alloc.h"

#include <assert.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <stdio.h>
#include <stdlib.h>

#define TIMEOUT_S 15
#define HEADERS_MAX 16384
#define BODY_MAX 65536

struct admin {
    struct evhttp *http; /* owned */
    const struct admin_source *source;
    void *ctx;
    unsigned pending; /* requests that wait for a collect */
};

struct route {
    const char *path;
    const char *help;
    void (*handle)(struct admin *admin, struct evhttp_request *request);
};

static void reply(struct evhttp_request *request, int code, const char *reason, const char *type,
                  const struct buf *body)
{
    struct evkeyvalq *headers = evhttp_request_get_output_headers(request);
    evhttp_add_header(headers, "Content-Type", type);
    evhttp_add_header(headers, "Cache-Control", "no-store");
    struct evbuffer *out = evbuffer_new();
    if (evhttp_request_get_command(request) == EVHTTP_REQ_HEAD) {
        /* Same headers, no body: evhttp would send what it is given. */
        char length[24];
        snprintf(length, sizeof(length), "%zu", buf_len(body));
        evhttp_add_header(headers, "Content-Length", length);
    } else {
        evbuffer_add(out, buf_head(body), buf_len(body));
    }
    evhttp_send_reply(request, code, reason, out);
    evbuffer_free(out);
}

static void reply_text(struct evhttp_request *request, int code, const char *reason,
                       const char *text)
{
    struct buf body = {0};
    buf_append_str(&body, str_of(text));
    reply(request, code, reason, "text/plain; charset=utf-8", &body);
    buf_finish(&body);
}

/* ---- pages ---- */

static void on_healthz(struct admin *admin, struct evhttp_request *request)
{
    (void)admin; /* that the loop got here is the answer */
    reply_text(request, HTTP_OK, "OK", "ok\n");
}

static void on_readyz(struct admin *admin, struct evhttp_request *request)
{
    struct buf body = {0};
    bool ready = admin->source->ready(admin->ctx, &body);
    if (ready) {
        buf_append_str(&body, STR("ready\n"));
    }
    reply(request, ready ? HTTP_OK : HTTP_SERVUNAVAIL, ready ? "OK" : "Service Unavailable",
          "text/plain; charset=utf-8", &body);
    buf_finish(&body);
}

/* One request that waits for figures; its client may go away meanwhile. */
struct pending {
    struct admin *admin;
    struct evhttp_request *request; /* NULL once evhttp has freed it with its connection */
};

static void on_client_gone(struct evhttp_connection *connection, void *ctx)
{
    (void)connection;
    struct pending *pending = ctx;
    pending->request = NULL;
}

static void on_collected(void *arg, const struct prometheus_process *processes, size_t count)
{
    struct pending *pending = arg;
    pending->admin->pending--;
    if (pending->request) {
        evhttp_connection_set_closecb(evhttp_request_get_connection(pending->request), NULL, NULL);
        struct buf body = {0};
        prometheus_render(processes, count, &body);
        reply(pending->request, HTTP_OK, "OK", PROMETHEUS_CONTENT_TYPE, &body);
        buf_finish(&body);
    }
    free(pending);
}

static void on_metrics(struct admin *admin, struct evhttp_request *request)
{
    struct pending *pending = xcalloc(1, sizeof(*pending));
    pending->admin = admin;
    pending->request = request;
    admin->pending++;
    evhttp_connection_set_closecb(evhttp_request_get_connection(request), on_client_gone, pending);
    admin->source->collect(admin->ctx, on_collected, pending);
}

static void on_index(struct admin *admin, struct evhttp_request *request);

static const struct route routes[] = {
    {"/", "this page", on_index},
    {"/healthz", "200 while the supervisor runs", on_healthz},
    {"/readyz", "200 while clients can be served and changes kept, else 503 and why", on_readyz},
    {"/metrics", "for Prometheus", on_metrics},
};
enum { ROUTES = sizeof(routes) / sizeof(routes[0]) };

static void on_index(struct admin *admin, struct evhttp_request *request)
{
    (void)admin;
    struct buf body = {0};
    buf_printf(&body, "roomd %s\n\n", ROOMD_VERSION);
    for (size_t i = 0; i < ROUTES; i++) {
        buf_printf(&body, "%-10s %s\n", routes[i].path, routes[i].help);
    }
    reply(request, HTTP_OK, "OK", "text/plain; charset=utf-8", &body);
    buf_finish(&body);
}

static void on_request(struct evhttp_request *request, void *ctx)
{
    struct admin *admin = ctx;
    const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(request);
    const char *path = uri ? evhttp_uri_get_path(uri) : NULL;
    const struct route *route = NULL;
    for (size_t i = 0; path && i < ROUTES; i++) {
        if (strcmp(path, routes[i].path) == 0) {
            route = &routes[i];
        }
    }
    enum evhttp_cmd_type method = evhttp_request_get_command(request);
    if (!route) {
        reply_text(request, HTTP_NOTFOUND, "Not Found", "not found; / lists what there is\n");
    } else if (method != EVHTTP_REQ_GET && method != EVHTTP_REQ_HEAD) {
        evhttp_add_header(evhttp_request_get_output_headers(request), "Allow", "GET, HEAD");
        reply_text(request, HTTP_BADMETHOD, "Method Not Allowed", "only GET and HEAD\n");
    } else {
        route->handle(admin, request);
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
    evhttp_set_max_body_size(admin->http, BODY_MAX);
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
