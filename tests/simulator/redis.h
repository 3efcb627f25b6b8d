/* A simulated Redis server: the commands that we use, our Lua scripts run by Lua itself, time to
 * live, and what goes wrong with servers. One in a world. */
#ifndef SIM_REDIS_H
#define SIM_REDIS_H

#include "simulator/redis_data.h"
#include "simulator/redis_reply.h"
#include "simulator/world.h"

/* What is left of accepted writes after a crash. */
enum redis_mode {
    REDIS_ALWAYS,   /* all that was answered */
    REDIS_EVERYSEC, /* not always the last two seconds */
    REDIS_FAILOVER, /* a replica takes over, and lacks the end */
    REDIS_MODES
};

/* Which commands are refused. */
enum redis_refusal {
    REDIS_TAKES_ALL,
    REDIS_OUT_OF_MEMORY, /* those that take memory */
    REDIS_DISK_FULL,     /* all that write */
};

/* A connection's end at the server: redis_server.c and conn.c pass commands and replies. */
struct redis_conn;

struct redis {
    struct data data;
    enum redis_mode mode;
    bool up, hung, scripts_lost;
    enum redis_refusal refuses;
    uint64_t slow_us; /* each command takes that much longer */
    char run[41];
    bool was_replica;
    uint64_t replied;                 /* changes that somebody may have had an answer to */
    uint64_t second_ago, this_second; /* changes then; for REDIS_EVERYSEC */
    struct arena scratch;             /* of one command */
    const struct proc *client;        /* whose command is being executed */
    struct redis_conn **conns;        /* owned */
    size_t conn_count, conn_cap;
};

extern struct redis redis;

void redis_begin(enum redis_mode mode);
void redis_end(void);

/* Executes one command. The reply is valid until the next one. */
struct reply redis_execute(const struct str *argv, uint32_t argc);
/* One of those commands that scripts may use too; false if it is none. */
bool redis_basic_command(const struct str *argv, uint32_t argc, struct reply *reply);
/* NULL, or the error with which the command is refused now. */
const char *redis_refused(struct str command);

/* redis_lua.c */
void redis_lua_begin(void);
void redis_lua_end(void);
/* Returns the script's name in 40 characters, until the next call. */
struct str redis_script_load(struct str text);
struct reply redis_script_run(struct str sha, const struct str *argv, uint32_t argc);

/* ---- faults, redis_server.c ---- */

void redis_crash(void);
void redis_restart(void);
void redis_hang(bool on);
void redis_refuse(enum redis_refusal refusal);
/* SCRIPT FLUSH */
void redis_lose_scripts(void);
/* Cuts one process' way to Redis for so long; what is under way arrives after that. */
void redis_cut(struct proc *proc, uint64_t us);

#endif
