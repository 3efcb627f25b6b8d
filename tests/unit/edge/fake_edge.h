/* An edge between scripted clients and workers, without sockets or a clock. What it asks of its
 * host, tells its workers and sends its clients is written down as lines of text, and taken by the
 * test that compares them:
 *
 *      fake_asked     "find ROOM" "connect WORKER" "drop WORKER" "read SESSION on|off"
 *                     "end SESSION" "abort SESSION"
 *      fake_told      "hello ID NODE" "open CONN ROOM SESSION FLAGS" "message CONN SEQ JSON"
 *                     "broken CONN SEQ FLAGS" "gone CONN" "roster ROOM JSON"
 *                     "resume CONN ROOM SESSION FLAGS CLOCK PRESENCE-CLOCK PRESENCE-AT ANSWERED
 *                      SEQ STATE OPS"; CONN is "2+1" if one opening of it was taken back
 *      fake_got       "text JSON" "binary JSON" "pong BYTES" "close" "close CODE REASON" */
#ifndef TEST_FAKE_EDGE_H
#define TEST_FAKE_EDGE_H

#include "base/list.h"
#include "edge/edge.h"
#include "ws/frame.h"

#include <criterion/criterion.h>

struct fake {
    bool remote; /* owners are of other machines */
    struct edge *edge;
    struct edge_config config;
    uint64_t now;
    struct list clients; /* of struct fake_client.link; owned */
    struct list workers; /* of struct fake_worker.link; owned */
    struct buf asked;
    char *taken;       /* what was handed out last */
    bool refuse_finds; /* answers look-ups at once, as a store that is down does */
};

struct fake_client {
    struct list link;
    struct fake *fake;
    struct edge_conn *conn; /* NULL once destroyed */
    char session[32];
    struct buf received; /* what its socket took and is not read yet */
    size_t window;       /* bytes the socket takes; SIZE_MAX: all */
    bool paused, ended, aborted;
};

struct fake_worker {
    struct list link;
    struct edge_link *edge_link; /* NULL once down */
    char id[32];
};

void fake_init(struct fake *fake);
/* Everything is destroyed; what was never freed is for the sanitizer to find. */
void fake_finish(struct fake *fake);

/* Does what is done in slices, to its end. */
void fake_work(struct fake *fake);
/* Moves time on, a deadline at a time, and checks that every one of them was worth waking for. */
void fake_pass(struct fake *fake, uint64_t ms);

/* The lines since the last call; valid until the next call of one of these. */
const char *fake_asked(struct fake *fake);
const char *fake_told(struct fake *fake, const char *worker);
const char *fake_got(struct fake_client *client);

/* For what the three above return. */
#define SAME_LINES(got, want)                                                                      \
    do {                                                                                           \
        const char *got_ = (got);                                                                  \
        const char *want_ = (want);                                                                \
        cr_assert(strcmp(got_, want_) == 0, "\n%s  instead of\n%s", got_, want_);                  \
    } while (0)

/* ---- clients ---- */

struct fake_client *fake_open(struct fake *fake, const char *room, const char *session);
void fake_frame(struct fake_client *client, enum ws_opcode opcode, struct str payload);
void fake_text(struct fake_client *client, const char *text);
/* Each line as a message, all of them in one read. */
void fake_lines(struct fake_client *client, const char *lines);
/* The JSON as a msgpack message. */
void fake_binary(struct fake_client *client, const char *json);
/* Its socket takes what it has room for. */
void fake_write(struct fake_client *client);
void fake_gone(struct fake_client *client);

/* ---- workers ---- */

void fake_owner(struct fake *fake, const char *room, const char *worker);
void fake_no_owner(struct fake *fake, const char *room);
struct fake_worker *fake_worker(struct fake *fake, const char *id);
/* The worker's greeting. */
void fake_greet(struct fake *fake, const char *worker);
/* Owner found and greeted, and what came of that is not looked at. */
void fake_serve(struct fake *fake, const char *room, const char *worker);
enum err fake_try(struct fake *fake, const char *worker, const struct link_frame *frame);
/* The same for a frame that must be welcome. */
void fake_say(struct fake *fake, const char *worker, const struct link_frame *frame);
void fake_down(struct fake *fake, const char *worker);

/* Frames of a worker. `json` is the payload. */
void fake_send(struct fake *fake, const char *worker, uint64_t conn, uint64_t answered,
               enum link_how how, const char *json);
void fake_state(struct fake *fake, const char *worker, uint64_t conn, uint64_t answered,
                const char *json);
void fake_cast(struct fake *fake, const char *worker, uint64_t except, const char *json);

/* Of the room in every frame of fake_send and fake_cast. */
enum { FAKE_CHANNEL = 7 };

#endif
