/* The worker's sockets, signals and supervisor around its core. */
#include "worker/worker.h"

#include "base/alloc.h"
#include "base/list.h"
#include "base/mark.h"
#include "base/metrics.h"
#include "base/random.h"
#include "net/control.h"
#include "net/loop.h"
#include "peer/listener.h"
#include "worker/app.h"
#include "worker/core.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* Of pushes, and of log entries: a turn's go to the disk together, and that is what they cost. */
static const struct loop_batching batching = {.from = 2000, .full = 4000, .apart_us = 4000};

/* How long it has after a SIGTERM of its own; a supervisor names its deadline. */
enum { TERMINATE_MS = 20000 };

struct worker {
    const struct config *config;
    struct event_base *base;
    struct control *control;
    struct worker_core *core;
    struct app app;
    struct event *accept;
    struct peer *peer;              /* NULL: no other node may connect */
    struct peer_listener *listener; /* likewise */
    struct event *terminate;        /* SIGTERM */
    struct event *too_late;         /* TERMINATE_MS after it */
    struct list links;              /* of struct worker_link.link */
    struct list ready;              /* of struct worker_link.ready_link: with output to flush */
    bool stopping, done;
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

static uint64_t room_count(const struct worker *worker)
{
    return shard_count(worker_core_shard(worker->core))->rooms;
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

static const struct stream_handlers link_handlers = {.on_input = on_link_input,
                                                     .on_end = on_link_end};

static struct worker_link *link_create(struct worker *worker)
{
    struct worker_link *link = xcalloc(1, sizeof(*link));
    link->worker = worker;
    list_append(&worker->links, &link->link);
    list_init(&link->ready_link);
    link->shard_link = shard_link_create(worker_core_shard(worker->core));
    list_append(&worker->ready, &link->ready_link); /* the greeting */
    metrics_add(METRIC_LINKS, 1);
    return link;
}

/* One of another node, which has proven to be of our cluster. */
static void on_peer(void *ctx, struct stream *stream)
{
    struct worker_link *link = link_create(ctx);
    link->stream = stream;
    stream_hand_over(stream, shard_link_output(link->shard_link), &link_handlers, link);
}

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
    struct worker_link *link = link_create(worker);
    link->stream = stream_create(worker->base, peer, shard_link_output(link->shard_link),
                                 &link_handlers, link);
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

/* ---- the core ---- */

static void report(struct worker *worker)
{
    struct worker_core_health health = worker_core_health(worker->core);
    enum control_state state = health.ending     ? CONTROL_DRAINING
                               : !health.known   ? CONTROL_STARTING
                               : health.draining ? CONTROL_DRAINING
                                                 : CONTROL_READY;
    control_report(worker->control, state, health.store_ok, health.trouble);
}

static void host_changed(void *ctx)
{
    report(ctx);
}

static void host_move_ended(void *ctx, uint64_t request, enum shard_move_end end, uint64_t epoch)
{
    static const enum control_outcome outcomes[] = {[SHARD_MOVE_DONE] = CONTROL_MOVED,
                                                    [SHARD_MOVE_STAYS] = CONTROL_STAYS,
                                                    [SHARD_MOVE_LOST] = CONTROL_LOST};
    struct worker *worker = ctx;
    control_answer_move(worker->control, request, outcomes[end], epoch);
}

static void host_done(void *ctx)
{
    struct worker *worker = ctx;
    worker->done = true;
}

/* Rooms that have waited for it go on in the next turns. */
static void on_code_ended(void *ctx)
{
    const struct worker *worker = ctx;
    shard_engine_ended(worker_core_shard(worker->core));
}

static const struct worker_core_host core_host = {
    .link_ready = host_link_ready,
    .link_drop = host_link_drop,
    .move_ended = host_move_ended,
    .changed = host_changed,
    .done = host_done,
};

/* ---- ending ---- */

static void on_stop(void *ctx, uint64_t deadline_ms, uint64_t spread_ms)
{
    struct worker *worker = ctx;
    (void)spread_ms; /* it has no clients */
    if (worker->stopping) {
        return;
    }
    worker->stopping = true;
    log_info(NULL, "stopping: writing all rooms", LOG_U64("deadline_ms", deadline_ms));
    worker_core_stop(worker->core);
}

/* Hands over all rooms to workers that go on, `away`: of other nodes, and ends. */
static void worker_drain(struct worker *worker, uint64_t deadline_ms, bool away)
{
    if (worker_core_health(worker->core).ending) {
        return;
    }
    log_info(NULL, "leaving: rooms go to other workers", LOG_U64("deadline_ms", deadline_ms),
             LOG_U64("rooms", room_count(worker)));
    loop_arm(worker->too_late, deadline_ms);
    worker_core_leave(worker->core, away);
}

static void on_drain(void *ctx, uint64_t deadline_ms, bool away)
{
    worker_drain(ctx, deadline_ms, away);
}

/* ---- what an operator wants ---- */

static void on_draining(void *ctx, bool on, bool away)
{
    struct worker *worker = ctx;
    if (!worker->stopping) {
        worker_core_drain(worker->core, on, away);
    }
}

static void on_move(void *ctx, uint64_t request, const struct control_move *move)
{
    struct worker *worker = ctx;
    struct shard_target to = {str_of(move->worker), str_of(move->node), str_of(move->address),
                              str_of(move->remote)};
    enum err err = worker_core_move(worker->core, request, str_of(move->room), &to);
    if (err) {
        control_answer_move(worker->control, request,
                            err == ERR_NOT_FOUND ? CONTROL_ABSENT : CONTROL_BUSY, 0);
    }
}

static void on_reload(void *ctx)
{
    struct worker *worker = ctx;
    peer_renew(worker->peer);
}

static const struct control_handlers control_handlers = {.on_stop = on_stop,
                                                         .on_drain = on_drain,
                                                         .on_draining = on_draining,
                                                         .on_move = on_move,
                                                         .on_reload = on_reload};

static void on_terminate(evutil_socket_t number, short events, void *ctx)
{
    struct worker *worker = ctx;
    (void)events;
    log_info(NULL, "asked to go", LOG_TEXTZ("signal", strsignal((int)number)));
    worker_drain(worker, TERMINATE_MS, false);
}

static void on_too_late(evutil_socket_t fd, short events, void *ctx)
{
    struct worker *worker = ctx;
    (void)fd;
    (void)events;
    log_warn(NULL, "rooms could not be given up in time; exiting without",
             LOG_U64("rooms", room_count(worker)));
    worker->unfinished = worker->done = true;
}

/* A change is told, and stored. */
static uint64_t work_done(const struct worker *worker)
{
    const struct shard_counts *counts = shard_count(worker_core_shard(worker->core));
    return counts->pushes + counts->entries;
}

static void end_of_turn(struct worker *worker)
{
    resume_links(worker);
    worker_core_end_turn(worker->core);
    app_count(&worker->app);
    struct worker_link *link;
    list_each(link, &worker->ready, ready_link, struct worker_link)
    {
        list_remove(&link->ready_link);
        stream_flush(link->stream);
    }
    worker_core_plan_turn(worker->core);
    alloc_trim(loop_now_ms(worker->base));
}

/* Also for the supervisor, which says it to whoever starts roomd. */
static void fail_to_start(struct worker *worker, struct str why)
{
    char text[CONTROL_WHY_MAX + 1];
    snprintf(text, sizeof(text), "%.*s", STR_ARG(why));
    log_error(NULL, "cannot listen for other nodes", LOG_STR("why", why));
    control_report(worker->control, CONTROL_FAILED, false, text);
}

/* For gateways of other nodes, if there are to be any. */
static enum err listen_for_peers(struct worker *worker)
{
    const struct config *config = worker->config;
    struct buf why = {0};
    struct peer_config own = {.id = str_of(config->id),
                              .node = str_of(config->node),
                              .secret_file = config->cluster_secret_file,
                              .link_version_max = config->link_version_max};
    struct peer_listen listen = {
        .address = config->link_listen,
        .advertise = config->advertise ? config->advertise : config->link_listen.host,
        .tls = config->cluster_tls,
    };
    if (!config->link_listen.host[0]) {
        return ERR_OK;
    }
    enum err err = peer_create(&own, &worker->peer, &why);
    if (!err) {
        err = peer_listener_create(worker->peer, worker->base, &listen, on_peer, worker,
                                   &worker->listener, &why);
    }
    if (err) {
        fail_to_start(worker, buf_str(&why));
    }
    buf_finish(&why);
    return err;
}

static enum err start(struct worker *worker)
{
    const struct config *config = worker->config;
    enum err marked = config->mark_fd >= 0 ? mark_open(config->mark_fd) : ERR_OK;
    if (marked) {
        log_warn(NULL, "no room will be blamed if this process crashes", LOG_ERR(marked));
    }
    enum err loaded = app_load(&worker->app, config->schema);
    if (loaded) {
        return loaded;
    }
    int fd = stream_listen_unix(config->socket);
    if (fd < 0) {
        log_error(NULL, "cannot listen for gateways", LOG_TEXTZ("socket", config->socket),
                  LOG_TEXTZ("why", strerror(errno)));
        return ERR_IO;
    }
    worker->accept = event_new(worker->base, fd, EV_READ | EV_PERSIST, on_accept, worker);
    event_add(worker->accept, NULL);
    worker->control = control_create(worker->base, config->control_fd, &control_handlers, worker);
    worker->core = worker_core_create(worker->base, config, worker->app.schema, &core_host, worker);
    app_watch(&worker->app, worker->base, on_code_ended, worker);
    enum err err = listen_for_peers(worker);
    if (err) {
        return err;
    }
    if (worker->listener) {
        worker_core_set_remote(worker->core, peer_listener_remote(worker->listener));
    }
    worker->terminate = loop_on_signal(worker->base, SIGTERM, on_terminate, worker);
    worker->too_late = evtimer_new(worker->base, on_too_late, worker);
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
    worker_core_destroy(worker->core);
    app_finish(&worker->app);
    control_destroy(worker->control);
    if (worker->accept) {
        close(event_get_fd(worker->accept));
        event_free(worker->accept);
        unlink(worker->config->socket);
    }
    peer_listener_destroy(worker->listener);
    peer_destroy(worker->peer);
    struct event *events[] = {worker->terminate, worker->too_late};
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
    map_seed(random_u64());
    if (loop_create(&worker.base)) {
        return EXIT_FAILURE;
    }
    enum err err = start(&worker);
    while (!err && !worker.done) {
        loop_turn(worker.base, &batching, work_done(&worker));
        end_of_turn(&worker);
    }
    finish(&worker);
    return err || worker.unfinished ? EXIT_FAILURE : EXIT_SUCCESS;
}
