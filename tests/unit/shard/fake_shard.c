/* A host for a shard, and its store. */
#include "fake_shard.h"

#include "base/alloc.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>

/* ---- the host ---- */

static void host_link_ready(void *ctx, struct shard_link *link)
{
    (void)ctx;
    (void)link;
}

static void host_link_drop(void *ctx, struct shard_link *link, enum err why)
{
    struct fake *fake = ctx;
    (void)link;
    (void)why;
    fake->dropped = true;
}

static struct request *request_create(struct fake *fake, uint64_t room, struct str name)
{
    struct request *request = xcalloc(1, sizeof(*request));
    request->room = room;
    memcpy(request->name, name.ptr, name.len);
    list_append(&fake->requests, &request->link);
    return request;
}

static void request_free(struct request *request)
{
    list_remove(&request->link);
    for (size_t i = 0; i < request->count; i++) {
        free(request->entries[i]);
    }
    free(request->entries);
    buf_finish(&request->stored);
    free(request);
}

static void host_load(void *ctx, uint64_t room, struct str name)
{
    struct fake *fake = ctx;
    request_create(fake, room, name)->kind = REQUEST_LOAD;
    buf_printf(&fake->asked, "load %.*s\n", STR_ARG(name));
}

static void host_append(void *ctx, uint64_t room, const struct shard_room_info *info,
                        const struct shard_batch *batch)
{
    struct fake *fake = ctx;
    struct request *request = request_create(fake, room, info->name);
    request->kind = REQUEST_APPEND;
    request->epoch = info->epoch;
    if (!batch->first) {
        cr_assert(eq(u64, batch->last_number + 1, batch->first_number));
        request->first = batch->first_number;
        request->last = batch->last_number;
        buf_printf(&fake->asked, "verify %.*s %d\n", STR_ARG(info->name), (int)request->last);
        return;
    }
    request->first = batch->first_number;
    request->last = batch->last_number;
    request->count = batch->last_number - batch->first_number + 1;
    request->entries = xcalloc(request->count, sizeof(struct entry *));
    size_t n = 0;
    for (struct list *node = &batch->first->link; node != batch->entries; node = node->next) {
        cr_assert(lt(sz, n, request->count));
        request->entries[n++] = entry_create(list_entry(node, struct entry, link));
    }
    cr_assert(eq(sz, n, request->count));
    buf_printf(&fake->asked, "append %.*s %d-%d\n", STR_ARG(info->name), (int)request->first,
               (int)request->last);
}

static void host_snapshot(void *ctx, uint64_t room, const struct shard_room_info *info,
                          const struct shard_snapshot *snapshot)
{
    struct fake *fake = ctx;
    struct request *request = request_create(fake, room, info->name);
    request->kind = REQUEST_SNAPSHOT;
    request->epoch = info->epoch;
    request->through = snapshot->through;
    request->release = snapshot->release;
    request->staging = snapshot->staging;
    buf_append_str(&request->stored, snapshot->stored);
    buf_printf(&fake->asked, "%s %.*s %d%s\n", snapshot->release ? "release" : "snapshot",
               STR_ARG(info->name), (int)snapshot->through,
               snapshot->staging      ? " staged"
               : snapshot->stored.len ? ""
                                      : " keep");
}

static void host_stage(void *ctx, uint64_t room, const struct shard_room_info *info,
                       const struct shard_piece *piece)
{
    struct fake *fake = ctx;
    if (fake->leaving) {
        shard_staged(fake->shard, room, piece->staging, ERR_UNAVAILABLE, fake->now);
        return;
    }
    struct request *request = request_create(fake, room, info->name);
    request->kind = REQUEST_STAGE;
    request->epoch = info->epoch;
    request->staging = piece->staging;
    request->offset = piece->offset;
    buf_append_str(&request->stored, piece->bytes);
    buf_printf(&fake->asked, "stage %.*s\n", STR_ARG(info->name));
}

static void host_check(void *ctx, uint64_t room, const struct shard_room_info *info)
{
    struct fake *fake = ctx;
    struct request *request = request_create(fake, room, info->name);
    request->epoch = info->epoch;
    list_remove(&request->link);
    list_append(&fake->checks, &request->link);
}

static void host_hand_over(void *ctx, uint64_t room, const struct shard_room_info *info,
                           const struct shard_target *to)
{
    struct fake *fake = ctx;
    struct request *request = request_create(fake, room, info->name);
    request->kind = REQUEST_HAND;
    request->epoch = info->epoch;
    request->through = info->appended;
    buf_printf(&fake->asked, "hand %.*s %d %.*s\n", STR_ARG(info->name), (int)info->appended,
               STR_ARG(to->worker));
}

static bool host_place(void *ctx, struct str room, struct shard_target *to)
{
    struct fake *fake = ctx;
    (void)room;
    *to = (struct shard_target){STR("worker-2"), STR("node-1"), STR("unix:/2"), STR("tcp:2")};
    return fake->other_worker;
}

static void host_show(void *ctx, const struct shard_room_info *info)
{
    struct fake *fake = ctx;
    (void)info;
    fake->shown++;
}

