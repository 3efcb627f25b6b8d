/* The supervisor: puts children, phases, signals and the admin port together. */
#include "node/node.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "net/loop.h"
#include "node/disk.h"
#include "node/internal.h"
#include "node/notify.h"
#include "node/quarantine.h"
#include "node/redis_child.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* For hanging children, and what waits for time to pass. */
#define LOOK_EVERY_MS 1000

/* ---- phases ---- */

static bool group_is(const struct node *node, enum metric_role role, enum child_state state)
{
    for (size_t i = 0; i < node->child_count; i++) {
        if (child_role(node->children[i]) == role && child_state(node->children[i]) != state) {
            return false;
        }
    }
    return true;
}

static struct node_view look(const struct node *node)
{
    return (struct node_view){
        .stop = node->stop,
        .hurry = node->plan.hurry,
        .time_is_up = node_time_is_up(node),
        .others = node->others,
        .redis_ready = redis_client_is_up(node->redis) && node->drain_known &&
                       group_is(node, ROLE_REDIS, CHILD_UP),
        .workers_ready = group_is(node, ROLE_WORKER, CHILD_UP),
        .gateways_ready = group_is(node, ROLE_GATEWAY, CHILD_UP),
        .redis_gone = group_is(node, ROLE_REDIS, CHILD_GONE),
        .workers_gone = group_is(node, ROLE_WORKER, CHILD_GONE),
        .gateways_gone = group_is(node, ROLE_GATEWAY, CHILD_GONE),
    };
}

static void start_group(struct node *node, enum metric_role role)
{
    for (size_t i = 0; i < node->child_count; i++) {
        if (child_role(node->children[i]) == role) {
            child_start(node->children[i]);
        }
    }
}

static void say_ready(const struct node *node)
{
    char address[ADDRESS_TEXT_MAX];
    char admin[ADDRESS_TEXT_MAX];
    address_format(&node->config->listen, address);
    address_format(&node->config->admin, admin);
    printf("roomd ready on http://%s\n", address);
    fflush(stdout);
    notify_ready("serving");
    log_info(NULL, "ready", LOG_TEXTZ("listen", address), LOG_TEXTZ("admin", admin),
             LOG_TEXTZ("node", node->data.node_id), LOG_U64("workers", node->config->workers),
             LOG_U64("gateways", node->config->gateways));
}

/* Does what belongs to the phase that was just entered. */
static void enter(struct node *node)
{
    switch (node->phase) {
    case PHASE_REDIS:
        start_group(node, ROLE_REDIS);
        break;
    case PHASE_WORKERS:
        /* Both at once, as half of what either takes is to be loaded. Who comes to a gateway before
         * there is a worker waits for one, as after a worker's death. */
        start_group(node, ROLE_WORKER);
        start_group(node, ROLE_GATEWAY);
        break;
    case PHASE_GATEWAYS:
        break;
    case PHASE_UP:
        node->was_up = true;
        say_ready(node);
        break;
    case PHASE_LEAVING:
    case PHASE_COUNTING:
    case PHASE_HANDING_OVER:
    case PHASE_STOP_GATEWAYS:
    case PHASE_STOP_WORKERS:
    case PHASE_STOP_REDIS:
    case PHASE_DONE:
        node_enter_stop(node);
        break;
    }
}

static void on_turn(evutil_socket_t fd, short what, void *ctx)
{
    (void)fd;
    (void)what;
    struct node *node = ctx;
    struct node_view view = look(node);
    enum node_phase next = phase_next(node->phase, &view);
    if (next != node->phase) {
        log_debug(NULL, "phase", LOG_TEXTZ("phase", phase_name(next)));
        node->phase = next;
        if (next == PHASE_UP || next == PHASE_LEAVING ||
            (next == PHASE_STOP_GATEWAYS && !node->was_up)) {
            node->since_unix_ms = clock_unix_ms();
        }
        enter(node);
        event_active(node->turn, EV_TIMEOUT, 0);
    } else if (node_replacement_turn(node)) {
        event_active(node->turn, EV_TIMEOUT, 0);
    }
}

