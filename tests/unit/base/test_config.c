/* Options from flags, environment and file: who wins, what is refused, and in which words. */
#include "base/alloc.h"
#include "base/config.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void check_text(const char *got, const char *want)
{
    cr_assert(zero(int, strcmp(got, want)), "got \"%s\", want \"%s\"", got, want);
}

#define WORDS_MAX 16

/* Splits at spaces, into static memory of the test's process. */
static int split(char *line, char **out)
{
    int count = 0;
    for (char *word = strtok(line, " "); word; word = strtok(NULL, " ")) {
        out[count++] = word;
    }
    out[count] = NULL;
    return count;
}

/* Loads from a command line and an environment, each given as words. */
static enum config_outcome load(struct config *config, enum config_role role, const char *flags,
                                const char *env, struct buf *text)
{
    static char flag_words[512], env_words[512];
    char *argv[WORDS_MAX + 1], *environment[WORDS_MAX + 1];
    snprintf(flag_words, sizeof(flag_words), "roomd %s", flags);
    snprintf(env_words, sizeof(env_words), "HOME=/home/me %s", env);
    int argc = split(flag_words, argv);
    split(env_words, environment);
    enum config_outcome outcome = config_load(config, role, argc, argv, environment, text);
    buf_append_byte(text, '\0');
    return outcome;
}

static char *write_file(const char *content)
{
    char *path = xstrdup("/tmp/roomd-test-config-XXXXXX");
    int fd = mkstemp(path);
    cr_assert(ge(int, fd, 0));
    cr_assert(eq(int, (int)write(fd, content, strlen(content)), (int)strlen(content)));
    close(fd);
    return path;
}

Test(config, has_defaults)
{
    struct config config;
    struct buf text = {0};
    cr_assert(eq(int, load(&config, CONFIG_ROOMD, "", "", &text), CONFIG_OK));
    check_text(config.listen.host, "127.0.0.1");
    cr_assert(eq(u16, config.listen.port, 8080));
    cr_assert(eq(u16, config.admin.port, 9090));
    cr_assert(not(redis_url_is_set(&config.redis)));
    cr_assert(ge(u32, config.workers, 1));
    cr_assert(eq(u32, config.gateways, 1));
    cr_assert(eq(int, config.durability, DURABILITY_LOG));
    cr_assert(eq(u64, config.max_message_bytes, 16u * 1024 * 1024));
    cr_assert(eq(u64, config.max_unsent_bytes, 256u * 1024 * 1024));
    cr_assert(eq(u32, config.unload_after_s, 30));
    cr_assert(eq(u32, config.idle_timeout_s, 20));
    cr_assert(eq(u32, config.stop_delay_s, 0));
    cr_assert(eq(u32, config.stop_spread_s, 5));
    cr_assert(eq(u32, config.stop_timeout_s, 25));
    cr_assert(eq(int, config.log_level, LOG_INFO));
    cr_assert(eq(int, config.log_format, LOG_TEXT));
    cr_assert(eq(int, config.control_fd, -1));
    buf_finish(&text);
    config_finish(&config);
}

Test(config, flags_win_over_environment_over_file)
{
    char *file = write_file("# a comment\n\n  workers = 3 \r\ngateways=4\nmax-message = 8k\n"
                            "redis = redis://u:a#b@host:1\n");
    char *flags = xasprintf("--config %s --workers=5", file);
    struct config config;
    struct buf text = {0};
    cr_assert(eq(int,
                 load(&config, CONFIG_ROOMD, flags,
                      "ROOMD_WORKERS=6 ROOMD_GATEWAYS=7 ROOMD_DATA=", &text),
                 CONFIG_OK),
              "%s", (char *)buf_head(&text));
    cr_assert(eq(u32, config.workers, 5));
    cr_assert(eq(u32, config.gateways, 7));
    cr_assert(eq(u64, config.max_message_bytes, 8192));
    check_text(config.redis.password, "a#b");
    config_finish(&config);
    unlink(file);
    free(file);
    free(flags);
    buf_finish(&text);
}

struct bad_case {
    char flags[112];
    char env[80];
    char file[80];
    char says[120]; /* a part of the line */
};

