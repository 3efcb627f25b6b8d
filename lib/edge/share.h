/* A share: all documents of a room, which a worker gives once for many connect replies
 * (proto/link.md, "Shares"). It comes in parts, and is rendered a part at a time, once for each
 * encoding that somebody waits for; connections are sent the same bytes.
 *
 *      worker ──members──▶ parts ──edge_work──▶ rendered ──┐
 *             ──join─────▶ joining ────────────────────────┴─▶ deliver_reply
 *
 * A connection whose reply waits for its share is *joining*: to its client, and to the room's next
 * owner if this one is lost, it has no reply yet. Private to lib/edge. */
#ifndef EDGE_SHARE_H
#define EDGE_SHARE_H

#include "base/list.h"
#include "edge/outq.h"
#include "edge/rendered.h"
#include "link/frame.h"

struct edge;
struct edge_conn;
struct edge_link;

struct share_part {
    struct blob *source;              /* owned reference: a map, as it came */
    struct blob *rendered[ENCODINGS]; /* likewise; NULL: not yet */
};

/* Owned by its link until that forgets it, and from then on by those who wait for it. */
struct edge_share {
    uint64_t number;
    struct edge *edge;
    struct edge_link *link;   /* NULL once it is forgotten */
    struct list waiting;      /* of struct joining.share_link */
    struct list work_link;    /* in edge.rendering while there is something to render */
    uint64_t members, have;   /* that it will have, and has */
    struct share_part *parts; /* owned */
    uint32_t part_count, part_cap;
    bool finishing; /* replies are being sent */
    struct {
        bool wanted;
        uint32_t parts; /* so many from the first are rendered, */
        size_t bytes;   /* which is so much */
    } as[ENCODINGS];
};

struct joining {
    struct list share_link; /* in edge_share.waiting */
    struct edge_share *share;
    struct edge_conn *conn;
    enum encoding encoding;
    struct blob *reply; /* owned reference: a map, without the share's members in its `diff` */
    uint64_t answered;  /* what the worker has said meanwhile; holds when the reply is sent */
    struct outq after;  /* what is to be sent behind it */
};

/* Key function for a map of shares by number. */
struct str share_key(const void *entry);

/* Frames about shares, of a link that has greeted; ERR_MALFORMED if they are against the rules. */
enum err share_frame(struct edge_link *link, const struct link_frame *frame) NODISCARD;
/* A connect reply that refers to a share which is there; the connection is joining until
 * deliver_reply was called. */
void share_join(struct edge_conn *conn, struct edge_share *share, const struct link_frame *frame);
struct edge_share *share_find(const struct edge_link *link, uint64_t number);
/* Whether the payload of a join can be given members. */
bool share_fits(struct value payload);
/* The reply is not wanted any more; nothing if there is none. */
void share_leave(struct edge_conn *conn);
/* The link is gone. */
void share_drop_all(struct edge_link *link);

/* Renders one part. */
void share_work(struct edge *edge);

#endif