void node_changed(struct node *node)
{
    event_active(node->turn, EV_TIMEOUT, 0);
}

/* ---- children ---- */

static void on_child_change(void *ctx, struct child *child)
{
    struct node *node = ctx;
    if (child_role(child) == ROLE_REDIS && child_state(child) == CHILD_STARTING) {
        redis_client_hurry(node->redis);
    }
    collector_update(node->collector);
    node_apply_drain(node);
    node_changed(node);
}

static void on_early_death(struct node *node, const struct child *child, const char *how)
{
    const char *last_words = child_report(child)->why;
    if (child_role(child) == ROLE_REDIS) {
        char *log = redis_child_log_path(&node->data);
        node_give_up(node, "redis-server %s; its log is %s", how, log);
        free(log);
    } else {
        node_give_up(node, "%s %s before it was ready%s%s", child_name(child), how,
                     last_words[0] ? ": " : "", last_words);
    }
}

/* Why the embedded Redis dies is in its log, unless that is what it could not write. */
static void explain_redis_death(const struct node *node)
{
    char *log = redis_child_log_path(&node->data);
    uint64_t free_bytes = disk_free_bytes(node->data.path);
    if (disk_is_full(free_bytes)) {
        log_error(NULL, "the disk of the data directory is full; changes wait until there is room",
                  LOG_TEXTZ("data", node->data.path), LOG_U64("free_bytes", free_bytes));
    } else {
        log_info(NULL, "the words of redis-server are in its log", LOG_TEXTZ("log", log));
    }
    free(log);
}

static void on_child_end(void *ctx, struct child *child, const struct child_end *end)
{
    struct node *node = ctx;
    struct log_field name = LOG_TEXTZ("child", child_name(child));
    struct log_field how = LOG_TEXTZ("how", end->how);
    if (end->kind == CHILD_END_ASKED) {
        log_debug(NULL, "process stopped", name, how);
    } else if (child_part(child) == CHILD_NEXT) {
        node_replacement_died(node, child, end->how);
    } else if (end->kind == CHILD_END_LEFT) {
        log_info(NULL, "process has left by plan; starting it again", name);
    } else if (node->was_up) {
        log_warn(NULL, "process died; starting it again", name, how,
                 LOG_TEXTZ("last_words", child_report(child)->why));
        if (child_role(child) == ROLE_REDIS) {
            explain_redis_death(node);
        }
    } else {
        on_early_death(node, child, end->how);
    }
    if (end->room.len > 0) {
        quarantine_count(node->redis, end->room, child_id(child), end->how);
    }
    /* Last: from then on others may take its rooms. */
    if (child_role(child) == ROLE_WORKER) {
        redis_client_forget_worker(node->redis, child_id(child));
        node_move_owner_ended(node, child);
    }
}

static void on_child_metrics(void *ctx, struct child *child)
{
    (void)child;
    struct node *node = ctx;
    collector_update(node->collector);
}

static void on_child_outcome(void *ctx, struct child *child, const struct control_message *message)
{
    (void)child;
    node_move_outcome(ctx, message);
}

static const struct child_handlers child_handlers = {on_child_change, on_child_end,
                                                     on_child_metrics, on_child_outcome};

/* ---- signals ---- */

static void on_stop_signal(evutil_socket_t number, short what, void *ctx)
{
    (void)what;
    node_stop(ctx, strsignal((int)number));
}

static void on_replace_signal(evutil_socket_t number, short what, void *ctx)
{
    (void)number;
    (void)what;
    node_reload(ctx);
    node_replace_workers(ctx);
}

static bool is_ready(void *ctx, struct buf *reasons);

