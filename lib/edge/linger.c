/* Sessions whose sockets are closed. If the owner dies before it has dealt with their last
 * messages, the next one gets them, so that closing a tab behind a stroke does not undo the stroke.
 */
#include "base/alloc.h"
#include "edge/internal.h"

#include <stdlib.h>

void linger_add(struct edge_conn *conn)
{
    struct edge *edge = conn->edge;
    struct edge_linger *linger = xcalloc(1, sizeof(*linger) + conn->session_len);
    linger->room = conn->room;
    linger->due = edge->now_ms + EDGE_LINGER_MS;
    linger->wire = conn->wire;
    linger->readonly = conn->readonly;
    linger->object_readonly = conn->object_readonly;
    linger->kept = conn->kept;
    conn->kept = (struct kept){0};
    list_init(&linger->inbox.messages);
    linger->inbox.count = conn->inbox.count;
    linger->inbox.superseded = conn->inbox.superseded;
    linger->inbox.bytes = conn->inbox.bytes;
    list_splice(&linger->inbox.messages, &conn->inbox.messages);
    conn->inbox.count = 0;
    conn->inbox.superseded = 0;
    conn->inbox.bytes = 0;
    linger->session_len = conn->session_len;
    memcpy(linger->session, conn->session, conn->session_len);
    list_append(&conn->room->lingers, &linger->room_link);
    list_append(&edge->lingering, &linger->time_link);
}

void linger_resume(struct edge_linger *linger)
{
    struct edge_room *room = linger->room;
    struct buf ops = {0};
    struct link_frame frame = {
        .type = LINK_RESUME,
        .conn = linger->wire,
        .room = str_of(room->name),
        .session = {linger->session, linger->session_len},
        .flags = LINK_OPEN_GONE | owner_access(linger->readonly, linger->object_readonly),
    };
    kept_write(&linger->kept, &frame, &ops);
    frame.seq = inbox_last(&linger->inbox, frame.answered);
    edge_link_send(room->link, &frame);
    inbox_send(room->link, linger->wire, &linger->inbox);
    buf_finish(&ops);
}

void linger_free(struct edge_linger *linger)
{
    list_remove(&linger->room_link);
    list_remove(&linger->time_link);
    inbox_free(linger->room->edge, &linger->inbox);
    kept_finish(&linger->kept);
    free(linger);
}

static struct edge_linger *find(struct edge_link *link, uint64_t wire)
{
    struct edge_linger *linger;
    list_each(linger, &link->edge->lingering, time_link, struct edge_linger)
    {
        if (linger->wire == wire && linger->room->link == link) {
            return linger;
        }
    }
    return NULL;
}

void linger_frame(struct edge_link *link, const struct link_frame *frame)
{
    struct edge_linger *linger = find(link, frame->conn);
    if (!linger) {
        return;
    }
    bool try_again = frame->type == LINK_REFUSE && (frame->code == LINK_REFUSED_NOT_OWNER ||
                                                    frame->code == LINK_REFUSED_UNAVAILABLE);
    if (frame->type == LINK_FLAGS) {
        linger->readonly = frame->flags & LINK_OPEN_READONLY;
    } else if (try_again) {
        room_lost(linger->room, false);
    } else {
        linger_free(linger);
    }
}

void linger_tick(struct edge *edge)
{
    while (!list_empty(&edge->lingering)) {
        struct edge_linger *linger =
            list_entry(edge->lingering.next, struct edge_linger, time_link);
        if (linger->due > edge->now_ms) {
            return;
        }
        linger_free(linger);
    }
}
