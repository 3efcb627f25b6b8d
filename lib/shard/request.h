/* One request of a host (link/request.h). Private to lib/shard.
 *
 *      GATHERING ── its last part ──▶ (READY) ──▶ DEFERRED ── the room serves ──┐
 *                                                                               │
 *            gone ◀── the store has it ── ANSWERING ◀── (WORKING) ◀─────────────┤
 *            gone ◀── the last piece ──── STREAMING ◀── if it comes in pieces ──┘
 */
#ifndef SHARD_REQUEST_H
#define SHARD_REQUEST_H

#include "link/request.h"
#include "room/host.h"
#include "shard/internal.h"

enum request_state {
    REQUEST_GATHERING, /* its operand comes in parts */
    REQUEST_READY,     /* its operand is here, and so long that it is looked at in slices */
    REQUEST_DEFERRED,  /* its room cannot take it yet */
    REQUEST_WORKING,   /* its room is held for it */
    REQUEST_ANSWERING, /* its answer waits for the store */
    REQUEST_STREAMING, /* pieces go out as they are asked for */
};

struct shard_request {
    struct list link_link; /* in shard_link.requests */
    struct list room_link; /* in shard_room.requests while it waits for it; in shard.ready */
    struct shard_link *link;
    struct shard_room *room; /* that it waits for; else NULL */
    uint64_t number;         /* the host's */
    enum link_verb verb;
    enum request_state state;
    uint64_t need, gate; /* as of a frame in the outbox */
    struct buf operand;
    struct value_checking *checking; /* owned; READY */
    struct value payload;            /* in `operand`; valid from DEFERRED on */
    struct buf reply;                /* a frame; ANSWERING */
    struct room_reader *reader;      /* owned; of one that is answered in pieces */
    struct str name, target;         /* of the room, and of what in it; in `text` */
    char text[];
};

struct request_answer {
    enum link_status status;
    struct buf payload; /* one value; empty: nil */
    struct buf why;     /* for people */
};

/* The answer to an edit. */
void request_answer_edit(const struct shard_room *room, enum room_edited edited,
                         struct request_answer *answer);
/* It is done; the answer goes out when that is stored. May free the request. */
void request_answer(struct shard_request *request, struct shard_room *room,
                    struct request_answer *answer);
/* Does what is wanted, if that is not long; the room serves. */
void request_do(struct shard_request *request, struct shard_room *room,
                struct request_answer *answer, uint64_t now_ms);

#endif
