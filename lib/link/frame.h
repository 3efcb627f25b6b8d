/* Frames between a gateway and a worker: proto/link.md has the contract. Pure.
 *
 * On the wire a frame is a 32-bit big-endian length and that many bytes of one msgpack array: the
 * frame's type, then its fields in the order of the table in frame.c. A reader ignores further
 * elements, so that a newer peer may append fields. */
#ifndef LINK_FRAME_H
#define LINK_FRAME_H

#include "base/buf.h"
#include "base/err.h"
#include "value/value.h"

#include <msgpack.h>

/* Versions of the protocol that this build speaks. */
enum { LINK_VERSION_MIN = 1, LINK_VERSION_MAX = 1 };

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
    /* worker to gateway */
    LINK_SEND = 16,   /* conn answered clock how payload, channel for a connect reply */
    LINK_CAST = 17,   /* channel conn(except, 0: none) clock payload */
    LINK_CLOSE = 18,  /* conn code reason */
    LINK_DETACH = 19, /* conn */
    LINK_REFUSE = 20, /* conn code(enum link_refusal) reason */
    LINK_ACK = 21,    /* conn answered */
};

enum { LINK_OPEN_READONLY = 1, LINK_OPEN_OBJECT_WRITE = 2 };
enum { LINK_BROKEN_FATAL = 1 };

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
    LINK_REFUSED_BUSY,          /* limits reached, or Redis away; try later */
};

struct link_frame {
    enum link_type type;
    uint64_t version_min, version_max;
    uint64_t conn;    /* the gateway's number of a connection; never reused in its life */
    uint64_t seq;     /* place among the connection's messages, from 1 */
    uint64_t answered; /* messages up to this one need not be kept any more */
    uint64_t clock;   /* document clock that the frame brings the session to */
    uint64_t channel; /* the worker's number of a room, for LINK_CAST */
    uint64_t flags;
    uint64_t how; /* enum link_how */
    uint64_t code;
    struct str id, node, room, session, reason;
    struct value payload; /* one message or data event */
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
