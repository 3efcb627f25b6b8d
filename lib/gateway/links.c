/* Links to workers: sockets under the edge's links. */
#include "base/alloc.h"
#include "base/clock.h"
#include "base/metrics.h"
#include "gateway/internal.h"

#include <stdlib.h>

struct gateway_link {
    struct list link, ready_link;
    struct gateway *gateway;
    struct edge_link *edge_link; /* NULL once it is down */
    struct stream *stream;       /* NULL if it could not connect */
    struct event *failed;        /* tells the edge so from the loop */
};

static void link_destroy(struct gateway_link *link)
{
    struct edge_link *edge_link = link->edge_link;
    list_remove(&link->link);
    list_remove(&link->ready_link);
    stream_destroy(link->stream);
    event_free(link->failed);
    if (edge_link) {
        gateway_core_link_down(link->gateway->core, edge_link);
    }
    free(link);
    metrics_add(METRIC_LINKS, -1);
}

static enum err on_input(void *ctx, const uint8_t *data, size_t len, size_t *used)
{
    struct gateway_link *link = ctx;
    return edge_link_input(link->edge_link, data, len, used, loop_now_ms(link->gateway->base));
}

/* A worker that is listed and not there is tried twenty times a second until its key runs out; one
 * that does not share our secret, for as long as somebody wants a room of it. */
static bool may_complain(struct gateway *gateway, enum err why, uint32_t *suppressed)
{
    enum { PER_MINUTE = 20, REFUSALS_PER_MINUTE = 1 };
    return why == ERR_REFUSED
               ? log_limit_pass(&gateway->link_refusals, REFUSALS_PER_MINUTE, clock_ms(),
                                suppressed)
               : log_limit_pass(&gateway->link_failures, PER_MINUTE, clock_ms(), suppressed);
}

static void on_end(void *ctx, enum err why)
{
    struct gateway_link *link = ctx;
    uint32_t suppressed;
    if (may_complain(link->gateway, why, &suppressed)) {
        log_warn(NULL,
                 why == ERR_REFUSED ? "another worker answers, or one that has not our secret"
                                    : "link to a worker ended",
                 LOG_STR("worker", edge_link_worker(link->edge_link)),
                 LOG_STR("address", edge_link_address(link->edge_link)), LOG_ERR(why),
                 LOG_U64("suppressed", suppressed));
    }
    link_destroy(link);
}

static const struct stream_handlers handlers = {.on_input = on_input, .on_end = on_end};

static void on_failed(evutil_socket_t fd, short events, void *ctx)
{
    (void)fd;
    (void)events;
    link_destroy(ctx);
}

void links_host_connect(void *ctx, struct edge_link *edge_link)
{
    struct gateway *gateway = ctx;
    struct gateway_link *link = xcalloc(1, sizeof(*link));
    link->gateway = gateway;
    link->edge_link = edge_link;
    edge_link_set_user(edge_link, link);
    list_append(&gateway->links, &link->link);
    list_init(&link->ready_link);
    link->failed = event_new(gateway->base, -1, 0, on_failed, link);
    metrics_add(METRIC_LINKS, 1);

    struct buf why = {0};
    struct peer_target target = {edge_link_address(edge_link), edge_link_worker(edge_link)};
    link->stream = peer_connect(gateway->peer, gateway->base, &target, edge_link_output(edge_link),
                                &handlers, link, &why);
    uint32_t suppressed;
    if (link->stream) {
        list_append(&gateway->links_ready, &link->ready_link);
    } else {
        if (may_complain(gateway, ERR_UNAVAILABLE, &suppressed)) {
            log_warn(NULL, "cannot reach a worker", LOG_STR("worker", target.worker),
                     LOG_STR("address", target.address), LOG_STR("why", buf_str(&why)),
                     LOG_U64("suppressed", suppressed));
        }
        event_active(link->failed, EV_TIMEOUT, 1);
    }
    buf_finish(&why);
}

void links_host_ready(void *ctx, struct edge_link *edge_link)
{
    struct gateway *gateway = ctx;
    struct gateway_link *link = edge_link_user(edge_link);
    if (link && link->stream && list_empty(&link->ready_link)) {
        list_append(&gateway->links_ready, &link->ready_link);
    }
}

void links_host_drop(void *ctx, struct edge_link *edge_link, enum err why)
{
    struct gateway_link *link = edge_link_user(edge_link);
    (void)ctx;
    if (link && link->stream) {
        stream_end(link->stream, why);
    }
}

void links_end_of_turn(struct gateway *gateway)
{
    struct gateway_link *link;
    list_each(link, &gateway->links_ready, ready_link, struct gateway_link)
    {
        list_remove(&link->ready_link);
        stream_flush(link->stream);
    }
}

void links_destroy_all(struct gateway *gateway)
{
    struct gateway_link *link;
    list_each(link, &gateway->links, link, struct gateway_link)
    {
        link_destroy(link);
    }
}
