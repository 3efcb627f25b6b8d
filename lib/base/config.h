/* What a process was told to do: one table of options (config_option.c) that serves flags,
 * environment, file, help and error messages alike.
 *
 *      --max-message 8m      ROOMD_MAX_MESSAGE=8m      max-message = 8m     (# starts a comment
 * line)
 *
 * Flags win over the environment over the file over the defaults, and a bad value is an error even
 * where a stronger source hides it. The supervisor resolves everything and hands it to its
 * children in ROOMD_* variables, so that no password is ever in an argument list; they load it
 * with this same code. See proto/config.md. */
#ifndef BASE_CONFIG_H
#define BASE_CONFIG_H

#include "base/address.h"
#include "base/buf.h"
#include "base/log.h"
#include "base/redis_url.h"

enum config_role { CONFIG_ROOMD = 1, CONFIG_GATEWAY = 2, CONFIG_WORKER = 4 }; /* bits */

/* When a change counts as safe, and so when it is acknowledged and shown to others. */
enum durability {
    DURABILITY_LOG,      /* once it is in Redis' log of the room */
    DURABILITY_SNAPSHOT, /* at once; snapshots follow */
    DURABILITY_NONE,     /* at once; rooms live in memory only */
};

#define CONFIG_OPTIONS_MAX 48

/* What is left of stop_timeout_s for the end itself, behind the delay and the spread. */
#define CONFIG_STOP_REST_S 12

struct config {
    /* Everybody's. */
    struct address listen;  /* for clients */
    struct address admin;   /* for operators */
    char *data;             /* the data directory */
    struct redis_url redis; /* not set: the supervisor runs its own */
    uint32_t workers;
    uint32_t gateways;
    enum durability durability;
    char *schema; /* the schema file, or NULL */
    char *file;   /* the configuration file, or NULL */
    enum log_level log_level;
    enum log_format log_format;
    uint64_t max_message_bytes;
    uint64_t max_snapshot_bytes;   /* of a body on the admin port */
    uint64_t max_unsent_bytes;     /* that wait for the clients of one gateway */
    uint32_t events_max;           /* in Redis, about; 0: none are written */
    uint32_t unload_after_s;       /* how long an empty room stays loaded */
    uint32_t idle_timeout_s;       /* 0: never */
    uint32_t hang_after_s;         /* CPU time on one step of a room until it hangs; 0: never */
    struct address cluster_listen; /* for gateways of other nodes: the first of a range of ports
                                      (proto/cluster.md); no host: not at all */
    char *advertise;               /* the host that they connect to; numeric once it is resolved */
    char *cluster_secret_file;     /* what they must know */
    bool cluster_tls;
    bool io_uring;   /* many sends with one system call */
    uint32_t weight; /* of the node: the share of the load that each of its workers takes */
    bool rebalance;  /* whether workers give rooms away when they have too much of it */
    uint32_t link_version_max; /* of the link's protocol, at most; 0: all that this build speaks */
    uint32_t stop_delay_s;     /* a stopping node still takes clients for so long */
    uint32_t stop_spread_s;    /* and sends them away over so long, if others can take them */
    uint32_t stop_timeout_s;   /* from the signal to the exit; with the rest in it */

    /* A child's alone, always by flag. */
    char *process;  /* "worker-1": the slot's name, for logs and metrics */
    char *id;       /* unique for this start of it: a restarted worker is another worker */
    char *node;     /* the node's id */
    int control_fd; /* to the supervisor (net/control.h); -1 without one */
    int mark_fd;    /* worker: the page that says which room it is at (base/mark.h); -1: none */
    char *socket;   /* worker: path of its link socket */
    struct address link_listen; /* worker: where it listens for other nodes; no host: nowhere */

    /* Nobody's but tests'; 0: as worker/core.c has it. */
    uint32_t entry_max;   /* bytes of a log entry */
    uint32_t fold_bytes;  /* of a log, before a snapshot takes its place */
    uint32_t slice_bytes; /* of long work, before others have their turn */
    uint32_t outq_bytes;  /* rendered for a socket at a time */

    char *text[CONFIG_OPTIONS_MAX]; /* each option as it was written; private */
};

enum config_outcome {
    CONFIG_OK,
    CONFIG_TOLD, /* --help or --version: the text is for stdout, exit with 0 */
    CONFIG_BAD,  /* the text is one line for stderr, exit with 2 */
};

/* Fills `config` from all sources. `text` gets what is to be printed unless the outcome is
 * CONFIG_OK. `env` is NULL-terminated like environ. End with config_finish in any case. */
enum config_outcome config_load(struct config *config, enum config_role role, int argc,
                                char *const *argv, char *const *env, struct buf *text) NODISCARD;

/* The same for a main(): prints the text and says with which status to exit, or -1 to go on. */
int config_load_main(struct config *config, enum config_role role, int argc, char *const *argv);

/* Sets one option to what was found out at start, such as the port behind port 0. The name and
 * the value are known to be good. */
void config_set(struct config *config, const char *name, const char *value);

/* The environment for a child: `env` without its ROOMD_* variables, plus one for each option that
 * has a value. The caller frees it with free_strings. */
char **config_env_create(const struct config *config, char *const *env);

void config_finish(struct config *config);

/* Where the worker of a slot listens for other nodes: one of the range that begins at
 * cluster_listen. `other`: its second port, as while it is replaced. 0: wherever. */
uint16_t config_cluster_port(const struct config *config, uint32_t slot, bool other);

const char *durability_name(enum durability durability);

#endif