ParameterizedTestParameters(config, refuses)
{
    static struct bad_case cases[] = {
        {"--wrong 1", "", "", "roomd: unknown option --wrong; allowed are --listen --admin"},
        {"--wrong=1", "", "", "unknown option --wrong;"},
        {"-w", "", "", "unknown option -w;"},
        {"word", "", "", "unexpected argument \"word\""},
        {"--id x", "", "", "unknown option --id"},
        {"--workers", "", "", "--workers needs a value: a whole number from 1 to 256"},
        {"--workers 0", "", "", "--workers: bad value \"0\"; allowed is a whole number from 1 to"},
        {"--workers 257", "", "", "bad value \"257\""},
        {"--workers -1", "", "", "bad value \"-1\""},
        {"--workers 18446744073709551617", "", "", "bad value"},
        {"--workers=", "", "", "bad value \"\""},
        {"--data=", "", "", "--data: bad value \"\"; allowed is any text but an empty one"},
        {"--durability maybe", "", "", "allowed is log, snapshot or none"},
        {"--log-format xml", "", "", "allowed is text or json"},
        {"--max-message 1g", "", "", "allowed is a number of bytes from 1024 to 134217728"},
        {"--max-message 99999999999m", "", "", "bad value"},
        {"--idle-timeout 1.5", "", "", "bad value \"1.5\""},
        {"--listen 8080", "", "", "allowed is an address and a port"},
        {"--listen ::1:80", "", "", "bad value \"::1:80\""},
        {"--listen 1.2.3.4:65536", "", "", "bad value"},
        {"--redis redis://me:hush@host:x", "", "",
         "--redis: not a Redis URL: \"host:x\" is no host or host:port; allowed is redis:"},
        {"", "ROOMD_WRONG=1", "", "unknown variable ROOMD_WRONG; allowed are ROOMD_LISTEN"},
        {"", "ROOMD_ID=1", "", "unknown variable ROOMD_ID"},
        {"", "ROOMD_PORT=8080", "", "unknown variable ROOMD_PORT"},
        {"--workers 1", "ROOMD_WORKERS=x", "", "ROOMD_WORKERS: bad value \"x\""},
        {"--workers 1", "", "workers = x", ":1: workers: bad value \"x\""},
        {"", "", "\nwrong = 1", ":2: unknown key wrong; allowed are listen admin"},
        {"", "", "config = /x", ":1: unknown key config"},
        {"", "", "workers 1", ":1: not of the form `option = value`"},
        {"", "", "workers = 1\nworkers = 2", ":2: workers is given twice"},
        {"--cluster-listen 1.2.3.4:5", "", "", "--cluster-listen needs --cluster-secret-file"},
        {"--cluster-listen 1.2.3.4:5 --cluster-secret-file f", "", "", "needs --redis"},
        {"--cluster-listen 0.0.0.0:5 --cluster-secret-file f --redis redis://h", "", "",
         "--cluster-listen on 0.0.0.0 needs --advertise"},
        {"--cluster-listen [::]:5 --cluster-secret-file f --redis redis://h", "", "",
         "--cluster-listen on :: needs --advertise"},
        {"--cluster-listen 1.2.3.4:65530 --workers 4 --cluster-secret-file f --redis redis://h", "",
         "", "--cluster-listen: 8 ports from 65530 on do not fit below 65536"},
        {"--cluster-secret-file f", "", "", "--cluster-secret-file is for nodes with"},
        {"--advertise h", "", "", "--advertise is for nodes with --cluster-listen"},
        {"--cluster-tls on", "", "", "--cluster-tls is for nodes with --cluster-listen"},
        {"--cluster-tls maybe", "", "", "allowed is off or on"},
        {"--config /nowhere/at/all", "", "", "cannot read the configuration file /nowhere/at/all"},
        {"--config /tmp", "", "", "cannot read the configuration file /tmp: Is a directory"},
    };
    return cr_make_param_array(struct bad_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct bad_case *c, config, refuses)
{
    char *file = c->file[0] ? write_file(c->file) : NULL;
    char *flags = file ? xasprintf("%s --config %s", c->flags, file) : xstrdup(c->flags);
    struct config config;
    struct buf text = {0};
    cr_assert(eq(int, load(&config, CONFIG_ROOMD, flags, c->env, &text), CONFIG_BAD));
    const char *line = (const char *)buf_head(&text);
    cr_assert(strstr(line, c->says) != NULL, "\"%s\" is not in \"%s\"", c->says, line);
    cr_assert(strchr(line, '\n') == line + strlen(line) - 1, "one line");
    cr_assert(strstr(line, "hush") == NULL);
    config_finish(&config);
    buf_finish(&text);
    if (file) {
        unlink(file);
    }
    free(file);
    free(flags);
}

Test(config, gives_each_worker_two_ports_for_other_nodes)
{
    struct config config;
    struct buf text = {0};
    cr_assert(eq(int,
                 load(&config, CONFIG_ROOMD,
                      "--workers 4 --cluster-listen 1.2.3.4:65528 --cluster-secret-file f "
                      "--cluster-tls on --redis redis://h",
                      "", &text),
                 CONFIG_OK),
              "%.*s", STR_ARG(buf_str(&text)));
    cr_assert(config.cluster_tls);
    cr_assert(eq(int, config_cluster_port(&config, 1, false), 65528));
    cr_assert(eq(int, config_cluster_port(&config, 4, false), 65531));
    cr_assert(eq(int, config_cluster_port(&config, 1, true), 65532));
    cr_assert(eq(int, config_cluster_port(&config, 4, true), 65535));
    config.cluster_listen.port = 0;
    cr_assert(eq(int, config_cluster_port(&config, 4, true), 0));
    config_finish(&config);
    buf_finish(&text);
}

Test(config, wants_times_of_a_stop_that_fit_together)
{
    struct config config;
    struct buf text = {0};
    cr_assert(eq(int, load(&config, CONFIG_ROOMD, "--stop-delay 8", "", &text), CONFIG_OK));
    config_finish(&config);
    buf_clear(&text, SIZE_MAX);
    cr_assert(eq(int, load(&config, CONFIG_ROOMD, "--stop-delay 9", "", &text), CONFIG_BAD));
    check_text((const char *)buf_head(&text),
               "roomd: --stop-timeout: 25 s are too few behind a stop-delay of 9 and a stop-spread "
               "of 5; allowed are 26 and more\n");
    config_finish(&config);
    buf_finish(&text);
}

Test(config, ignores_what_kubernetes_sets_for_a_service_called_roomd)
{
    struct config config;
    struct buf text = {0};
    cr_assert(eq(int,
                 load(&config, CONFIG_ROOMD, "",
                      "ROOMD_SERVICE_HOST=10.0.0.1 ROOMD_SERVICE_PORT=80 "
                      "ROOMD_PORT=tcp://10.0.0.1:80 ROOMD_PORT_80_TCP_PROTO=tcp",
                      &text),
                 CONFIG_OK));
    config_finish(&config);
    buf_finish(&text);
}

Test(config, tells_help_and_version)
{
    struct config config;
    struct buf text = {0};
    cr_assert(eq(int, load(&config, CONFIG_ROOMD, "--workers 2 --help", "", &text), CONFIG_TOLD));
    const char *help = (const char *)buf_head(&text);
    cr_assert(strstr(help, "--listen ADDR:PORT") != NULL);
    cr_assert(strstr(help, "--control-fd") == NULL, "a child's option is of no use to people");
    config_finish(&config);
    buf_clear(&text, 0);
    cr_assert(eq(int, load(&config, CONFIG_ROOMD, "--version", "", &text), CONFIG_TOLD));
    check_text((char *)buf_head(&text), "roomd " ROOMD_VERSION "\n");
    config_finish(&config);
    buf_finish(&text);
}

Test(config, reaches_a_child_through_its_environment)
{
    struct config parent, child;
    struct buf text = {0};
    cr_assert(
        eq(int,
           load(&parent, CONFIG_ROOMD, "--redis redis://me:s%20t@h:1/2 --idle-timeout 7 --data /d",
                "ROOMD_LISTEN=127.0.0.1:0 PATH=/bin", &text),
           CONFIG_OK));
    config_set(&parent, "listen", "127.0.0.1:4321");
    char before_words[] = "PATH=/bin ROOMD_LISTEN=127.0.0.1:0 ROOMD_CONFIG=/x";
    char flag_words[] =
        "roomd-worker --process worker-1 --id i --node n --socket /s --control-fd 0";
    char *before[WORDS_MAX + 1], *argv[WORDS_MAX + 1];
    split(before_words, before);
    int argc = split(flag_words, argv);
    char **env = config_env_create(&parent, before);
    check_text(env[0], "PATH=/bin");
    buf_clear(&text, 0);
    cr_assert(eq(int, config_load(&child, CONFIG_WORKER, argc, argv, env, &text), CONFIG_OK));
    cr_assert(eq(u16, child.listen.port, 4321));
    cr_assert(eq(u32, child.idle_timeout_s, 7));
    check_text(child.redis.password, "s t");
    cr_assert(eq(u32, child.redis.db, 2));
    check_text(child.data, "/d");
    check_text(child.process, "worker-1");
    check_text(child.socket, "/s");
    cr_assert(eq(int, child.control_fd, 0));
    free_strings(env);
    config_finish(&child);
    config_finish(&parent);
    buf_finish(&text);
}

Test(config, misses_what_a_child_must_be_told)
{
    struct config config;
    struct buf text = {0};
    cr_assert(eq(int, load(&config, CONFIG_GATEWAY, "--id i --node n", "", &text), CONFIG_BAD));
    cr_assert(strstr((char *)buf_head(&text), "roomd-gateway: --process is missing") != NULL);
    config_finish(&config);
    buf_finish(&text);
}
