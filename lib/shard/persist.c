/* Loading, log, snapshots and giving up: a room and the store. */
#include "base/alloc.h"
#include "cluster/stored_snapshot.h"
#include "shard/internal.h"
#include "value/pack.h"

#include <assert.h>
#include <stdlib.h>

/* How long changes may wait for a snapshot where that is all there is. */
enum { SNAPSHOT_EVERY_MS = 5000 };
/* Between two attempts at a snapshot that fails. */
enum { SNAPSHOT_RETRY_MIN_MS = 250, SNAPSHOT_RETRY_MAX_MS = 8000 };
/* How long an unreadable room is refused without trying again. */
enum { UNREADABLE_RETRY_MS = 5000 };

void persist_request_load(struct shard_room *room)
{
    struct shard *shard = room->shard;
    room->state = SHARD_ROOM_LOADING;
    shard->host->load(shard->ctx, room->number, str_of(room->name));
}

static void refuse_all(struct shard_room *room, enum link_refusal why, struct str text)
{
    struct shard_conn *conn;
    list_each(conn, &room->conns, room_link, struct shard_conn)
    {
        conn_refuse(conn->link, conn->number, why, text);
        conn_forget(conn);
    }
    buf_finish(&room->deferred);
    requests_refuse(room, why, text);
}

/* Whether the room may come back behind what its clients have seen. */
static bool may_be_behind(const struct shard *shard, const struct shard_loaded *loaded)
{
    return loaded->maybe_lost || (loaded->taken && shard->config->durability != SHARD_LOG);
}

void persist_drop_tail(struct shard_room *room)
{
    for (size_t i = 0; i < room->tail.count; i++) {
        free(room->tail.entries[i]);
    }
    free(room->tail.entries);
    room->tail = (struct tail){.from = UINT64_MAX};
}

static void drop_built(struct shard_room *room)
{
    room_destroy(room->room);
    room->room = NULL;
    persist_drop_tail(room);
    recent_finish(room);
}

static void refuse_for_now(struct shard_room *room, enum err err, struct str text, uint64_t now_ms)
{
    room->state = SHARD_ROOM_FAILED;
    room->failure = err;
    room->retry_at = now_ms + UNREADABLE_RETRY_MS;
    refuse_all(room, shard_room_refusal(room), text);
}

static void fail_to_load(struct shard_room *room, enum err err, uint64_t now_ms)
{
    struct log_scope scope = shard_room_scope(room);
    drop_built(room);
    if (err == ERR_FENCED) {
        refuse_all(room, LINK_REFUSED_NOT_OWNER, STR("owned by another worker"));
        shard_room_free(room);
        return;
    }
    if (err == ERR_UNAVAILABLE) {
        refuse_all(room, LINK_REFUSED_UNAVAILABLE, STR("Redis is unavailable"));
        shard_room_free(room);
        return;
    }
    struct buf key = {0};
    buf_printf(&key, "roomd:{%s}:snapshot and :log", room->name);
    log_error(&scope, "stored room cannot be read; it is refused and left as it is",
              LOG_STR("keys", buf_str(&key)), LOG_ERR(err));
    buf_finish(&key);
    refuse_for_now(room, err, str_of(err_name(err)), now_ms);
}

/* It was read, and is of another schema than the server's, from which no way leads here. */
static void fail_to_settle(struct shard_room *room, enum err err, struct str why, uint64_t now_ms)
{
    struct log_scope scope = shard_room_scope(room);
    log_error(&scope,
              "stored room cannot be brought to the schema; it is refused and left as it is",
              LOG_STR("why", why), LOG_ERR(err));
    drop_built(room);
    room->newer = err == ERR_VERSION;
    struct buf text = {0};
    buf_printf(&text, "room cannot be migrated: %.*s", STR_ARG(why));
    refuse_for_now(room, err, buf_str(&text), now_ms);
    buf_finish(&text);
}

