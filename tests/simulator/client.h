/* A simulated client: what a tldraw client does with its connection, and what it may rely on. It
 * keeps the documents and presences that it was told of, changes some of them, reconnects when its
 * socket closes, and checks every message that it gets. */
#ifndef SIM_CLIENT_H
#define SIM_CLIENT_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/map.h"
#include "simulator/node.h"
#include "simulator/world.h"
#include "value/value.h"

enum client_state {
    CLIENT_AWAY,       /* no socket; comes back, or not */
    CLIENT_CONNECTING, /* connect is sent */
    CLIENT_ONLINE,
};

/* A record as the client knows it. */
struct known {
    struct buf value; /* owned */
    struct str id;    /* behind this */
};

/* A push that has no answer yet. */
struct push {
    struct list link; /* in client.pushes */
    uint64_t clock;
    uint64_t sent_us;
    struct buf diff; /* owned: network diff; empty if none */
};

/* A change of a document that the client was told is done. */
struct acked {
    struct list link; /* in client.acked */
    uint64_t clock;
    bool appended;        /* to a text: nothing but the record's end takes it away */
    struct str id, token; /* owned by the arena */
};

struct client {
    int number;
    char session[24];
    char room[16];
    enum client_state state;
    struct wsconn *conn;
    bool json;
    bool wants;                      /* to be connected */
    bool draws;                      /* makes changes now */
    bool closed_by_peer;             /* its last socket was */
    uint64_t incarnation;            /* of its socket; older timers are void */
    struct buf input;                /* owned: bytes of frames */
    struct map documents, presences; /* of struct known; owned */
    uint64_t clock;                  /* of the last message */
    bool has_clock;
    uint64_t restarts; /* of its room, when it was connected last */
    uint64_t push_clock;
    struct list pushes; /* of struct push.link; owned */
    struct list acked;  /* of struct acked.link */
    uint64_t acked_count;
    struct arena memory;
    uint64_t tokens; /* made */
    uint64_t heard_us;
    uint64_t presence;        /* number in its last presence */
    bool presence_said;       /* on this connection */
    uint64_t records;         /* made */
    uint64_t rate_us;         /* between two changes, about */
    uint64_t closes;          /* by the server, without a reason that the run knows */
    uint64_t longest_wait_us; /* of a push for its answer */
};

void client_begin(struct client *client, int number, const char *room);
void client_end(struct client *client);
/* Opens a socket, now and after each end of it, until told otherwise. */
void client_come(struct client *client);
/* Closes it. */
void client_go(struct client *client);
void client_draw(struct client *client, bool on);
/* Online, and all is answered. */
bool client_is_calm(const struct client *client);
/* Makes one change now, of documents, presence or both. */
void client_change(struct client *client);
void client_say_presence(struct client *client);

/* The schema that all clients have, serialized. */
void client_pack_schema(struct buf *out);

/* client_ops.c: appends a push's network diff, or nothing. */
void client_choose_change(struct client *client, struct buf *diff);
/* client_apply.c */
void client_wipe(struct client *client, bool documents);
/* `own`: it is the client's, so it may concern what is not there. */
void client_apply(struct client *client, struct value diff, bool own);
void client_set_document(struct client *client, struct value record);
struct known *client_document(const struct client *client, uint64_t random);
/* Notes what an acknowledged diff of its own did. */
void client_note_acked(struct client *client, struct value diff, uint64_t clock);

#endif
