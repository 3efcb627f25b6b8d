/* The output commit: frames of a room wait here until the log entries made before them are durable.
 * One buf per room holds them as records of a header and the frame's bytes. */
#include "base/alloc.h"
#include "base/plant.h"
#include "shard/internal.h"
#include "value/pack.h"

#include <assert.h>
#include <stdlib.h>

/* Output that a gateway does not read, before its link is given up. */
enum { LINK_OUTPUT_MAX = 512 << 20 };

struct held {
    uint64_t need;           /* entry number that must be durable first */
    uint64_t gate;           /* check of ownership that must be passed first */
    struct shard_link *link; /* NULL: the link is gone */
    size_t len;
    uint64_t at; /* when it began to wait */
    enum link_type type;
    uint64_t conn;
    uint64_t clock; /* document clock that it brings its receivers to */
    bool gated;     /* a connect reply that waits at a gate */
    bool is_long;   /* a message in parts, which has a gate of its own */
};

void link_send(struct shard_link *link, const struct link_frame *frame)
{
    link_write(&link->output, frame);
    link->shard->host->link_ready(link->shard->ctx, link);
    if (buf_len(&link->output) > LINK_OUTPUT_MAX) {
        link->shard->host->link_drop(link->shard->ctx, link, ERR_TOO_LARGE);
    }
}

bool outbox_holds(const struct shard_room *room)
{
    return !PLANTED(EARLY_ACK) && (room->durable != room->appended ||
                                   room->gate_passed != room->gate || buf_len(&room->outbox) > 0);
}

/* Something waits in few rooms at a time, if in each again and again: so what they wait in goes
 * round, and a room in which nothing does has none. */
static void take_spare(struct shard_room *room)
{
    struct shard *shard = room->shard;
    if (!room->outbox.data && shard->spares > 0) {
        room->outbox = shard->spare[--shard->spares];
    }
}

static void give_spare(struct shard_room *room)
{
    enum { LARGEST = 4096 };
    struct shard *shard = room->shard;
    if (room->outbox.data && room->outbox.cap <= LARGEST && shard->spares < SPARE_OUTBOXES) {
        shard->spare[shard->spares++] = room->outbox;
        room->outbox = (struct buf){0};
    } else {
        buf_finish(&room->outbox);
    }
}

void outbox_drop_spares(struct shard *shard)
{
    while (shard->spares > 0) {
        buf_finish(&shard->spare[--shard->spares]);
    }
}

/* Frames leave in the order in which they were made, so nobody is told later of what came before
 * this clock; but for a session that is on its way from another owner, and not where all are. */
static void note_told(struct shard_room *room, uint64_t clock)
{
    room->told_clock = clock > room->told_clock ? clock : room->told_clock;
}

void outbox_send(struct shard_room *room, struct shard_link *link, const struct link_frame *frame)
{
    if (!outbox_holds(room)) {
        note_told(room, frame->clock);
        link_send(link, frame);
        return;
    }
    struct held held = {
        .need = room->appended,
        .gate = room->gate,
        .link = link,
        .at = room->shard->now_ms,
        .type = frame->type,
        .conn = frame->conn,
        .clock = frame->clock,
        .gated = frame->how == LINK_HOW_CONNECT && room->gate != room->gate_passed,
        .is_long = frame->share != 0 && frame->how != LINK_HOW_CONNECT,
    };
    size_t start = buf_len(&room->outbox);
    room->held_since = start == 0 ? held.at : room->held_since;
    take_spare(room);
    buf_append(&room->outbox, &held, sizeof(held));
    link_write(&room->outbox, frame);
    held.len = buf_len(&room->outbox) - start - sizeof(held);
    memcpy(buf_head(&room->outbox) + start, &held, sizeof(held));
    link->gated += held.gated ? held.len : 0;
}

/* Frames that wait are of this clock or later ones, in that order. */
bool outbox_is_amid_change(const struct shard_room *room)
{
    struct held held;
    for (size_t at = 0; at < buf_len(&room->outbox); at += sizeof(held) + held.len) {
        memcpy(&held, buf_head(&room->outbox) + at, sizeof(held));
        if (held.clock > room->told_clock) {
            return false;
        }
        if (held.is_long) {
            return true;
        }
    }
    return false;
}

/* The frame is on its way, or never will be. */
static void ungate(const struct held *held)
{
    if (held->link && held->gated) {
        held->link->gated -= held->len;
    }
}

void outbox_release(struct shard_room *room)
{
    struct held held;
    while (buf_len(&room->outbox) >= sizeof(held)) {
        memcpy(&held, buf_head(&room->outbox), sizeof(held));
        room->held_since = held.at;
        if (held.need > room->durable || held.gate > room->gate_passed) {
            break;
        }
        ungate(&held);
        note_told(room, held.clock);
        if (held.link) {
            buf_append(&held.link->output, buf_head(&room->outbox) + sizeof(held), held.len);
            held.link->shard->host->link_ready(held.link->shard->ctx, held.link);
        }
        buf_consume(&room->outbox, sizeof(held) + held.len);
    }
    if (buf_len(&room->outbox) == 0) {
        give_spare(room);
    }
    requests_settle(room); /* behind what the sessions are told of the same change */
}

