/* Shares: what is long in a message, given to a gateway in parts ahead of it (proto/link.md,
 * "Shares"): all documents of a room, once for many connect replies, or the diff of one message.
 * They go past the output commit, which the messages that refer to them pass: what is in a share is
 * shown to nobody before. */
#include "base/alloc.h"
#include "room/view.h"
#include "shard/internal.h"
#include "value/pack.h"

#include <stdlib.h>

/* Parts of a slice, which is 1 MiB where nobody wants it smaller. */
enum {
    FROM = 32, /* bytes of a room's documents; smaller rooms go with each reply */
    PART = 8,  /* of members in a frame; also on a link unread: others would wait behind more */
};

enum {
    KEEP_MS = 10000,       /* after the last reply, */
    KEEP_BYTES = 64 << 20, /* unless all that there are have more documents than this */
    UNSENT = 2,            /* of one room for one link */
    HURRY_MS = 1000,       /* who does not read keeps all others of the room waiting so long */
};

struct shard_share {
    struct list room_link; /* in shard_room.shares */
    struct list link_link; /* in shard_link.shares */
    struct list work_link; /* in shard.sharing while there are members left */
    struct shard_room *room;
    struct shard_link *link;
    uint64_t number, clock;
    size_t bytes;           /* of what is in it */
    struct room_view *view; /* owned */
    bool whole;             /* all of it is sent */
    uint64_t need, gate;    /* what the last message that refers to it waits for */
    uint64_t begun_at, used_at;
    uint64_t shut; /* the gate that is shut until all is sent; 0: none */
    size_t owed;   /* of it, in shard_link.owed */
    bool once;     /* it is for one message */
    bool hurries;  /* does not wait for the link to take it */
};

static size_t part_of_slice(const struct shard *shard, size_t part)
{
    return shard_slice(shard).left / part;
}

/* What is new of a share. */
struct beginning {
    struct room_view *view; /* taken */
    uint32_t members;
    size_t bytes;
    const struct shard_share *base; /* it has parts in common with that one; or NULL */
    struct value kept;              /* which */
};

static struct shard_share *share_create(struct shard_link *link, struct shard_room *room,
                                        const struct beginning *beginning)
{
    struct shard_share *share = xcalloc(1, sizeof(*share));
    share->room = room;
    share->link = link;
    share->number = ++link->next_share;
    share->clock = room_documents(room->room)->clock;
    share->bytes = beginning->bytes;
    share->view = beginning->view;
    share->begun_at = room->shard->now_ms;
    room->shard->shared_bytes += share->bytes;
    list_append(&room->shares, &share->room_link);
    list_append(&link->shares, &share->link_link);
    list_append(&room->shard->sharing, &share->work_link);
    struct link_frame frame = {.type = LINK_SHARE,
                               .share = share->number,
                               .members = beginning->members,
                               .base = beginning->base ? beginning->base->number : 0,
                               .payload = beginning->kept};
    link_send(link, &frame);
    return share;
}

/* All of it is sent, or nothing more will be. */
static void share_end_sending(struct shard_share *share)
{
    share->whole = true;
    share->link->owed -= share->owed;
    share->owed = 0;
}

static void share_free(struct shard_share *share)
{
    share->room->shard->shared_bytes -= share->bytes;
    share_end_sending(share);
    room_view_destroy(share->view);
    list_remove(&share->room_link);
    list_remove(&share->link_link);
    list_remove(&share->work_link);
    free(share);
}

static void share_forget(struct shard_share *share)
{
    struct link_frame frame = {.type = LINK_FORGET, .share = share->number};
    link_send(share->link, &frame);
    share_free(share);
}

/* Nobody else can be told that the room is so. */
static bool is_stale(const struct shard_share *share)
{
    return share->clock != room_documents(share->room->room)->clock;
}

/* The last of all documents that the link was given; and how many of them it has not got whole. */
static struct shard_share *find_last(const struct shard_room *room, const struct shard_link *link,
                                     uint32_t *unsent)
{
    struct shard_share *last = NULL;
    struct shard_share *share;
    *unsent = 0;
    list_each(share, &room->shares, room_link, struct shard_share)
    {
        if (share->link == link && !share->once) {
            last = share;
            *unsent += !share->whole;
        }
    }
    return last;
}

/* What has not changed since the last one is not sent again. */
static struct shard_share *share_anew(struct shard_link *link, struct shard_room *room,
                                      const struct shard_share *last)
{
    struct buf kept = {0};
    struct beginning beginning = {.bytes = room_documents(room->room)->bytes, .base = last};
    if (last) {
        beginning.view = room_view_renew(room->room, last->view, part_of_slice(room->shard, PART),
                                         &kept, &beginning.members);
    } else {
        beginning.view = room_view_create(room->room, &beginning.members);
        pack_array(&kept, 0);
    }
    beginning.kept = buf_value(&kept);
    struct shard_share *share = share_create(link, room, &beginning);
    buf_finish(&kept);
    return share;
}