/* For `systemctl status`: the first reason for not being ready, or that it is. */
static void tell_status(struct node *node)
{
    struct buf reasons = {0};
    if (node->replacement != REPLACEMENT_NONE && node->phase == PHASE_UP) {
        notify_status("serving; all workers are being replaced");
    } else if (is_ready(node, &reasons)) {
        notify_status("serving");
    } else {
        struct str text = buf_str(&reasons);
        const char *end = memchr(text.ptr, '\n', text.len);
        char *line = xstrndup(text.ptr, end ? (size_t)(end - text.ptr) : text.len);
        notify_status(line);
        free(line);
    }
    buf_finish(&reasons);
}

static void on_look(evutil_socket_t fd, short what, void *ctx)
{
    (void)fd;
    (void)what;
    struct node *node = ctx;
    for (size_t i = 0; i < node->child_count; i++) {
        child_look(node->children[i], (uint64_t)node->config->hang_after_s * 1000);
    }
    node_look_at_drain(node);
    node_changed(node); /* time has passed */
    notify_alive();
    tell_status(node);
    uint64_t watchdog_ms = notify_watchdog_ms();
    loop_arm(node->look, watchdog_ms && watchdog_ms < LOOK_EVERY_MS ? watchdog_ms : LOOK_EVERY_MS);
}

static void on_child_signal(evutil_socket_t number, short what, void *ctx)
{
    (void)number;
    (void)what;
    struct node *node = ctx;
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        for (size_t i = 0; i < node->child_count; i++) {
            if (child_pid(node->children[i]) == pid) {
                child_reaped(node->children[i], status);
                break;
            }
        }
    }
}

/* ---- what the admin port shows ---- */

static void append_trouble(const struct child *child, struct buf *reasons)
{
    const struct control_message *report = child_report(child);
    bool up = child_state(child) == CHILD_UP;
    buf_printf(reasons, "%s: %s", child_name(child),
               up ? control_state_name(report->state) : child_state_name(child_state(child)));
    if (up && !report->store_ok) {
        buf_printf(reasons, ", cannot persist");
    }
    buf_printf(reasons, "%s%s\n", report->why[0] ? ": " : "", report->why);
}

/* One of each kind is enough to serve: a worker that is just being started again is no reason to
 * send everybody elsewhere. One that cannot persist is. */
static bool is_ready(void *ctx, struct buf *reasons)
{
    const struct node *node = ctx;
    unsigned serving = 0; /* roles, as bits */
    bool persisting = true;
    struct buf troubles = {0};
    for (size_t i = 0; i < node->child_count; i++) {
        const struct child *child = node->children[i];
        const struct control_message *report = child_report(child);
        bool up = child_state(child) == CHILD_UP && report->state == CONTROL_READY;
        if (child_part(child) != CHILD_OF_SLOT) {
            continue;
        }
        serving |= up ? child_role(child) : 0;
        persisting &= !up || report->store_ok;
        if (!up || !report->store_ok) {
            append_trouble(child, &troubles);
        }
    }
    unsigned needed = ROLE_WORKER | ROLE_GATEWAY;
    bool redis_up = redis_client_is_up(node->redis);
    bool ready = node->phase == PHASE_UP && redis_up && persisting && (serving & needed) == needed;
    if (!ready) {
        if (node->phase != PHASE_UP) {
            buf_printf(reasons, "%s\n", phase_name(node->phase));
        }
        if (node->drains) {
            buf_printf(reasons, "the node drains, because an operator wants it to\n");
        }
        if (!redis_up) {
            buf_printf(reasons, "redis: %s\n", redis_client_why(node->redis));
        }
        buf_append_str(reasons, buf_str(&troubles));
        if (disk_is_full(disk_free_bytes(node->data.path))) {
            buf_printf(reasons, "the disk of %s is full\n", node->data.path);
        }
    }
    buf_finish(&troubles);
    return ready;
}

static void collect(void *ctx, admin_collected_fn done, void *arg)
{
    struct node *node = ctx;
    metrics_set(METRIC_DATA_FREE_BYTES, (double)disk_free_bytes(node->data.path));
    collector_ask(node->collector, done, arg);
}

