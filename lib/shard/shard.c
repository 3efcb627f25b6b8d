/* The shard: its rooms, its links, time and ending. */
#include "shard/shard.h"

#include "base/alloc.h"
#include "shard/internal.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

static struct str room_name_key(const void *entry)
{
    return str_of(((const struct shard_room *)entry)->name);
}

static struct str room_number_key(const void *entry)
{
    const struct shard_room *room = entry;
    return (struct str){(const char *)&room->number, sizeof(room->number)};
}

static struct str conn_handle_key(const void *entry)
{
    const struct shard_conn *conn = entry;
    return (struct str){(const char *)&conn->handle, sizeof(conn->handle)};
}

static struct str conn_number_key(const void *entry)
{
    const struct shard_conn *conn = entry;
    return (struct str){(const char *)&conn->number, sizeof(conn->number)};
}

static struct str recent_key(const void *entry)
{
    const struct recent *recent = entry;
    return (struct str){recent->text, recent->by_len};
}

static struct str recent_session_key(const void *entry)
{
    const struct recent *recent = entry;
    return (struct str){recent->text + recent->by_len, recent->session_len};
}

struct shard *shard_create(const struct shard_config *config, const struct shard_host *host,
                           void *ctx, struct str worker_id, struct str node)
{
    struct shard *shard = xcalloc(1, sizeof(*shard));
    shard->config = config;
    shard->host = host;
    shard->ctx = ctx;
    shard->id = worker_id;
    shard->node = node;
    map_init(&shard->rooms, room_name_key);
    map_init(&shard->by_number, room_number_key);
    map_init(&shard->conns, conn_handle_key);
    list_init(&shard->links);
    list_init(&shard->unsent);
    list_init(&shard->ready);
    list_init(&shard->busy);
    list_init(&shard->waiting);
    list_init(&shard->measured);
    sleep_begin(shard);
    list_init(&shard->sharing);
    return shard;
}

void shard_destroy(struct shard *shard)
{
    if (!shard) {
        return;
    }
    struct shard_link *link;
    list_each(link, &shard->links, link, struct shard_link)
    {
        shard_link_destroy(link, shard->now_ms);
    }
    uint32_t pos = 0;
    struct shard_room *room;
    while ((room = map_next(&shard->rooms, &pos))) {
        shard_room_free(room);
        pos = 0;
    }
    map_finish(&shard->rooms);
    map_finish(&shard->by_number);
    map_finish(&shard->conns);
    outbox_drop_spares(shard);
    free(shard);
}

/* ---- rooms ---- */

void shard_turn_to(struct shard *shard, struct str room)
{
    if (shard->host->executing) {
        shard->host->executing(shard->ctx, room);
    }
}

struct shard_room *shard_room_get(struct shard *shard, struct str name)
{
    struct shard_room *room = map_get(&shard->rooms, name);
    if (room) {
        sleep_wake(room);
    }
    return room;
}

struct shard_room *shard_room_by_number(struct shard *shard, uint64_t number)
{
    struct shard_room *room =
        map_get(&shard->by_number, (struct str){(const char *)&number, sizeof(number)});
    if (room) {
        sleep_wake(room);
    }
    return room;
}

struct shard_room *shard_room_create(struct shard *shard, struct str name)
{
    struct shard_room *room = xcalloc(1, sizeof(*room));
    room->shard = shard;
    room->name = xstrndup(name.ptr, name.len);
    room->number = ++shard->next_room;
    list_init(&room->unsent_link);
    list_init(&room->busy_link);
    list_init(&room->tick_link);
    list_init(&room->measure_link);
    list_append(&shard->awake, &room->tick_link);
    room->tail.from = UINT64_MAX;
    list_init(&room->pending);
    list_init(&room->conns);
    list_init(&room->requests);
    list_init(&room->shares);
    map_init(&room->recent, recent_key);
    map_init(&room->newest, recent_session_key);
    list_init(&room->recent_gone);
    map_put(&shard->rooms, room);
    map_put(&shard->by_number, room);
    return room;
}

