/* Arguments of roomctl. */
#include "roomctl/options.h"

#include "base/alloc.h"
#include "base/number_text.h"

#include <stdlib.h>

#define ADMIN_VARIABLE "ROOMD_ADMIN"
#define ADMIN_DEFAULT "127.0.0.1:9090"
/* A week; longer is a typing error. */
#define TIMEOUT_MAX_S (7 * 86400)

static const struct ctl_command commands[] = {
    {
        .id = CTL_PS,
        .name = "ps",
        .operands = "",
        .summary = "the processes of the node",
        .details =
            "ROOMS and SESSIONS are what a worker has loaded; of a gateway, SESSIONS are its\n"
            "connections. While workers are replaced a slot has two processes. With an\n"
            "external Redis there is no process for it.\n",
    },
    {
        .id = CTL_NODES,
        .name = "nodes",
        .operands = "",
        .summary = "the nodes of the cluster",
        .details =
            "CPU is that of all its workers, in per cent of one core. LOAD is what rooms are\n"
            "placed by: sessions, and 40 for each per cent of a core, by WEIGHT, of its workers\n"
            "on average. The node that is asked has a * behind its name.\n",
    },
    {
        .id = CTL_WORKERS,
        .name = "workers",
        .operands = "",
        .summary = "the workers of the cluster, and their load",
        .details = "As nodes says. move takes their ids.\n",
    },
    {
        .id = CTL_READY,
        .name = "ready",
        .operands = "",
        .summary = "whether clients can be sent to the node; if not, why, and status 1",
        .details = "For health checks of containers, and scripts that wait for a start.\n",
    },
    {
        .id = CTL_ROOMS,
        .name = "rooms",
        .operands = "[ROOM]...",
        .summary = "all rooms in Redis, or these",
        .details =
            "STATE: open; idle (loaded, nobody is in it); closed (nobody owns it); orphaned\n"
            "(its owner is dead, and nobody has come since); quarantined.\n",
        .operands_max = SIZE_MAX,
        .options = CTL_WORKER | CTL_NODE,
    },
    {
        .id = CTL_DRAIN,
        .name = "drain",
        .operands = "WORKER|NODE",
        .summary = "move all rooms off a worker or a node, and give it no new ones",
        .details =
            "Nobody is disconnected. A worker of this node stays, draining, until drain --off,\n"
            "or until it ends: the next one of its name takes rooms. A node, any of the\n"
            "cluster, drains until drain --off, over restarts; its rooms go to other nodes.\n"
            "Without --no-wait the command waits until there are no rooms left and no gateway\n"
            "sends any.\n",
        .operands_min = 1,
        .operands_max = 1,
        .options = CTL_TIMEOUT | CTL_UNDO | CTL_NO_WAIT | CTL_FORCE,
        .timeout_s = 60,
    },
    {
        .id = CTL_REBALANCE,
        .name = "rebalance",
        .operands = "",
        .summary = "move rooms until all workers of the cluster have their share of the load",
        .details =
            "One room after the other, with all who are in it; nobody is disconnected. It says\n"
            "what it moves, and in the end how even it is and why it stops. It may be\n"
            "interrupted at any time: a room is moved, or is not. One that is begun ends\n"
            "those that run, at whatever node.\n",
        .options = CTL_WITHIN | CTL_PACE | CTL_DRY_RUN,
    },
    {
        .id = CTL_MOVE,
        .name = "move",
        .operands = "ROOM WORKER",
        .summary = "give a room to a worker; nobody is disconnected",
        .operands_min = 2,
        .operands_max = 2,
    },
    {
        .id = CTL_RELEASE,
        .name = "release",
        .operands = "ROOM",
        .summary = "let people into a room that is quarantined",
        .details =
            "A room that workers died of three times within a minute is quarantined for five;\n"
            "roomctl rooms shows it. Its crashes are forgotten.\n",
        .operands_min = 1,
        .operands_max = 1,
    },
    {
        .id = CTL_ROOM,
        .name = "room",
        .operands = "ROOM",
        .summary = "all that Redis says of a room",
        .operands_min = 1,
        .operands_max = 1,
    },
    {
        .id = CTL_SNAPSHOT,
        .name = "snapshot",
        .operands = "ROOM",
        .summary = "the documents of a room, as JSON",
        .details = "To standard output, as it comes. What load takes.\n",
        .operands_min = 1,
        .operands_max = 1,
    },
    {
        .id = CTL_LOAD,
        .name = "load",
        .operands = "ROOM [FILE]",
        .summary = "put a snapshot in the place of a room's documents",
        .details =
            "FILE, or standard input, is a room snapshot, a store snapshot or a .tldr file. Who\n"
            "is in the room stays, and sees the change. A room that is not there is made.\n",
        .operands_min = 1,
        .operands_max = 2,
    },
    {
        .id = CTL_PUT,
        .name = "put",
        .operands = "ROOM [FILE]",
        .summary = "store records in a room",
        .details = "FILE, or standard input, is a record or an array of records. All or none.\n",
        .operands_min = 1,
        .operands_max = 2,
    },
    {
        .id = CTL_DELETE,
        .name = "delete",
        .operands = "ROOM RECORD...",
        .summary = "delete records of a room",
        .operands_min = 2,
        .operands_max = SIZE_MAX,
    },
    {
        .id = CTL_RECORD,
        .name = "record",
        .operands = "ROOM RECORD",
        .summary = "one record of a room, as JSON",
        .operands_min = 2,
        .operands_max = 2,
    },
    {
        .id = CTL_SESSIONS,
        .name = "sessions",
        .operands = "ROOM",
        .summary = "who is in a room",
        .operands_min = 1,
        .operands_max = 1,
    },
    {
        .id = CTL_CLOSE,
        .name = "close",
        .operands = "ROOM SESSION",
        .summary = "end a session",
        .details = "Without a reason its client comes back by itself.\n",
        .operands_min = 2,
        .operands_max = 2,
        .options = CTL_REASON,
    },
    {
        .id = CTL_READONLY,
        .name = "readonly",
        .operands = "ROOM SESSION on|off",
        .summary = "whether a session may change documents, until it connects anew",
        .operands_min = 3,
        .operands_max = 3,
    },
    {
        .id = CTL_SEND,
        .name = "send",
        .operands = "ROOM SESSION [FILE]",
        .summary = "send a session a message: any JSON",
        .operands_min = 2,
        .operands_max = 3,
    },
    {
        .id = CTL_DELETE_ROOM,
        .name = "delete-room",
        .operands = "ROOM",
        .summary = "delete a room and send everybody away",
        .operands_min = 1,
        .operands_max = 1,
        .options = CTL_YES,
    },
    {
        .id = CTL_SCHEMA,
        .name = "schema",
        .operands = "check FILE",
        .summary = "check a schema file, and say what is in it",
        .operands_min = 2,
        .operands_max = 2,
    },
};
enum { COMMANDS = sizeof(commands) / sizeof(commands[0]) };

