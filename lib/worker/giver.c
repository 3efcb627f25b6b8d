/* What a worker gives away by itself. */
#include "worker/giver.h"

#include "base/alloc.h"
#include "base/log.h"

#include <stdlib.h>

enum {
    LOOK_MS = 1000,        /* between two looks, while something may have to be done */
    LOOK_SELDOM_MS = 5000, /* and while all is well: each look reads all workers */
    GIVE_MS = 1000,
    OTHERS_MS = 6000, /* somebody moves rooms, and may go on: as long as roomctl rests */
};

static void forget_room(struct giver *giver)
{
    free(giver->room);
    free(giver->to);
    giver->room = giver->to = NULL;
}

void giver_finish(struct giver *giver)
{
    forget_room(giver);
}

bool giver_is_due(const struct giver *giver, const struct giver_own *own, uint32_t weight,
                  uint64_t now_ms)
{
    return now_ms >= giver->look_at && !giver->room &&
           load_weighted(own->points, weight) > REBALANCE_SLACK;
}

/* All that there are, as those who balance see them. */
struct view {
    struct balance_state state;
    const struct worker_info **infos; /* owned; of the same index */
    struct str *names;                /* owned; of rooms, */
    uint64_t *sessions;               /* and their sessions; owned */
    uint32_t own;                     /* index; worker_count: it is not among them */
    uint32_t siblings;                /* workers of its node, itself included */
};

static void see_workers(struct view *view, const struct workers *workers,
                        const struct giver_own *own)
{
    uint32_t count = workers->by_id.count;
    uint32_t pos = 0;
    const struct worker_info *worker;
    view->state.workers = xcalloc(count + 1, sizeof(struct balance_worker));
    view->infos = xcalloc(count + 1, sizeof(*view->infos));
    view->own = count;
    while ((worker = workers_next(workers, &pos))) {
        uint32_t index = view->state.worker_count++;
        bool is_own = str_eq(str_of(worker->id), own->id);
        view->own = is_own ? index : view->own;
        view->siblings += str_eq(str_of(worker->node), own->node);
        view->infos[index] = worker;
        view->state.workers[index] = (struct balance_worker){
            .points = is_own ? own->points : worker_points(worker),
            .weight = worker->weight,
            .takes = worker_takes_rooms(worker, own->node),
        };
    }
}

static void see_rooms(struct view *view, struct shard *shard)
{
    uint32_t cap = 0;
    uint32_t pos = 0;
    struct shard_room_info info;
    struct balance_state *state = &view->state;
    while (shard_next_movable(shard, &pos, &info)) {
        if (state->room_count == cap) {
            cap = cap ? 2 * cap : 64;
            state->rooms = xrealloc(state->rooms, cap * sizeof(struct balance_room));
            view->names = xrealloc(view->names, cap * sizeof(struct str));
            view->sessions = xrealloc(view->sessions, cap * sizeof(uint64_t));
        }
        view->names[state->room_count] = info.name;
        view->sessions[state->room_count] = info.sessions;
        state->rooms[state->room_count++] =
            (struct balance_room){.worker = view->own, .points = info.load};
    }
}

static void view_finish(struct view *view)
{
    free(view->state.workers);
    free(view->state.rooms);
    free(view->infos);
    free(view->names);
    free(view->sessions);
}

static void choose(struct giver *giver, const struct view *view, const struct balance_move *move,
                   struct shard_target *to)
{
    const struct worker_info *target = view->infos[move->to];
    struct str name = view->names[move->room];
    forget_room(giver);
    giver->room = xstrndup(name.ptr, name.len);
    giver->to = xstrdup(target->id);
    giver->sessions = view->sessions[move->room];
    giver->points = view->state.rooms[move->room].points;
    *to = (struct shard_target){str_of(target->id), str_of(target->node), str_of(target->address),
                                str_of(target->remote)};
    struct log_scope scope = {"room", name};
    log_info(&scope, "this worker has too much load and gives the room away",
             LOG_TEXTZ("to", target->id), LOG_U64("room_load", giver->points),
             LOG_U64("load", view->state.workers[view->own].points),
             LOG_U64("target_load", view->state.workers[move->to].points),
             LOG_U64("mean", (uint64_t)balance_mean(&view->state)));
}

bool giver_look(struct giver *giver, const struct giver_own *own, struct workers *workers,
                struct shard *shard, uint64_t now_ms, struct shard_target *to)
{
    struct view view = {0};
    struct balance_move move;
    see_workers(&view, workers, own);
    bool gives = view.own < view.state.worker_count && !giver->room &&
                 rebalance_look(&giver->state, &view.state, view.own);
    bool attentive = gives || giver->state.looks > 0;
    giver->look_at = now_ms + (attentive ? LOOK_MS : LOOK_SELDOM_MS);
    bool chosen = false;
    if (gives && now_ms >= giver->give_at) {
        see_rooms(&view, shard);
        chosen = rebalance_next(&view.state, view.own, &move) == BALANCE_MOVE;
    }
    if (chosen) {
        choose(giver, &view, &move, to);
        giver->give_at = now_ms + (uint64_t)GIVE_MS * view.siblings;
    }
    view_finish(&view);
    return chosen;
}

void giver_ended(struct giver *giver, struct workers *workers, bool done)
{
    if (done) {
        workers_note_given(workers, str_of(giver->to), giver->sessions, giver->points);
    }
    forget_room(giver);
}

void giver_wait(struct giver *giver, uint64_t now_ms)
{
    uint64_t at = now_ms + OTHERS_MS;
    giver->state = (struct rebalance){0};
    giver->give_at = at > giver->give_at ? at : giver->give_at;
}
