/* The one table of options, and how a value of each kind is read. */
#include "base/config_option.h"

#include "base/alloc.h"
#include "base/number_text.h"

#include <ctype.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#define ALL (CONFIG_ROOMD | CONFIG_GATEWAY | CONFIG_WORKER)
#define CHILD (CONFIG_GATEWAY | CONFIG_WORKER)
#define AT(field) offsetof(struct config, field)
#define WORKERS_MAX 256
#define GATEWAYS_MAX 64

const struct config_option config_options[] = {
    {"listen", CONFIG_KIND_ADDRESS, AT(listen), ALL, .fallback = "127.0.0.1:8080",
     .value_name = "ADDR:PORT", .help = "where clients connect; port 0 chooses one"},
    {"admin", CONFIG_KIND_ADDRESS, AT(admin), ALL, .fallback = "127.0.0.1:9090",
     .value_name = "ADDR:PORT", .help = "for operators: health, metrics, roomctl"},
    {"data", CONFIG_KIND_TEXT, AT(data), ALL, .value_name = "DIR",
     .help = "data directory, made if missing (/var/lib/roomd for root,\n"
             "else $XDG_DATA_HOME/roomd or ~/.local/share/roomd)"},
    {"redis", CONFIG_KIND_REDIS, AT(redis), ALL, .value_name = "URL",
     .help = "redis://[user:password@]host:port[/db], rediss:// (TLS),\n"
             "unix:///path, sentinel://host,.../master[/db] or\n"
             "redis-cluster://host,...; without it a private redis-server\n"
             "in the data directory"},
    {"workers", CONFIG_KIND_NUMBER, AT(workers), ALL, .value_name = "N", .min = 1,
     .max = WORKERS_MAX, .help = "processes that own rooms (one per core)"},
    {"gateways", CONFIG_KIND_NUMBER, AT(gateways), ALL, .fallback = "1", .value_name = "N",
     .min = 1, .max = GATEWAYS_MAX, .help = "processes that own client connections"},
    {"durability", CONFIG_KIND_CHOICE, AT(durability), ALL, .fallback = "log",
     .value_name = "log|snapshot|none", .choices = {"log", "snapshot", "none"},
     .help = "what is safe before a change is acknowledged: the change,\n"
             "the last snapshot, nothing"},
    {"schema", CONFIG_KIND_TEXT, AT(schema), ALL, .value_name = "FILE",
     .help = "schema file of the app (roomd-schema makes one): its validators\n"
             "and migrations; without it rooms accept any record"},
    {"config", CONFIG_KIND_TEXT, AT(file), CONFIG_ROOMD, .value_name = "FILE",
     .help = "file of `option = value` lines; # starts a comment line"},
    {"max-message", CONFIG_KIND_SIZE, AT(max_message_bytes), ALL, .fallback = "16m",
     .value_name = "BYTES", .min = 1024,
     .max = 128u * 1024 * 1024, /* with numbers it may double in msgpack; a link takes 512 MiB */
     .help = "longest message of a client; k and m are units"},
    {"max-snapshot", CONFIG_KIND_SIZE, AT(max_snapshot_bytes), ALL, .fallback = "64m",
     .value_name = "BYTES", .min = 65536,
     .max = 128u * 1024 * 1024, /* a worker that takes more than 15 s for it counts as dead */
     .help = "longest snapshot or update on the admin port; k and m"},
    {"max-unsent", CONFIG_KIND_SIZE, AT(max_unsent_bytes), ALL, .fallback = "256m",
     .value_name = "BYTES", .min = 16u * 1024 * 1024, /* twice what one client may leave unread */
     .max = 1024ull * 1024 * 1024 * 1024,
     .help = "what may wait for all clients of a gateway to read it, until\n"
             "the slowest are sent away; k and m"},
    {"events-max", CONFIG_KIND_NUMBER, AT(events_max), ALL, .fallback = "10000", .value_name = "N",
     .max = 10000000, .help = "events that are kept in Redis for other services; 0: none"},
    {"unload-after", CONFIG_KIND_NUMBER, AT(unload_after_s), ALL, .fallback = "30",
     .value_name = "SECONDS", .max = 86400, .help = "how long an empty room stays loaded"},
    {"idle-timeout", CONFIG_KIND_NUMBER, AT(idle_timeout_s), ALL, .fallback = "20",
     .value_name = "SECONDS", .max = 86400, .help = "silence that ends a session; 0: never"},
    {"hang-after", CONFIG_KIND_NUMBER, AT(hang_after_s), ALL, .fallback = "10",
     .value_name = "SECONDS", .max = 86400,
     .help = "CPU time that one step of one room may take before its\n"
             "worker is killed for hanging; 0: any"},
    {"cluster-listen", CONFIG_KIND_ADDRESS, AT(cluster_listen), ALL, .value_name = "ADDR:PORT",
     .help = "where workers listen for other nodes: the first of a range of\n"
             "2 * workers ports; port 0 chooses them"},
    {"advertise", CONFIG_KIND_TEXT, AT(advertise), ALL, .value_name = "HOST",
     .help = "host by which other nodes reach cluster-listen"},
    {"cluster-secret-file", CONFIG_KIND_TEXT, AT(cluster_secret_file), ALL, .value_name = "FILE",
     .help = "a secret of 32 bytes or more that all nodes share; a second\n"
             "line, accepted too, is for changing it"},
    {"cluster-tls", CONFIG_KIND_SWITCH, AT(cluster_tls), ALL, .fallback = "off",
     .value_name = "on|off", .choices = {"off", "on"},
     .help = "whether what nodes say to each other is encrypted, by a key\n"
             "from the secret"},
    {"weight", CONFIG_KIND_NUMBER, AT(weight), ALL, .fallback = "1", .value_name = "N", .min = 1,
     .max = 100,
     .help = "how much load the node's workers take: twice as much with 2 as\n"
             "with 1"},
    {"rebalance", CONFIG_KIND_SWITCH, AT(rebalance), ALL, .value_name = "on|off",
     .choices = {"off", "on"},
     .help = "whether workers with too much load give rooms to others, one\n"
             "at a time (on with --cluster-listen)"},
    {"io-uring", CONFIG_KIND_SWITCH, AT(io_uring), ALL, .fallback = "on", .value_name = "on|off",
     .choices = {"off", "on"},
     .help = "whether gateways hand the kernel many sends at once, where it\n"
             "lets them"},
    {"link-version-max", CONFIG_KIND_NUMBER, AT(link_version_max), ALL, .fallback = "0",
     .value_name = "N", .max = 255,
     .help = "highest version of the protocol between processes to speak,\n"
             "for trying an upgrade; 0: the newest"},
    {"stop-delay", CONFIG_KIND_NUMBER, AT(stop_delay_s), CONFIG_ROOMD, .fallback = "0",
     .value_name = "SECONDS", .max = 3600,
     .help = "how long a stopping node, not ready any more, still takes\n"
             "clients: until its load balancer has seen it"},
    {"stop-spread", CONFIG_KIND_NUMBER, AT(stop_spread_s), CONFIG_ROOMD, .fallback = "5",
     .value_name = "SECONDS", .max = 3600,
     .help = "over how long it sends its clients away, one after the other,\n"
             "where other nodes take them"},
    {"stop-timeout", CONFIG_KIND_NUMBER, AT(stop_timeout_s), CONFIG_ROOMD, .fallback = "25",
     .value_name = "SECONDS", .min = CONFIG_STOP_REST_S, .max = 7200,
     .help = "when it has ended at the latest; at least 12 more than the two"},
    {"log-level", CONFIG_KIND_CHOICE, AT(log_level), ALL, .fallback = "info", .value_name = "LEVEL",
     .choices = {"debug", "info", "warn", "error"}, .help = "debug, info, warn or error"},
    {"log-format", CONFIG_KIND_CHOICE, AT(log_format), ALL, .fallback = "text",
     .value_name = "text|json", .choices = {"text", "json"}, .help = "how lines on stderr look"},

    {"process", CONFIG_KIND_TEXT, AT(process), CHILD, CHILD, true, .value_name = "NAME",
     .help = "name of the slot, for logs"},
    {"id", CONFIG_KIND_TEXT, AT(id), CHILD, CHILD, true, .value_name = "ID",
     .help = "name of this start, never used twice"},
    {"node", CONFIG_KIND_TEXT, AT(node), CHILD, CHILD, true, .value_name = "ID",
     .help = "name of the node"},
    {"control-fd", CONFIG_KIND_FD, AT(control_fd), CHILD, 0, true, .value_name = "N",
     .help = "open descriptor to the supervisor"},
    {"mark-fd", CONFIG_KIND_FD, AT(mark_fd), CONFIG_WORKER, 0, true, .value_name = "N",
     .help = "page that says which room it is at"},
    {"socket", CONFIG_KIND_TEXT, AT(socket), CONFIG_WORKER, CONFIG_WORKER, true,
     .value_name = "PATH", .help = "link socket to listen on"},
    {"link-listen", CONFIG_KIND_ADDRESS, AT(link_listen), CONFIG_WORKER, 0, true,
     .value_name = "ADDR:PORT", .help = "where to listen for other nodes"},
};
const size_t config_option_count = sizeof(config_options) / sizeof(config_options[0]);
_Static_assert(sizeof(config_options) / sizeof(config_options[0]) <= CONFIG_OPTIONS_MAX,
               "struct config has a text for each option");

