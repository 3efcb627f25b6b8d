/* Streams between gateways and workers: bytes arrive in order, in pieces, some time later. */
#include "base/alloc.h"
#include "link/frame.h"
#include "simulator/node_internal.h"

#include <stdlib.h>

enum { LINK_MIN_US = 10, LINK_MAX_US = 300, LINK_SLOW_US = 200000 };

struct chunk {
    struct link *link;
    uint8_t *data;
    size_t len;
};

static uint64_t travel(struct link *link, uint64_t *last_us)
{
    bool slow = world_us() < link->slow_until_us;
    uint64_t at = world_us() + rnd_between(LINK_MIN_US, slow ? LINK_SLOW_US : LINK_MAX_US);
    at = at > *last_us ? at : *last_us;
    *last_us = at;
    return at - world_us();
}

static struct chunk *chunk_make(struct link *link, const uint8_t *data, size_t len)
{
    struct chunk *chunk = world_keep(xmalloc(sizeof(*chunk)));
    *chunk = (struct chunk){link, world_keep(xmalloc(len)), len};
    memcpy(chunk->data, data, len);
    return chunk;
}

/* ---- ends ---- */

static void edge_down(struct link *link)
{
    if (link->edge) {
        struct edge_link *edge = link->edge;
        link->edge = NULL;
        list_remove(&link->gateway_link);
        buf_finish(&link->to_gateway);
        gateway_core_link_down(link->gateway->core, edge);
    }
}

static void shard_down(struct link *link)
{
    if (link->shard) {
        struct shard_link *shard = link->shard;
        link->shard = NULL;
        list_remove(&link->worker_link);
        buf_finish(&link->to_worker);
        shard_link_destroy(shard, world_ms());
    }
}

static void on_edge_down(void *arg)
{
    edge_down(arg);
}

static void on_shard_down(void *arg)
{
    shard_down(arg);
}

void link_end(struct link *link)
{
    if (!link->ended) {
        link->ended = true;
        world_after(travel(link, &link->down_us), &link->gateway->proc, on_edge_down, link);
        world_after(travel(link, &link->up_us), &link->worker->proc, on_shard_down, link);
    }
}

/* ---- bytes ---- */

static void on_to_gateway(void *arg)
{
    struct chunk *chunk = arg;
    struct link *link = chunk->link;
    if (!link->edge || link->cut || link->deaf) {
        return;
    }
    size_t used;
    buf_append(&link->to_gateway, chunk->data, chunk->len);
    enum err err = edge_link_input(link->edge, buf_head(&link->to_gateway),
                                   buf_len(&link->to_gateway), &used, world_ms());
    buf_consume(&link->to_gateway, used);
    if (err) {
        trace("%s: a frame of %s: %s", link->gateway->proc.name, link->worker->proc.name,
              err_name(err));
        if (err != ERR_REFUSED) {
            violated("%s cannot read a frame of %s: %s", link->gateway->proc.name,
                     link->worker->proc.name, err_name(err));
        }
        link_end(link);
    }
}

static void on_to_worker(void *arg)
{
    struct chunk *chunk = arg;
    struct link *link = chunk->link;
    if (!link->shard || link->cut) {
        return;
    }
    size_t used;
    buf_append(&link->to_worker, chunk->data, chunk->len);
    enum err err = shard_link_input(link->shard, buf_head(&link->to_worker),
                                    buf_len(&link->to_worker), &used, world_ms());
    buf_consume(&link->to_worker, used);
    size_t unread = shard_link_unread(link->shard);
    node.link_unread_max = unread > node.link_unread_max ? unread : node.link_unread_max;
    if (err) {
        violated("%s cannot read a frame of %s: %s", link->worker->proc.name,
                 link->gateway->proc.name, err_name(err));
        link_end(link);
    }
}

/* Sends all of `out`, cut at random now and then. */
static void send_all(struct link *link, struct buf *out, bool up)
{
    while (buf_len(out) > 0) {
        size_t len = buf_len(out);
        if (len > 1 && chance(10)) {
            len = rnd_between(1, len);
        }
        struct chunk *chunk = chunk_make(link, buf_head(out), len);
        buf_consume(out, len);
        world_after(travel(link, up ? &link->up_us : &link->down_us),
                    up ? &link->worker->proc : &link->gateway->proc,
                    up ? on_to_worker : on_to_gateway, chunk);
    }
}

