/* A Redis Cluster: one upstream for each master, a lane for each slot in use, and a map from slots
 * to upstreams that is read from the cluster and put right by what its servers say. */
#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "net/loop.h"
#include "store/cluster_map.h"
#include "store/internal.h"

#include <stdlib.h>

/* How long a server is kept that has no slots any more, or had none when somebody was sent there by
 * ASK. */
enum { IDLE_UPSTREAM_MS = 10000 };

struct store_part {
    uint8_t slots[SLOTS / 8];
};

struct cluster {
    struct store *store;
    struct cluster_map *map;         /* owned; asks for the map */
    struct list upstreams;           /* of struct upstream.link; owned */
    struct upstream *by_slot[SLOTS]; /* NULL: nobody has it */
    struct lane *lanes[SLOTS];       /* owned; NULL: not in use yet */
    struct store_part news;          /* slots that somebody else answers for than before */
    bool has_news;
    bool held;  /* some lane waits for its time */
    bool known; /* there has been a map */
    struct event *timer;
    uint64_t timer_at; /* UINT64_MAX: not armed */
};

/* ---- time ---- */

static void wake_at(struct cluster *cluster, uint64_t at_ms)
{
    uint64_t now_ms = clock_ms();
    if (at_ms < cluster->timer_at && !cluster->store->ending) {
        cluster->timer_at = at_ms;
        loop_arm(cluster->timer, at_ms > now_ms ? at_ms - now_ms : 0);
    }
}

/* ---- parts ---- */

static void part_add(struct store_part *part, unsigned slot)
{
    part->slots[slot / 8] = (uint8_t)(part->slots[slot / 8] | 1u << slot % 8);
}

static bool part_has_slot(const struct store_part *part, unsigned slot)
{
    return part->slots[slot / 8] >> slot % 8 & 1;
}

bool store_part_has(const struct store_part *part, struct str room)
{
    char *key = store_room_key(room, "");
    bool has = part_has_slot(part, slot_of(str_of(key)));
    free(key);
    return has;
}

static void add_news(struct cluster *cluster, unsigned slot)
{
    part_add(&cluster->news, slot);
    cluster->has_news = true;
    wake_at(cluster, clock_ms());
}

/* Tells about slots whose servers can be asked now; the others are told when theirs are up. */
static void tell_news(struct cluster *cluster)
{
    struct store_part part = {0};
    struct store *store = cluster->store;
    if (!store->up || !cluster->has_news) {
        return; /* on_up is about all */
    }
    cluster->has_news = false;
    for (unsigned slot = 0; slot < SLOTS; slot++) {
        const struct upstream *upstream = cluster->by_slot[slot];
        if (part_has_slot(&cluster->news, slot) && upstream && upstream->state == UPSTREAM_UP &&
            !upstream->refusing) {
            part_add(&part, slot);
        }
    }
    cluster->news = (struct store_part){0};
    if (store->handlers->on_part) {
        store->handlers->on_part(store->ctx, &part);
    }
}

/* ---- upstreams ---- */

static struct upstream *find_upstream(struct cluster *cluster, const struct address *address)
{
    struct upstream *upstream;
    list_each(upstream, &cluster->upstreams, link, struct upstream)
    {
        if (upstream->address.port == address->port &&
            strcmp(upstream->address.host, address->host) == 0) {
            return upstream;
        }
    }
    return NULL;
}

static struct upstream *need_upstream(struct cluster *cluster, const struct address *address)
{
    struct upstream *upstream = find_upstream(cluster, address);
    if (!upstream) {
        upstream = upstream_create(cluster->store, address);
        list_append(&cluster->upstreams, &upstream->link);
    }
    return upstream;
}

static unsigned members_slot(void)
{
    return slot_of(STR("roomd:workers"));
}

