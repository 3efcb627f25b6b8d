/* One request and its answer. */
#include "admin/call.h"

#include "base/alloc.h"

#include <event2/buffer.h>
#include <event2/http.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct admin_call {
    struct admin *admin;
    struct evhttp_request *request; /* NULL once evhttp has freed it with its connection */
    struct buf body;
    struct call_subject subject;
    struct snapshot_text snapshot;
    struct call_stream stream; /* if it is one, and has begun */
};

static void on_client_gone(struct evhttp_connection *connection, void *ctx)
{
    (void)connection;
    struct admin_call *call = ctx;
    /* One that is not answered yet evhttp may have let go of before: then it is ours to free. */
    if (!evhttp_request_get_connection(call->request)) {
        evhttp_request_free(call->request);
    }
    call->request = NULL;
    if (call->stream.gone) {
        call->stream.gone(call->stream.arg);
    }
}

struct admin_call *call_create(struct admin *admin, struct evhttp_request *request)
{
    struct admin_call *call = xcalloc(1, sizeof(*call));
    call->admin = admin;
    call->request = request;
    admin->pending++;
    evhttp_connection_set_closecb(evhttp_request_get_connection(request), on_client_gone, call);
    return call;
}

struct buf *call_body(struct admin_call *call)
{
    return &call->body;
}

struct call_subject *call_subject(struct admin_call *call)
{
    return &call->subject;
}

struct snapshot_text *call_snapshot_text(struct admin_call *call)
{
    return &call->snapshot;
}

static void call_free(struct admin_call *call)
{
    call->admin->pending--;
    buf_finish(&call->body);
    free(call->subject.room);
    free(call->subject.target);
    free(call);
}

void call_add_header(struct admin_call *call, const char *name, struct str value)
{
    if (call->request) {
        char *text = xstrndup(value.ptr, value.len);
        evhttp_add_header(evhttp_request_get_output_headers(call->request), name, text);
        free(text);
    }
}

static void reply(struct evhttp_request *request, int status, const char *phrase, const char *type,
                  struct str body)
{
    struct evkeyvalq *headers = evhttp_request_get_output_headers(request);
    evhttp_add_header(headers, "Content-Type", type);
    evhttp_add_header(headers, "Cache-Control", "no-store");
    struct evbuffer *out = evbuffer_new();
    if (evhttp_request_get_command(request) == EVHTTP_REQ_HEAD) {
        /* Same headers, no body: evhttp would send what it is given. */
        char length[24];
        snprintf(length, sizeof(length), "%zu", body.len);
        evhttp_add_header(headers, "Content-Length", length);
    } else {
        evbuffer_add(out, body.ptr, body.len);
    }
    evhttp_send_reply(request, status, phrase, out);
    evbuffer_free(out);
}

void call_answer(struct admin_call *call, int status, const char *phrase, const char *type,
                 struct str body)
{
    if (call->request) {
        evhttp_connection_set_closecb(evhttp_request_get_connection(call->request), NULL, NULL);
        reply(call->request, status, phrase, type, body);
    }
    call_free(call);
}

/* ---- streams ---- */

bool call_stream_begin(struct admin_call *call, const char *type, const struct call_stream *stream)
{
    if (!call->request) {
        return false;
    }
    struct evkeyvalq *headers = evhttp_request_get_output_headers(call->request);
    evhttp_add_header(headers, "Content-Type", type);
    evhttp_add_header(headers, "Cache-Control", "no-store");
    evhttp_send_reply_start(call->request, HTTP_OK, "OK");
    if (evhttp_request_get_command(call->request) == EVHTTP_REQ_HEAD) {
        return false;
    }
    call->stream = *stream;
    return true;
}

static void on_drained(struct evhttp_connection *connection, void *ctx)
{
    (void)connection;
    struct admin_call *call = ctx;
    call->stream.drained(call->stream.arg);
}

void call_stream_write(struct admin_call *call, struct str text)
{
    if (call->request) {
        struct evbuffer *out = evbuffer_new();
        evbuffer_add(out, text.ptr, text.len);
        evhttp_send_reply_chunk_with_cb(call->request, out, on_drained, call);
        evbuffer_free(out);
    }
}

void call_stream_end(struct admin_call *call)
{
    if (call->request) {
        evhttp_connection_set_closecb(evhttp_request_get_connection(call->request), NULL, NULL);
        evhttp_send_reply_end(call->request);
    }
    call_free(call);
}

void call_stream_break(struct admin_call *call)
{
    if (call->request) {
        struct evhttp_connection *connection = evhttp_request_get_connection(call->request);
        evhttp_connection_set_closecb(connection, NULL, NULL);
        evhttp_connection_free(connection);
    }
    call_free(call);
}

void admin_answer_problem(struct admin_call *call, enum problem problem, const char *format, ...)
{
    char *detail = NULL;
    va_list args;
    va_start(args, format);
    int len = vasprintf(&detail, format, args);
    va_end(args);
    struct buf body = {0};
    problem_render(problem, (struct str){detail, len < 0 ? 0 : (size_t)len}, &body);
    call_answer(call, problem_status(problem), problem_phrase(problem), PROBLEM_CONTENT_TYPE,
                buf_str(&body));
    buf_finish(&body);
    free(detail);
}
