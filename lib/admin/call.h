/* One request of an operator from its arrival to its one answer, which may come much later: its
 * client can go away meanwhile. Private to lib/admin. */
#ifndef ADMIN_CALL_H
#define ADMIN_CALL_H

#include "admin/admin.h"
#include "admin/snapshot_text.h"

struct evhttp;
struct evhttp_request;

struct admin {
    struct evhttp *http; /* owned */
    const struct admin_source *source;
    void *ctx;
    unsigned pending;    /* calls that wait for their answer */
    size_t max_snapshot; /* bytes of a body that is one */
};

/* What a request about a room has asked for, for its answer. */
struct call_subject {
    enum link_verb verb;
    char *room, *target; /* owned */
};

#define CALL_TEXT "text/plain; charset=utf-8"
#define CALL_JSON "application/json"

struct admin_call *call_create(struct admin *admin, struct evhttp_request *request);
/* For an answer that is built piece by piece; it goes with the call. */
struct buf *call_body(struct admin_call *call);
/* Of the answer. */
void call_add_header(struct admin_call *call, const char *name, struct str value);
struct call_subject *call_subject(struct admin_call *call);
struct snapshot_text *call_snapshot_text(struct admin_call *call);
/* Answers, if there still is somebody to hear it, and ends the call. */
void call_answer(struct admin_call *call, int status, const char *phrase, const char *type,
                 struct str body);

/* An answer of unknown length: begin, write as often as there is something, never nothing, and end
 * or break the call. `drained` is called after each write that somebody wants to hear, once the
 * client has taken all; `gone` once if it will not: then the call is to be ended soon, and what is
 * written to it meanwhile is lost. None is called from inside these. */
struct call_stream {
    void (*drained)(void *arg);
    void (*gone)(void *arg);
    void *arg;
};
/* False: nobody wants more than the head, or is there at all; end it. */
bool call_stream_begin(struct admin_call *call, const char *type, const struct call_stream *stream);
void call_stream_write(struct admin_call *call, struct str text);
void call_stream_end(struct admin_call *call);
/* So that the client sees that it was not the end. */
void call_stream_break(struct admin_call *call);

#endif
