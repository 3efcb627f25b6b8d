/* Redirections as servers write them. */
#include "store/redirect.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>
#include <string.h>

struct redirect_case {
    char error[80];
    enum redirect_kind kind;
    uint16_t slot;
    char host[40];
    uint16_t port;
};

ParameterizedTestParameters(redirect, read)
{
    static struct redirect_case cases[] = {
        {"MOVED 3999 127.0.0.1:6381", REDIRECT_MOVED, 3999, "127.0.0.1", 6381},
        {"ASK 16383 redis.lan:6381", REDIRECT_ASK, 16383, "redis.lan", 6381},
        {"MOVED 0 fe80::1:6381", REDIRECT_MOVED, 0, "fe80::1", 6381},
        {"MOVED 1 :6381", REDIRECT_MOVED, 1, "", 6381}, /* it does not know its name */
        {"MOVED 1 ?:6381", REDIRECT_MOVED, 1, "", 6381},
        {"TRYAGAIN Multiple keys request during rehashing of slot", REDIRECT_WAIT, 0, "", 0},
        {"CLUSTERDOWN The cluster is down", REDIRECT_WAIT, 0, "", 0},
        {"CLUSTERDOWN Hash slot not served", REDIRECT_WAIT, 0, "", 0},
        {"MOVED 16384 h:1", REDIRECT_NONE, 0, "", 0},
        {"MOVED x h:1", REDIRECT_NONE, 0, "", 0},
        {"MOVED 1", REDIRECT_NONE, 0, "", 0},
        {"MOVED 1 h", REDIRECT_NONE, 0, "", 0},
        {"MOVED 1 h:0", REDIRECT_NONE, 0, "", 0},
        {"MOVED 1 h:65536", REDIRECT_NONE, 0, "", 0},
        {"MOVEDX 1 h:1", REDIRECT_NONE, 0, "", 0},
        {"ERR MOVED 1 h:1", REDIRECT_NONE, 0, "", 0},
        {"", REDIRECT_NONE, 0, "", 0},
    };
    return cr_make_param_array(struct redirect_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct redirect_case *c, redirect, read)
{
    struct redirect redirect = redirect_read(str_of(c->error));
    cr_assert(eq(int, redirect.kind, c->kind), "%s", c->error);
    cr_assert(eq(u16, redirect.slot, c->slot), "%s", c->error);
    cr_assert(zero(int, strcmp(redirect.to.host, c->host)), "%s", c->error);
    cr_assert(eq(u16, redirect.to.port, c->port), "%s", c->error);
}
