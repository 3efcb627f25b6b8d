/* The worker: puts links, store and time into the shard, and what comes out where it belongs. */
#include "worker/worker.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/list.h"
#include "base/mark.h"
#include "base/metrics.h"
#include "base/random.h"
#include "net/control.h"
#include "net/loop.h"
#include "net/stream.h"
#include "shard/shard.h"
#include "store/membership.h"
#include "store/rooms.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* A tick that comes that late means that the process was stopped, or the machine was. */
enum { TICK_MS = 250, DRAINING_TICK_MS = 20, STALL_MS = 2000 };
/* How long it has after a SIGTERM of its own; a supervisor names its deadline. */
enum { TERMINATE_MS = 20000 };

struct worker {
    const struct config *config;
    struct event_base *base;
    struct control *control;
    struct store *store;
    struct shard *shard;
    struct shard_config shard_config;
    struct event *accept, *tick;
    struct event *terminate; /* SIGTERM */
    struct event *too_late;  /* TERMINATE_MS after it */
    struct list links;       /* of struct worker_link.link */
    struct list ready;       /* of struct worker_link.ready_link: with output to flush */
    struct workers workers;  /* where rooms can go; read while draining */
    uint64_t beat_at, ticked_at;
    bool announced, draining, leaving, stopping, done;
    bool unfinished; /* time ran out before all rooms were given up */
};

struct worker_link {
    struct list link, ready_link;
    struct worker *worker;
    struct shard_link *shard_link;
    struct stream *stream;
    bool paused; /* not read until it has read what is for it */
};

static uint64_t now_of(const struct worker *worker)
{
    return loop_now_ms(worker->base);
}

/* ---- links ---- */

static struct worker_link *find_link(struct worker *worker, struct shard_link *shard_link)
{
    struct worker_link *link;
    list_each(link, &worker->links, link, struct worker_link)
    {
        if (link->shard_link == shard_link) {
            return link;
        }
    }
    return NULL;
}

static void link_destroy(struct worker_link *link)
{
    stream_destroy(link->stream);
    shard_link_destroy(link->shard_link, now_of(link->worker));
    mark_leave();
    list_remove(&link->link);
    list_remove(&link->ready_link);
    free(link);
    metrics_add(METRIC_LINKS, -1);
}

static enum err on_link_input(void *ctx, const uint8_t *data, size_t len, size_t *used)
{
    struct worker_link *link = ctx;
    enum err err = shard_link_input(link->shard_link, data, len, used, now_of(link->worker));
    mark_leave();
    if (!err && !link->paused && shard_link_unread(link->shard_link) >= SHARD_LINK_PAUSE) {
        link->paused = true;
        stream_pause(link->stream, true);
    }
    return err;
}

static void resume_links(struct worker *worker)
{
    struct worker_link *link;
    list_each(link, &worker->links, link, struct worker_link)
    {
        if (link->paused && shard_link_unread(link->shard_link) < SHARD_LINK_PAUSE / 2) {
            link->paused = false;
            stream_pause(link->stream, false);
        }
    }
}

static void on_link_end(void *ctx, enum err why)
{
    struct worker_link *link = ctx;
    if (why != ERR_CLOSED) {
        log_warn(NULL, "link to a gateway ended", LOG_ERR(why));
    } else {
        log_debug(NULL, "gateway is gone");
    }
    link_destroy(link);
}

static const struct stream_handlers link_handlers = {on_link_input, on_link_end};

static void on_accept(evutil_socket_t fd, short events, void *ctx)
{
    struct worker *worker = ctx;
    (void)events;
    int peer = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (peer < 0) {
        if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
            log_error(NULL, "cannot accept a gateway", LOG_TEXTZ("why", strerror(errno)));
        }
        return;
    }
    struct worker_link *link = xcalloc(1, sizeof(*link));
    link->worker = worker;
    list_append(&worker->links, &link->link);
    list_init(&link->ready_link);
    link->shard_link = shard_link_create(worker->shard);
    link->stream = stream_create(worker->base, peer, shard_link_output(link->shard_link),
                                 &link_handlers, link);
    list_append(&worker->ready, &link->ready_link); /* the greeting */
    metrics_add(METRIC_LINKS, 1);
}