static const char *state_word(enum node_phase phase)
{
    return phase < PHASE_UP ? "starting" : phase == PHASE_UP ? "ready" : "stopping";
}

void node_show_own(void *ctx, struct admin_process *own)
{
    const struct node *node = ctx;
    own->id = node->data.node_id;
    own->state = state_word(node->phase);
    own->detail = redis_client_is_up(node->redis) ? "" : redis_client_why(node->redis);
    own->since_unix_ms = node->since_unix_ms;
}

static const struct admin_source admin_source = {
    .ready = is_ready,
    .collect = collect,
    .list_rooms = node_list_rooms,
    .room = node_show_room,
    .move = node_move_room,
    .release = node_release_room,
    .drain = node_drain_worker,
    .list_workers = node_list_workers,
    .list_nodes = node_list_nodes,
    .drain_node = node_drain_node,
    .begin_rebalance = node_begin_rebalance,
    .show_rebalance = node_show_rebalance,
    .request = node_request,
};

/* ---- start and end ---- */

static bool make_loop(struct node *node)
{
    static const int numbers[NODE_SIGNALS] = {SIGTERM, SIGINT, SIGHUP, SIGCHLD};
    static const event_callback_fn handlers[NODE_SIGNALS] = {on_stop_signal, on_stop_signal,
                                                             on_replace_signal, on_child_signal};
    if (loop_create(&node->base)) {
        node->status = 1;
        return false;
    }
    for (size_t i = 0; i < NODE_SIGNALS; i++) {
        node->signals[i] = loop_on_signal(node->base, numbers[i], handlers[i], node);
    }
    node->turn = event_new(node->base, -1, 0, on_turn, node);
    node->look = evtimer_new(node->base, on_look, node);
    node->phase_timer = evtimer_new(node->base, node_on_phase_timer, node);
    loop_arm(node->look, 0);
    return true;
}

/* One that had to be killed may have left something unwritten. */
static int final_status(const struct node *node)
{
    for (size_t i = 0; i < node->child_count; i++) {
        if (child_was_killed(node->children[i])) {
            return 1;
        }
    }
    return node->status;
}

static void finish(struct node *node)
{
    /* Requests of operators are answered by those, whether anybody hears it or not. */
    collector_destroy(node->collector);
    node_moves_stop(node);
    node_requests_stop(node);
    redis_client_destroy(node->redis);
    node_requests_finish(node);
    peer_destroy(node->peer);
    admin_destroy(node->admin);
    for (size_t i = 0; i < node->child_count; i++) {
        child_destroy(node->children[i]);
    }
    free(node->children);
    for (size_t i = 0; i < NODE_PROGRAMS; i++) {
        free(node->programs[i]);
    }
    free_strings(node->env);
    if (node->listen_fd >= 0) {
        close(node->listen_fd);
    }
    datadir_close(&node->data);
    for (size_t i = 0; i < NODE_SIGNALS; i++) {
        if (node->signals[i]) {
            event_free(node->signals[i]);
        }
    }
    if (node->turn) {
        event_free(node->turn);
        event_free(node->look);
        event_free(node->phase_timer);
    }
    if (node->base) {
        event_base_free(node->base);
    }
}

int node_run(struct config *config)
{
    struct node node = {
        .config = config, .listen_fd = -1, .phase = PHASE_REDIS, .since_unix_ms = clock_unix_ms()};
    list_init(&node.moves);
    list_init(&node.requests);
    if (make_loop(&node) && node_check_schema(&node) && node_open_data(&node) &&
        node_join_cluster(&node) && node_open_ports(&node, &admin_source) &&
        node_make_children(&node, &child_handlers, &node_redis_handlers)) {
        enter(&node);
        node_changed(&node);
        event_base_dispatch(node.base);
        node.status = final_status(&node);
        if (node.was_up) {
            log_info(NULL, "stopped", LOG_I64("status", node.status));
        }
    }
    finish(&node);
    return node.status;
}
