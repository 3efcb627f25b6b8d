/* What the parts of the load generator share: the options, the clients, what was counted. One
 * thread, one epoll; all of it lives as long as the program. */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include "base/buf.h"
#include "client.h"
#include "histogram.h"
#include "scan.h"

enum { PORTS_MAX = 8 };

struct options {
    uint32_t host;             /* IPv4, host byte order */
    uint16_t ports[PORTS_MAX]; /* clients go round them: nodes of one server */
    size_t port_count;
    const char *prefix; /* of rooms and sessions, so that runs on one server do not meet */
    enum encoding encoding;
    struct buf schema;           /* serialized, JSON */
    uint64_t rooms, clients;     /* clients of each room */
    double rate;                 /* pushes per second of each client */
    bool shapes;                 /* all move shapes, not cursors */
    uint64_t shape_clients;      /* of each room: clients that move shapes */
    bool audit;                  /* at the end, looks whether rooms have what was acknowledged */
    bool floor;                  /* the server answers no push, and what it sends is not read */
    bool check;                  /* everything that is received is parsed */
    bool leave;                  /* clients leave as soon as they are connected */
    uint64_t readers;            /* of each room: clients that only receive */
    uint64_t reader_bytes;       /* per second that a reader takes; 0: all at once */
    uint64_t prefill;            /* shapes in each room before it begins */
    uint64_t joins, join_rounds; /* clients that join at once; how many times that happens */
    uint64_t join_prefill;       /* shapes in the room that they join */
    double join_gap, warm, seconds;
    double drain;        /* seconds at most, for the last results */
    uint64_t connecting; /* handshakes under way at a time */
};

/* A room: its clients are rooms * clients movers, and then its readers. */
struct room {
    char name[40];
    uint64_t listeners; /* clients that count as receivers */
};

/* Connections that the server ended, by close code. */
enum { CLOSE_CODES = 8 };
struct closes {
    unsigned code; /* 0: none was said */
    uint64_t count;
};

/* Within the window that is measured. */
struct stats {
    uint64_t sent, acked;        /* pushes of moves */
    uint64_t shapes_sent;        /* of them, of shapes */
    uint64_t offered;            /* updates that others should get: of pushes acknowledged */
    uint64_t delivered;          /* updates that others got; fewer where moves are merged */
    uint64_t frames, bytes;      /* received by those that read at once */
    uint64_t commits;            /* results that say so; counted with --check only */
    uint64_t wrong;              /* broken frames, results out of order, what --check refuses */
    struct histogram result;     /* push to push_result, us */
    struct histogram delivery;   /* push to each delivery, us */
    struct histogram lateness;   /* plan to push, us */
    struct histogram join;       /* connect request to the reply's last byte, us */
    struct histogram join_round; /* the same, until all of a round have it */
    uint64_t join_bytes;         /* of the last reply */
};

struct load {
    struct options options;
    int epoll;
    uint64_t began_us; /* stamps count from here */
    uint64_t now_us;   /* since then; renewed after each system call that may have taken time */
    struct room *rooms;
    struct client *clients;
    size_t client_count;
    size_t in_state[CLIENT_STATES];    /* clients by state */
    uint64_t again;                    /* connections tried once more */
    uint64_t closed;                   /* by the server, of clients that were ready */
    struct closes closes[CLOSE_CODES]; /* of them; the last is of all others too */
    uint64_t outage_us;                /* when SIGUSR1 came; 0: never */
    size_t recovering;                 /* clients without an answer to what they pushed since */
    uint64_t audited, missing;         /* shapes that were looked for, and not as they should be */
    char failure[160];                 /* the first trouble, for people */
    struct stats stats;
};

uint64_t load_renew_now(struct load *load);
/* Notes trouble; the first is told. */
void load_trouble(struct load *load, const struct client *client, const char *what, unsigned code);

#endif