static void host_link_ready(void *ctx, struct shard_link *shard_link)
{
    struct worker *worker = ctx;
    struct worker_link *link = find_link(worker, shard_link);
    if (link && list_empty(&link->ready_link)) {
        list_append(&worker->ready, &link->ready_link);
    }
}

static void host_link_drop(void *ctx, struct shard_link *shard_link, enum err why)
{
    struct worker_link *link = find_link(ctx, shard_link);
    if (link) {
        stream_end(link->stream, why);
    }
}

/* ---- store ---- */

static void on_store_loaded(void *ctx, uint64_t room, const struct store_loaded *from)
{
    struct worker *worker = ctx;
    struct shard_loaded loaded = {
        .err = from->err,
        .epoch = from->epoch,
        .appended = from->appended,
        .snapshot = from->snapshot,
        .entries = from->entries,
        .entry_count = from->entry_count,
        .log_bytes = from->log_bytes,
        .taken = from->taken,
        .maybe_lost = from->maybe_lost,
    };
    shard_loaded(worker->shard, room, &loaded, now_of(worker));
    mark_leave();
}

static void on_store_appended(void *ctx, uint64_t room, uint64_t number, enum err err)
{
    struct worker *worker = ctx;
    shard_appended(worker->shard, room, number, err, now_of(worker));
    mark_leave();
}

static void on_store_snapshot(void *ctx, uint64_t room, uint64_t number, enum err err)
{
    struct worker *worker = ctx;
    (void)number;
    shard_snapshot_stored(worker->shard, room, err, now_of(worker));
    mark_leave();
}

static struct store_room store_room_of(const struct worker *worker,
                                       const struct shard_room_info *info)
{
    return (struct store_room){
        .name = info->name,
        .owner = str_of(worker->config->id),
        .epoch = info->epoch,
        .clock = info->clock,
        .records = info->records,
        .bytes = info->bytes,
        .sessions = info->sessions,
    };
}

static void host_load(void *ctx, uint64_t room, struct str name)
{
    struct worker *worker = ctx;
    store_load(worker->store, room, name, str_of(worker->config->id), on_store_loaded, worker);
}

static void host_append(void *ctx, uint64_t room, const struct shard_room_info *info,
                        const struct shard_batch *batch)
{
    struct worker *worker = ctx;
    struct store_room stored = store_room_of(worker, info);
    store_append(worker->store, room, &stored, batch->entries, batch->first, batch->first_number,
                 batch->last_number, on_store_appended, worker);
}

static void host_snapshot(void *ctx, uint64_t room, const struct shard_room_info *info,
                          const struct shard_snapshot *snapshot)
{
    struct worker *worker = ctx;
    struct store_room stored = store_room_of(worker, info);
    store_snapshot(worker->store, room, &stored, snapshot->stored, snapshot->through,
                   snapshot->release, on_store_snapshot, worker);
}

static void on_store_checked(void *ctx, uint64_t room, uint64_t number, enum err err)
{
    struct worker *worker = ctx;
    (void)number;
    shard_checked(worker->shard, room, err, now_of(worker));
    mark_leave();
}

static void host_check(void *ctx, uint64_t room, const struct shard_room_info *info)
{
    struct worker *worker = ctx;
    store_check(worker->store, room, info->name, str_of(worker->config->id), info->epoch,
                on_store_checked, worker);
}

static void on_store_handed(void *ctx, uint64_t room, uint64_t number, enum err err)
{
    struct worker *worker = ctx;
    (void)number;
    shard_handed(worker->shard, room, err, now_of(worker));
    mark_leave();
}

