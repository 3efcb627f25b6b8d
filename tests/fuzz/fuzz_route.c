/* Any bytes as the path of an operator's request: the first chooses the method. A name that is
 * found must be one that a room can have, and lead back to the same place when it is encoded. */
#include "admin/route.h"
#include "base/alloc.h"
#include "base/utf8.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            __builtin_trap();                                                                      \
        }                                                                                          \
    } while (0)

static void check_name(struct str name)
{
    MUST(name.len <= URL_NAME_MAX && utf8_valid((const uint8_t *)name.ptr, name.len));
    for (size_t i = 0; i < name.len; i++) {
        MUST((unsigned char)name.ptr[i] >= 0x20 && name.ptr[i] != 0x7f);
    }
}

/* The route's path with the names in their places. */
static void build(const struct route_match *match, struct buf *out)
{
    const struct route *route = match->route;
    struct str name = match->name;
    for (const char *at = route->path; *at; at++) {
        if (*at == '{') {
            url_encode_name(name, out);
            name = match->target;
            at = strchr(at, '}');
        } else {
            buf_append_byte(out, (uint8_t)*at);
        }
    }
}

static void check_found(const struct route_match *match)
{
    check_name(match->name);
    check_name(match->target);
    const char *first = strchr(match->route->path, '{');
    MUST((match->name.len > 0) == (first != NULL));
    MUST((match->target.len > 0) == (first && strchr(first + 1, '{')));
    struct buf path = {0};
    struct route_match again;
    build(match, &path);
    MUST(route_find(buf_str(&path), match->route->method, &again) == ROUTE_FOUND);
    MUST(again.route == match->route && str_eq(again.name, match->name) &&
         str_eq(again.target, match->target));
    buf_finish(&path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1) {
        return 0;
    }
    enum route_method method = (enum route_method)(1 << data[0] % 6);
    uint8_t *copy = xmemdup(data + 1, size - 1);
    struct str path = {(const char *)copy, size - 1};
    struct route_match match;
    switch (route_find(path, method, &match)) {
    case ROUTE_FOUND:
        check_found(&match);
        break;
    case ROUTE_NO_PATH:
        break;
    case ROUTE_NO_METHOD:
        MUST(match.methods != 0 && !(match.methods & method));
        break;
    case ROUTE_BAD_NAME:
        MUST(match.why && match.why[0]);
        break;
    }
    struct str value = url_query_get(path, STR("cursor"));
    MUST(!value.ptr || (value.ptr > path.ptr && value.ptr + value.len <= path.ptr + path.len));
    free(copy);
    return 0;
}