static const struct ctl_switch {
    const char *name;
    enum ctl_option option;
    const char *value_name; /* NULL: it takes none */
    const char *help;
} switches[] = {
    {"--timeout", CTL_TIMEOUT, "SECONDS", "wait no longer; exit with 4 then"},
    {"--worker", CTL_WORKER, "WORKER", "only the rooms that this worker owns"},
    {"--node", CTL_NODE, "NODE", "only the rooms that workers of this node own"},
    {"--undo", CTL_UNDO, NULL, "let it take rooms again"},
    {"--off", CTL_UNDO, NULL, "the same"},
    {"--within", CTL_WITHIN, "PERCENT", "of the mean; further is uneven (20)"},
    {"--pace", CTL_PACE, "N/s", "rooms to move a second, at most (5/s)"},
    {"--dry-run", CTL_DRY_RUN, NULL, "only say what would be moved"},
    {"--no-wait", CTL_NO_WAIT, NULL, "do not wait for the end"},
    {"--reason", CTL_REASON, "REASON", "what its client is told; it does not come back"},
    {"--yes", CTL_YES, NULL, "yes, all of it"},
    {"--force", CTL_FORCE, NULL, "also if no other worker can take the rooms"},
};
enum { SWITCHES = sizeof(switches) / sizeof(switches[0]) };

/* ---- help ---- */

static void help_line(struct buf *text, const char *left, const char *right)
{
    buf_printf(text, "  %-30s %s\n", left, right);
}

static void help_common(struct buf *text)
{
    help_line(text, "--admin ADDR:PORT",
              "the node's admin port (" ADMIN_VARIABLE ", else " ADMIN_DEFAULT ")");
    help_line(text, "--json", "JSON for programs (proto/admin.md has the fields)");
    help_line(text, "--help", "this text; with a command, about that");
}

static void help_exits(struct buf *text)
{
    buf_printf(text, "\nExit status:\n");
    help_line(text, "0", "done");
    help_line(text, "1", "refused, or failed; stderr has a line that says why");
    help_line(text, "2", "wrong arguments");
    help_line(text, "3", "no node answers at that address");
    help_line(text, "4", "not done in time; it goes on");
}

static void help_all(struct buf *text)
{
    buf_printf(text,
               "roomctl %s: looks at a node of roomd and its rooms, and steers them\n\n"
               "Usage: roomctl COMMAND [OPTION]...\n\nCommands:\n",
               ROOMD_VERSION);
    for (size_t i = 0; i < COMMANDS; i++) {
        char *left = xasprintf("%s %s", commands[i].name, commands[i].operands);
        help_line(text, left, commands[i].summary);
        free(left);
    }
    buf_printf(text, "\nOptions, before or after the command; -- ends them:\n");
    help_common(text);
    help_line(text, "--version", "the version");
    help_exits(text);
    buf_printf(
        text, "\nWORKER is a worker's name (worker-1) or its id, as ps shows them; one of another\n"
              "node goes by its id, as workers does, and NODE by the name that nodes shows.\n");
}