static void host_event(void *ctx, const struct shard_event *event)
{
    static const char *const names[] = {[SHARD_EVENT_CHANGED] = "changed",
                                        [SHARD_EVENT_SESSION_REMOVED] = "removed",
                                        [SHARD_EVENT_EMPTY] = "empty",
                                        [SHARD_EVENT_ERASED] = "erased"};
    struct fake *fake = ctx;
    size_t len = strlen(fake->events);
    char *at = fake->events + len;
    size_t room = sizeof(fake->events) - len;
    if (event->kind == SHARD_EVENT_CHANGED) {
        snprintf(at, room, "%.*s changed %d\n", STR_ARG(event->room), (int)event->clock);
    } else if (event->kind == SHARD_EVENT_SESSION_REMOVED) {
        snprintf(at, room, "%.*s removed %.*s %u\n", STR_ARG(event->room), STR_ARG(event->session),
                 event->remaining);
    } else {
        snprintf(at, room, "%.*s %s\n", STR_ARG(event->room), names[event->kind]);
    }
}

static void host_random_id(void *ctx, char out[21])
{
    struct fake *fake = ctx;
    char text[22];
    snprintf(text, sizeof(text), "%021d", (int)++fake->ids);
    memcpy(out, text, 21);
}

static void host_stopped(void *ctx)
{
    struct fake *fake = ctx;
    fake->stopped++;
}

static void host_executing(void *ctx, struct str room)
{
    struct fake *fake = ctx;
    snprintf(fake->at_work, sizeof(fake->at_work), "%.*s", STR_ARG(room));
}

static void host_move_ended(void *ctx, struct str room, enum shard_move_end end, uint64_t epoch)
{
    static const char *const names[] = {"done", "stays", "lost"};
    struct fake *fake = ctx;
    size_t used = strlen(fake->moves);
    snprintf(fake->moves + used, sizeof(fake->moves) - used, "%.*s %s %d\n", STR_ARG(room),
             names[end], (int)epoch);
}

static const struct shard_host host = {
    .link_ready = host_link_ready,
    .link_drop = host_link_drop,
    .load = host_load,
    .append = host_append,
    .snapshot = host_snapshot,
    .stage = host_stage,
    .check = host_check,
    .hand_over = host_hand_over,
    .place = host_place,
    .move_ended = host_move_ended,
    .show = host_show,
    .event = host_event,
    .random_id = host_random_id,
    .executing = host_executing,
    .stopped = host_stopped,
};

static void start(struct fake *fake)
{
    fake->self++;
    fake->shard = shard_create(&fake->config, &host, fake, STR("worker-1"), STR("node-1"));
    shard_store_changed(fake->shard, true, fake->now);
}

void fake_init(struct fake *fake)
{
    *fake = (struct fake){
        .config = {.room = {.idle_timeout_ms = ROOM_IDLE_TIMEOUT_MS}, .unload_after_ms = 60000},
        .now = 1000};
    list_init(&fake->gateways);
    list_init(&fake->requests);
    list_init(&fake->checks);
    start(fake);
}

static void drop_gateways(struct fake *fake)
{
    struct gateway *gateway;
    list_each(gateway, &fake->gateways, link, struct gateway)
    {
        gateway->shard_link = NULL; /* went with the shard */
        gateway_destroy(gateway);
    }
}

static void drop_requests(struct fake *fake)
{
    struct request *request;
    list_each(request, &fake->requests, link, struct request)
    {
        request_free(request);
    }
    list_each(request, &fake->checks, link, struct request)
    {
        request_free(request);
    }
}

void fake_finish(struct fake *fake)
{
    shard_destroy(fake->shard);
    drop_gateways(fake);
    drop_requests(fake);
    store_finish(&fake->store);
    buf_finish(&fake->asked);
    free(fake->taken);
}

const char *fake_take(struct fake *fake, struct buf *lines)
{
    free(fake->taken);
    fake->taken = xstrndup((const char *)buf_head(lines), buf_len(lines));
    buf_finish(lines);
    return fake->taken;
}

const char *fake_asked(struct fake *fake)
{
    return fake_take(fake, &fake->asked);
}

/* ---- the store ---- */

size_t fake_pending(const struct fake *fake)
{
    size_t count = 0;
    for (struct list *node = fake->requests.next; node != &fake->requests; node = node->next) {
        count++;
    }
    return count;
}

enum { OTHER_WORKER = 1000 };

static enum err perform(struct fake *fake, const struct request *request)
{
    struct stored_room *room = store_room(&fake->store, str_of(request->name));
    switch (request->kind) {
    case REQUEST_LOAD:
        if (room->owner == 0) {
            store_claim(room, fake->self); /* a gateway did, before it sent anybody here */
        }
        return room->owner == fake->self ? ERR_OK : ERR_FENCED;
    case REQUEST_APPEND:
        return store_append(room, fake->self, request->epoch, request->first, request->entries,
                            request->count);
    case REQUEST_STAGE:
        return store_stage(room, fake->self, request->epoch, request->staging, request->offset,
                           buf_str(&request->stored));
    case REQUEST_SNAPSHOT:
        if (request->staging) {
            return store_snapshot_staged(room, fake->self, request->epoch, request->staging,
                                         request->through, request->release);
        }
        return store_snapshot(room, fake->self, request->epoch, buf_str(&request->stored),
                              request->through, request->release);
    case REQUEST_HAND:
        return store_hand_over(room, fake->self, request->epoch, request->through, OTHER_WORKER);
    }
    return ERR_OK;
}

