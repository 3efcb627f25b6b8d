/* Streams between gateways and workers: bytes arrive in order, in pieces, some time later. */
#include "base/alloc.h"
#include "link/frame.h"
#include "simulator/network.h"
#include "simulator/node_internal.h"

#include <stdlib.h>

enum { LINK_MIN_US = 10, LINK_MAX_US = 300, REMOTE_MAX_US = 1500, LINK_SLOW_US = 200000 };

struct chunk {
    struct chunk *next;
    uint8_t *data;
    size_t len;
};

static void on_arrival(void *arg);

static uint64_t travel(struct pipe *pipe)
{
    const struct link *link = pipe->link;
    bool slow = world_us() < link->slow_until_us;
    uint64_t most = slow ? LINK_SLOW_US : link->remote ? REMOTE_MAX_US : LINK_MAX_US;
    uint64_t at = world_us() + rnd_between(LINK_MIN_US, most);
    at = at > pipe->last_us ? at : pipe->last_us;
    pipe->last_us = at;
    return at - world_us();
}

static void pipe_begin(struct pipe *pipe, struct link *link, struct proc *to,
                       void (*arrive)(struct link *, const uint8_t *, size_t))
{
    *pipe = (struct pipe){.link = link, .to = to, .arrive = arrive};
    pipe->end = &pipe->first;
}

static void pipe_send(struct pipe *pipe, const uint8_t *data, size_t len)
{
    struct chunk *chunk = world_keep(xmalloc(sizeof(*chunk)));
    *chunk = (struct chunk){NULL, world_keep(xmalloc(len)), len};
    memcpy(chunk->data, data, len);
    *pipe->end = chunk;
    pipe->end = &chunk->next;
    pipe->under_way += len;
    world_after(travel(pipe), pipe->to, on_arrival, pipe);
}

/* 0: its ends reach each other. */
static uint64_t cut_until(const struct link *link)
{
    return link->remote ? network_cut_until(link->gateway->place, link->worker->place) : 0;
}

/* There is room in the socket: its writer goes on in its next turn. */
static void unblock(struct pipe *pipe)
{
    struct link *link = pipe->link;
    pipe->blocked = false;
    if (pipe == &link->down && link->shard) {
        link_shard_ready(link->worker, link->shard);
    } else if (pipe == &link->up && link->edge) {
        link_edge_ready(link->gateway, link->edge);
    }
}

/* What is under way arrives in order, however long the first of it has to wait. */
static void on_arrival(void *arg)
{
    struct pipe *pipe = arg;
    uint64_t until = cut_until(pipe->link);
    if (until) {
        world_after(until - world_us(), pipe->to, on_arrival, pipe);
        return;
    }
    struct chunk *chunk = pipe->first;
    pipe->first = chunk->next;
    if (!pipe->first) {
        pipe->end = &pipe->first;
    }
    pipe->under_way -= chunk->len;
    if (pipe->blocked) {
        unblock(pipe);
    }
    pipe->arrive(pipe->link, chunk->data, chunk->len);
}

/* ---- ends ---- */

static void edge_down(struct link *link)
{
    if (link->edge) {
        struct edge_link *edge = link->edge;
        link->edge = NULL;
        list_remove(&link->gateway_link);
        buf_finish(&link->to_gateway);
        proof_finish(link->asks);
        link->asks = NULL;
        gateway_core_link_down(link->gateway->core, edge);
    }
}