void shard_loaded(struct shard *shard, uint64_t number, const struct shard_loaded *loaded,
                  uint64_t now_ms)
{
    shard->now_ms = now_ms;
    struct shard_room *room = shard_room_by_number(shard, number);
    if (!room || room->state != SHARD_ROOM_LOADING || room->opening) {
        return;
    }
    shard_turn_to(shard, str_of(room->name));
    if (loaded->err) {
        fail_to_load(room, loaded->err, now_ms);
        return;
    }
    struct slice slice = shard_slice(shard);
    opening_begin(room, loaded);
    room->fresh = true; /* it was just read from the store: no need to ask whose it is */
    opening_work(room, &slice, now_ms);
}

void persist_opened(struct shard_room *room, const struct shard_loaded *loaded, enum err err,
                    uint64_t now_ms)
{
    struct shard *shard = room->shard;
    if (err) {
        fail_to_load(room, err, now_ms);
        return;
    }
    room->epoch = loaded->epoch;
    room->appended = room->sent = room->durable = loaded->appended;
    room->log_bytes = loaded->log_bytes;
    room->dirty = loaded->entry_count > 0;
    room->dirty_at = now_ms;
    room->empty_at = now_ms;
    room->loaded_at = now_ms;
    room->told_clock = room_documents(room->room)->clock;
    room->changed_clock = room->told_clock;
    room->maybe_behind = may_be_behind(shard, loaded);
    struct log_scope scope = shard_room_scope(room);
    log_info(&scope, "room loaded", LOG_U64("epoch", room->epoch),
             LOG_U64("clock", room_documents(room->room)->clock),
             LOG_U64("records", room_documents(room->room)->records.count),
             LOG_U64("log_entries", loaded->entry_count));
    held_settle(room, now_ms);
}

void persist_settled(struct shard_room *room, enum err err, struct str why, uint64_t now_ms)
{
    if (err) {
        fail_to_settle(room, err, why, now_ms);
        return;
    }
    if (room_has_changed_schema(room->room)) {
        struct log_scope scope = shard_room_scope(room);
        log_info(&scope, "room brought to the schema of this server",
                 LOG_U64("clock", room_documents(room->room)->clock));
    }
    room->state = SHARD_ROOM_SERVING;
    if (room->maybe_behind) {
        resume_jump(room, room_documents(room->room)->clock);
    }
}

/* ---- log ---- */

static void flush_room(struct shard_room *room)
{
    struct shard *shard = room->shard;
    if (!shard->store_up || room->suspect || room->sent == room->appended || room->snapshot_first) {
        return;
    }
    if (room->whole_number > room->sent) {
        persist_snapshot(room, false);
        return;
    }
    /* Entries are numbered without gaps, and those sent come first. */
    struct entry *first = NULL;
    struct list *node = room->pending.prev;
    for (; node != &room->pending; node = node->prev) {
        struct entry *entry = list_entry(node, struct entry, link);
        if (entry->number <= room->sent) {
            break;
        }
        first = entry;
    }
    assert(first && first->number == room->sent + 1);
    struct shard_room_info info;
    shard_room_info(room, &info);
    struct shard_batch batch = {&room->pending, first, first->number, room->appended};
    shard->counts.entries += room->appended - room->sent;
    room->sent = room->appended;
    room->shown = true; /* an append shows the figures too */
    shard->host->append(shard->ctx, room->number, &info, &batch);
}

static void bound_outbox(struct shard_room *room)
{
    size_t bytes = buf_len(&room->outbox) + shares_waiting(room);
    if (bytes > SHARD_OUTBOX_MAX) {
        struct log_scope scope = shard_room_scope(room);
        log_warn(&scope, "too much waits for the store; clients are sent away",
                 LOG_U64("bytes", bytes));
        shard_room_close_conns(room, 1013, STR("storage is unavailable"));
    }
}