static void host_hand_over(void *ctx, uint64_t room, const struct shard_room_info *info,
                           const struct shard_target *to)
{
    struct worker *worker = ctx;
    struct store_room stored = store_room_of(worker, info);
    store_hand_over(worker->store, room, &stored, info->appended, to->worker, to->node,
                    on_store_handed, worker);
}

static bool host_place(void *ctx, struct str room, struct shard_target *to)
{
    struct worker *worker = ctx;
    (void)room;
    const struct worker_info *other =
        workers_place(&worker->workers, str_of(worker->config->node), random_u64());
    bool found = other && !str_eq(str_of(other->id), str_of(worker->config->id));
    if (found) {
        *to = (struct shard_target){str_of(other->id), str_of(other->node), str_of(other->address)};
    }
    return found;
}

static void host_show(void *ctx, const struct shard_room_info *info)
{
    struct worker *worker = ctx;
    struct store_room stored = store_room_of(worker, info);
    store_show(worker->store, &stored);
}

static void host_random_id(void *ctx, char out[21])
{
    char text[RANDOM_ID_LEN + 1];
    (void)ctx;
    random_id(text);
    memcpy(out, text, RANDOM_ID_LEN);
}

/* Whose work ends us, if it does. Every call into the shard is followed by a mark_leave. */
static void host_executing(void *ctx, struct str room)
{
    (void)ctx;
    mark_enter(room);
}

static void host_stopped(void *ctx)
{
    struct worker *worker = ctx;
    if (worker->leaving) {
        membership_leave(worker->store, str_of(worker->config->id));
    }
    worker->done = true;
}

static const struct shard_host shard_host = {
    .link_ready = host_link_ready,
    .link_drop = host_link_drop,
    .load = host_load,
    .append = host_append,
    .snapshot = host_snapshot,
    .check = host_check,
    .hand_over = host_hand_over,
    .place = host_place,
    .show = host_show,
    .random_id = host_random_id,
    .executing = host_executing,
    .stopped = host_stopped,
};

static void beat(struct worker *worker)
{
    const struct shard_counts *counts = shard_count(worker->shard);
    char address[256];
    snprintf(address, sizeof(address), "unix:%s", worker->config->socket);
    struct member member = {
        .id = str_of(worker->config->id),
        .node = str_of(worker->config->node),
        .address = str_of(address),
        .pid = (uint64_t)getpid(),
        .rooms = counts->rooms,
        .sessions = counts->sessions,
        .load = counts->sessions + counts->rooms,
        .draining = worker->draining || worker->stopping,
    };
    membership_beat(worker->store, &member);
    worker->beat_at = now_of(worker) + MEMBERSHIP_BEAT_MS;
}

static void report(struct worker *worker)
{
    bool ok = store_is_writable(worker->store);
    bool ending = worker->stopping || worker->leaving;
    enum control_state state = ending              ? CONTROL_DRAINING
                               : worker->announced ? CONTROL_READY
                                                   : CONTROL_STARTING;
    control_report(worker->control, state, ok, ok ? "" : store_trouble(worker->store));
}

static void on_members(void *ctx, enum err err)
{
    struct worker *worker = ctx;
    if (!err && worker->leaving) {
        shard_stop(worker->shard, true, now_of(worker));
        mark_leave();
    } else if (!err && worker->draining) {
        shard_drain(worker->shard, true);
    }
}

static void read_members(struct worker *worker)
{
    membership_read(worker->store, &worker->workers, on_members, worker);
}

static void on_store_up(void *ctx)
{
    struct worker *worker = ctx;
    beat(worker);
    worker->announced = true;
    shard_store_changed(worker->shard, true, now_of(worker));
    mark_leave();
    report(worker);
}

static void on_store_down(void *ctx)
{
    struct worker *worker = ctx;
    shard_store_changed(worker->shard, false, now_of(worker));
    mark_leave();
    report(worker);
}

