/* Requests of a host: what somebody outside wants of a room, asked of its owner over a link of its
 * own (proto/link.md, "Requests").
 *
 *      host ── request ─▶ [part ─▶ ... the last one] ─▶ worker
 *      host ◀── reply, or piece by piece: reply ◀── more ── ... ──▶ the last one
 *
 * A request is answered once what it did is as durable as the worker promises. When its link ends
 * it is forgotten; what it did stays done. */
#ifndef LINK_REQUEST_H
#define LINK_REQUEST_H

#include <stdbool.h>

/* What is wanted. The operand is the request's payload; nil where there is none. */
enum link_verb {
    LINK_VERB_UPDATE = 1,       /* {puts, deletes, expectedClock}: {clock, changed} */
    LINK_VERB_LOAD,             /* in parts, a room or store snapshot: {clock, changed} */
    LINK_VERB_SNAPSHOT,         /* in pieces (enum room_piece): the room snapshot */
    LINK_VERB_OBJECTS,          /* {clock, objects} */
    LINK_VERB_RECORD,           /* target: a record; {state, lastChangedClock} */
    LINK_VERB_SESSIONS,         /* {clock, sessions} */
    LINK_VERB_SESSION_SNAPSHOT, /* target: a session */
    LINK_VERB_SET_READONLY,     /* target: a session; a bool: the session */
    LINK_VERB_CLOSE,            /* target: a session; nil, or the reason as a string: nil */
    LINK_VERB_CUSTOM,           /* target: a session; the data: nil */
    LINK_VERB_ERASE,            /* the room, with all that is stored of it: {clock} */
    LINK_VERB_MOVE, /* {worker, node, address, remote}: hand the room over. Never answered with OK:
                       once it is another worker's, who asks that one is refused as not the owner
                       and looks who is */
};

/* Whether asking twice does no more than asking once. */
static inline bool link_verb_reads(enum link_verb verb)
{
    return (verb >= LINK_VERB_SNAPSHOT && verb <= LINK_VERB_SESSION_SNAPSHOT) ||
           verb == LINK_VERB_MOVE;
}

/* How it went. Those up to 15 are enum link_refusal: nothing was done. */
enum link_status {
    LINK_STATUS_OK = 0,
    LINK_STATUS_UNKNOWN = 16,  /* it was done here, but whether it lasts nobody knows */
    LINK_STATUS_NO_SESSION,    /* nothing was done, here and below */
    LINK_STATUS_NOT_CONNECTED, /* the session */
    LINK_STATUS_NO_RECORD,
    LINK_STATUS_MALFORMED, /* an operand of the wrong form */
    LINK_STATUS_INVALID,   /* a record that may not be stored */
    LINK_STATUS_CLOCK,     /* the document clock is another one; payload: {clock} */
    LINK_STATUS_TOO_LARGE, /* a record, or the room, would be */
    LINK_STATUS_NO_SCHEMA,
    LINK_STATUS_MIGRATION, /* the snapshot cannot be brought to the room's schema */
};

/* Of LINK_REQUEST: the operand follows in parts. Of LINK_PART and LINK_REPLY: more follow. */
enum { LINK_FLAG_MORE = 1 };

/* Of LINK_REPLY to LINK_VERB_SNAPSHOT: which part of it this is; they come in this order, and each
 * but END may come several times or not at all (room/host.h has the same). */
enum link_piece {
    LINK_PIECE_HEAD,       /* map: documentClock, tombstoneHistoryStartsAtClock, schema; once */
    LINK_PIECE_DOCUMENTS,  /* array of {state, lastChangedClock} */
    LINK_PIECE_TOMBSTONES, /* map id: clock */
    LINK_PIECE_END,        /* nil; the last */
};

/* Bytes of a part, and about those of a piece of a snapshot. */
enum { LINK_PART_BYTES = 256 << 10 };

#endif
