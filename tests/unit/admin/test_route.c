/* Paths and methods. */
#include "admin/route.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>
#include <stdio.h>

struct route_case {
    enum route_method method;
    char path[48];
    enum route_outcome want;
    enum route_id id;
    char name[24]; /* FOUND: the name, and the second behind a blank; BAD_NAME: why; NO_METHOD: what
                      there is */
};

ParameterizedTestParameters(route, find)
{
    static struct route_case cases[] = {
        {METHOD_GET, "/", ROUTE_FOUND, ROUTE_INDEX, ""},
        {METHOD_GET, "/healthz", ROUTE_FOUND, ROUTE_HEALTHZ, ""},
        {METHOD_GET, "/v1/rooms", ROUTE_FOUND, ROUTE_ROOMS, ""},
        {METHOD_GET, "/v1/rooms/demo", ROUTE_FOUND, ROUTE_ROOM, "demo"},
        {METHOD_GET, "/v1/rooms/move", ROUTE_FOUND, ROUTE_ROOM, "move"},
        {METHOD_GET, "/v1/rooms/..", ROUTE_FOUND, ROUTE_ROOM, ".."},
        {METHOD_GET, "/v1/rooms/%7Broom%7D", ROUTE_FOUND, ROUTE_ROOM, "{room}"},
        {METHOD_POST, "/v1/rooms/a%2Fb/move", ROUTE_FOUND, ROUTE_MOVE, "a/b"},
        {METHOD_POST, "/v1/rooms/move/move", ROUTE_FOUND, ROUTE_MOVE, "move"},
        {METHOD_DELETE, "/v1/rooms/%25/quarantine", ROUTE_FOUND, ROUTE_RELEASE, "%"},
        {METHOD_POST, "/v1/workers/w/drain", ROUTE_FOUND, ROUTE_DRAIN, "w"},
        {METHOD_DELETE, "/v1/workers/w/drain", ROUTE_FOUND, ROUTE_UNDRAIN, "w"},
        {METHOD_GET, "/v1/workers", ROUTE_FOUND, ROUTE_WORKERS, ""},
        {METHOD_GET, "/v1/nodes", ROUTE_FOUND, ROUTE_NODES, ""},
        {METHOD_POST, "/v1/nodes/n.1/drain", ROUTE_FOUND, ROUTE_DRAIN_NODE, "n.1"},
        {METHOD_DELETE, "/v1/nodes/n/drain", ROUTE_FOUND, ROUTE_UNDRAIN_NODE, "n"},
        {METHOD_GET, "/v1/nodes/n/drain", ROUTE_NO_METHOD, 0, "POST, DELETE"},
        {METHOD_DELETE, "/v1/rooms/a", ROUTE_FOUND, ROUTE_ERASE, "a"},
        {METHOD_GET, "/v1/rooms/a/snapshot", ROUTE_FOUND, ROUTE_SNAPSHOT, "a"},
        {METHOD_PUT, "/v1/rooms/a/snapshot", ROUTE_FOUND, ROUTE_LOAD, "a"},
        {METHOD_GET, "/v1/rooms/a/records/b%3Ac%2Fd", ROUTE_FOUND, ROUTE_RECORD, "a b:c/d"},
        {METHOD_POST, "/v1/rooms/a/update", ROUTE_FOUND, ROUTE_UPDATE, "a"},
        {METHOD_PATCH, "/v1/rooms/a/sessions/s", ROUTE_FOUND, ROUTE_SET_SESSION, "a s"},
        {METHOD_DELETE, "/v1/rooms/a/sessions/s", ROUTE_FOUND, ROUTE_CLOSE, "a s"},
        {METHOD_POST, "/v1/rooms/a/sessions/s/custom", ROUTE_FOUND, ROUTE_CUSTOM, "a s"},
        {METHOD_GET, "/v1/rooms/a/sessions/s/snapshot", ROUTE_FOUND, ROUTE_SESSION_SNAPSHOT, "a s"},
        {METHOD_GET, "/v1/rooms/a/records/b/c", ROUTE_NO_PATH, 0, ""},
        {METHOD_GET, "/v1/rooms/a/records/", ROUTE_BAD_NAME, 0, "is empty"},
        {METHOD_PATCH, "/v1/rooms/a/sessions/%ff", ROUTE_BAD_NAME, 0, "is not UTF-8"},
        {METHOD_GET, "/v1/rooms/a/sessions/s", ROUTE_NO_METHOD, 0, "PATCH, DELETE"},
        {METHOD_POST, "/v1/rooms/a/snapshot", ROUTE_NO_METHOD, 0, "GET, HEAD, PUT"},
        {METHOD_GET, "", ROUTE_NO_PATH, 0, ""},
        {METHOD_GET, "v1/rooms", ROUTE_NO_PATH, 0, ""},
        {METHOD_GET, "//v1/rooms", ROUTE_NO_PATH, 0, ""},
        {METHOD_GET, "/v1/rooms/a/b", ROUTE_NO_PATH, 0, ""},
        {METHOD_GET, "/V1/rooms", ROUTE_NO_PATH, 0, ""},
        {METHOD_GET, "/v1", ROUTE_NO_PATH, 0, ""},
        {METHOD_GET, "/healthz/", ROUTE_NO_PATH, 0, ""},
        {METHOD_POST, "/v1/rooms/a/move/", ROUTE_NO_PATH, 0, ""},
        {METHOD_GET, "/v1/rooms/", ROUTE_BAD_NAME, 0, "is empty"},
        {METHOD_POST, "/v1/rooms//move", ROUTE_BAD_NAME, 0, "is empty"},
        {METHOD_GET, "/v1/rooms/%0a", ROUTE_BAD_NAME, 0, "has a control character"},
        {METHOD_GET, "/v1/rooms/a/move", ROUTE_NO_METHOD, 0, "POST"},
        {METHOD_OTHER, "/v1/rooms/a", ROUTE_NO_METHOD, 0, "GET, HEAD, DELETE"},
        {METHOD_PUT, "/v1/workers/w/drain", ROUTE_NO_METHOD, 0, "POST, DELETE"},
    };
    return cr_make_param_array(struct route_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct route_case *c, route, find)
{
    struct route_match match;
    enum route_outcome got = route_find(str_of(c->path), c->method, &match);
    cr_assert(eq(int, got, c->want), "%s", c->path);
    if (got == ROUTE_FOUND) {
        cr_assert(eq(int, match.route->id, c->id), "%s", c->path);
        char names[64];
        snprintf(names, sizeof(names), "%.*s%s%.*s", STR_ARG(match.name),
                 match.target.len > 0 ? " " : "", STR_ARG(match.target));
        cr_assert(zero(int, strcmp(names, c->name)), "%s: %s", c->path, names);
    } else if (got == ROUTE_BAD_NAME) {
        cr_assert(zero(int, strcmp(match.why, c->name)), "%s: %s", c->path, match.why);
    } else if (got == ROUTE_NO_METHOD) {
        struct buf allow = {0};
        route_allow(match.methods, &allow);
        cr_assert(str_eq(buf_str(&allow), str_of(c->name)), "%s", c->path);
        buf_finish(&allow);
    }
}

Test(route, the_api_is_what_lies_below_v1)
{
    cr_assert(route_is_api(STR("/v1")));
    cr_assert(route_is_api(STR("/v1/")));
    cr_assert(not(route_is_api(STR("/v10/rooms"))));
    cr_assert(not(route_is_api(STR("/metrics"))));
}
