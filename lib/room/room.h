/* One room: the authority over its documents, presence and sessions. Implements the room rules
 * (families CLK CONN NEG SCH HYD PUSH VAL RO PRES BCAST LIFE REJ APP TOMB); pacing (MSG) is the
 * gateway's.
 *
 * Pure: messages and a time go in, what is to happen comes out through `struct room_host`, in
 * order, from inside the call. The host must not call back into the room from there, except for
 * the functions that take `const struct room *`.
 *
 *      session            room_session_open ── connect ──▶ room_message, room_broken_frame,
 *      life               (AWAITING)         (CONNECTED)   room_socket_gone ──▶ removal wait ──▶
 * removed
 *
 * Every change of the documents is told as one `room_entry` before anything that follows from it
 * is sent; whoever makes it durable holds back what was sent after it until it is (P2). */
#ifndef ROOM_ROOM_H
#define ROOM_ROOM_H

#include "base/blob.h"
#include "room/documents.h"
#include "schema/schema.h"

struct room;
struct room_session;

/* Limits of the rules, in milliseconds (room-rules, "Constants"). */
enum {
    ROOM_START_WAIT_MS = 10000,
    ROOM_REMOVAL_WAIT_MS = 5000,
    ROOM_IDLE_TIMEOUT_MS = 20000,
    ROOM_PRUNE_THROTTLE_MS = 1000,
    ROOM_SNAPSHOT_DELAY_MS = 5000,
};

enum { ROOM_PROTOCOL_VERSION = 8 };

/* Largest record; what would grow beyond it is INVALID_RECORD. Largest room, in bytes of its
 * documents: who would let it grow beyond is rejected ROOM_FULL. A room must fit into one message
 * and into one string of Redis (512 MiB). */
enum { ROOM_RECORD_MAX_BYTES = 32 << 20, ROOM_MAX_BYTES = 384 << 20 };
/* Largest presence record; gateways keep one per session. */
enum { ROOM_PRESENCE_MAX_BYTES = 1 << 20 };

enum room_session_state { ROOM_AWAITING_CONNECT, ROOM_CONNECTED, ROOM_AWAITING_REMOVAL };

/* How a message is to be put on the wire (MSG-1..4). */
enum room_send {
    ROOM_SEND_CONNECT, /* at once; events still waiting for this session are superseded */
    ROOM_SEND_EVENT,   /* a data event: paced and grouped into `data` messages */
    ROOM_SEND_PONG,    /* at once, ahead of waiting events */
    ROOM_SEND_CUSTOM,  /* at once, behind waiting events */
    ROOM_SEND_LEGACY,  /* incompatibility_error: at once, waiting events are not flushed */
};

/* Close codes towards clients (protocol section 8). */
enum { ROOM_CLOSE_PLAIN = 0, ROOM_CLOSE_FATAL = 4099 };

enum room_event { ROOM_SESSION_REMOVED, ROOM_BECAME_EMPTY, ROOM_DOCUMENT_CHANGED };

/* What the pushing session was told; kept with the change, so that it can be told again. */
enum room_outcome { ROOM_OUTCOME_NONE, ROOM_OUTCOME_COMMIT, ROOM_OUTCOME_REBASE };

/* One transaction that changed the documents (CLK-1). Views, valid during the call. */
struct room_entry {
    uint64_t clock;
    struct str session; /* id; absent if no session did it */
    uint64_t seq;       /* the session's inbound sequence number; 0 if none */
    enum room_outcome outcome;
    struct value diff;   /* network diff: puts, patches against the state before, removes; absent
                          * where it is larger than room_config.diff_max and was not written */
    struct value schema; /* serialized schema, in the entry that sets it; else absent */
};

/* What an event does to the set of presence records that clients see. */
enum room_presence_effect { ROOM_PRESENCE_SAME, ROOM_PRESENCE_ADDED, ROOM_PRESENCE_REMOVED };