/* While Redis takes no writes it might as well be away: rooms that try would only build snapshots
 * in vain. Signs of life are sent all the same. */
static void on_store_writable(void *ctx, bool writable)
{
    struct worker *worker = ctx;
    shard_store_changed(worker->shard, writable, now_of(worker));
    report(worker);
}

static const struct store_handlers store_handlers = {on_store_up, on_store_down, on_store_writable};

/* ---- time and ending ---- */

static void count(struct worker *worker)
{
    const struct shard_counts *counts = shard_count(worker->shard);
    metrics_set(METRIC_ROOMS, (double)counts->rooms);
    metrics_set(METRIC_SESSIONS, (double)counts->sessions);
    metrics_set(METRIC_ROOM_BYTES, (double)counts->room_bytes);
    metrics_set(METRIC_PUSHES, (double)counts->pushes);
    metrics_set(METRIC_BROADCASTS, (double)counts->broadcasts);
    metrics_set(METRIC_MESSAGES_RECEIVED, (double)counts->messages);
}

static void on_tick(evutil_socket_t fd, short events, void *ctx)
{
    struct worker *worker = ctx;
    (void)fd;
    (void)events;
    uint64_t now = now_of(worker);
    if (now - worker->ticked_at > STALL_MS) {
        log_warn(NULL, "was stopped for a while; asks whether the rooms are still its own",
                 LOG_U64("ms", now - worker->ticked_at));
        shard_verify(worker->shard);
    }
    worker->ticked_at = now;
    shard_tick(worker->shard, now);
    mark_leave();
    if (store_is_up(worker->store) && now >= worker->beat_at && !worker->stopping) {
        beat(worker);
        if (worker->draining) {
            read_members(worker);
        }
    }
    loop_arm(worker->tick, worker->draining ? DRAINING_TICK_MS : TICK_MS);
}

/* Gives its rooms to other workers and takes no new ones; off again: it stays as it is now. */
static void set_draining(struct worker *worker, bool on)
{
    if (worker->draining == on || worker->leaving) {
        return;
    }
    worker->draining = on;
    log_info(NULL, on ? "draining: rooms go to other workers" : "not draining any more",
             LOG_U64("rooms", shard_count(worker->shard)->rooms));
    if (on) {
        read_members(worker); /* its answer begins the work */
    } else {
        shard_drain(worker->shard, false);
    }
    beat(worker); /* so that nobody sends it new rooms */
}

static void on_stop(void *ctx, uint64_t deadline_ms)
{
    struct worker *worker = ctx;
    if (worker->stopping) {
        return;
    }
    worker->stopping = true;
    log_info(NULL, "stopping: writing all rooms", LOG_U64("deadline_ms", deadline_ms));
    report(worker);
    membership_leave(worker->store, str_of(worker->config->id));
    shard_stop(worker->shard, false, now_of(worker));
    mark_leave();
}

/* Hands over all rooms while the node goes on, and ends. */
static void worker_drain(struct worker *worker, uint64_t deadline_ms)
{
    if (worker->stopping || worker->leaving) {
        return;
    }
    log_info(NULL, "leaving: rooms go to other workers", LOG_U64("deadline_ms", deadline_ms),
             LOG_U64("rooms", shard_count(worker->shard)->rooms));
    set_draining(worker, true);
    worker->leaving = true;
    loop_arm(worker->too_late, deadline_ms);
    report(worker);
    loop_arm(worker->tick, 0);
}

static void on_drain(void *ctx, uint64_t deadline_ms)
{
    worker_drain(ctx, deadline_ms);
}

static const struct control_handlers control_handlers = {.on_stop = on_stop, .on_drain = on_drain};

static void on_terminate(evutil_socket_t number, short events, void *ctx)
{
    struct worker *worker = ctx;
    (void)events;
    log_info(NULL, "asked to go", LOG_TEXTZ("signal", strsignal((int)number)));
    worker_drain(worker, TERMINATE_MS);
}