/* The slot is that one's from now on. */
static void assign(struct cluster *cluster, unsigned slot, struct upstream *upstream)
{
    struct store *store = cluster->store;
    struct upstream *before = cluster->by_slot[slot];
    if (before == upstream) {
        return;
    }
    if (before) {
        before->slots--;
        before->asked_ms = clock_ms(); /* answers may be under way */
        add_news(cluster, slot);
    }
    upstream->slots++;
    cluster->by_slot[slot] = upstream;
    if (slot == members_slot()) {
        store->main = upstream;
        store->back_ms = store->was_up ? clock_ms() : 0;
        store_show_state(store);
    }
}

/* Servers that have no slots any more; not from within a callback of theirs. One that does not
 * answer either has been replaced: who waits for it has to know. */
static void drop_idle_upstreams(struct cluster *cluster)
{
    enum {
        SILENT_MS = STORE_SILENCE_MS / 5 * 3 / 2
    }; /* it is sent a PING every STORE_SILENCE_MS / 5 */
    uint64_t now_ms = clock_ms();
    struct upstream *upstream;
    list_each(upstream, &cluster->upstreams, link, struct upstream)
    {
        bool asked = upstream->asked_ms && now_ms - upstream->asked_ms < IDLE_UPSTREAM_MS;
        if (upstream->slots == 0 && !asked && upstream != cluster->store->main) {
            list_remove(&upstream->link);
            upstream_destroy(upstream);
        } else if (upstream->slots == 0 && upstream->state == UPSTREAM_UP &&
                   now_ms - upstream->heard_ms > SILENT_MS) {
            upstream_cut(upstream, STORE_AWAY, "it does not answer, and has lost its slots");
        }
    }
}

/* All that can be reached are; who cannot be has been tried. */
static bool is_settled(const struct cluster *cluster)
{
    const struct store *store = cluster->store;
    struct upstream *upstream;
    bool any_up = false;
    list_each(upstream, &cluster->upstreams, link, struct upstream)
    {
        if (upstream->slots > 0 && !upstream->tried) {
            return false;
        }
        any_up |= upstream->slots > 0 && upstream->state == UPSTREAM_UP;
    }
    bool main_up = store->main && store->main->state == UPSTREAM_UP;
    return cluster->known && any_up && (main_up || store->was_up);
}

static bool all_down(const struct cluster *cluster)
{
    struct upstream *upstream;
    list_each(upstream, &cluster->upstreams, link, struct upstream)
    {
        if (upstream->slots > 0 && upstream->state == UPSTREAM_UP) {
            return false;
        }
    }
    return true;
}

static bool is_whole(const struct cluster *cluster)
{
    for (unsigned slot = 0; slot < SLOTS; slot++) {
        if (!cluster->by_slot[slot] || cluster->by_slot[slot]->state != UPSTREAM_UP) {
            return false;
        }
    }
    return true;
}

static void settle(struct cluster *cluster)
{
    struct store *store = cluster->store;
    if (!store->up && is_settled(cluster)) {
        cluster->news = (struct store_part){0};
        cluster->has_news = false;
        store_set_up(store, true);
    } else if (store->up && all_down(cluster)) {
        store_set_up(store, false);
    }
}

void cluster_upstream_changed(struct cluster *cluster, struct upstream *upstream, bool up)
{
    for (unsigned slot = 0; up && slot < SLOTS; slot++) {
        if (cluster->by_slot[slot] == upstream) {
            part_add(&cluster->news, slot);
        }
    }
    cluster->has_news = true; /* also of a loss */
    if (!up) {
        cluster_map_hurry(cluster->map);
    }
    wake_at(cluster, clock_ms());
    settle(cluster);
}

/* ---- the map ---- */

void cluster_take_map(struct cluster *cluster, const struct slot_range *ranges, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct upstream *upstream = need_upstream(cluster, &ranges[i].master);
        for (unsigned slot = ranges[i].first; slot <= ranges[i].last; slot++) {
            assign(cluster, slot, upstream);
        }
    }
    cluster->known = true;
    wake_at(cluster, clock_ms());
}