int config_option_find(enum config_role role, struct str name)
{
    for (size_t i = 0; i < config_option_count; i++) {
        if ((config_options[i].roles & role) && str_eq(name, str_of(config_options[i].name))) {
            return (int)i;
        }
    }
    return -1;
}

char *config_option_variable(const struct config_option *option)
{
    char *name = xasprintf("ROOMD_%s", option->name);
    for (char *c = name; *c; c++) {
        *c = *c == '-' ? '_' : (char)toupper((unsigned char)*c);
    }
    return name;
}

static enum err read_text(struct str value, char **field)
{
    if (value.len == 0 || memchr(value.ptr, '\0', value.len)) {
        return ERR_USAGE;
    }
    free(*field);
    *field = xstrndup(value.ptr, value.len);
    return ERR_OK;
}

static enum err read_redis(struct str value, struct redis_url *field)
{
    struct redis_url url;
    if (redis_url_parse(value, &url, NULL)) {
        return ERR_USAGE;
    }
    redis_url_finish(field);
    *field = url;
    return ERR_OK;
}

static enum err read_choice(const struct config_option *option, struct str value, unsigned *field)
{
    for (unsigned i = 0; option->choices[i]; i++) {
        if (str_eq(value, str_of(option->choices[i]))) {
            *field = i;
            return ERR_OK;
        }
    }
    return ERR_USAGE;
}

