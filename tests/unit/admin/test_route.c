/* Paths and methods. */
#include "admin/route.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>

struct route_case {
    enum route_method method;
    char path[40];
    enum route_outcome want;
    enum route_id id;
    char name[24]; /* FOUND: the name; BAD_NAME: why; NO_METHOD: what there is */
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
        {METHOD_OTHER, "/v1/rooms/a", ROUTE_NO_METHOD, 0, "GET, HEAD"},
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
        cr_assert(str_eq(match.name, str_of(c->name)), "%s: %.*s", c->path, STR_ARG(match.name));
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