struct shard_share *share_for(struct shard_conn *conn)
{
    struct shard_room *room = conn->room;
    if (conn->link->version < LINK_VERSION_SHARES ||
        room_documents(room->room)->bytes < part_of_slice(room->shard, FROM)) {
        return NULL;
    }
    uint32_t unsent;
    struct shard_share *last = find_last(room, conn->link, &unsent);
    if (last && !is_stale(last)) {
        return last;
    }
    return unsent < UNSENT ? share_anew(conn->link, room, last) : NULL;
}

struct shard_share *share_of(struct shard_room *room, struct shard_link *link, struct blob *holder,
                             struct value diff)
{
    struct buf none = {0};
    pack_array(&none, 0);
    struct beginning beginning = {.bytes = diff.len, .kept = buf_value(&none)};
    beginning.view = room_view_of(holder, diff, &beginning.members);
    struct shard_share *share = share_create(link, room, &beginning);
    share->once = true;
    buf_finish(&none);
    return share;
}

void share_shut_gate(struct shard_share *share)
{
    share->shut = gate_shut(share->room);
}

void share_owe(struct shard_share *share)
{
    share->owed = share->bytes;
    share->link->owed += share->owed;
}

uint64_t share_number(const struct shard_share *share)
{
    return share->number;
}

void share_used(struct shard_share *share)
{
    share->need = share->room->appended;
    share->gate = share->room->gate;
    share->used_at = share->room->shard->now_ms;
}

/* ---- their members, in slices ---- */

static bool link_takes_more(const struct shard_share *share)
{
    return share->hurries ||
           buf_len(&share->link->output) < part_of_slice(share->room->shard, PART);
}

bool shares_have_work(const struct shard *shard)
{
    struct shard_share *share;
    list_each(share, &shard->sharing, work_link, struct shard_share)
    {
        if (link_takes_more(share)) {
            return true;
        }
    }
    return false;
}

static void send_members(struct shard_share *share)
{
    struct buf diff = {0};
    if (room_view_next(share->view, part_of_slice(share->room->shard, PART), &diff)) {
        struct link_frame frame = {
            .type = LINK_MEMBERS, .share = share->number, .payload = buf_value(&diff)};
        link_send(share->link, &frame);
        list_append(&share->room->shard->sharing, &share->work_link); /* behind the others */
    } else {
        share_end_sending(share);
        if (share->shut) {
            gate_opened(share->room);
        }
    }
    buf_finish(&diff);
}

void shares_work(struct shard *shard)
{
    struct shard_share *share;
    list_each(share, &shard->sharing, work_link, struct shard_share)
    {
        if (link_takes_more(share)) {
            shard_turn_to(shard, str_of(share->room->name));
            list_remove(&share->work_link);
            send_members(share);
            return;
        }
    }
}

uint64_t shares_gate(const struct shard_room *room)
{
    uint64_t first = 0;
    struct shard_share *share;
    list_each(share, &room->shares, room_link, struct shard_share)
    {
        if (!share->whole && share->shut && (!first || share->shut < first)) {
            first = share->shut;
        }
    }
    return first;
}

/* ---- their end ---- */

/* The last message that refers to it is. */
static bool is_sent(const struct shard_share *share)
{
    return share->room->durable >= share->need && share->room->gate_passed >= share->gate;
}

size_t shares_waiting(const struct shard_room *room)
{
    size_t bytes = 0;
    struct shard_share *share;
    list_each(share, &room->shares, room_link, struct shard_share)
    {
        bytes += share->once && !is_sent(share) ? share->bytes : 0;
    }
    return bytes;
}

void shares_abandon(struct shard_room *room)
{
    struct shard_share *share;
    list_each(share, &room->shares, room_link, struct shard_share)
    {
        if (share->once && !is_sent(share)) {
            share_forget(share);
        }
    }
    gate_find_passed(room);
}

/* Who joins next can be told the room as it was then, or what has not changed since. */
static bool is_worth_keeping(const struct shard_share *share, uint64_t now_ms)
{
    uint32_t unsent;
    return !share->once && share->room->shard->shared_bytes <= KEEP_BYTES &&
           now_ms - share->used_at < KEEP_MS &&
           find_last(share->room, share->link, &unsent) == share;
}

static bool is_over(const struct shard_share *share, uint64_t now_ms)
{
    return is_sent(share) && share->whole && !is_worth_keeping(share, now_ms);
}

void shares_tick(struct shard_room *room, uint64_t now_ms)
{
    struct shard_share *share;
    list_each(share, &room->shares, room_link, struct shard_share)
    {
        share->hurries |= share->shut && now_ms - share->begun_at >= HURRY_MS;
        if (is_over(share, now_ms)) {
            share_forget(share);
        }
    }
}

void shares_end(struct shard_room *room)
{
    struct shard_share *share;
    list_each(share, &room->shares, room_link, struct shard_share)
    {
        share_forget(share);
    }
}

void shares_forget_link(struct shard_link *link)
{
    struct shard_share *share;
    while (!list_empty(&link->shares)) {
        share = list_entry(link->shares.next, struct shard_share, link_link);
        struct shard_room *room = share->room;
        bool shut = share->shut && !share->whole;
        share_free(share);
        if (shut) {
            gate_opened(room);
        }
    }
}
