/* Frames between a gateway and a worker: proto/link.md has the contract. Pure.
 *
 * On the wire a frame is a 32-bit big-endian length and that many bytes of one msgpack array: the
 * frame's type, then its fields in the order of the table in frame.c. A reader ignores further
 * elements, so that a newer peer may append fields. */
#ifndef LINK_FRAME_H
#define LINK_FRAME_H

#include "base/buf.h"
#include "base/err.h"
#include "link/version.h"
#include "value/value.h"

#include <msgpack.h>

/* Longest frame, without its length. A connect reply carries a whole room. */
#define LINK_FRAME_MAX (512u * 1024 * 1024)

enum link_type {
    /* both ways, first on a link */
    LINK_HELLO = 1, /* version_min version_max id node */
    /* gateway to worker */
    LINK_OPEN = 2,    /* conn room session flags */
    LINK_MESSAGE = 3, /* conn seq payload */
    LINK_BROKEN = 4,  /* conn seq flags */
    LINK_GONE = 5,    /* conn */
    LINK_RESUME = 6,  /* conn room session flags clock presence_clock presence_at answered seq
                         payload(state) ops */
    /* both ways */
    LINK_ROSTER = 7, /* room payload(array of presence ids) */
    /* host to worker: what somebody outside wants of a room (request.h) */
    LINK_REQUEST = 8, /* request verb room target flags payload */
    LINK_PART = 9,    /* request flags bytes */
    LINK_MORE = 10,   /* request */
    /* worker to gateway */
    LINK_SEND = 16,    /* conn answered clock how payload, channel for a connect reply;
                          presence_clock presence_at share */
    LINK_CAST = 17,    /* channel conn(except, 0: none) clock payload; presence_clock, presence,
                          flags share */
    LINK_CLOSE = 18,   /* conn code reason */
    LINK_DETACH = 19,  /* conn */
    LINK_REFUSE = 20,  /* conn code(enum link_refusal) reason */
    LINK_ACK = 21,     /* conn answered */
    LINK_STATE = 22,   /* conn answered payload */
    LINK_RESUMED = 23, /* conn answered clock presence_clock channel presence_at */
    LINK_MOVED = 24,   /* room id address, both empty if unknown */
    LINK_REPLY = 25,   /* request code(enum link_status) piece flags payload reason; to the host */
    LINK_FLAGS = 26,   /* conn flags: those of LINK_OPEN, from now on; since version 2 */
    /* since version 2: members of a long `diff`, for LINK_SEND and LINK_CAST to refer to, whose
     * payload is without them then, `diff` last */
    LINK_SHARE = 27,   /* share members base(another share, 0: none) payload(array: its parts that
                          are the first of this one) */
    LINK_MEMBERS = 28, /* share payload(some of them: a map) */
    LINK_FORGET = 29,  /* share */
};

/* Of LINK_OPEN and LINK_RESUME; the last of RESUME only: the socket is closed already. */
enum { LINK_OPEN_READONLY = 1, LINK_OPEN_OBJECT_WRITE = 2, LINK_OPEN_GONE = 4 };
enum { LINK_BROKEN_FATAL = 1 };
/* A worker sends a new LINK_STATE of a session when that many presence members of its pushes, or
 * that many bytes of them, have been answered since the last: what a gateway keeps is bounded. */
enum { LINK_STATE_OPS = 16, LINK_STATE_BYTES = 4096 };
/* Of LINK_CAST: what its event does to the presence record that it names. */
enum { LINK_CAST_ADDS = 1, LINK_CAST_REMOVES = 2 };

/* How a LINK_SEND is to be put on the wire (room-rules MSG-1..4). */
enum link_how {
    LINK_HOW_CONNECT = 1, /* at once; events still waiting are superseded */
    LINK_HOW_EVENT,       /* a data event: paced and grouped into `data` messages */
    LINK_HOW_PONG,        /* at once, ahead of waiting events */
    LINK_HOW_CUSTOM,      /* at once, behind waiting events */
    LINK_HOW_LEGACY,      /* at once; waiting events stay where they are */
};

/* Why a worker does not serve a connection. */
enum link_refusal {
    LINK_REFUSED_NOT_OWNER = 1, /* look up the owner again */
    LINK_REFUSED_UNREADABLE,    /* the stored room cannot be read; someone must look */
    LINK_REFUSED_BUSY,          /* limits reached: the client may come back later */
    LINK_REFUSED_UNAVAILABLE,   /* the store is away: ask again soon */
    LINK_REFUSED_VERSION,       /* the room was stored by a server with a newer schema */
};

/* What a connection is called on a link: a number that its gateway uses once, and above that how
 * many openings of it the gateway has taken back unanswered. It is another connection to the
 * worker, and the same one to whoever remembers its messages. */
enum { LINK_CONN_BITS = 40, LINK_OPENINGS = 1 << 12 };
#define LINK_CONN_NUMBER(conn) ((conn) & ((UINT64_C(1) << LINK_CONN_BITS) - 1))

struct link_frame {
    enum link_type type;
    uint64_t version_min, version_max;
    uint64_t conn;           /* LINK_CONN_NUMBER of it is the gateway's; never reused in its life */
    uint64_t seq;            /* place among the connection's messages, from 1 */
    uint64_t answered;       /* messages up to this one need not be kept any more */
    uint64_t clock;          /* document clock that the frame brings the session to */
    uint64_t presence_clock; /* likewise, of the presence of others */
    uint64_t presence_at;    /* presence clock of the session's own last presence */
    uint64_t channel;        /* the worker's number of a room, for LINK_CAST */
    uint64_t flags;
    uint64_t how; /* enum link_how */
    uint64_t code;
    uint64_t request, verb, piece; /* request.h */
    uint64_t share;                /* the worker's number of one, unique on its link; 0: none */
    uint64_t base;                 /* the number of another one */
    uint64_t members;              /* how many there are in it */
    struct str target;             /* of a request: a session or a record */
    struct str bytes;              /* a part of what is too long for one frame */
    struct str id, node, room, session, reason, address;
    struct str presence;  /* id of a presence record */
    struct value payload; /* one message or data event; or what the table says */
    struct value ops;     /* array of presence members of pushes */
};

/* Appends the frame. */
void link_write(struct buf *out, const struct link_frame *frame);

/* Reads frames off a stream. */
struct link_reader {
    msgpack_zone *zone; /* owned; holds the frame last read */
};

void link_reader_init(struct link_reader *reader);
void link_reader_finish(struct link_reader *reader);

/* Reads the first frame of `data`. ERR_OK: *frame is it, with views into `data` that live until the
 * next call, and *size is what it took. ERR_AGAIN: not all there. Else the link is beyond repair:
 * ERR_TOO_LARGE, ERR_MALFORMED. */
enum err link_read(struct link_reader *reader, const uint8_t *data, size_t len,
                   struct link_frame *frame, size_t *size) NODISCARD;

/* The frame's name, for logs. */
const char *link_type_name(enum link_type type);

#endif
