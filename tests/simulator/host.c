/* Edits from outside. One that was answered is in Redis, at the clock that was told; one that was
 * refused is not. */
#include "simulator/host.h"

#include "base/alloc.h"
#include "link/frame.h"
#include "link/request.h"
#include "simulator/client.h"
#include "simulator/history.h"
#include "simulator/node_internal.h"
#include "value/pack.h"

#include <inttypes.h>
#include <stdio.h>

enum { TRAVEL_MIN_US = 10, TRAVEL_MAX_US = 300 };

struct host {
    struct list link; /* in hosts.all until its link is down */
    struct worker *worker;
    struct shard_link *shard; /* NULL before it is accepted, and once it is down */
    bool ready;
    bool loads; /* all of the room anew, or puts one record */
    char room[16], token[24];
};

static struct {
    struct list all; /* of struct host.link */
    uint64_t count;
} hosts;

struct told {
    struct host *host;
    struct buf bytes; /* the world's */
};

void hosts_begin(void)
{
    list_init(&hosts.all);
    hosts.count = 0;
}

static uint64_t travel(void)
{
    return rnd_between(TRAVEL_MIN_US, TRAVEL_MAX_US);
}

static void down(struct host *host)
{
    list_remove(&host->link);
    host->shard = NULL;
}

static void on_leave(void *arg)
{
    struct host *host = arg;
    if (host->shard) {
        struct shard_link *shard = host->shard;
        down(host);
        shard_link_destroy(shard, world_ms());
    }
}

/* ---- the answer ---- */

static void check_answer(const struct host *host, const struct link_frame *frame)
{
    uint64_t stored = history_token_clock(str_of(host->token));
    uint64_t clock = 0;
    trace("a host is answered %d about %s", (int)frame->code, host->token);
    if (history_is_lossy() || node.durability != DURABILITY_LOG) {
        return;
    }
    value_u64(value_get(frame->payload, STR("clock")), &clock);
    bool replaced = !stored && history_loaded_clock(host->room) > clock; /* in one snapshot */
    if (frame->code == LINK_STATUS_OK && stored != clock && !replaced) {
        violated("edit %s was answered at clock %" PRIu64 ", and is stored at %" PRIu64,
                 host->token, clock, stored);
    } else if (frame->code != LINK_STATUS_OK && frame->code != LINK_STATUS_UNKNOWN && stored) {
        violated("edit %s was refused (%d), and is stored", host->token, (int)frame->code);
    }
}

static void on_told(void *arg)
{
    struct told *told = arg;
    struct link_reader reader;
    struct link_frame frame;
    size_t size;
    link_reader_init(&reader);
    while (link_read(&reader, buf_head(&told->bytes), buf_len(&told->bytes), &frame, &size) ==
           ERR_OK) {
        if (frame.type == LINK_REPLY) {
            check_answer(told->host, &frame);
            world_after(travel(), &told->host->worker->proc, on_leave, told->host);
        }
        buf_consume(&told->bytes, size);
    }
    link_reader_finish(&reader);
}

void hosts_ready(struct worker *worker, const struct shard_link *shard)
{
    struct host *host;
    list_each(host, &hosts.all, link, struct host)
    {
        if (host->shard == shard) {
            host->ready = true;
            proc_touch(&worker->proc);
        }
    }
}

void hosts_flush(struct worker *worker)
{
    struct host *host;
    list_each(host, &hosts.all, link, struct host)
    {
        if (host->worker != worker || !host->shard || !host->ready) {
            continue;
        }
        struct buf *output = shard_link_output(host->shard);
        struct told *told = world_keep(xcalloc(1, sizeof(*told)));
        size_t len = buf_len(output);
        told->host = host;
        told->bytes.data = world_keep(xmemdup(buf_head(output), len));
        told->bytes.end = told->bytes.cap = len;
        buf_consume(output, len);
        host->ready = false;
        world_after(travel(), NULL, on_told, told); /* what is sent arrives, whoever dies */
    }
}

void hosts_of_dead_worker(struct worker *worker)
{
    struct host *host;
    list_each(host, &hosts.all, link, struct host)
    {
        if (host->worker == worker) {
            down(host);
        }
    }
}

/* ---- the question ---- */