void shard_flush(struct shard *shard)
{
    struct shard_room *room;
    list_each(room, &shard->unsent, unsent_link, struct shard_room)
    {
        list_remove(&room->unsent_link);
        shard_turn_to(shard, str_of(room->name));
        flush_room(room);
        bound_outbox(room);
    }
}

static void settle(struct shard_room *room, uint64_t number)
{
    struct entry *entry;
    list_each(entry, &room->pending, link, struct entry)
    {
        if (entry->number > number) {
            break;
        }
        list_remove(&entry->link);
        room->durable_clock = entry->clock;
        free(entry);
    }
    room->durable = number > room->durable ? number : room->durable;
    outbox_release(room);
    ahead_settle(room);
    move_step(room, room->shard->now_ms);
}

void persist_lost(struct shard_room *room)
{
    struct log_scope scope = shard_room_scope(room);
    log_warn(&scope, "room belongs to a newer owner; dropped here", LOG_U64("epoch", room->epoch));
    shard_room_moved(room, NULL);
}

/* A log is folded into a snapshot when it outgrows that, but not below some size. */
static bool folds(const struct shard_room *room)
{
    size_t least = room->shard->config->fold_bytes;
    return room->log_bytes > (least ? least : SHARD_FOLD_BYTES) &&
           room->log_bytes > room->snapshot_bytes;
}

void shard_appended(struct shard *shard, uint64_t number, uint64_t last, enum err err,
                    uint64_t now_ms)
{
    shard->now_ms = now_ms;
    struct shard_room *room = shard_room_by_number(shard, number);
    if (!room) {
        return;
    }
    shard_turn_to(shard, str_of(room->name));
    if (err == ERR_FENCED) {
        persist_lost(room);
    } else if (err != ERR_GAP && last <= room->durable) {
        return; /* a question that was not answered; it is asked again when the store is back */
    } else if (err) {
        /* What the log holds is unknown now, and a gap must not come into it. A snapshot holds
         * everything, whatever became of the appends. */
        room->suspect = room->dirty = true;
    } else if (!room->suspect) {
        settle(room, last);
        if (folds(room)) {
            persist_snapshot(room, false);
        }
    }
}

/* ---- snapshots ---- */

/* Whether what is stored will do. Where rooms live in memory only it is none of our business, until
 * somebody must find it there: the room's next owner, or one who comes after a jump of the clock.
 */
static bool may_keep_stored(const struct shard_room *room, bool release)
{
    if (room->suspect || room->whole_number > room->durable) {
        return false;
    }
    return (room->shard->config->durability == SHARD_NONE && !room->move) ||
           (release && !room->dirty);
}

static void write_snapshot(struct shard_room *room, uint64_t clock, struct buf *stored)
{
    struct buf body = {0};
    struct buf recent = {0};
    room_write_snapshot(room->room, &body);
    recent_write(room, &recent);
    stored_snapshot_write(buf_value(&body), buf_value(&recent), clock, stored);
    room->snapshot_bytes = buf_len(&body);
    buf_finish(&recent);
    buf_finish(&body);
}

static void send_snapshot(struct shard_room *room, const struct shard_snapshot *snapshot)
{
    struct shard *shard = room->shard;
    struct shard_room_info info;
    shard_room_info(room, &info);
    room->snapshot_first = false; /* what is appended comes behind it */
    shard->host->snapshot(shard->ctx, room->number, &info, snapshot);
}

void persist_staged(struct shard_room *room, const struct shard_snapshot *snapshot)
{
    send_snapshot(room, snapshot);
    if (room->sent < room->appended && list_empty(&room->unsent_link)) {
        list_append(&room->shard->unsent, &room->unsent_link);
    }
}

