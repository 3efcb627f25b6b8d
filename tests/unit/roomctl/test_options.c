/* Arguments of roomctl. */
#include "roomctl/options.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>
#include <stdio.h>
#include <stdlib.h>

enum { WORDS_MAX = 12 };

/* Reads a command line without quotes. */
static enum ctl_outcome read_line(const char *line, char *const *env, struct ctl_options *options,
                                  struct buf *text)
{
    static char words[256];
    char *argv[WORDS_MAX];
    int argc = 0;
    snprintf(words, sizeof(words), "roomctl %s", line);
    for (char *word = strtok(words, " "); word; word = strtok(NULL, " ")) {
        argv[argc++] = word;
    }
    return ctl_options_read(options, argc, argv, env, text);
}

struct bad_case {
    char line[64];
    char want[80]; /* part of what is said */
};

ParameterizedTestParameters(options, bad)
{
    static struct bad_case cases[] = {
        {"", "a command is missing"},
        {"--json", "a command is missing"},
        {"nothing", "there is no command \"nothing\""},
        {"-- --help", "there is no command \"--help\""},
        {"ps --jso", "there is no option \"--jso\""},
        {"ps --jsonx", "there is no option \"--jsonx\""},
        {"ps -x", "there is no option \"-x\""},
        {"ps x", "one argument too many: \"x\""},
        {"move r", "move needs ROOM WORKER"},
        {"move r w x", "one argument too many: \"x\""},
        {"drain", "drain needs WORKER|NODE"},
        {"rebalance x", "one argument too many: \"x\""},
        {"rebalance --within 0", "\"0\" is no whole number from 1 to 1000%"},
        {"rebalance --within 1001%", "is no whole number from 1 to 1000%"},
        {"rebalance --pace 2/m", "\"2/m\" is no whole number from 1 to 1000/s"},
        {"rebalance --pace", "a value is missing behind \"--pace\""},
        {"move r w --dry-run", "--dry-run is not for move"},
        {"ps --node n", "--node is not for ps"},
        {"drain w --timeout", "a value is missing behind \"--timeout\""},
        {"drain w --timeout=", "--timeout takes whole seconds, not \"\""},
        {"drain w --timeout 1s", "--timeout takes whole seconds, not \"1s\""},
        {"drain w --timeout 604801", "--timeout takes whole seconds"},
        {"drain w --force=1", "no value is wanted in \"--force=1\""},
        {"ps --timeout 1", "--timeout is not for ps"},
        {"rooms --undo", "--undo is not for rooms"},
        {"ps --admin 127.0.0.1", "--admin takes an address and a port"},
        {"ps --admin :80", "--admin takes an address and a port"},
        {"ps --admin=::1:80", "--admin takes an address and a port"},
    };
    return cr_make_param_array(struct bad_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct bad_case *c, options, bad)
{
    static char *const none[] = {NULL};
    struct ctl_options options;
    struct buf text = {0};
    cr_assert(eq(int, read_line(c->line, none, &options, &text), CTL_BAD), "%s", c->line);
    struct str said = buf_str(&text);
    cr_assert(memmem(said.ptr, said.len, c->want, strlen(c->want)) != NULL, "%s: %.*s", c->line,
              STR_ARG(said));
    cr_assert(str_starts(said, STR("roomctl: ")));
    cr_assert(memchr(said.ptr, '\n', said.len) == said.ptr + said.len - 1);
    buf_finish(&text);
    ctl_options_finish(&options);
}

static void good(const char *line, char *const *env, struct ctl_options *options)
{
    struct buf text = {0};
    enum ctl_outcome outcome = read_line(line, env, options, &text);
    cr_assert(eq(int, outcome, CTL_GO), "%s: %.*s", line, STR_ARG(buf_str(&text)));
    cr_assert(zero(sz, buf_len(&text)));
}

Test(options, stand_before_and_behind_the_command)
{
    static char *const none[] = {NULL};
    static const char *const lines[] = {
        "--admin 10.0.0.1:99 --json drain worker-1 --timeout 7 --force",
        "drain --timeout=7 worker-1 --force --json --admin=10.0.0.1:99",
        "--timeout 7 --force drain --json --admin 10.0.0.1:99 -- worker-1",
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        struct ctl_options options;
        good(lines[i], none, &options);
        cr_assert(eq(int, options.command->id, CTL_DRAIN));
        cr_assert(eq(sz, options.operand_count, 1));
        cr_assert(zero(int, strcmp(options.operands[0], "worker-1")));
        cr_assert(options.json);
        cr_assert(eq(u32, options.timeout_s, 7));
        cr_assert(eq(u32, options.given, CTL_TIMEOUT | CTL_FORCE));
        cr_assert(zero(int, strcmp(options.admin.host, "10.0.0.1")));
        cr_assert(eq(int, options.admin.port, 99));
        ctl_options_finish(&options);
    }
}

Test(options, the_address_comes_from_the_flag_or_the_variable_or_is_the_default)
{
    static char other[] = "X=1", set[] = "ROOMD_ADMIN=[::1]:7", blank[] = "ROOMD_ADMIN=";
    static char *const env[] = {other, set, NULL};
    static char *const empty[] = {blank, NULL};
    struct ctl_options options;
    good("ps", env, &options);
    cr_assert(zero(int, strcmp(options.admin.host, "::1")));
    ctl_options_finish(&options);
    good("ps --admin localhost:8", env, &options);
    cr_assert(zero(int, strcmp(options.admin.host, "localhost")));
    ctl_options_finish(&options);
    good("ps", empty, &options);
    cr_assert(eq(int, options.admin.port, 9090));
    ctl_options_finish(&options);
}

Test(options, names_may_look_like_options_behind_two_dashes)
{
    static char *const none[] = {NULL};
    struct ctl_options options;
    good("rooms --worker w -- --json - --", none, &options);
    cr_assert(eq(sz, options.operand_count, 3));
    cr_assert(zero(int, strcmp(options.operands[0], "--json")));
    cr_assert(zero(int, strcmp(options.operands[2], "--")));
    cr_assert(not(options.json));
    cr_assert(zero(int, strcmp(options.worker, "w")));
    ctl_options_finish(&options);
}

Test(options, numbers_may_have_their_units)
{
    static char *const none[] = {NULL};
    struct ctl_options options;
    good("rebalance", none, &options);
    cr_assert(eq(u32, options.within_percent, 20));
    cr_assert(eq(u32, options.pace, 5));
    ctl_options_finish(&options);
    good("rebalance --within 7% --pace 30/s --dry-run", none, &options);
    cr_assert(eq(u32, options.within_percent, 7));
    cr_assert(eq(u32, options.pace, 30));
    cr_assert(eq(u32, options.given, CTL_WITHIN | CTL_PACE | CTL_DRY_RUN));
    ctl_options_finish(&options);
    good("rebalance --within 7 --pace 30", none, &options);
    cr_assert(eq(u32, options.within_percent, 7));
    cr_assert(eq(u32, options.pace, 30));
    ctl_options_finish(&options);
}

Test(options, a_drain_is_ended_by_either_word)
{
    static char *const none[] = {NULL};
    static const char *const lines[] = {"drain n --off", "drain --undo n"};
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        struct ctl_options options;
        good(lines[i], none, &options);
        cr_assert(eq(u32, options.given, CTL_UNDO));
        ctl_options_finish(&options);
    }
}

Test(options, help_wins_over_what_is_missing)
{
    static char *const none[] = {NULL};
    static const char *const lines[] = {"--help", "move --help", "-h drain", "ps --version"};
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        struct ctl_options options;
        struct buf text = {0};
        cr_assert(eq(int, read_line(lines[i], none, &options, &text), CTL_TOLD), "%s", lines[i]);
        cr_assert(gt(sz, buf_len(&text), 10));
        buf_finish(&text);
        ctl_options_finish(&options);
    }
}
