/* A shard between scripted gateways and a store that answers when the test says so. What the shard
 * tells a gateway is written down as lines of text:
 *
 *      "hello ID NODE"                     "ack CONN SEQ"
 *      "connect CONN ANSWERED HYDRATION CLOCK DOCUMENTS"
 *      "event CONN ANSWERED JSON"          "pong CONN ANSWERED"       "legacy CONN JSON"
 *      "cast EXCEPT JSON"                  "close CONN CODE REASON"   "detach CONN"
 *      "refuse CONN not-owner|unreadable|busy|unavailable"
 *      "resumed CONN ANSWERED CLOCK"       "moved ROOM WORKER"
 *      "reply NUMBER STATUS [more] JSON"    "flags CONN FLAGS"
 *      "state CONN ANSWERED JSON", "roster ROOM JSON": only if the test wants them
 *      "share NUMBER MEMBERS [of NUMBER PARTS]", "members NUMBER COUNT", "forget NUMBER", and for a connect reply
 * that refers to one "join CONN ANSWERED HYDRATION CLOCK PRESENCES NUMBER", for an event "of share
 * NUMBER" before the JSON: likewise; else those are written down as if all were in them
 *
 * and requests to the store as "load ROOM", "append ROOM FIRST-LAST", "verify ROOM LAST", "snapshot
 * ROOM THROUGH", "release ROOM THROUGH" (with "keep" behind it if nothing is to be written,
 * "staged" if it came in pieces), "stage ROOM" for a piece, "hand ROOM THROUGH TO". Questions whose
 * the room is are not written down, and answered with the truth at the next turn, or look, unless
 * the test holds them back. */
#ifndef TEST_FAKE_SHARD_H
#define TEST_FAKE_SHARD_H

#include "fake_store.h"

#include <criterion/criterion.h>

struct request {
    struct list link;
    enum { REQUEST_LOAD, REQUEST_APPEND, REQUEST_STAGE, REQUEST_SNAPSHOT, REQUEST_HAND } kind;
    uint64_t room; /* the shard's number */
    char name[32];
    uint64_t epoch, first, last, through;
    struct entry **entries; /* owned */
    size_t count;
    struct buf stored;
    uint64_t staging, offset;
    bool release;
};

struct fake {
    struct shard *shard;
    struct shard_config config;
    struct fake_store store;
    int self;             /* who the shard is to the store */
    struct list gateways; /* of struct gateway.link; owned */
    struct list requests; /* of struct request.link; owned; oldest first */
    struct list checks;   /* of struct request.link; owned */
    bool hold_checks;
    bool show_sessions; /* writes down states and rosters */
    bool show_shares;
    bool leaving;                /* the store takes no pieces, and says so at once */
    bool other_worker;           /* there is one to place rooms at, worker-2 */
    bool taken_over, maybe_lost; /* what the next load says */
    uint64_t now;
    uint64_t ids; /* random ones so far */
    int greetings;
    int stopped, shown;
    bool dropped;     /* a link was to be dropped */
    char at_work[32]; /* the room it turned to last; for tests to clear */
    char events[256]; /* "demo changed 2": as they were told, a line each; the same */
    char moves[80];   /* "demo done 2": the moves that have ended, a line each; the same */
    struct buf asked;
    char *taken;
    /* Sees every frame to a gateway before it is written down. */
    void (*on_frame)(struct fake *fake, int gateway, const struct link_frame *frame);
};

struct gateway {
    struct list link;
    struct fake *fake;
    struct shard_link *shard_link;
    int number;
    char id[24];
    char moved_to[32];    /* address of the last room that it was told of */
    uint32_t members[16];   /* of shares, by the end of their number */
    struct buf told_of[16]; /* the same as JSON, as far as they were told */
    struct buf lines;
};

/* With a store that is up. */
void fake_init(struct fake *fake);
void fake_finish(struct fake *fake);
/* The worker dies; its requests are done by the store or not, as `applied` says of each bit in
 * turn. A new one starts, with no links. */
void fake_crash(struct fake *fake, uint32_t applied);

struct gateway *gateway_create(struct fake *fake, int number);
/* One that was there before, with its name and the numbers of its connections. */
struct gateway *gateway_return(struct fake *fake, int number, const char *id);
/* One of another node, or that speaks an older version of the link. */
struct gateway *gateway_create_as(struct fake *fake, int number, const char *node,
                                  uint64_t version_max);
void gateway_destroy(struct gateway *gateway);
/* The lines since the last call; valid until the next call of this or fake_asked. */
const char *gateway_told(struct gateway *gateway);

void gateway_say(struct gateway *gateway, const struct link_frame *frame);
void gateway_open(struct gateway *gateway, uint64_t conn, const char *room, const char *session);
void gateway_message(struct gateway *gateway, uint64_t conn, uint64_t seq, const char *json);
/* A resume without messages; `ops` as JSON. */
struct resume {
    uint64_t conn;
    const char *room, *session, *state, *ops;
    uint64_t clock, presence_clock, presence_at, answered, seq, flags;
};
void gateway_resume(struct gateway *gateway, const struct resume *resume);
void gateway_roster(struct gateway *gateway, const char *room, const char *json);
void gateway_gone(struct gateway *gateway, uint64_t conn);
/* Open, connect message (number 1), turn. */
void gateway_join(struct gateway *gateway, uint64_t conn, const char *room, const char *session);
/* The same for the first of a room: loads it, adopts the schema, and nobody looks at what was said.
 */
void gateway_found(struct gateway *gateway, uint64_t conn, const char *room, const char *session);

/* A put of a record with a number in it, as a push. */
void gateway_put(struct gateway *gateway, uint64_t conn, uint64_t seq, const char *id, int number);

/* Writes down what came; for fake_turn. */
void gateway_collect(struct gateway *gateway);
/* Hands out lines and empties them. */
const char *fake_take(struct fake *fake, struct buf *lines);

/* The end of a loop turn: entries are flushed, frames arrive. */
void fake_turn(struct fake *fake);
/* Moves time on by steps of a quarter of a second, with ticks and turns. */
void fake_pass(struct fake *fake, uint64_t ms);

const char *fake_asked(struct fake *fake);
size_t fake_pending(const struct fake *fake);
/* The store does the oldest request and answers. */
void fake_answer(struct fake *fake);
void fake_answer_all(struct fake *fake);
void fake_answer_check(struct fake *fake); /* the first, also with hold_checks */
void fake_answer_checks(struct fake *fake);
/* It answers with an error, having done it or not. */
void fake_fail(struct fake *fake, enum err err, bool applied);
/* Down: everything under way fails, done or not. */
void fake_store_changes(struct fake *fake, bool up, bool applied);

#define SAME_LINES(got, want)                                                                      \
    do {                                                                                           \
        const char *got_ = (got);                                                                  \
        const char *want_ = (want);                                                                \
        cr_assert(strcmp(got_, want_) == 0, "\n%s  instead of\n%s", got_, want_);                  \
    } while (0)

/* A connect message's schema, and one that does not fit it. */
#define SCHEMA "{\"schemaVersion\":2,\"sequences\":{\"com.example.note\":4}}"
#define OTHER_SCHEMA "{\"schemaVersion\":2,\"sequences\":{\"com.example.note\":5}}"
#define CONNECT(clock, schema)                                                                     \
    "{\"type\":\"connect\",\"connectRequestId\":\"c\",\"protocolVersion\":8,"                      \
    "\"lastServerClock\":" clock ",\"schema\":" schema "}"
#define PING "{\"type\":\"ping\"}"

#endif