/* A data event to every connected session of one edition but one. Sessions on the room's own schema
 * are edition 0, those on an older one share an edition with all that see the same. Views, valid
 * during the call. */
struct room_broadcast {
    uint64_t edition;
    struct room_session *except; /* may be NULL */
    struct value event;
    struct blob *holder; /* what the event lies in, for who refers to it for longer; or NULL */
    bool documents;      /* it is about documents too, not only about presence */
    struct str presence; /* id of the record that it changes, if any */
    enum room_presence_effect effect;
};

struct room_host {
    /* To one connected or connecting session. */
    void (*send)(void *ctx, struct room_session *to, enum room_send how, struct value message);
    void (*broadcast)(void *ctx, const struct room_broadcast *broadcast);
    /* Closes the session's socket: plain (cancel), or with code and reason. */
    void (*close)(void *ctx, struct room_session *session, int code, struct str reason);
    /* Whoever joins is to be told all documents, as the room has them now. True: the host tells
     * them with the reply that comes next, which is without documents, `diff` its last member.
     * NULL: the room tells them. */
    bool (*tells_documents)(void *ctx, const struct room_session *to);
    void (*append)(void *ctx, const struct room_entry *entry);
    /* The server clock in the answer to a push that changed no document: at most the room's. NULL:
     * that one. */
    uint64_t (*result_clock)(void *ctx, const struct room_session *session);
    /* `session` is the one removed, still whole; NULL for the other events. */
    void (*event)(void *ctx, enum room_event event, struct room_session *session);
    /* Unguessable text for presence ids (CONN-3). */
    void (*random_id)(void *ctx, char out[21]);
    /* A session has been quiet for ROOM_SNAPSHOT_DELAY_MS since its last message (RES-4). NULL:
     * nobody asks. */
    void (*session_snapshot)(void *ctx, struct room_session *session);
    /* A client was refused for its schema; both are serialized. For the log. */
    void (*schema_refused)(void *ctx, struct room_session *session, struct str reason,
                           struct value ours, struct value theirs);
};

struct room_config {
    uint64_t idle_timeout_ms; /* 0: sessions are never idle */
    struct schema *schema;    /* of all rooms, borrowed; NULL: each adopts its first client's */
    bool session_snapshots;   /* tell host.session_snapshot (RES-4) */
    size_t diff_max;          /* bytes of a diff that nobody wants in an entry any more; 0: any */
};

/* Empty, at clock 0, without schema. `host` and `config` are borrowed for the room's life. */
struct room *room_create(const struct room_config *config, const struct room_host *host, void *ctx);
/* Frees everything; tells nobody. NULL is fine. */
void room_destroy(struct room *room);

/* ---- persistence ---- */

/* Appends the room snapshot (SNAP-1) as a map. */
void room_write_snapshot(const struct room *room, struct buf *out);
/* Fills a new room (SNAP-2..7). ERR_MALFORMED: the room is unusable. */
enum err room_read_snapshot(struct room *room, struct value snapshot) NODISCARD;
/* The same in slices; `snapshot` and the room are borrowed, and nobody touches the room meanwhile.
 */
struct room_reading;
struct room_reading *room_read_begin(struct room *room, struct value snapshot);
/* ERR_AGAIN: there is more to do; else as above, and final. */
enum err room_read_step(struct room_reading *reading, struct slice *slice) NODISCARD;
void room_read_end(struct room_reading *reading); /* NULL is fine */

/* Applies one logged entry to a room without sessions. Entries come in the order they were made;
 * ERR_GAP if the clock is not the next one, ERR_MALFORMED if the diff does not fit. */
enum err room_replay(struct room *room, const struct room_entry *entry) NODISCARD;

/* Brings what was read to the schema of the configuration, if there is one: a room that was stored
 * under another schema is migrated, as one transaction (SNAP-8). Once, after everything is read and
 * before there are sessions; nobody touches the room meanwhile. */