void persist_snapshot(struct shard_room *room, bool release)
{
    struct shard *shard = room->shard;
    if (room->snapshot_running || !shard->store_up || shard->now_ms < room->retry_at ||
        room->state == SHARD_ROOM_HELD) {
        return;
    }
    struct shard_snapshot snapshot = {.through = room->appended,
                                      .release = release,
                                      .erase = room->erased,
                                      .clock = room_documents(room->room)->clock};
    bool keeps = may_keep_stored(room, release);
    room->snapshot_running = true;
    room->snapshot_releases = release;
    room->snapshot_through = room->appended;
    room->snapshot_first = room->sent != room->appended;
    room->sent = room->appended; /* the snapshot has them; appending them too would be twice */
    room->dirty = false;
    room->log_bytes = 0;
    if (release) {
        room->state = SHARD_ROOM_RELEASING;
    }
    if (!keeps && pieces_are_due(room)) {
        pieces_begin(room, &snapshot);
        return;
    }
    struct buf stored = {0};
    if (!keeps) {
        write_snapshot(room, snapshot.clock, &stored);
    }
    snapshot.stored = buf_str(&stored);
    send_snapshot(room, &snapshot);
    buf_finish(&stored);
}

static void finish_release(struct shard_room *room)
{
    struct log_scope scope = shard_room_scope(room);
    log_info(&scope, "room unloaded", LOG_U64("clock", room_documents(room->room)->clock));
    settle(room, room->snapshot_through); /* closes of those who have left may wait still */
    room->erased ? event_erased(room) : event_changed(room, true);
    refuse_all(room, LINK_REFUSED_NOT_OWNER, STR("room was just given up"));
    shard_room_free(room);
}

static void snapshot_failed(struct shard_room *room, enum err err)
{
    struct shard *shard = room->shard;
    room->suspect = true;
    room->dirty = true;
    room->retry_ms = room->retry_ms ? room->retry_ms * 2 : SNAPSHOT_RETRY_MIN_MS;
    room->retry_ms =
        room->retry_ms < SNAPSHOT_RETRY_MAX_MS ? room->retry_ms : SNAPSHOT_RETRY_MAX_MS;
    room->retry_at = shard->now_ms + room->retry_ms;
    room->snapshot_first = false;
    uint32_t suppressed;
    enum { PER_MINUTE = 20 };
    if (log_limit_pass(&shard->snapshot_failures, PER_MINUTE, shard->now_ms, &suppressed)) {
        struct log_scope scope = shard_room_scope(room);
        log_warn(&scope, "snapshot was not stored; it will be tried again", LOG_ERR(err),
                 LOG_U64("suppressed", suppressed));
    }
}

void persist_not_stored(struct shard_room *room, enum err err)
{
    room->snapshot_running = false;
    if (err == ERR_FENCED) {
        persist_lost(room);
    } else {
        snapshot_failed(room, err);
    }
}

void shard_snapshot_stored(struct shard *shard, uint64_t number, enum err err, uint64_t now_ms)
{
    shard->now_ms = now_ms;
    struct shard_room *room = shard_room_by_number(shard, number);
    if (!room) {
        return;
    }
    shard_turn_to(shard, str_of(room->name));
    if (err) {
        persist_not_stored(room, err);
        return;
    }
    room->snapshot_running = false;
    room->retry_at = room->retry_ms = 0;
    if (room->snapshot_releases) {
        finish_release(room);
        return;
    }
    /* What was appended behind the snapshot is not in it; if that went wrong, another is due. */
    room->suspect = room->suspect && room->sent > room->snapshot_through;
    settle(room, room->snapshot_through);
    if (room->state == SHARD_ROOM_RELEASING) {
        persist_snapshot(room, true); /* it has been erased meanwhile */
    }
    if (room->sent < room->appended && list_empty(&room->unsent_link)) {
        list_append(&shard->unsent, &room->unsent_link);
    }
}

/* A store that was away may have come back with less than it was given, the ownership included: so
 * also where it is given no changes. */
static void ask_for_log(struct shard_room *room)
{
    struct shard *shard = room->shard;
    if (room->suspect) {
        return;
    }
    struct shard_room_info info;
    struct shard_batch batch = {&room->pending, NULL, room->sent + 1, room->sent};
    shard_room_info(room, &info);
    shard->host->append(shard->ctx, room->number, &info, &batch);
}

