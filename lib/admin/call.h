/* One request of an operator from its arrival to its one answer, which may come much later: its
 * client can go away meanwhile. Private to lib/admin. */
#ifndef ADMIN_CALL_H
#define ADMIN_CALL_H

#include "admin/admin.h"

struct evhttp;
struct evhttp_request;

struct admin {
    struct evhttp *http; /* owned */
    const struct admin_source *source;
    void *ctx;
    unsigned pending; /* calls that wait for their answer */
};

#define CALL_TEXT "text/plain; charset=utf-8"
#define CALL_JSON "application/json"

struct admin_call *call_create(struct admin *admin, struct evhttp_request *request);
/* For an answer that is built piece by piece; it goes with the call. */
struct buf *call_body(struct admin_call *call);
/* Of the answer. */
void call_add_header(struct admin_call *call, const char *name, struct str value);
/* Answers, if there still is somebody to hear it, and ends the call. */
void call_answer(struct admin_call *call, int status, const char *phrase, const char *type,
                 struct str body);

#endif
