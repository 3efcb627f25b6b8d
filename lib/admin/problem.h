/* Why a request was not done, as a problem document (RFC 9457, application/problem+json). Pure.
 * The types are listed in proto/admin.md. */
#ifndef ADMIN_PROBLEM_H
#define ADMIN_PROBLEM_H

#include "base/buf.h"

enum problem {
    PROBLEM_BAD_REQUEST,
    PROBLEM_FOREIGN_ORIGIN,
    PROBLEM_NO_PAGE,
    PROBLEM_NO_ROOM,
    PROBLEM_NO_WORKER,
    PROBLEM_NO_NODE,
    PROBLEM_NO_SESSION,
    PROBLEM_NO_RECORD,
    PROBLEM_METHOD,
    PROBLEM_NO_OWNER,
    PROBLEM_NOT_LOADED,
    PROBLEM_OTHER_NODE,
    PROBLEM_NOT_READY,
    PROBLEM_LAST_WORKER,
    PROBLEM_NOT_CONNECTED,
    PROBLEM_CLOCK,
    PROBLEM_NO_SCHEMA,
    PROBLEM_QUARANTINED,
    PROBLEM_TOO_LARGE,
    PROBLEM_MEDIA_TYPE,
    PROBLEM_INVALID_RECORD,
    PROBLEM_MIGRATION,
    PROBLEM_UNREADABLE,
    PROBLEM_OUTCOME_UNKNOWN,
    PROBLEM_NOT_MOVED,
    PROBLEM_BUSY,
    PROBLEM_REDIS_AWAY,
    PROBLEM_STOPPING,
    PROBLEM_TIMEOUT,
    PROBLEMS
};

#define PROBLEM_CONTENT_TYPE "application/problem+json"

/* The HTTP status that goes with it, and its phrase. */
int problem_status(enum problem problem);
const char *problem_phrase(enum problem problem);

/* Appends the document; `detail` says what it is about this time. */
void problem_render(enum problem problem, struct str detail, struct buf *out);

#endif