static bool can_be_asked_about(const struct shard_room *room)
{
    return room->room && room->state != SHARD_ROOM_RELEASING && room->state != SHARD_ROOM_LOADING;
}

/* The store can be asked again about the room. */
static void store_is_back(struct shard_room *room)
{
    if (!can_be_asked_about(room)) {
        return;
    }
    shard_turn_to(room->shard, str_of(room->name));
    room->retry_at = room->retry_ms = 0;
    if (room->durable < room->appended) {
        room->suspect = true;
        persist_snapshot(room, false);
    } else {
        ask_for_log(room);
    }
}

void shard_store_changed(struct shard *shard, bool up, uint64_t now_ms)
{
    shard->now_ms = now_ms;
    shard->store_up = up;
    sleep_wake_all(shard);
    uint32_t pos = 0;
    struct shard_room *room;
    while ((room = map_next(&shard->rooms, &pos))) {
        up ? store_is_back(room) : pieces_fail(room);
    }
}

/* The same where the store has been there for others all along: what is under way will be answered,
 * or has been. */
static void part_is_back(struct shard_room *room)
{
    if (!can_be_asked_about(room)) {
        return;
    }
    shard_turn_to(room->shard, str_of(room->name));
    sleep_wake(room);
    room->retry_at = room->retry_ms = 0;
    if (room->suspect) {
        persist_snapshot(room, false);
    } else {
        ask_for_log(room);
    }
}

void shard_store_part(struct shard *shard, shard_has_fn has, const void *part, uint64_t now_ms)
{
    shard->now_ms = now_ms;
    uint32_t pos = 0;
    struct shard_room *room;
    while (shard->store_up && (room = map_next(&shard->rooms, &pos))) {
        if (has(part, str_of(room->name))) {
            part_is_back(room);
        }
    }
}

/* Entries wait that the log will not get. */
static bool waits_for_snapshot(const struct shard_room *room)
{
    return room->suspect || room->whole_number > room->sent;
}

/* What is due for one room; may free it. */
void persist_tick(struct shard_room *room, uint64_t now_ms)
{
    struct shard *shard = room->shard;
    if (room->state == SHARD_ROOM_FAILED) {
        if (now_ms >= room->retry_at || shard->stopping) {
            shard_room_free(room);
        }
        return;
    }
    if (room->state == SHARD_ROOM_RELEASING && !room->snapshot_running) {
        persist_snapshot(room, true);
        return;
    }
    if (room->state == SHARD_ROOM_MOVING) {
        if (waits_for_snapshot(room)) {
            persist_snapshot(room, false);
        }
        move_step(room, now_ms);
        return;
    }
    if (room->state != SHARD_ROOM_SERVING) {
        return;
    }
    if (room->tail.entries && now_ms - room->loaded_at > RESUME_WINDOW_MS) {
        persist_drop_tail(room);
    }
    event_changed(room, false);
    recent_tick(room, now_ms);
    ghosts_tick(room, now_ms);
    bound_outbox(room); /* presence piles up without any new entry */
    bool empty = room_session_count(room->room) == 0 && list_empty(&room->conns);
    bool unload = shard->stopping || shard->draining ||
                  now_ms - room->empty_at >= shard->config->unload_after_ms;
    bool overdue = shard->config->durability == SHARD_SNAPSHOT && room->dirty &&
                   now_ms - room->dirty_at >= SNAPSHOT_EVERY_MS;
    if (empty && unload) {
        persist_snapshot(room, true);
    } else if (shard->draining && !room->snapshot_running && move_away(room, now_ms)) {
        return;
    } else if (waits_for_snapshot(room) || overdue) {
        persist_snapshot(room, false);
    } else if (!room->shown && shard->store_up) {
        struct shard_room_info info;
        shard_room_info(room, &info);
        room->shown = true;
        room->load_shown = room->load;
        shard->host->show(shard->ctx, &info);
    }
}
