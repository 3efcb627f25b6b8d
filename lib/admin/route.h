/* Which request of an operator is for what: the one table of paths. Pure. */
#ifndef ADMIN_ROUTE_H
#define ADMIN_ROUTE_H

#include "base/url.h"

/* Bits; HEAD is GET here. */
enum route_method {
    METHOD_GET = 1,
    METHOD_POST = 2,
    METHOD_PUT = 4,
    METHOD_PATCH = 8,
    METHOD_DELETE = 16,
    METHOD_OTHER = 32,
};

enum route_id {
    ROUTE_INDEX,
    ROUTE_HEALTHZ,
    ROUTE_READYZ,
    ROUTE_METRICS,
    ROUTE_PROCESSES,
    ROUTE_ROOMS,
    ROUTE_ROOM,
    ROUTE_MOVE,
    ROUTE_RELEASE,
    ROUTE_DRAIN,
    ROUTE_UNDRAIN,
    ROUTE_WORKERS,
    ROUTE_NODES,
    ROUTE_DRAIN_NODE,
    ROUTE_UNDRAIN_NODE,
    ROUTE_BEGIN_REBALANCE,
    ROUTE_REBALANCE,
    /* what is done in rooms: room_api.c */
    ROUTE_ERASE,
    ROUTE_SNAPSHOT,
    ROUTE_LOAD,
    ROUTE_OBJECTS,
    ROUTE_RECORD,
    ROUTE_UPDATE,
    ROUTE_SESSIONS,
    ROUTE_SET_SESSION,
    ROUTE_CLOSE,
    ROUTE_CUSTOM,
    ROUTE_SESSION_SNAPSHOT,
};

struct route {
    enum route_id id;
    enum route_method method;
    const char *path; /* a segment in braces stands for a name, of which there are two at most:
                         "/v1/rooms/{room}" */
    const char *help;
};

extern const struct route routes[];
extern const size_t route_count;

enum route_outcome {
    ROUTE_FOUND,
    ROUTE_NO_PATH,
    ROUTE_NO_METHOD, /* of this path */
    ROUTE_BAD_NAME,
};

struct route_match {
    const struct route *route;      /* FOUND */
    struct str name;                /* FOUND: decoded; empty if the path has none */
    struct str target;              /* FOUND: the second one, likewise */
    unsigned methods;               /* NO_METHOD: bits of those that there are */
    const char *why;                /* BAD_NAME: what is wrong, for people: "is not UTF-8" */
    char text[2][URL_NAME_MAX + 1]; /* holds the names */
};

/* `path` as it was sent, without query. */
enum route_outcome route_find(struct str path, enum route_method method, struct route_match *out);

/* The methods as an Allow header has them: "GET, HEAD". */
void route_allow(unsigned methods, struct buf *out);

/* Whether it is of the API, whose errors are problem documents; else it is for people and probes.
 */
bool route_is_api(struct str path);

#endif
