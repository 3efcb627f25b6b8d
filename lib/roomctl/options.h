/* What roomctl was asked to do, from its arguments and ROOMD_ADMIN. Pure. */
#ifndef ROOMCTL_OPTIONS_H
#define ROOMCTL_OPTIONS_H

#include "base/address.h"
#include "base/buf.h"

enum ctl_command_id {
    CTL_PS,
    CTL_NODES,
    CTL_WORKERS,
    CTL_REBALANCE,
    CTL_READY,
    CTL_ROOMS,
    CTL_DRAIN,
    CTL_MOVE,
    CTL_RELEASE,
    CTL_ROOM,
    CTL_SNAPSHOT,
    CTL_LOAD,
    CTL_PUT,
    CTL_DELETE,
    CTL_RECORD,
    CTL_SESSIONS,
    CTL_CLOSE,
    CTL_READONLY,
    CTL_SEND,
    CTL_DELETE_ROOM,
    CTL_SCHEMA,
};

/* Bits: what a command takes beside --admin, --json and --help, which all take. */
enum ctl_option {
    CTL_TIMEOUT = 1,
    CTL_WORKER = 2,
    CTL_UNDO = 4,
    CTL_NO_WAIT = 8,
    CTL_FORCE = 16,
    CTL_REASON = 32,
    CTL_YES = 64,
    CTL_NODE = 128,
    CTL_WITHIN = 256,
    CTL_PACE = 512,
    CTL_DRY_RUN = 1024,
};

struct ctl_command {
    enum ctl_command_id id;
    const char *name;
    const char *operands; /* as the usage has them: "ROOM WORKER" */
    const char *summary;
    const char *details; /* more lines for its own help */
    size_t operands_min, operands_max;
    unsigned options;   /* bits of enum ctl_option */
    uint32_t timeout_s; /* the default of --timeout */
};

struct ctl_options {
    const struct ctl_command *command;
    struct address admin;
    bool json;
    const char **operands; /* the array is owned, what it points to is argv's */
    size_t operand_count;
    unsigned given;     /* bits of enum ctl_option */
    uint32_t timeout_s; /* the default where it is not given */
    const char *worker;
    const char *node;
    const char *reason;
    uint32_t within_percent; /* likewise, and so is the next */
    uint32_t pace;           /* moves a second, at most */
};

enum ctl_outcome {
    CTL_GO,
    CTL_TOLD, /* --help or --version: the text is for stdout, exit with 0 */
    CTL_BAD,  /* the text is one line for stderr, exit with 2 */
};

/* `text` gets what is to be printed unless the outcome is CTL_GO. `env` is NULL-terminated like
 * environ. End with ctl_options_finish in any case. */
enum ctl_outcome ctl_options_read(struct ctl_options *options, int argc, char *const *argv,
                                  char *const *env, struct buf *text);
void ctl_options_finish(struct ctl_options *options);

#endif