void shard_room_free(struct shard_room *room)
{
    requests_end(room);
    shares_end(room);
    held_drop(room);
    pieces_drop(room);
    opening_drop(room);
    struct shard_conn *conn;
    list_each(conn, &room->conns, room_link, struct shard_conn)
    {
        conn_forget(conn);
    }
    struct entry *entry;
    list_each(entry, &room->pending, link, struct entry)
    {
        free(entry);
    }
    list_remove(&room->unsent_link);
    list_remove(&room->busy_link);
    list_remove(&room->tick_link);
    list_remove(&room->measure_link);
    room->shard->counts.sessions -= room->counted_sessions;
    room->shard->counts.room_bytes -= room->counted_bytes;
    map_remove(&room->shard->rooms, room_name_key(room));
    map_remove(&room->shard->by_number, room_number_key(room));
    room_destroy(room->room);
    persist_drop_tail(room);
    recent_finish(room);
    ghosts_finish(room);
    move_end(room, SHARD_MOVE_LOST);
    outbox_drop(room);
    buf_finish(&room->deferred);
    free(room->audience);
    free(room->name);
    free(room);
}

enum link_refusal shard_room_refusal(const struct shard_room *room)
{
    return room->newer ? LINK_REFUSED_VERSION : LINK_REFUSED_UNREADABLE;
}

void shard_room_close_conns(struct shard_room *room, uint64_t code, struct str reason)
{
    struct shard_conn *conn;
    outbox_abandon(room, code, reason);
    list_each(conn, &room->conns, room_link, struct shard_conn)
    {
        struct link_frame frame = {
            .type = LINK_CLOSE, .conn = conn->number, .code = code, .reason = reason};
        struct room_session *session = conn->session;
        link_send(conn->link, &frame);
        conn_forget(conn);
        if (session) {
            room_socket_gone(room->room, session, room->shard->now_ms);
        }
    }
}

void shard_room_lose(struct shard_room *room, uint64_t code, struct str reason)
{
    shard_room_close_conns(room, code, reason);
    shard_room_free(room);
}

/* Where the link's gateway finds the next owner. */
static struct str address_for(const struct shard_link *link, const struct shard_target *to)
{
    return str_eq(str_of(link->peer_node), to->node) ? to->address : to->remote;
}

void shard_room_announce_move(struct shard_room *room, const struct shard_target *to)
{
    struct shard_link *link;
    list_each(link, &room->shard->links, link, struct shard_link)
    {
        struct link_frame frame = {.type = LINK_MOVED, .room = str_of(room->name)};
        struct str address = to ? address_for(link, to) : STR("");
        if (address.len > 0) {
            frame.id = to->worker;
            frame.address = address;
        }
        if (link->version) {
            link_send(link, &frame);
        }
    }
}

void shard_room_moved(struct shard_room *room, const struct shard_target *to)
{
    shard_room_announce_move(room, to);
    shard_room_free(room);
}

void shard_room_info(const struct shard_room *room, struct shard_room_info *info)
{
    const struct documents *documents = room_documents(room->room);
    uint64_t sessions = room_session_count(room->room);
    *info = (struct shard_room_info){
        .name = str_of(room->name),
        .epoch = room->epoch,
        .appended = room->appended,
        .clock = documents->clock,
        .records = documents->records.count,
        .bytes = documents->bytes,
        .sessions = sessions,
        .load = room->load > sessions ? room->load : sessions,
    };
}

struct log_scope shard_room_scope(const struct shard_room *room)
{
    return (struct log_scope){"room", str_of(room->name)};
}

/* ---- links ---- */

struct shard_link *shard_link_create(struct shard *shard)
{
    struct shard_link *link = xcalloc(1, sizeof(*link));
    link->shard = shard;
    link_reader_init(&link->reader);
    map_init(&link->conns, conn_number_key);
    list_init(&link->requests);
    list_init(&link->shares);
    list_append(&shard->links, &link->link);
    struct link_frame hello = {
        .type = LINK_HELLO,
        .version_min = LINK_VERSION_MIN,
        .version_max = link_version_own(shard->config->link_version_max),
        .id = shard->id,
        .node = shard->node,
    };
    link_send(link, &hello);
    return link;
}