struct conn *cluster_any_conn(struct cluster *cluster, size_t index, struct address *who)
{
    size_t up = 0;
    struct upstream *upstream;
    list_each(upstream, &cluster->upstreams, link, struct upstream)
    {
        up += upstream->state == UPSTREAM_UP;
    }
    index = up ? index % up : 0;
    list_each(upstream, &cluster->upstreams, link, struct upstream)
    {
        if (upstream->state == UPSTREAM_UP && index-- == 0) {
            *who = upstream->address;
            return upstream->conn;
        }
    }
    return NULL;
}

bool cluster_is_whole(const struct cluster *cluster)
{
    return cluster->known && is_whole(cluster);
}

/* A server knows better than the map whose a slot is. */
static void learn(struct cluster *cluster, const struct redirect *redirect)
{
    assign(cluster, redirect->slot, need_upstream(cluster, &redirect->to));
    cluster_map_hurry(cluster->map);
}

/* ---- commands ---- */

static struct lane *lane_of(struct cluster *cluster, unsigned slot)
{
    if (!cluster->lanes[slot]) {
        cluster->lanes[slot] = xmalloc(sizeof(struct lane));
        lane_init(cluster->lanes[slot]);
    }
    return cluster->lanes[slot];
}

static void give_up(struct lane *lane, struct request *request)
{
    lane_done(lane, &request->item);
    store_answer(request, ERR_UNAVAILABLE, NULL);
}

/* Where the command belongs now; NULL: nobody has its slot. */
static struct upstream *target_of(struct cluster *cluster, const struct request *request)
{
    const struct redirect *last = &request->item.last;
    if (cluster->store->ending) {
        return NULL;
    }
    if (last->kind != REDIRECT_ASK) {
        return cluster->by_slot[request->slot];
    }
    struct upstream *upstream = need_upstream(cluster, &last->to);
    upstream->asked_ms = clock_ms();
    return upstream;
}

/* Scripts of an owner name the server that executes them. */
static void name_server(struct request *request, const struct upstream *upstream)
{
    struct store_args *args = request->args;
    if (args->run) {
        args->ptr[args->run] = upstream->server.run;
        args->len[args->run] = strlen(upstream->server.run);
    }
}

/* Sends it, or puts it back, or answers it. */
static void dispatch(struct cluster *cluster, struct lane *lane, struct request *request)
{
    uint64_t now_ms = clock_ms();
    struct upstream *upstream = target_of(cluster, request);
    if (!upstream || lane_is_late(&request->item, now_ms)) {
        give_up(lane, request);
        return;
    }
    if (upstream->state != UPSTREAM_UP && !upstream->tried) {
        /* It is about to be connected for the first time. */
        static const struct redirect wait = {.kind = REDIRECT_WAIT};
        lane_refuse(lane, &request->item, &wait, now_ms);
        return;
    }
    name_server(request, upstream);
    if (!store_send(request, upstream, request->args, request->item.last.kind == REDIRECT_ASK)) {
        give_up(lane, request);
    }
}

/* Sends what the lane lets go. */
static void pump(struct cluster *cluster, unsigned slot)
{
    struct lane *lane = cluster->lanes[slot];
    struct lane_item *item;
    while ((item = lane_next(lane, clock_ms()))) {
        dispatch(cluster, lane, list_entry(item, struct request, item));
    }
    uint64_t deadline = lane_deadline(lane);
    cluster->held = cluster->held || deadline != UINT64_MAX;
    wake_at(cluster, deadline);
}

void cluster_send(struct cluster *cluster, struct request *request)
{
    unsigned slot = request->slot;
    struct lane *lane = lane_of(cluster, slot);
    if (lane_add(lane, &request->item)) {
        dispatch(cluster, lane, request);
    }
    pump(cluster, slot);
}

