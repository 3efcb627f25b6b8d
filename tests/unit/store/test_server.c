/* What is believed of a Redis by what it says of itself. */
#include "store/server.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>
#include <stdio.h>

#define RUN "run_id:0123456789012345678901234567890123456789\r\n"
#define ALONE                                                                                      \
    "role:master\r\nconnected_slaves:0\r\n"                                                        \
    "master_replid2:0000000000000000000000000000000000000000\r\n"

struct promise_case {
    char name[48];
    char info[400];
    bool fsyncs;
    bool promises;
};

ParameterizedTestParameters(server, promises_what_it_keeps)
{
    static struct promise_case cases[] = {
        {"always", "# Server\r\n" RUN ALONE "aof_enabled:1\r\n", true, true},
        {"without the last line's end", RUN ALONE "aof_enabled:1", true, true},
        {"everysec", RUN ALONE "aof_enabled:1\r\n", false, false},
        {"no append-only file", RUN ALONE "aof_enabled:0\r\n", true, false},
        {"says nothing of files", RUN ALONE, true, false},
        {"says nothing", "", true, false},
        {"with replicas, which may take its place",
         RUN "role:master\r\nconnected_slaves:1\r\nmaster_replid2:0\r\naof_enabled:1\r\n", true,
         false},
        {"has taken a master's place",
         RUN "role:master\r\nconnected_slaves:0\r\nmaster_replid2:8a\r\naof_enabled:1\r\n", true,
         false},
    };
    return cr_make_param_array(struct promise_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct promise_case *c, server, promises_what_it_keeps)
{
    struct store_server server;
    server_reset(&server);
    server_read_info(&server, str_of(c->info));
    server.fsyncs = c->fsyncs;
    cr_assert(eq(int, server_promises(&server), c->promises), "%s", c->name);
}

Test(server, refuses_writes_as_a_read_only_replica)
{
    struct store_server server;
    server_reset(&server);
    server_read_info(&server, STR(RUN "role:slave\r\nslave_read_only:1\r\n"));
    cr_assert(server.refuses_writes);
    server_read_info(&server, STR(RUN "role:slave\r\nslave_read_only:0\r\n"));
    cr_assert(not(server.refuses_writes));
    server_read_info(&server, STR(RUN ALONE));
    cr_assert(not(server.refuses_writes));
}

Test(server, may_lack_what_another_run_has_written)
{
    struct store_server server;
    server_reset(&server);
    cr_assert(not(server_may_lack(&server, (struct str){0})), "never written");
    cr_assert(server_may_lack(&server, STR("anything")), "nothing is known of the server");
    cr_assert(server_may_lack(&server, str_of(server.run)), "nor was then");

    server_read_info(&server, STR(RUN ALONE "aof_enabled:1\r\n"));
    cr_assert(not(server_may_lack(&server, str_of(server.run))), "the same run");
    cr_assert(server_may_lack(&server, STR("another")));
    server.fsyncs = true;
    cr_assert(not(server_may_lack(&server, STR("another"))), "another run of one that keeps all");
    cr_assert(server_may_lack(&server, STR("unknown")), "restored from a backup");
}

Test(server, takes_any_text)
{
    static const char *const texts[] = {":", "\r\n", "run_id", "run_id:", "role:\n\n:x\r", "\n"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct store_server server;
        server_reset(&server);
        server_read_info(&server, str_of(texts[i]));
        cr_assert(not(server_promises(&server)));
    }
    char text[200];
    snprintf(text, sizeof(text), "run_id:%0100d\r\n", 1);
    struct store_server server;
    server_reset(&server);
    server_read_info(&server, str_of(text));
    cr_assert(server_may_lack(&server, str_of(server.run)), "a run id that is none");
}
