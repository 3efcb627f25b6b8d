/* Error replies as Redis 6 and 7 word them. */
#include "store/refusal.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>

struct refusal_case {
    char error[128];
    enum refusal want;
};

ParameterizedTestParameters(refusal, is_known_by_its_code)
{
    static struct refusal_case cases[] = {
        {"FENCED a newer owner has the room", REFUSAL_FENCED},
        {"GAP the log has newer entries", REFUSAL_GAP},
        {"NOSCRIPT No matching script. Please use EVAL.", REFUSAL_SCRIPTS},
        {"READONLY You can't write against a read only replica.", REFUSAL_SERVER},
        {"LOADING Redis is loading the dataset in memory", REFUSAL_SERVER},
        {"MASTERDOWN Link with MASTER is down", REFUSAL_SERVER},
        {"WRONGTYPE Operation against a key holding the wrong kind of value", REFUSAL_KEY},
        {"ERR user_script:9: attempt to compare nil with number", REFUSAL_KEY},
        {"EXECABORT Transaction discarded because of previous errors.", REFUSAL_ECHO},
        {"OOM command not allowed when used memory > 'maxmemory'.", REFUSAL_WRITES},
        {"MISCONF Errors writing to the AOF file: No space left on device", REFUSAL_WRITES},
        {"NOPERM this user has no permissions to run the 'xadd' command", REFUSAL_WRITES},
        {"ERRATIC", REFUSAL_WRITES},
        {"", REFUSAL_WRITES},
        {"ERR Error running script (call to f_1): @user_script:3: -OOM command not allowed when",
         REFUSAL_WRITES},
        {"ERR Error running script (call to f_1): @user_script: 3: -READONLY You can't write",
         REFUSAL_SERVER},
        {"ERR Error running script (call to f_1): @user_script:3: -WRONGTYPE Operation",
         REFUSAL_KEY},
    };
    return cr_make_param_array(struct refusal_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct refusal_case *c, refusal, is_known_by_its_code)
{
    cr_assert(eq(int, (int)refusal_of(str_of(c->error)), (int)c->want), "%s", c->error);
}