void links_flush_gateway(struct gateway *gateway)
{
    struct link *link;
    list_each(link, &gateway->links, gateway_link, struct link)
    {
        if (link->edge_ready && link->edge && !link->ended) {
            link->edge_ready = false;
            send_all(link, edge_link_output(link->edge), true);
        }
    }
}

void links_flush_worker(struct worker *worker)
{
    struct link *link;
    list_each(link, &worker->links, worker_link, struct link)
    {
        if (link->shard_ready && link->shard && !link->ended) {
            link->shard_ready = false;
            send_all(link, shard_link_output(link->shard), false);
        }
    }
}

/* ---- beginning ---- */

static void on_accept(void *arg)
{
    struct link *link = arg;
    if (!link->ended) {
        link->shard = shard_link_create(worker_core_shard(link->worker->core));
        link->shard_ready = true;
        list_append(&link->worker->links, &link->worker_link);
    }
}

static void on_refused(void *arg)
{
    edge_down(arg);
}

void link_connect(struct gateway *gateway, struct edge_link *edge)
{
    struct link *link = world_keep(xcalloc(1, sizeof(*link)));
    link->gateway = gateway;
    link->worker = node_find_worker(edge_link_address(edge));
    link->edge = edge;
    link->edge_ready = true;
    edge_link_set_user(edge, link);
    list_append(&gateway->links, &link->gateway_link);
    list_init(&link->worker_link);
    if (link->worker) {
        world_after(travel(link, &link->up_us), &link->worker->proc, on_accept, link);
    } else {
        link->ended = true;
        world_after(0, &gateway->proc, on_refused, link);
    }
}

void link_edge_ready(struct gateway *gateway, struct edge_link *edge)
{
    struct link *link = edge_link_user(edge);
    if (link) {
        link->edge_ready = true;
        proc_touch(&gateway->proc);
    }
}

void link_shard_ready(struct worker *worker, struct shard_link *shard)
{
    struct link *link;
    list_each(link, &worker->links, worker_link, struct link)
    {
        if (link->shard == shard) {
            link->shard_ready = true;
            proc_touch(&worker->proc);
            return;
        }
    }
}

void link_drop_edge(struct gateway *gateway, struct edge_link *edge)
{
    struct link *link = edge_link_user(edge);
    link->deaf = true;
    world_after(0, &gateway->proc, on_edge_down, link);
    link_end(link);
}

void link_drop_shard(struct worker *worker, struct shard_link *shard)
{
    struct link *link;
    list_each(link, &worker->links, worker_link, struct link)
    {
        if (link->shard == shard) {
            link_end(link);
            return;
        }
    }
}

/* ---- faults ---- */

/* What it had sent still arrives; only then the other end learns of its death. */
void links_of_dead_worker(struct worker *worker)
{
    struct link *link;
    list_each(link, &worker->links, worker_link, struct link)
    {
        link_end(link);
        list_remove(&link->worker_link);
        link->shard = NULL;
        buf_finish(&link->to_worker);
    }
}

void links_of_dead_gateway(struct gateway *gateway)
{
    struct link *link;
    list_each(link, &gateway->links, gateway_link, struct link)
    {
        link_end(link);
        list_remove(&link->gateway_link);
        link->edge = NULL;
        buf_finish(&link->to_gateway);
    }
}

static struct link *some_link(void)
{
    struct link *found = NULL;
    uint64_t seen = 0;
    for (int i = 0; i < node.gateway_count; i++) {
        struct gateway *gateway = node.gateways[i];
        struct link *link;
        if (!gateway) {
            continue;
        }
        list_each(link, &gateway->links, gateway_link, struct link)
        {
            if (!link->ended && rnd_below(++seen) == 0) {
                found = link;
            }
        }
    }
    return found;
}

void node_cut_link(void)
{
    struct link *link = some_link();
    if (link) {
        trace("the link of %s and %s is cut", link->gateway->proc.name, link->worker->proc.name);
        link->cut = true;
        link_end(link);
    }
}

void node_slow_link(uint64_t us)
{
    struct link *link = some_link();
    if (link) {
        trace("the link of %s and %s is slow", link->gateway->proc.name, link->worker->proc.name);
        link->slow_until_us = world_us() + us;
    }
}