void outbox_abandon(struct shard_room *room, uint64_t code, struct str reason)
{
    struct held held;
    for (size_t at = 0; at < buf_len(&room->outbox); at += sizeof(held) + held.len) {
        memcpy(&held, buf_head(&room->outbox) + at, sizeof(held));
        struct link_frame frame = {.type = held.type, .conn = held.conn};
        if (held.link && held.type == LINK_CLOSE) {
            frame.code = code; /* why the room closed it may be lost with what is not stored */
            frame.reason = reason;
            link_send(held.link, &frame);
        } else if (held.link && held.type == LINK_DETACH) {
            link_send(held.link, &frame);
        }
    }
    outbox_drop(room);
    shares_abandon(room);
}

void outbox_drop(struct shard_room *room)
{
    struct held held;
    for (size_t at = 0; at < buf_len(&room->outbox); at += sizeof(held) + held.len) {
        memcpy(&held, buf_head(&room->outbox) + at, sizeof(held));
        ungate(&held);
    }
    buf_finish(&room->outbox);
}

void outbox_forget_link(struct shard_room *room, const struct shard_link *link)
{
    struct held held;
    for (size_t at = 0; at < buf_len(&room->outbox); at += sizeof(held) + held.len) {
        memcpy(&held, buf_head(&room->outbox) + at, sizeof(held));
        if (held.link == link) {
            struct held gone = held;
            gone.link = NULL;
            memcpy(buf_head(&room->outbox) + at, &gone, sizeof(gone));
        }
    }
}

static struct shard_audience *audience_find(struct shard_room *room, const struct shard_link *link,
                                            uint64_t edition)
{
    for (uint32_t i = 0; i < room->audience_count; i++) {
        struct shard_audience *audience = &room->audience[i];
        if (audience->link == link && audience->edition == edition) {
            return audience;
        }
    }
    return NULL;
}

static bool is_heard_by(const struct shard_room *room, const struct shard_link *link)
{
    for (uint32_t i = 0; i < room->audience_count; i++) {
        if (room->audience[i].link == link) {
            return true;
        }
    }
    return false;
}

static void send_roster(struct shard_room *room, struct shard_link *link, struct value ids)
{
    struct link_frame frame = {.type = LINK_ROSTER, .room = str_of(room->name), .payload = ids};
    outbox_send(room, link, &frame);
}

void audience_show(struct shard_room *room, const struct record *presence)
{
    struct buf ids = {0};
    pack_array(&ids, 1);
    pack_str(&ids, record_id(presence));
    for (uint32_t i = 0; i < room->audience_count; i++) {
        send_roster(room, room->audience[i].link, buf_value(&ids)); /* twice does no harm */
    }
    buf_finish(&ids);
}

static struct shard_audience *audience_add(struct shard_room *room, struct shard_link *link,
                                           uint64_t edition)
{
    if (!is_heard_by(room, link)) {
        struct buf ids = {0};
        room_write_roster(room->room, &ids);
        send_roster(room, link, buf_value(&ids));
        buf_finish(&ids);
    }
    if (room->audience_count == room->audience_cap) {
        room->audience_cap = room->audience_cap ? room->audience_cap * 2 : 1;
        room->audience = xrealloc(room->audience, room->audience_cap * sizeof(*room->audience));
    }
    struct shard_audience *audience = &room->audience[room->audience_count++];
    *audience = (struct shard_audience){
        .link = link,
        .edition = edition,
        .channel = edition ? ++room->shard->next_room : room->number,
    };
    return audience;
}

uint64_t audience_join(struct shard_conn *conn)
{
    struct shard_room *room = conn->room;
    uint64_t edition = room_session_edition(conn->session);
    if (conn->joined && conn->edition != edition) {
        audience_leave(conn);
    }
    struct shard_audience *audience = audience_find(room, conn->link, edition);
    if (!audience) {
        audience = audience_add(room, conn->link, edition);
    }
    audience->joined += !conn->joined;
    conn->joined = true;
    conn->edition = edition;
    return audience->channel;
}

void audience_leave(struct shard_conn *conn)
{
    struct shard_room *room = conn->room;
    struct shard_audience *audience = audience_find(room, conn->link, conn->edition);
    assert(audience && audience->joined > 0);
    conn->joined = false;
    if (--audience->joined == 0) {
        *audience = room->audience[--room->audience_count];
    }
    if (room->audience_count == 0) {
        free(room->audience);
        room->audience = NULL;
        room->audience_cap = 0;
    }
}