static void forget_in_rooms(struct shard_link *link)
{
    uint32_t pos = 0;
    struct shard_room *room;
    while ((room = map_next(&link->shard->rooms, &pos))) {
        outbox_forget_link(room, link);
        deferred_forget_link(room, link);
    }
}

void shard_link_destroy(struct shard_link *link, uint64_t now_ms)
{
    if (!link) {
        return;
    }
    link->shard->now_ms = now_ms;
    struct shard_conn *conn;
    for (uint32_t pos = 0; (conn = map_next(&link->conns, &pos)); pos = 0) {
        struct room_session *session = conn->session;
        struct room *room = conn->room->room;
        shard_turn_to(link->shard, str_of(conn->room->name));
        sleep_wake(conn->room);
        conn_forget(conn);
        if (session) {
            room_socket_gone(room, session, now_ms);
        }
    }
    requests_forget_link(link);
    forget_in_rooms(link);
    shares_forget_link(link);
    list_remove(&link->link);
    map_finish(&link->conns);
    link_reader_finish(&link->reader);
    buf_finish(&link->output);
    free(link);
}

static enum err greet(struct shard_link *link, const struct link_frame *frame)
{
    if (frame->type != LINK_HELLO) {
        return ERR_MALFORMED;
    }
    uint64_t own = link_version_own(link->shard->config->link_version_max);
    link->version = link_version_common(own, frame->version_min, frame->version_max);
    if (!link->version) {
        return ERR_VERSION;
    }
    snprintf(link->peer, sizeof(link->peer), "%.*s", STR_ARG(frame->id));
    snprintf(link->peer_node, sizeof(link->peer_node), "%.*s", STR_ARG(frame->node));
    return ERR_OK;
}

enum err shard_link_input(struct shard_link *link, const uint8_t *data, size_t len, size_t *used,
                          uint64_t now_ms)
{
    link->shard->now_ms = now_ms;
    *used = 0;
    /* One small message may ask for a whole room, so what is asked for faster than it is taken away
     * waits on the other side. */
    while (shard_link_unread(link) < SHARD_LINK_PAUSE) {
        struct link_frame frame;
        size_t size;
        enum err err = link_read(&link->reader, data + *used, len - *used, &frame, &size);
        if (err == ERR_AGAIN) {
            return ERR_OK;
        }
        if (!err) {
            err = link->version ? shard_frame(link, &frame, now_ms) : greet(link, &frame);
        }
        if (err) {
            return err;
        }
        *used += size;
    }
    return ERR_OK;
}

size_t shard_link_unread(const struct shard_link *link)
{
    return buf_len(&link->output) + link->gated + link->owed;
}

struct buf *shard_link_output(struct shard_link *link)
{
    return &link->output;
}

/* ---- time and ending ---- */

static void check_stopped(struct shard *shard)
{
    if ((shard->stopping || shard->leaving) && !shard->stopped && shard->rooms.count == 0) {
        shard->stopped = true;
        shard->host->stopped(shard->ctx);
    }
}

void shard_room_worked(struct shard_room *room)
{
    bool waits = held_waits(room) && !pieces_have_work(room);
    bool busy = room->held || room->opening || pieces_have_work(room) ||
                (room->room && room_is_busy(room->room));
    if (busy && list_empty(&room->busy_link)) {
        list_append(waits ? &room->shard->waiting : &room->shard->busy, &room->busy_link);
    }
}

void shard_engine_ended(struct shard *shard)
{
    while (!list_empty(&shard->waiting)) {
        struct shard_room *room = list_entry(shard->waiting.next, struct shard_room, busy_link);
        list_remove(&room->busy_link);
        list_append(&shard->busy, &room->busy_link);
    }
}

bool shard_is_busy(const struct shard *shard)
{
    return !list_empty(&shard->busy) || !list_empty(&shard->ready) || shares_have_work(shard);
}

struct slice shard_slice(const struct shard *shard)
{
    size_t bytes = shard->config->slice_bytes;
    return (struct slice){bytes ? bytes : SLICE_BYTES};
}