static void answer(struct fake *fake, struct request *request, enum err err)
{
    struct stored_room *room = store_room(&fake->store, str_of(request->name));
    struct shard_loaded loaded = {.err = err};
    list_remove(&request->link);
    switch (request->kind) {
    case REQUEST_LOAD:
        if (!err) {
            loaded.epoch = room->epoch;
            loaded.appended = room->appended;
            loaded.snapshot = buf_str(&room->snapshot);
            loaded.taken = fake->taken_over;
            loaded.maybe_lost = fake->maybe_lost;
            loaded.entry_count = room->log_count;
            loaded.entries = xcalloc(room->log_count + 1, sizeof(struct entry *));
            for (size_t i = 0; i < room->log_count; i++) {
                loaded.entries[i] = entry_create(room->log[i]);
            }
        }
        shard_loaded(fake->shard, request->room, &loaded, fake->now);
        for (size_t i = 0; i < loaded.entry_count; i++) {
            free(loaded.entries[i]);
        }
        free(loaded.entries);
        break;
    case REQUEST_HAND:
        shard_handed(fake->shard, request->room, err, fake->now);
        break;
    case REQUEST_APPEND:
        shard_appended(fake->shard, request->room, request->last, err, fake->now);
        break;
    case REQUEST_STAGE:
        shard_staged(fake->shard, request->room, request->staging, err, fake->now);
        break;
    case REQUEST_SNAPSHOT:
        shard_snapshot_stored(fake->shard, request->room, err, fake->now);
        break;
    }
    request_free(request);
    fake_turn(fake);
}

static struct request *oldest(struct fake *fake)
{
    cr_assert(not(list_empty(&fake->requests)), "the store was asked for something");
    return list_entry(fake->requests.next, struct request, link);
}

void fake_answer(struct fake *fake)
{
    struct request *request = oldest(fake);
    answer(fake, request, perform(fake, request));
}

void fake_answer_all(struct fake *fake)
{
    for (;;) {
        while (fake_pending(fake) > 0) {
            fake_answer(fake);
        }
        if (!shard_is_busy(fake->shard)) {
            return;
        }
        shard_work(fake->shard, fake->now); /* it may ask for more then */
        fake_turn(fake);
    }
}

void fake_fail(struct fake *fake, enum err err, bool applied)
{
    struct request *request = oldest(fake);
    enum err done = applied ? perform(fake, request) : ERR_OK;
    (void)done;
    answer(fake, request, err);
}

void fake_store_changes(struct fake *fake, bool up, bool applied)
{
    while (!up && fake_pending(fake) > 0) {
        fake_fail(fake, ERR_UNAVAILABLE, applied);
    }
    shard_store_changed(fake->shard, up, fake->now);
    fake_turn(fake);
}

void fake_crash(struct fake *fake, uint32_t applied)
{
    struct request *request;
    list_each(request, &fake->requests, link, struct request)
    {
        if (applied & 1 && request->kind != REQUEST_LOAD) {
            enum err err = perform(fake, request);
            (void)err; /* nobody is there to hear it */
        }
        applied >>= 1;
    }
    shard_destroy(fake->shard);
    drop_gateways(fake);
    drop_requests(fake);
    for (size_t i = 0; i < fake->store.count; i++) {
        if (fake->store.rooms[i].owner == fake->self) {
            fake->store.rooms[i].owner = 0;
        }
    }
    start(fake);
}

/* ---- time ---- */

void fake_answer_check(struct fake *fake)
{
    cr_assert(not(list_empty(&fake->checks)));
    struct request *check = list_entry(fake->checks.next, struct request, link);
    const struct stored_room *room = store_room(&fake->store, str_of(check->name));
    bool ours = room->owner == fake->self && room->epoch == check->epoch;
    enum err err = room->epoch < check->epoch ? ERR_GAP : ours ? ERR_OK : ERR_FENCED;
    uint64_t number = check->room;
    request_free(check);
    shard_checked(fake->shard, number, err, fake->now);
}

void fake_answer_checks(struct fake *fake)
{
    while (!fake->hold_checks && !list_empty(&fake->checks)) {
        fake_answer_check(fake);
    }
}

void fake_turn(struct fake *fake)
{
    fake_answer_checks(fake);
    shard_flush(fake->shard);
    struct gateway *gateway;
    list_each(gateway, &fake->gateways, link, struct gateway)
    {
        gateway_collect(gateway);
    }
}

void fake_pass(struct fake *fake, uint64_t ms)
{
    enum { STEP = 250 };
    for (uint64_t end = fake->now + ms; fake->now < end;) {
        fake->now = end - fake->now < STEP ? end : fake->now + STEP;
        shard_tick(fake->shard, fake->now);
        fake_turn(fake);
    }
}