static void shard_down(struct link *link)
{
    proof_finish(link->answers);
    link->answers = NULL;
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

/* Behind what was sent, and not before a cut is over. */
static void tell_end(struct link *link, struct pipe *pipe, task_fn fn)
{
    uint64_t until = cut_until(link);
    uint64_t wait = until ? until - world_us() : 0;
    world_after(wait + travel(pipe), pipe->to, fn, link);
}

void link_end(struct link *link)
{
    if (!link->ended) {
        link->ended = true;
        tell_end(link, &link->down, on_edge_down);
        tell_end(link, &link->up, on_shard_down);
    }
}

/* ---- silence ---- */

static bool is_silent(const struct link *link)
{
    return network_cut_for(link->gateway->place, link->worker->place) >= NETWORK_SILENCE_US;
}

static void on_edge_silence(void *arg)
{
    struct link *link = arg;
    if (is_silent(link)) {
        edge_down(link);
        link_end(link);
    }
}

static void on_shard_silence(void *arg)
{
    struct link *link = arg;
    if (is_silent(link)) {
        shard_down(link);
        link_end(link);
    }
}

static uint64_t silence(void)
{
    return NETWORK_SILENCE_US + rnd_below(NETWORK_JITTER_US);
}

static bool is_between(const struct link *link, int a, int b)
{
    int from = link->gateway->place;
    int to = link->worker ? link->worker->place : from;
    return !link->ended && ((from == a && to == b) || (from == b && to == a));
}

void links_are_cut(int a, int b)
{
    struct link *link;
    list_each(link, &node.links, all, struct link)
    {
        if (is_between(link, a, b)) {
            world_after(silence(), &link->gateway->proc, on_edge_silence, link);
            world_after(silence(), &link->worker->proc, on_shard_silence, link);
        }
    }
}

/* ---- bytes ---- */

static void begin_shard(struct link *link)
{
    link->shard = shard_link_create(worker_core_shard(link->worker->core));
    link->shard_ready = true;
    list_append(&link->worker->links, &link->worker_link);
}

/* Takes what belongs to the handshake off the front of `in`. False: it is not over, or has failed.
 */
static bool prove(struct link *link, struct handshake **handshake, struct buf *in,
                  struct pipe *back)
{
    if (!*handshake) {
        return true;
    }
    size_t used;
    struct buf out = {0};
    enum err err = handshake_input(*handshake, buf_head(in), buf_len(in), &used, &out);
    buf_consume(in, used);
    if (buf_len(&out) > 0) {
        pipe_send(back, buf_head(&out), buf_len(&out));
    }
    buf_finish(&out);
    if (err && err != ERR_AGAIN) {
        trace("%s and %s: %s", link->gateway->proc.name, link->worker->proc.name, err_name(err));
        if (err != ERR_REFUSED) { /* another worker may listen there by now */
            violated("%s and %s cannot prove themselves", link->gateway->proc.name,
                     link->worker->proc.name);
        }
        link_end(link);
    }
    if (!err) {
        proof_finish(*handshake);
        *handshake = NULL;
    }
    return !err;
}

static void arrive_at_gateway(struct link *link, const uint8_t *data, size_t len)
{
    if (!link->edge || link->cut || link->deaf) {
        return;
    }
    size_t used;
    buf_append(&link->to_gateway, data, len);
    if (!prove(link, &link->asks, &link->to_gateway, &link->up)) {
        return;
    }
    proc_touch(&link->gateway->proc); /* what waited for the handshake may go */
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

static void arrive_at_worker(struct link *link, const uint8_t *data, size_t len)
{
    if ((!link->shard && !link->answers) || link->cut) {
        return;
    }
    size_t used;
    link->worker->proc.used_us += node.message_us;
    buf_append(&link->to_worker, data, len);
    if (!prove(link, &link->answers, &link->to_worker, &link->down)) {
        return;
    }
    if (!link->shard) {
        begin_shard(link);
        proc_touch(&link->worker->proc);
    }
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

/* Sends of `out` what the socket takes, cut at random now and then. */
static void send_all(struct pipe *pipe, struct buf *out)
{
    size_t most = node.socket_bytes ? node.socket_bytes : SIZE_MAX;
    while (buf_len(out) > 0) {
        if (pipe->under_way >= most) {
            pipe->blocked = true;
            return;
        }
        size_t room = most - pipe->under_way;
        size_t len = buf_len(out) < room ? buf_len(out) : room;
        if (len > 1 && chance(10)) {
            len = rnd_between(1, len);
        }
        pipe_send(pipe, buf_head(out), len);
        buf_consume(out, len);
    }
}

void links_flush_gateway(struct gateway *gateway)
{
    struct link *link;
    list_each(link, &gateway->links, gateway_link, struct link)
    {
        if (link->edge_ready && link->edge && !link->asks && !link->ended) {
            link->edge_ready = false;
            send_all(&link->up, edge_link_output(link->edge));
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
            send_all(&link->down, shard_link_output(link->shard));
        }
    }
}

/* ---- beginning ---- */

static void on_accept(void *arg)
{
    struct link *link = arg;
    if (link->ended) {
        return;
    }
    if (link->remote) {
        link->answers = proof_answer(link->worker, link->worker->config.node);
    } else {
        begin_shard(link);
    }
}

static void on_refused(void *arg)
{
    struct link *link = arg;
    link->ended = true;
    edge_down(link);
}

static void ask(struct link *link)
{
    struct buf hail = {0};
    link->asks =
        proof_ask(link->gateway, link->gateway->config.node, edge_link_worker(link->edge), &hail);
    pipe_send(&link->up, buf_head(&hail), buf_len(&hail));
    buf_finish(&hail);
}

void link_connect(struct gateway *gateway, struct edge_link *edge)
{
    struct link *link = world_keep(xcalloc(1, sizeof(*link)));
    link->gateway = gateway;
    link->worker = node_find_worker(edge_link_address(edge));
    link->edge = edge;
    link->edge_ready = true;
    edge_link_set_user(edge, link);
    list_append(&node.links, &link->all);
    list_append(&gateway->links, &link->gateway_link);
    list_init(&link->worker_link);
    pipe_begin(&link->down, link, &gateway->proc, arrive_at_gateway);
    if (!link->worker) {
        link->ended = true;
        world_after(0, &gateway->proc, on_refused, link);
        return;
    }
    pipe_begin(&link->up, link, &link->worker->proc, arrive_at_worker);
    link->remote = str_starts(edge_link_address(edge), STR("tcp:"));
    if (cut_until(link)) {
        world_after(NETWORK_CONNECT_US, &gateway->proc, on_refused, link);
        return;
    }
    world_after(travel(&link->up), &link->worker->proc, on_accept, link);
    if (link->remote) {
        ask(link);
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

/* What was sent still arrives; only then the other end learns of it, and if a machine is lost not
 * for a while. */
static void end_of_dead(struct link *link, bool lost)
{
    if (!lost || !link->remote) {
        link_end(link);
    } else if (!link->ended) {
        link->ended = true;
        world_after(silence(), &link->gateway->proc, on_edge_down, link);
        world_after(silence(), &link->worker->proc, on_shard_down, link);
    }
}

void links_of_dead_worker(struct worker *worker, bool lost)
{
    struct link *link;
    list_each(link, &node.links, all, struct link)
    {
        if (link->worker == worker) {
            end_of_dead(link, lost);
            list_remove(&link->worker_link);
            link->shard = NULL;
            buf_finish(&link->to_worker);
            proof_finish(link->answers);
            link->answers = NULL;
        }
    }
}

void links_of_dead_gateway(struct gateway *gateway, bool lost)
{
    struct link *link;
    list_each(link, &gateway->links, gateway_link, struct link)
    {
        end_of_dead(link, lost);
        list_remove(&link->gateway_link);
        link->edge = NULL;
        buf_finish(&link->to_gateway);
        proof_finish(link->asks);
        link->asks = NULL;
    }
}

void links_finish(void)
{
    struct link *link;
    list_each(link, &node.links, all, struct link)
    {
        proof_finish(link->asks);
        proof_finish(link->answers);
        buf_finish(&link->to_gateway);
        buf_finish(&link->to_worker);
    }
}

static struct link *some_link(void)
{
    struct link *found = NULL;
    uint64_t seen = 0;
    struct link *link;
    list_each(link, &node.links, all, struct link)
    {
        if (!link->ended && rnd_below(++seen) == 0) {
            found = link;
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
        if (link->remote) {
            network_trouble(0);
        }
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
