/* The table of paths, and how one is found in it. */
#include "admin/route.h"

const struct route routes[] = {
    {ROUTE_INDEX, METHOD_GET, "/", "this page"},
    {ROUTE_HEALTHZ, METHOD_GET, "/healthz", "200 while the supervisor runs"},
    {ROUTE_READYZ, METHOD_GET, "/readyz",
     "200 while clients can be served and changes kept, else 503 and why"},
    {ROUTE_METRICS, METHOD_GET, "/metrics", "for Prometheus"},
    {ROUTE_PROCESSES, METHOD_GET, "/v1/processes", "the processes of the node"},
    {ROUTE_ROOMS, METHOD_GET, "/v1/rooms", "the rooms in Redis, by pages; ?cursor=&limit=&worker="},
    {ROUTE_ROOM, METHOD_GET, "/v1/rooms/{room}", "one room"},
    {ROUTE_MOVE, METHOD_POST, "/v1/rooms/{room}/move", "to another worker: {\"worker\":ID}"},
    {ROUTE_RELEASE, METHOD_DELETE, "/v1/rooms/{room}/quarantine", "let people in again"},
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

/* Whether the path fits the pattern; `name` gets the segment that stands for a name, as sent. */
static bool fits(struct str pattern, struct str path, struct str *name)
{
    while (pattern.len > 0 && path.len > 0) {
        struct str want = take_segment(&pattern);
        struct str got = take_segment(&path);
        if (str_starts(want, STR("/{"))) {
            *name = (struct str){got.ptr + 1, got.len - 1};
        } else if (!str_eq(want, got)) {
            return false;
        }
    }
    return pattern.len == 0 && path.len == 0;
}

enum route_outcome route_find(struct str path, enum route_method method, struct route_match *out)
{
    *out = (struct route_match){0};
    struct str raw = {0};
    for (size_t i = 0; i < route_count; i++) {
        struct str name = {0};
        if (fits(str_of(routes[i].path), path, &name)) {
            out->methods |= routes[i].method;
            raw = name;
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
    out->why = url_decode_name(raw, false, out->text, &out->name);
    if (!out->why && raw.ptr && out->name.len == 0) {
        out->why = "is empty";
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
