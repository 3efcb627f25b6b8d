/* Who is to blame for the death of a worker. Statuses are waitpid's: a signal, or a status << 8. */
#include "node/blame.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>
#include <signal.h>

struct blame_case {
    char name[64];
    int status;
    int noted; /* the signal that the process caught */
    bool inside, marked, hung;
    bool want;
};

ParameterizedTestParameters(blame, room)
{
    static struct blame_case cases[] = {
        {"a fault while at work on it", SIGSEGV, SIGSEGV, true, true, false, true},
        {"with a core too", SIGABRT | 0x80, SIGABRT, true, true, false, true},
        {"a fault between rooms", SIGSEGV, SIGSEGV, true, false, false, false},
        {"a SIGSEGV that somebody sent", SIGSEGV, SIGSEGV, false, true, false, false},
        {"SIGKILL", SIGKILL, 0, false, true, false, false},
        {"SIGKILL on top of a fault that was survived", SIGKILL, SIGBUS, true, true, false, false},
        {"SIGTERM", SIGTERM, 0, false, true, false, false},
        {"killed for hanging", SIGABRT, SIGABRT, false, true, true, true},
        {"killed harder for hanging", SIGKILL, 0, false, true, true, true},
        {"an exit while at work, as a sanitizer's", 1 << 8, 0, false, true, false, true},
        {"an exit for a signal that somebody sent", 1 << 8, SIGSEGV, false, true, false, false},
        {"an exit for a fault", 1 << 8, SIGSEGV, true, true, false, true},
        {"an exit between rooms", 1 << 8, 0, false, false, false, false},
        {"an orderly exit", 0, 0, false, true, false, false},
    };
    return cr_make_param_array(struct blame_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct blame_case *c, blame, room)
{
    struct mark_view view = {
        .room = "r", .room_len = c->marked, .signal = c->noted, .inside = c->inside};
    cr_assert(eq(int, blame_room(c->status, &view, c->hung), c->want), "%s", c->name);
}
