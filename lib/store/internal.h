/* What the files of lib/store share and nobody else sees.
 *
 *      store ──> upstream ──> conn         one server, or the master that sentinels name
 *        └─> cluster ──> upstream ──> conn  one for each master; a lane for each slot in use
 */
#ifndef STORE_INTERNAL_H
#define STORE_INTERNAL_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/list.h"
#include "store/command.h"
#include "store/conn.h"
#include "store/key.h"
#include "store/lane.h"
#include "store/server.h"
#include "store/slots.h"
#include "store/store.h"

#include <hiredis/hiredis.h>

enum store_script {
    SCRIPT_CLAIM,
    SCRIPT_APPEND,
    SCRIPT_SNAPSHOT,
    SCRIPT_STAGE,
    SCRIPT_HAND,
    SCRIPT_SHOW,
    SCRIPTS
};

/* How often a write is tried while they are refused, and how long none may have been refused before
 * it is believed: some refusals concern one kind of command only, such as a missing permission. */
enum { STORE_PROBE_MS = 500, STORE_CALM_MS = 1500 };

/* ---- one server ---- */

enum upstream_state { UPSTREAM_DOWN, UPSTREAM_CONNECTING, UPSTREAM_SETUP, UPSTREAM_UP };

struct upstream {
    struct list link; /* of its cluster's */
    struct store *store;
    struct address address; /* host "": a Unix socket, or the sentinels have not said it yet */
    enum upstream_state state;
    struct conn *conn;   /* NULL while down */
    struct event *timer; /* retry while down, else the watch for silence */
    uint64_t retry_ms;
    uint64_t up_ms;      /* when it came up last */
    uint64_t heard_ms;   /* last reply */
    uint64_t refused_ms; /* last refusal of all writes */
    unsigned setup_left; /* replies still missing before it is up */
    unsigned scripts_loaded;
    struct store_server server;
    char trouble[160];
    bool refusing; /* while up: it takes no writes */
    bool tried;    /* it has been up, or an attempt has failed */
    bool told;     /* the trouble was logged; once per outage */
    /* of a cluster */
    uint32_t slots;    /* that it has */
    uint64_t asked_ms; /* when somebody was sent there with ASK last; 0: never */
};

/* Starts connecting. */
struct upstream *upstream_create(struct store *store, const struct address *address);
/* Answers what is under way; nobody is told. NULL is fine. */
void upstream_destroy(struct upstream *upstream);
/* Drops the connection, with all that is under way, and connects again; to another address if that
 * has been changed. */
void upstream_cut(struct upstream *upstream, enum store_trouble_kind kind, const char *why);
/* Lets the connection end, after the answers to what is under way; setup looks at who is there. */
void upstream_leave(struct upstream *upstream, const char *why);
void upstream_hurry(struct upstream *upstream);
void upstream_set_trouble(struct upstream *upstream, const char *what);
/* Something came from it. */
void upstream_hear(struct upstream *upstream);
/* setup.c: begins what ends with upstream_come_up, or with the connection. */
void upstream_setup(struct upstream *upstream);
void upstream_come_up(struct upstream *upstream);
/* command.c: tries a harmless write. */
void upstream_probe(struct upstream *upstream);

/* ---- the store ---- */

struct store {
    struct event_base *base;
    const struct redis_url *url;
    const struct store_handlers *handlers;
    void *ctx;
    struct tls *tls;       /* owned; NULL: none */
    struct list unsent;    /* connections that have something to write */
    struct upstream *main; /* who has the workers' keys; owned unless it is one of the cluster's;
                              NULL while nobody is known to */
    struct sentinels *sentinels; /* owned; NULL: none are asked */
    struct cluster *cluster;     /* owned; NULL: it is none */
    uint64_t back_ms; /* end of the main one's last outage; 0: none since the first connection */
    char sha[SCRIPTS][41];
    char trouble[160]; /* where no upstream has any: files that cannot be read, no answer */
    bool up;           /* on_up was called last, or on_down */
    bool was_up;       /* ever */
    bool ending;
};

/* What upstreams have to say; `was_up`: it was of use until now. */
void store_upstream_up(struct upstream *upstream);
void store_upstream_down(struct upstream *upstream, bool was_up, enum store_trouble_kind kind);
void store_upstream_writable(struct upstream *upstream, bool writable);
/* Sets up and down, with the metrics and the handlers. */
void store_set_up(struct store *store, bool up);
/* Keeps the metrics right where the main one comes or goes and the rest stays. */
void store_show_state(const struct store *store);

/* Connects to that server, or to the URL's Unix socket; NULL and store->trouble if a file that TLS
 * needs cannot be used. */
struct conn *store_connect(struct store *store, const struct address *address,
                           const struct conn_handlers *handlers, void *ctx);
/* The next connection reads those files again: they may have been renewed. */
void store_forget_tls(struct store *store);
void store_set_trouble(struct store *store, struct str what);

/* Who answers for the key now, or did last. */
const struct store_server *store_server(const struct store *store, struct str key);

/* The login of a new connection: AUTH if there is a password. Returns how many answers `fn` gets.
 */
unsigned store_login(struct conn *conn, const char *user, const char *password, conn_reply_fn fn,
                     void *ctx);

/* ---- sentinels.c ---- */

struct sentinels *sentinels_create(struct store *store);
void sentinels_destroy(struct sentinels *sentinels);
/* Who is the master, as far as they know; NULL: not yet. */
const struct address *sentinels_master(const struct sentinels *sentinels);
/* Whether each has had its chance to say it. */
bool sentinels_are_tried(const struct sentinels *sentinels);
/* Asks all of them now. */
void sentinels_ask(struct sentinels *sentinels);

/* ---- cluster.c ---- */

struct cluster *cluster_create(struct store *store);
void cluster_destroy(struct cluster *cluster);
/* Sends the request by its key; it may be answered before this returns. */
void cluster_send(struct cluster *cluster, struct request *request);
/* A request of a lane has been answered; with a redirection it is not over. */
void cluster_answered(struct cluster *cluster, struct request *request, enum err err,
                      const redisReply *reply);
/* It is of use (again), or lost, or refuses writes. */
void cluster_upstream_changed(struct cluster *cluster, struct upstream *upstream, bool up);
/* Who has the key's slot; NULL: nobody that is known. */
struct upstream *cluster_upstream(const struct cluster *cluster, struct str key);
/* The masters, in the order of their slots: the `index`th, or NULL behind the last. */
struct upstream *cluster_master(const struct cluster *cluster, size_t index);
/* A key to try a write with there; the caller frees it. NULL: it has no slots. */
char *cluster_probe_key(const struct cluster *cluster, const struct upstream *upstream);

#endif