static enum err read_switch(const struct config_option *option, struct str value, bool *field)
{
    unsigned choice;
    if (read_choice(option, value, &choice)) {
        return ERR_USAGE;
    }
    *field = choice == 1;
    return ERR_OK;
}

enum err config_option_read(const struct config_option *option, struct str value,
                            struct config *config)
{
    void *field = (char *)config + option->offset;
    uint64_t number;
    switch (option->kind) {
    case CONFIG_KIND_ADDRESS:
        return address_parse(value, field) ? ERR_USAGE : ERR_OK;
    case CONFIG_KIND_TEXT:
        return read_text(value, field);
    case CONFIG_KIND_REDIS:
        return read_redis(value, field);
    case CONFIG_KIND_NUMBER:
        if (number_parse(value, option->max, &number) || number < option->min) {
            return ERR_USAGE;
        }
        *(uint32_t *)field = (uint32_t)number;
        return ERR_OK;
    case CONFIG_KIND_SIZE:
        if (size_parse(value, option->max, &number) || number < option->min) {
            return ERR_USAGE;
        }
        *(uint64_t *)field = number;
        return ERR_OK;
    case CONFIG_KIND_CHOICE:
        return read_choice(option, value, field);
    case CONFIG_KIND_SWITCH:
        return read_switch(option, value, field);
    case CONFIG_KIND_FD:
        if (number_parse(value, INT_MAX, &number) || fcntl((int)number, F_GETFD) < 0) {
            return ERR_USAGE;
        }
        *(int *)field = (int)number;
        return ERR_OK;
    }
    return ERR_USAGE;
}

void config_option_allowed(const struct config_option *option, struct buf *out)
{
    switch (option->kind) {
    case CONFIG_KIND_ADDRESS:
        buf_printf(out, "an address and a port, such as 127.0.0.1:8080 or [::1]:8080");
        break;
    case CONFIG_KIND_TEXT:
        buf_printf(out, "any text but an empty one");
        break;
    case CONFIG_KIND_REDIS:
        buf_printf(out, "redis://[user:password@]host:port[/db], unix:///path,"
                        " sentinel://host,.../master[/db] or redis-cluster://host,...");
        break;
    case CONFIG_KIND_NUMBER:
        buf_printf(out, "a whole number from %" PRIu64 " to %" PRIu64, option->min, option->max);
        break;
    case CONFIG_KIND_SIZE:
        buf_printf(out, "a number of bytes from %" PRIu64 " to %" PRIu64 ", such as 512k or 16m",
                   option->min, option->max);
        break;
    case CONFIG_KIND_SWITCH:
    case CONFIG_KIND_CHOICE:
        for (size_t i = 0; option->choices[i]; i++) {
            const char *glue = i == 0 ? "" : option->choices[i + 1] ? ", " : " or ";
            buf_printf(out, "%s%s", glue, option->choices[i]);
        }
        break;
    case CONFIG_KIND_FD:
        buf_printf(out, "the number of an open descriptor");
        break;
    }
}

const char *config_env_get(char *const *env, const char *name)
{
    size_t len = strlen(name);
    for (; *env; env++) {
        if (strncmp(*env, name, len) == 0 && (*env)[len] == '=') {
            return *env + len + 1;
        }
    }
    return NULL;
}

char *config_default_data(char *const *env)
{
    if (geteuid() == 0) {
        return xstrdup("/var/lib/roomd");
    }
    /* The XDG base directory specification: a relative path is to be ignored. */
    const char *xdg = config_env_get(env, "XDG_DATA_HOME");
    if (xdg && xdg[0] == '/') {
        return xasprintf("%s/roomd", xdg);
    }
    const char *home = config_env_get(env, "HOME");
    return home && home[0] == '/' ? xasprintf("%s/.local/share/roomd", home) : NULL;
}

char *config_default_workers(void)
{
    cpu_set_t cpus; /* those we may run on, which can be fewer than there are */
    int count = sched_getaffinity(0, sizeof(cpus), &cpus) == 0 ? CPU_COUNT(&cpus) : 1;
    return xasprintf("%d", count < WORKERS_MAX ? count : WORKERS_MAX);
}