static void pack_note(struct str id, struct str token, struct buf *out)
{
    pack_map(out, 4);
    pack_str(out, STR("id"));
    pack_str(out, id);
    pack_str(out, STR("typeName"));
    pack_str(out, STR("note"));
    pack_str(out, STR("t"));
    pack_str(out, token);
    pack_str(out, STR("text"));
    pack_str(out, STR(""));
}

static struct str own_id(const struct host *host, char out[32])
{
    int len = snprintf(out, 32, "note:%s", host->token);
    return (struct str){out, (size_t)len};
}

/* A new one: over what others have written it would look like a loss. */
static void pack_update(const struct host *host, struct buf *out)
{
    char id[32];
    pack_map(out, 1);
    pack_str(out, STR("puts"));
    pack_array(out, 1);
    pack_note(own_id(host, id), str_of(host->token), out);
}

/* It may be there, or have been: but nobody except hosts puts it, in one room. */
static void pack_other(const struct host *host, uint64_t number, struct buf *out)
{
    char id[32];
    char token[48];
    int id_len = snprintf(id, sizeof(id), "note:%s.%" PRIu64, host->room, number);
    int token_len = snprintf(token, sizeof(token), "%.*s.%" PRIu64 "!",
                             (int)strlen(host->token) - 1, host->token, number);
    pack_str(out, (struct str){id, (size_t)id_len});
    pack_note((struct str){id, (size_t)id_len}, (struct str){token, (size_t)token_len}, out);
}

/* A store snapshot. What else there was goes. */
static void pack_load(const struct host *host, struct buf *out)
{
    enum { OTHERS = 12 };
    char id[32];
    uint64_t others = rnd_below(OTHERS);
    pack_map(out, 2);
    pack_str(out, STR("schema"));
    client_pack_schema(out);
    pack_str(out, STR("store"));
    pack_map(out, (uint32_t)others + 1);
    pack_str(out, own_id(host, id));
    pack_note(own_id(host, id), str_of(host->token), out);
    for (uint64_t i = 1; i <= others; i++) {
        pack_other(host, i, out);
    }
}

static void on_arrive(void *arg)
{
    struct host *host = arg;
    struct buf operand = {0};
    struct buf bytes = {0};
    size_t used;
    struct link_frame hello = {.type = LINK_HELLO,
                               .version_min = LINK_VERSION_MIN,
                               .version_max = LINK_VERSION_MAX,
                               .id = STR("host"),
                               .node = STR("host")};
    (host->loads ? pack_load : pack_update)(host, &operand);
    struct link_frame request = {.type = LINK_REQUEST,
                                 .request = 1,
                                 .verb = host->loads ? LINK_VERB_LOAD : LINK_VERB_UPDATE,
                                 .room = str_of(host->room),
                                 .payload = buf_value(&operand)};
    host->shard = shard_link_create(worker_core_shard(host->worker->core));
    list_append(&hosts.all, &host->link);
    link_write(&bytes, &hello);
    link_write(&bytes, &request);
    if (shard_link_input(host->shard, buf_head(&bytes), buf_len(&bytes), &used, world_ms())) {
        violated("%s cannot read a request", host->worker->proc.name);
    }
    host->ready = true;
    proc_touch(&host->worker->proc);
    buf_finish(&operand);
    buf_finish(&bytes);
}

void host_edit(struct str room)
{
    struct worker *worker = node.workers[rnd_below((uint64_t)node.worker_count)];
    if (!worker) {
        return;
    }
    struct host *host = world_keep(xcalloc(1, sizeof(*host)));
    host->worker = worker;
    list_init(&host->link);
    snprintf(host->room, sizeof(host->room), "%.*s", STR_ARG(room));
    snprintf(host->token, sizeof(host->token), "h%" PRIu64 "!", ++hosts.count);
    host->loads = chance(15);
    trace("a host %s %s into %s at %s", host->loads ? "loads" : "puts", host->token, host->room,
          worker->proc.name);
    if (host->loads) {
        history_expect_load(host->room, str_of(host->token));
    }
    world_after(travel(), &worker->proc, on_arrive, host);
    if (chance(20)) {
        world_after(rnd_below(20000), &worker->proc, on_leave, host); /* and does not wait */
    }
}
