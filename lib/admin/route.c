/* The table of paths, and how one is found in it. */
#include "admin/route.h"

const struct route routes[] = {
    {ROUTE_INDEX, METHOD_GET, "/", "this page"},
    {ROUTE_HEALTHZ, METHOD_GET, "/healthz", "200 while the supervisor runs"},
    {ROUTE_READYZ, METHOD_GET, "/readyz",
     "200 while clients can be served and changes kept, else 503 and why"},
    {ROUTE_METRICS, METHOD_GET, "/metrics", "for Prometheus"},
    {ROUTE_PROCESSES, METHOD_GET, "/v1/processes", "the processes of the node"},
    {ROUTE_ROOMS, METHOD_GET, "/v1/rooms",
     "the rooms in Redis, by pages; ?cursor=&limit=&worker=&node=&state="},
    {ROUTE_ROOM, METHOD_GET, "/v1/rooms/{room}", "one room"},
    {ROUTE_MOVE, METHOD_POST, "/v1/rooms/{room}/move", "to another worker: {\"worker\":ID}"},
    {ROUTE_RELEASE, METHOD_DELETE, "/v1/rooms/{room}/quarantine", "let people in again"},
    {ROUTE_ERASE, METHOD_DELETE, "/v1/rooms/{room}", "erase it, and send everybody away"},
    {ROUTE_SNAPSHOT, METHOD_GET, "/v1/rooms/{room}/snapshot", "its documents"},
    {ROUTE_LOAD, METHOD_PUT, "/v1/rooms/{room}/snapshot", "put others in their place"},
    {ROUTE_OBJECTS, METHOD_GET, "/v1/rooms/{room}/objects", "the records of the object lane"},
    {ROUTE_RECORD, METHOD_GET, "/v1/rooms/{room}/records/{record}", "one record"},
    {ROUTE_UPDATE, METHOD_POST, "/v1/rooms/{room}/update",
     "records: {\"puts\":[],\"deletes\":[],\"expectedClock\":N}"},
    {ROUTE_SESSIONS, METHOD_GET, "/v1/rooms/{room}/sessions", "who is in it"},
    {ROUTE_SET_SESSION, METHOD_PATCH, "/v1/rooms/{room}/sessions/{session}",
     "{\"isReadonly\":BOOL}"},
    {ROUTE_CLOSE, METHOD_DELETE, "/v1/rooms/{room}/sessions/{session}", "end it; ?reason="},
    {ROUTE_CUSTOM, METHOD_POST, "/v1/rooms/{room}/sessions/{session}/custom",
     "send it a message: any JSON"},
    {ROUTE_SESSION_SNAPSHOT, METHOD_GET, "/v1/rooms/{room}/sessions/{session}/snapshot",
     "what it is resumed from"},
    {ROUTE_NODES, METHOD_GET, "/v1/nodes", "the nodes of the cluster"},
    {ROUTE_DRAIN_NODE, METHOD_POST, "/v1/nodes/{node}/drain", "give all its rooms to other nodes"},
    {ROUTE_UNDRAIN_NODE, METHOD_DELETE, "/v1/nodes/{node}/drain", "let it take rooms again"},
    {ROUTE_BEGIN_REBALANCE, METHOD_POST, "/v1/rebalance",
     "say that one begins; ends those of before"},
    {ROUTE_REBALANCE, METHOD_GET, "/v1/rebalance", "which was begun last"},
    {ROUTE_WORKERS, METHOD_GET, "/v1/workers", "the workers of the cluster"},
    {ROUTE_DRAIN, METHOD_POST, "/v1/workers/{worker}/drain", "give all its rooms to others"},
    {ROUTE_UNDRAIN, METHOD_DELETE, "/v1/workers/{worker}/drain", "let it take rooms again"},
};
const size_t route_count = sizeof(routes) / sizeof(routes[0]);

/* Takes the first segment of a path, with its slash, off the front. */
static struct str take_segment(struct str *path)
{
    const char *end = path->len > 1 ? memchr(path->ptr + 1, '/', path->len - 1) : NULL;
    struct str segment = {path->ptr, end ? (size_t)(end - path->ptr) : path->len};
    path->ptr += segment.len;
    path->len -= segment.len;
    return segment;
}

/* Whether the path fits the pattern; `names` get the segments that stand for names, as sent. */
static bool fits(struct str pattern, struct str path, struct str names[2])
{
    size_t count = 0;
    while (pattern.len > 0 && path.len > 0) {
        struct str want = take_segment(&pattern);
        struct str got = take_segment(&path);
        if (str_starts(want, STR("/{"))) {
            names[count++] = (struct str){got.ptr + 1, got.len - 1};
        } else if (!str_eq(want, got)) {
            return false;
        }
    }
    return pattern.len == 0 && path.len == 0;
}

static void decode(struct str raw, char text[URL_NAME_MAX + 1], struct str *name, const char **why)
{
    *why = url_decode_name(raw, false, text, name);
    if (!*why && raw.ptr && name->len == 0) {
        *why = "is empty";
    }
}

enum route_outcome route_find(struct str path, enum route_method method, struct route_match *out)
{
    *out = (struct route_match){0};
    struct str raw[2] = {0};
    for (size_t i = 0; i < route_count; i++) {
        struct str names[2] = {0};
        if (fits(str_of(routes[i].path), path, names)) {
            out->methods |= routes[i].method;
            memcpy(raw, names, sizeof(raw));
            if (routes[i].method == method) {
                out->route = &routes[i];
            }
        }
    }
    if (!out->methods) {
        return ROUTE_NO_PATH;
    }
    if (!out->route) {
        return ROUTE_NO_METHOD;
    }
    decode(raw[0], out->text[0], &out->name, &out->why);
    if (!out->why) {
        decode(raw[1], out->text[1], &out->target, &out->why);
    }
    return out->why ? ROUTE_BAD_NAME : ROUTE_FOUND;
}

void route_allow(unsigned methods, struct buf *out)
{
    static const struct {
        enum route_method method;
        const char *name;
    } names[] = {{METHOD_GET, "GET, HEAD"},
                 {METHOD_POST, "POST"},
                 {METHOD_PUT, "PUT"},
                 {METHOD_PATCH, "PATCH"},
                 {METHOD_DELETE, "DELETE"}};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (methods & names[i].method) {
            buf_printf(out, "%s%s", buf_len(out) > 0 ? ", " : "", names[i].name);
        }
    }
}

bool route_is_api(struct str path)
{
    return str_starts(path, STR("/v1/")) || str_eq(path, STR("/v1"));
}
