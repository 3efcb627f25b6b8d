/* A share: the members of a long `diff`, which a worker gives in parts, and once, for all messages
 * that refer to it: connect replies with all documents of a room, or a long event (proto/link.md,
 * "Shares"). It is rendered a part at a time, once for each encoding that somebody waits for;
 * connections are sent the same bytes.
 *
 *      worker ──members────▶ parts ──edge_work──▶ rendered ──┐
 *             ──send, cast─▶ share_wait ─────────────────────┴─▶ deliver_waited
 *
 * Messages to a connection that wait for shares go out in the order in which they came, and what
 * comes behind them waits too. A connection whose connect reply waits is *joining*: to its client,
 * and to the room's next owner if this one is lost, it has no reply yet. An event that waits for a
 * share is as good as sent: all that it needs is here. Private to lib/edge. */
#ifndef EDGE_SHARE_H
#define EDGE_SHARE_H

#include "base/list.h"
#include "edge/outq.h"
#include "edge/rendered.h"
#include "link/frame.h"

struct edge;
struct edge_conn;
struct edge_link;

/* Counted: one share may have parts of another, and what is rendered of them. */
struct share_part {
    uint32_t refs, members;
    struct blob *source;              /* owned reference: a map, as it came */
    struct blob *rendered[ENCODINGS]; /* likewise; NULL: not yet */
};

/* Owned by its link until that forgets it, and from then on by those who wait for it. */
struct edge_share {
    uint64_t number;
    struct edge *edge;
    struct edge_link *link;    /* NULL once it is forgotten */
    struct list waiting;       /* of struct share_wait.share_link */
    struct list work_link;     /* in edge.rendering while there is something to render */
    uint64_t members, have;    /* that it will have, and has */
    struct share_part **parts; /* owned references */
    uint32_t part_count, part_cap;
    bool finishing; /* what waits is being sent */
    struct {
        bool wanted;
        uint32_t parts; /* so many from the first are rendered, */
        size_t bytes;   /* which is so much */
    } as[ENCODINGS];
};

/* A message to one connection that waits for a share. */
struct share_wait {
    struct list share_link; /* in edge_share.waiting */
    struct list conn_link;  /* in edge_conn.waits */
    struct edge_share *share;
    struct edge_conn *conn;
    enum encoding encoding;
    bool reply;           /* a connect reply, the first of them then; else an event */
    struct blob *message; /* owned reference: a map, without the share's members in its `diff` */
    uint64_t answered;    /* of a reply: what the worker has said meanwhile, which holds when it is
                             sent */
    struct outq after;    /* what is to be sent behind it */
};

/* Key function for a map of shares by number. */
struct str share_key(const void *entry);

/* Frames about shares, of a link that has greeted; ERR_MALFORMED if they are against the rules. */
enum err share_frame(struct edge_link *link, const struct link_frame *frame) NODISCARD;
/* Whether a send or a cast that refers to a share may do so: there is one, all of it unless it is
 * for a connect reply, and the payload can be given members. */
bool share_serves(const struct edge_link *link, const struct link_frame *frame);
/* A message for the connection that refers to a share: deliver_waited is called when it can be
 * sent, which may be from here. */
void share_wait_for(struct edge_conn *conn, const struct link_frame *frame);
bool share_wait_is_over(const struct share_wait *wait);
/* It was sent. */
void share_wait_end(struct share_wait *wait);
/* The last message of the connection that waits, and its connect reply if that does; or NULL. */
struct share_wait *share_last_wait(const struct edge_conn *conn);
struct share_wait *share_joining(const struct edge_conn *conn);
/* What waits is not wanted any more. */
void share_leave(struct edge_conn *conn);
/* The link is gone. */
void share_drop_all(struct edge_link *link);

/* Renders one part. */
void share_work(struct edge *edge);

#endif