static void on_too_late(evutil_socket_t fd, short events, void *ctx)
{
    struct worker *worker = ctx;
    (void)fd;
    (void)events;
    log_warn(NULL, "rooms could not be given up in time; exiting without",
             LOG_U64("rooms", shard_count(worker->shard)->rooms));
    worker->unfinished = worker->done = true;
}

static void end_of_turn(struct worker *worker)
{
    resume_links(worker);
    shard_flush(worker->shard);
    mark_leave();
    struct worker_link *link;
    list_each(link, &worker->ready, ready_link, struct worker_link)
    {
        list_remove(&link->ready_link);
        stream_flush(link->stream);
    }
    count(worker);
}

static enum err start(struct worker *worker)
{
    const struct config *config = worker->config;
    enum err marked = config->mark_fd >= 0 ? mark_open(config->mark_fd) : ERR_OK;
    if (marked) {
        log_warn(NULL, "no room will be blamed if this process crashes", LOG_ERR(marked));
    }
    int fd = stream_listen_unix(config->socket);
    if (fd < 0) {
        log_error(NULL, "cannot listen for gateways", LOG_TEXTZ("socket", config->socket),
                  LOG_TEXTZ("why", strerror(errno)));
        return ERR_IO;
    }
    worker->accept = event_new(worker->base, fd, EV_READ | EV_PERSIST, on_accept, worker);
    event_add(worker->accept, NULL);
    worker->shard_config = (struct shard_config){
        .room = {.idle_timeout_ms = (uint64_t)config->idle_timeout_s * 1000},
        .durability = config->durability == DURABILITY_LOG        ? SHARD_LOG
                      : config->durability == DURABILITY_SNAPSHOT ? SHARD_SNAPSHOT
                                                                  : SHARD_NONE,
        .unload_after_ms = (uint64_t)config->unload_after_s * 1000,
    };
    worker->shard = shard_create(&worker->shard_config, &shard_host, worker, str_of(config->id),
                                 str_of(config->node));
    worker->control = control_create(worker->base, config->control_fd, &control_handlers, worker);
    worker->store = store_create(worker->base, &config->redis, &store_handlers, worker);
    worker->tick = evtimer_new(worker->base, on_tick, worker);
    worker->terminate = loop_on_signal(worker->base, SIGTERM, on_terminate, worker);
    worker->too_late = evtimer_new(worker->base, on_too_late, worker);
    worker->ticked_at = now_of(worker);
    loop_arm(worker->tick, TICK_MS);
    report(worker);
    return ERR_OK;
}

static void finish(struct worker *worker)
{
    struct worker_link *link;
    list_each(link, &worker->links, link, struct worker_link)
    {
        link_destroy(link);
    }
    store_destroy(worker->store);
    workers_finish(&worker->workers);
    shard_destroy(worker->shard);
    control_destroy(worker->control);
    if (worker->accept) {
        close(event_get_fd(worker->accept));
        event_free(worker->accept);
        unlink(worker->config->socket);
    }
    struct event *events[] = {worker->tick, worker->terminate, worker->too_late};
    for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
        if (events[i]) {
            event_free(events[i]);
        }
    }
    event_base_free(worker->base);
}

int worker_run(const struct config *config)
{
    struct worker worker = {.config = config};
    list_init(&worker.links);
    list_init(&worker.ready);
    workers_init(&worker.workers);
    map_seed(random_u64());
    if (loop_create(&worker.base)) {
        return EXIT_FAILURE;
    }
    enum err err = start(&worker);
    while (!err && !worker.done) {
        event_base_loop(worker.base, EVLOOP_ONCE);
        end_of_turn(&worker);
    }
    finish(&worker);
    return err || worker.unfinished ? EXIT_FAILURE : EXIT_SUCCESS;
}