struct room_settling;
struct room_settling *room_settle_begin(struct room *room);
/* ERR_AGAIN: there is more to do; else final. ERR_VERSION: no way leads from its schema to ours.
 * ERR_REFUSED, ERR_TOO_LARGE: it cannot be migrated. In these it stays as it is, and `why` says for
 * people what is in the way. */
enum err room_settle_step(struct room_settling *settling, struct slice *slice) NODISCARD;
/* There is nothing to do but to wait for the engine: try again some milliseconds later. */
bool room_settle_waits(const struct room_settling *settling);
struct str room_settle_why(const struct room_settling *settling); /* a view */
/* At any time; if it was not over, the room is good for nothing but to be destroyed. NULL is fine.
 */
void room_settle_end(struct room_settling *settling);
/* All at once, waiting where it has to. */
enum err room_settle_schema(struct room *room, struct buf *why) NODISCARD;

/* Gives a new room the schema of the configuration, and the documents that it starts with (SNAP-9).
 * Its first client does the same. Nothing if it has a schema, or the configuration has none. */
void room_begin(struct room *room);

const struct documents *room_documents(const struct room *room);
/* NULL until a schema is adopted or loaded. */
const struct schema *room_schema(const struct room *room);

/* ---- sessions ---- */

struct room_session_config {
    struct str id;
    bool readonly;
    bool object_write; /* objectAccess is "write" */
    uint64_t conn;     /* the host's handle of the socket, kept for it */
};

/* A socket was accepted (CONN-1). A session of that id is taken over: same presence, same place. */
struct room_session *room_session_open(struct room *room, const struct room_session_config *config,
                                       uint64_t now_ms);
struct room_session *room_session_find(struct room *room, struct str id);

/* One message. `seq` is its place among the session's inbound messages, for the entry. May remove
 * the session. */
void room_message(struct room *room, struct room_session *session, struct value message,
                  uint64_t seq, uint64_t now_ms);

/* A frame that is no message: `fatal` for a single frame that does not parse (reject
 * UNKNOWN_ERROR), else a chunk error (cancel). Protocol 7.3. */
void room_broken_frame(struct room *room, struct room_session *session, bool fatal,
                       uint64_t now_ms);
/* The socket closed or failed (LIFE-4): the session waits for its return. */
void room_socket_gone(struct room *room, struct room_session *session, uint64_t now_ms);
/* The host ends a session: with reason a rejection, without ({NULL, 0}) a plain removal (LIFE-7).
 */
void room_session_close(struct room *room, struct room_session *session, struct str reason);
/* Removes every session without a word to its socket, as LIFE-8 for a room that ends. */
void room_remove_sessions(struct room *room);
/* The host sends application data; dropped if the session is not connected (MSG-8). */
void room_send_custom(struct room *room, struct room_session *session, struct value data);

/* Acts on everything that is due (LIFE-1, TOMB-2). Call when room_deadline has passed; more often
 * does no harm. */
void room_tick(struct room *room, uint64_t now_ms);
/* When the next thing is due; UINT64_MAX if nothing is. */
uint64_t room_deadline(const struct room *room);

/* Whether something takes so long that it is done in slices. If so, call room_work again and again,
 * with others' turns in between. */
bool room_is_busy(const struct room *room);
/* Does one slice, of some milliseconds. May remove a session. */
void room_work(struct room *room, uint64_t now_ms);

uint32_t room_session_count(const struct room *room);
/* In session order; NULL starts, NULL ends. */
struct room_session *room_next_session(const struct room *room, const struct room_session *after);

struct str room_session_id(const struct room_session *session);
enum room_session_state room_session_state(const struct room_session *session);
uint64_t room_session_conn(const struct room_session *session);
bool room_session_readonly(const struct room_session *session);
bool room_session_object_write(const struct room_session *session);
/* Number of the edition it sees; 0 for the room itself. */
uint64_t room_session_edition(const struct room_session *session);
/* The presence record, or NULL. */
const struct record *room_session_presence(const struct room_session *session);

#endif