static void help_command(const struct ctl_command *command, struct buf *text)
{
    buf_printf(text, "Usage: roomctl %s%s%s [OPTION]...\n\n%s.\n", command->name,
               command->operands[0] ? " " : "", command->operands, command->summary);
    if (command->details) {
        buf_printf(text, "%s", command->details);
    }
    buf_printf(text, "\nOptions:\n");
    for (size_t i = 0; i < SWITCHES; i++) {
        if (command->options & switches[i].option) {
            char *left = xasprintf("%s %s", switches[i].name,
                                   switches[i].value_name ? switches[i].value_name : "");
            char *right = switches[i].option == CTL_TIMEOUT
                              ? xasprintf("%s (%u)", switches[i].help, command->timeout_s)
                              : xstrdup(switches[i].help);
            help_line(text, left, right);
            free(left);
            free(right);
        }
    }
    help_common(text);
    help_exits(text);
}

/* ---- reading ---- */

struct reading {
    struct ctl_options *options;
    int argc;
    char *const *argv;
    int at;
    struct buf *text;
    bool help, version;
    const char *admin; /* as text; NULL: not given */
    const char *timeout;
    const char *within, *pace;
};

static bool bad(struct reading *reading, const char *what, const char *which)
{
    buf_printf(reading->text, "roomctl: %s \"%s\"; try roomctl --help\n", what, which);
    return false;
}

/* Whether the argument at hand is this option; if so *value is what comes with it, or NULL. */
static bool is_option(struct reading *reading, const char *name, bool takes_value,
                      const char **value)
{
    const char *arg = reading->argv[reading->at];
    size_t len = strlen(name);
    *value = NULL;
    if (strncmp(arg, name, len) != 0 || (arg[len] != '\0' && arg[len] != '=')) {
        return false;
    }
    if (arg[len] == '=') {
        *value = arg + len + 1;
    } else if (takes_value && reading->at + 1 < reading->argc) {
        *value = reading->argv[++reading->at];
    }
    return true;
}

static bool check_value(struct reading *reading, const char *arg, bool takes_value,
                        const char *value)
{
    if (takes_value && !value) {
        return bad(reading, "a value is missing behind", arg);
    }
    if (!takes_value && value) {
        return bad(reading, "no value is wanted in", arg);
    }
    return true;
}

static bool read_switch(struct reading *reading, const struct ctl_switch *found, const char *value)
{
    reading->options->given |= found->option;
    if (found->option == CTL_TIMEOUT) {
        reading->timeout = value;
    } else if (found->option == CTL_WORKER) {
        reading->options->worker = value;
    } else if (found->option == CTL_NODE) {
        reading->options->node = value;
    } else if (found->option == CTL_WITHIN) {
        reading->within = value;
    } else if (found->option == CTL_PACE) {
        reading->pace = value;
    } else if (found->option == CTL_REASON) {
        reading->options->reason = value;
    }
    return true;
}

static bool read_option(struct reading *reading)
{
    const char *arg = reading->argv[reading->at];
    const char *value;
    if (strcmp(arg, "-h") == 0 || strcmp(arg, "--help") == 0) {
        reading->help = true;
        return true;
    }
    if (strcmp(arg, "--version") == 0) {
        reading->version = true;
        return true;
    }
    if (strcmp(arg, "--json") == 0) {
        reading->options->json = true;
        return true;
    }
    if (is_option(reading, "--admin", true, &value)) {
        reading->admin = value;
        return check_value(reading, arg, true, value);
    }
    for (size_t i = 0; i < SWITCHES; i++) {
        bool takes_value = switches[i].value_name != NULL;
        if (is_option(reading, switches[i].name, takes_value, &value)) {
            return check_value(reading, arg, takes_value, value) &&
                   read_switch(reading, &switches[i], value);
        }
    }
    return bad(reading, "there is no option", arg);
}

static bool read_operand(struct reading *reading, const char *arg)
{
    struct ctl_options *options = reading->options;
    if (options->command) {
        options->operands[options->operand_count++] = arg;
        return true;
    }
    for (size_t i = 0; i < COMMANDS; i++) {
        if (strcmp(arg, commands[i].name) == 0) {
            options->command = &commands[i];
            return true;
        }
    }
    return bad(reading, "there is no command", arg);
}