/* One slice of one room, which then stands behind the others. */
static void work_in_room(struct shard *shard, uint64_t now_ms)
{
    struct shard_room *room = list_entry(shard->busy.next, struct shard_room, busy_link);
    struct slice slice = shard_slice(shard);
    list_remove(&room->busy_link);
    shard_turn_to(shard, str_of(room->name));
    if (room->opening) {
        opening_work(room, &slice, now_ms);
        return; /* the room may be gone */
    }
    if (pieces_have_work(room)) {
        pieces_work(room, &slice);
    } else if (room->state == SHARD_ROOM_HELD) {
        if (!held_work(room, &slice, now_ms)) {
            return; /* as above */
        }
    } else if (room->state == SHARD_ROOM_SERVING) {
        room_work(room->room, now_ms);
    }
    shard_room_worked(room);
}

void shard_work(struct shard *shard, uint64_t now_ms)
{
    shard->now_ms = now_ms;
    if (!list_empty(&shard->ready)) {
        requests_work(shard, now_ms);
    }
    if (!list_empty(&shard->busy)) {
        work_in_room(shard, now_ms);
    }
    shares_work(shard);
}

static void count(struct shard_room *room)
{
    struct shard_counts *counts = &room->shard->counts;
    uint64_t sessions = room->room ? room_session_count(room->room) : 0;
    uint64_t bytes = room->room ? room_documents(room->room)->bytes : 0;
    counts->sessions += sessions - room->counted_sessions;
    counts->room_bytes += bytes - room->counted_bytes;
    room->counted_sessions = sessions;
    room->counted_bytes = bytes;
}

static void tick(struct shard_room *room, uint64_t now_ms)
{
    shard_turn_to(room->shard, str_of(room->name));
    if (room->room && room->state != SHARD_ROOM_HELD && now_ms >= room_deadline(room->room)) {
        room_tick(room->room, now_ms);
    }
    count(room);
    shares_tick(room, now_ms);
    sleep_maybe(room, now_ms);
    persist_tick(room, now_ms);
}

void shard_tick(struct shard *shard, uint64_t now_ms)
{
    shard->now_ms = now_ms;
    sleep_wake_due(shard, now_ms);
    /* A tick may free its room or send it to sleep, and does nothing to others: so the list is
     * taken off, and filled again. */
    struct list rooms;
    list_init(&rooms);
    list_splice(&rooms, &shard->awake);
    while (!list_empty(&rooms)) {
        struct shard_room *room = list_entry(rooms.next, struct shard_room, tick_link);
        list_remove(&room->tick_link);
        list_append(&shard->awake, &room->tick_link);
        tick(room, now_ms);
    }
    shard_engine_ended(shard); /* what has taken too long has ended too */
    check_stopped(shard);
}

void shard_stop(struct shard *shard, bool hand_over, uint64_t now_ms)
{
    shard->now_ms = now_ms;
    if (hand_over) {
        shard->draining = shard->leaving = true;
        sleep_wake_all(shard);
        shard_tick(shard, now_ms);
        return;
    }
    shard->stopping = true;
    sleep_wake_all(shard);
    uint32_t pos = 0;
    struct shard_room *room;
    while ((room = map_next(&shard->rooms, &pos))) {
        shard_turn_to(shard, str_of(room->name));
        if (room->state == SHARD_ROOM_HELD && !held_stop(room, now_ms)) {
            pos = 0;
            continue;
        }
        if (room->state == SHARD_ROOM_MOVING && !move_asked(room)) {
            move_end(room, SHARD_MOVE_STAYS);
            room->state = SHARD_ROOM_SERVING;
        }
        if (room->state == SHARD_ROOM_SERVING) {
            shard_room_close_conns(room, 1012, STR("server is stopping"));
            room_remove_sessions(room->room);
        } else if (room->state == SHARD_ROOM_LOADING) {
            shard_room_lose(room, 1012, STR("server is stopping"));
            pos = 0;
        }
    }
    shard_tick(shard, now_ms);
}

const struct shard_counts *shard_count(struct shard *shard)
{
    shard->counts.rooms = shard->rooms.count;
    return &shard->counts;
}