void cluster_answered(struct cluster *cluster, struct request *request, enum err err,
                      const redisReply *reply)
{
    unsigned slot = request->slot;
    struct lane *lane = cluster->lanes[slot];
    struct redirect *redirect = &request->redirect;
    if (redirect->kind == REDIRECT_NONE) {
        lane_done(lane, &request->item);
        store_answer(request, err, reply);
    } else {
        if (redirect->to.host[0] == '\0') {
            redirect->to = (struct address){.port = redirect->to.port};
            memcpy(redirect->to.host, request->upstream->address.host, sizeof(redirect->to.host));
        }
        if (redirect->kind == REDIRECT_MOVED) {
            learn(cluster, redirect);
        } else if (redirect->kind == REDIRECT_WAIT) {
            cluster_map_hurry(cluster->map);
        }
        lane_refuse(lane, &request->item, redirect, clock_ms());
    }
    pump(cluster, slot);
}

/* ---- for others ---- */

struct upstream *cluster_upstream(const struct cluster *cluster, struct str key)
{
    return cluster->by_slot[slot_of(key)];
}

struct upstream *cluster_master(const struct cluster *cluster, size_t index)
{
    enum { MASTERS_MAX = 256 };
    struct upstream *seen[MASTERS_MAX];
    size_t count = 0;
    for (unsigned slot = 0; slot < SLOTS && count < MASTERS_MAX; slot++) {
        struct upstream *upstream = cluster->by_slot[slot];
        size_t i = 0;
        while (upstream && i < count && seen[i] != upstream) {
            i++;
        }
        if (upstream && i == count) {
            seen[count++] = upstream;
            if (count > index) {
                return upstream;
            }
        }
    }
    return NULL;
}

char *cluster_probe_key(const struct cluster *cluster, const struct upstream *upstream)
{
    enum { TRIES = 1 << 20 };
    for (unsigned i = 0; upstream->slots > 0 && i < TRIES; i++) {
        char *key = xasprintf("roomd:probe:{%u}", i);
        if (cluster->by_slot[slot_of(str_of(key))] == upstream) {
            return key;
        }
        free(key);
    }
    return NULL;
}

/* ---- beginning and end ---- */

static void on_timer(evutil_socket_t fd, short events, void *ctx)
{
    struct cluster *cluster = ctx;
    (void)fd;
    (void)events;
    uint64_t now_ms = clock_ms();
    cluster->timer_at = UINT64_MAX;
    if (cluster->held) {
        cluster->held = false;
        for (unsigned slot = 0; slot < SLOTS; slot++) {
            if (cluster->lanes[slot]) {
                pump(cluster, slot);
            }
        }
    }
    drop_idle_upstreams(cluster);
    settle(cluster);
    tell_news(cluster);
    wake_at(cluster, cluster_map_tick(cluster->map, now_ms));
}

struct cluster *cluster_create(struct store *store)
{
    struct cluster *cluster = xcalloc(1, sizeof(*cluster));
    cluster->store = store;
    list_init(&cluster->upstreams);
    cluster->map = cluster_map_create(store, cluster);
    cluster->timer = evtimer_new(store->base, on_timer, cluster);
    cluster->timer_at = UINT64_MAX;
    wake_at(cluster, clock_ms());
    return cluster;
}

static void answer_waiting(struct cluster *cluster, struct lane *lane)
{
    struct lane_item *item;
    while ((item = lane_next(lane, UINT64_MAX))) {
        dispatch(cluster, lane, list_entry(item, struct request, item));
    }
}

void cluster_destroy(struct cluster *cluster)
{
    if (!cluster) {
        return;
    }
    cluster_map_destroy(cluster->map);
    struct upstream *upstream;
    list_each(upstream, &cluster->upstreams, link, struct upstream)
    {
        list_remove(&upstream->link);
        upstream_destroy(upstream);
    }
    for (unsigned slot = 0; slot < SLOTS; slot++) {
        if (cluster->lanes[slot]) {
            answer_waiting(cluster, cluster->lanes[slot]);
        }
    }
    for (unsigned slot = 0; slot < SLOTS; slot++) {
        free(cluster->lanes[slot]);
    }
    event_free(cluster->timer);
    free(cluster);
}