static bool read_all(struct reading *reading)
{
    bool options_over = false;
    for (reading->at = 1; reading->at < reading->argc; reading->at++) {
        const char *arg = reading->argv[reading->at];
        bool fine;
        if (!options_over && strcmp(arg, "--") == 0) {
            options_over = fine = true;
        } else if (!options_over && arg[0] == '-' && arg[1] != '\0') {
            fine = read_option(reading);
        } else {
            fine = read_operand(reading, arg);
        }
        if (!fine) {
            return false;
        }
    }
    return true;
}

/* ---- what was read as a whole ---- */

static bool check_operands(struct reading *reading)
{
    const struct ctl_options *options = reading->options;
    const struct ctl_command *command = options->command;
    if (options->operand_count < command->operands_min) {
        buf_printf(reading->text, "roomctl: %s needs %s; try roomctl %s --help\n", command->name,
                   command->operands, command->name);
        return false;
    }
    if (options->operand_count > command->operands_max) {
        return bad(reading, "one argument too many:", options->operands[command->operands_max]);
    }
    for (size_t i = 0; i < options->operand_count; i++) {
        if (!options->operands[i][0]) {
            return bad(reading, "an argument is empty, behind", command->name);
        }
    }
    return true;
}

/* A whole number from `min` to `max`, perhaps with a unit behind it. */
static bool read_number(struct reading *reading, const char *text, const char *unit, uint32_t min,
                        uint32_t max, uint32_t *out)
{
    struct str number = str_of(text);
    size_t len = strlen(unit);
    uint64_t value;
    if (number.len > len && memcmp(number.ptr + number.len - len, unit, len) == 0) {
        number.len -= len;
    }
    if (number_parse(number, max, &value) || value < min) {
        buf_printf(reading->text, "roomctl: \"%s\" is no whole number from %u to %u%s\n", text, min,
                   max, unit);
        return false;
    }
    *out = (uint32_t)value;
    return true;
}

static bool check_rebalance(struct reading *reading)
{
    struct ctl_options *options = reading->options;
    options->within_percent = 20;
    options->pace = 5;
    return (!reading->within ||
            read_number(reading, reading->within, "%", 1, 1000, &options->within_percent)) &&
           (!reading->pace || read_number(reading, reading->pace, "/s", 1, 1000, &options->pace));
}

static bool check_switches(struct reading *reading)
{
    struct ctl_options *options = reading->options;
    for (size_t i = 0; i < SWITCHES; i++) {
        if (options->given & ~options->command->options & switches[i].option) {
            buf_printf(reading->text, "roomctl: %s is not for %s; try roomctl %s --help\n",
                       switches[i].name, options->command->name, options->command->name);
            return false;
        }
    }
    options->timeout_s = options->command->timeout_s;
    uint64_t seconds;
    if (reading->timeout) {
        if (number_parse(str_of(reading->timeout), TIMEOUT_MAX_S, &seconds)) {
            return bad(reading, "--timeout takes whole seconds, not", reading->timeout);
        }
        options->timeout_s = (uint32_t)seconds;
    }
    return check_rebalance(reading);
}

static const char *variable(char *const *env, const char *name)
{
    size_t len = strlen(name);
    for (; *env; env++) {
        if (strncmp(*env, name, len) == 0 && (*env)[len] == '=' && (*env)[len + 1]) {
            return *env + len + 1;
        }
    }
    return NULL;
}

static bool read_admin(struct reading *reading, char *const *env)
{
    const char *text = reading->admin;
    text = text ? text : variable(env, ADMIN_VARIABLE);
    text = text ? text : ADMIN_DEFAULT;
    struct address *admin = &reading->options->admin;
    if (address_parse(str_of(text), admin) || admin->port == 0) {
        return bad(reading, "--admin takes an address and a port, such as " ADMIN_DEFAULT ", not",
                   text);
    }
    return true;
}

enum ctl_outcome ctl_options_read(struct ctl_options *options, int argc, char *const *argv,
                                  char *const *env, struct buf *text)
{
    *options = (struct ctl_options){.operands = xcalloc((size_t)argc + 1, sizeof(char *))};
    struct reading reading = {.options = options, .argc = argc, .argv = argv, .text = text};
    if (!read_all(&reading)) {
        return CTL_BAD;
    }
    if (reading.version) {
        buf_printf(text, "roomctl %s\n", ROOMD_VERSION);
        return CTL_TOLD;
    }
    if (reading.help) {
        options->command ? help_command(options->command, text) : help_all(text);
        return CTL_TOLD;
    }
    if (!options->command) {
        buf_printf(text, "roomctl: a command is missing; try roomctl --help\n");
        return CTL_BAD;
    }
    bool fine = check_operands(&reading) && check_switches(&reading) && read_admin(&reading, env);
    return fine ? CTL_GO : CTL_BAD;
}

void ctl_options_finish(struct ctl_options *options)
{
    free(options->operands);
    options->operands = NULL;
}
