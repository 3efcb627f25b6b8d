/* roomctl rebalance: which room goes where is planned here (cluster/balance.h), from what the node
 * says of workers and rooms, and each move is asked of the node, one after the other:
 *
 *      look ─▶ plan and move, as long as that helps ─▶ let the figures settle ─▶ look ─▶ ...
 *
 * It ends when all is even, nothing would help, somebody interrupts it, or somebody begins another
 * one, at whatever node: before each move it asks whether it is still the one begun last. Between
 * two moves there is nothing that could be left half done; one that is under way the nodes finish
 * by themselves. */
#include "base/alloc.h"
#include "base/clock.h"
#include "base/map.h"
#include "cluster/balance.h"
#include "roomctl/internal.h"
#include "value/json.h"
#include "value/pack.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* Longer than a node takes to say that a move takes too long. */
#define MOVE_LIMIT_S 28
/* Differences of so many points are none: an idle process has some. */
#define SLACK 20
/* What a worker says is smoothed over some seconds (cluster/load.h). */
#define SETTLE_MS 6000
/* What has not become even by then changes faster than rooms are moved. */
#define ROUNDS_MAX 10

static volatile sig_atomic_t interrupted;

static void on_interrupt(int number)
{
    (void)number;
    interrupted = 1;
}

/* Not again: a second Ctrl-C ends a request that hangs. */
static void catch_interrupt(void)
{
    struct sigaction action = {.sa_handler = on_interrupt, .sa_flags = (int)SA_RESETHAND};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

/* Returns early when somebody interrupts it. */
static void rest_until(uint64_t at_ms)
{
    uint64_t now_ms;
    while (!interrupted && (now_ms = clock_ms()) < at_ms) {
        uint64_t ms = at_ms - now_ms < 50 ? at_ms - now_ms : 50;
        struct timespec time = {.tv_nsec = (long)ms * 1000000L};
        nanosleep(&time, NULL);
    }
}

enum outcome { EVEN, STUCK, INTERRUPTED, REPLACED, FAILED, CHANGING };

struct plan {
    struct ctl *ctl;
    struct ctl_answer own; /* what the node called this one; empty with --dry-run */
    struct balance_state state;
    struct ctl_answer workers; /* of the same order as state.workers */
    struct room_list *list;    /* owned */
    size_t *room_at;           /* owned; where in `list` each of state.rooms is */
    struct map tried;          /* of struct tried: rooms moved once, or that could not be */
    struct buf report;         /* with --json: the moves made */
    uint32_t moves, failures;  /* in all */
    uint64_t next_ms;          /* when the next move may be made */
};

/* A room is moved once at most: figures are behind, and one that is much of the load would be taken
 * round all workers by them. */
struct tried {
    char *room; /* owned */
};

static struct str tried_room(const void *entry)
{
    return str_of(((const struct tried *)entry)->room);
}

static void note_tried(struct plan *plan, struct str room)
{
    struct tried *tried = xmalloc(sizeof(*tried));
    tried->room = xstrndup(room.ptr, room.len);
    map_put(&plan->tried, tried); /* it is not there: what is there is fixed */
}

static void forget_tried(struct plan *plan)
{
    struct tried *tried;
    for (uint32_t pos = 0; (tried = map_next(&plan->tried, &pos));) {
        free(tried->room);
        free(tried);
    }
    map_finish(&plan->tried);
}

static void plan_forget(struct plan *plan)
{
    ctl_answer_finish(&plan->workers);
    ctl_room_list_destroy(plan->list);
    free(plan->state.workers);
    free(plan->state.rooms);
    free(plan->room_at);
    plan->workers = (struct ctl_answer){0};
    plan->list = NULL;
    plan->room_at = NULL;
    plan->state = (struct balance_state){0};
}

static struct value worker_list(const struct plan *plan)
{
    return value_get(plan->workers.value, STR("workers"));
}

static struct value worker_at(const struct plan *plan, uint32_t index)
{
    struct value_walk walk = value_items(worker_list(plan));
    struct value worker = VALUE_NONE;
    for (uint32_t i = 0; i <= index && value_next_item(&walk, &worker); i++) {
    }
    return worker;
}

static uint32_t find_worker(const struct plan *plan, struct str id)
{
    struct value_walk walk = value_items(worker_list(plan));
    struct value worker;
    uint32_t index = 0;
    while (value_next_item(&walk, &worker) && !str_eq(ctl_text(worker, "id", ""), id)) {
        index++;
    }
    return index;
}

static void take_workers(struct plan *plan)
{
    struct value_walk walk = value_items(worker_list(plan));
    struct value worker;
    uint32_t cap = 0;
    while (value_next_item(&walk, &worker)) {
        struct balance_state *state = &plan->state;
        if (state->worker_count == cap) {
            cap = cap ? 2 * cap : 16;
            state->workers = xrealloc(state->workers, cap * sizeof(struct balance_worker));
        }
        double weight = ctl_number(worker, "weight");
        state->workers[state->worker_count++] = (struct balance_worker){
            .points = (uint64_t)ctl_number(worker, "points"),
            .weight = weight > 1 ? (uint32_t)weight : 1,
            .takes = ctl_is_true(worker, "in_reach") && !ctl_is_true(worker, "draining"),
        };
    }
}

/* Of one whose load is not known yet, its sessions. */
static uint64_t points_of(struct value room)
{
    double load = ctl_number(room, "load");
    double sessions = ctl_number(room, "sessions");
    return (uint64_t)(load > sessions ? load : sessions);
}

/* Those that somebody is in; others cost nothing. */
static void take_rooms(struct plan *plan)
{
    size_t count = ctl_room_count(plan->list);
    plan->state.rooms = xcalloc(count + 1, sizeof(struct balance_room));
    plan->room_at = xcalloc(count + 1, sizeof(size_t));
    for (size_t i = 0; i < count; i++) {
        struct value room = ctl_room_at(plan->list, i);
        uint32_t owner = find_worker(plan, ctl_text(room, "owner", ""));
        if (owner < plan->state.worker_count) {
            plan->room_at[plan->state.room_count] = i;
            plan->state.rooms[plan->state.room_count++] = (struct balance_room){
                .worker = owner,
                .points = points_of(room),
                .fixed = map_get(&plan->tried, ctl_text(room, "id", "")) != NULL,
            };
        }
    }
}

static enum ctl_exit look(struct plan *plan)
{
    plan_forget(plan);
    enum ctl_exit status = ctl_get(plan->ctl, "/v1/workers", &plan->workers);
    if (!status) {
        plan->list = ctl_list_rooms(plan->ctl, "&state=open", &status);
    }
    if (!status) {
        take_workers(plan);
        take_rooms(plan);
    }
    return status;
}

/* ---- whose turn it is ---- */

/* From here on those begun before make no more moves. */
static enum ctl_exit take_turn(struct plan *plan)
{
    struct http_request request = {
        .method = "POST", .path = "/v1/rebalance", .limit_s = CTL_LIMIT_S};
    return ctl_ask(plan->ctl, &request, &plan->own);
}

/* False: another one was begun, or there is no answer, which is in *status then. */
static bool has_turn(struct plan *plan, enum ctl_exit *status)
{
    struct ctl_answer last;
    *status = ctl_get(plan->ctl, "/v1/rebalance", &last);
    bool ours =
        !*status && str_eq(ctl_text(last.value, "id", ""), ctl_text(plan->own.value, "id", ""));
    ctl_answer_finish(&last);
    return ours;
}

/* ---- one move ---- */

/* A line, or with --json an item of the list that comes in the end. */
static enum ctl_exit tell_move(struct plan *plan, const struct balance_move *move, bool moved)
{
    struct str room = ctl_text(ctl_room_at(plan->list, plan->room_at[move->room]), "id", "?");
    struct str from = ctl_text(worker_at(plan, move->from), "id", "?");
    struct str to = ctl_text(worker_at(plan, move->to), "id", "?");
    uint64_t points = plan->state.rooms[move->room].points;
    if (plan->ctl->options.json) {
        enum { MEMBERS = 5 };
        pack_map(&plan->report, MEMBERS);
        pack_str(&plan->report, STR("id"));
        pack_str(&plan->report, room);
        pack_str(&plan->report, STR("from"));
        pack_str(&plan->report, from);
        pack_str(&plan->report, STR("to"));
        pack_str(&plan->report, to);
        pack_str(&plan->report, STR("load"));
        pack_u64(&plan->report, points);
        pack_str(&plan->report, STR("moved"));
        pack_bool(&plan->report, moved);
        return CTL_OK;
    }
    struct buf line = {0};
    buf_printf(&line, "%.*s: from %.*s to %.*s, load %llu%s\n", STR_ARG(room), STR_ARG(from),
               STR_ARG(to), (unsigned long long)points,
               moved                                    ? ""
               : plan->ctl->options.given & CTL_DRY_RUN ? " (not done)"
                                                        : ": was not moved");
    enum ctl_exit status = ctl_print(&line);
    buf_finish(&line);
    return status;
}

static enum ctl_exit ask_for(struct plan *plan, const struct balance_move *move)
{
    struct buf name = {0};
    struct buf body = {0};
    struct ctl_answer answer;
    buf_append_str(&name, ctl_text(ctl_room_at(plan->list, plan->room_at[move->room]), "id", ""));
    buf_append_byte(&name, '\0');
    char *path = ctl_path("/v1/rooms/", (const char *)buf_head(&name), "/move");
    buf_append_str(&body, STR("{\"worker\":"));
    json_write_string(ctl_text(worker_at(plan, move->to), "id", ""), &body);
    buf_append_str(&body, STR("}"));
    struct http_request request = {
        .method = "POST", .path = path, .body = buf_str(&body), .limit_s = MOVE_LIMIT_S};
    enum ctl_exit status = ctl_ask(plan->ctl, &request, &answer);
    ctl_answer_finish(&answer);
    buf_finish(&name);
    buf_finish(&body);
    free(path);
    return status;
}

/* One that cannot be moved is passed over. A node that cannot be asked ends it. */
static enum ctl_exit make(struct plan *plan, const struct balance_move *move)
{
    bool dry = plan->ctl->options.given & CTL_DRY_RUN;
    enum ctl_exit status = CTL_OK;
    if (!dry) {
        plan->next_ms = clock_ms() + 1000 / plan->ctl->options.pace;
        status = ask_for(plan, move);
    }
    if (status == CTL_UNREACHABLE) {
        return status;
    }
    enum ctl_exit told = tell_move(plan, move, !dry && !status);
    plan->state.rooms[move->room].fixed = true;
    note_tried(plan, ctl_text(ctl_room_at(plan->list, plan->room_at[move->room]), "id", ""));
    if (status) {
        plan->failures++;
    } else {
        plan->moves++;
        balance_apply(&plan->state, move);
    }
    return told;
}

/* ---- all of it ---- */

/* As many moves as the figures of one look allow. */
static enum outcome run_round(struct plan *plan, enum ctl_exit *status)
{
    struct balance_rule rule = {plan->ctl->options.within_percent, SLACK};
    struct balance_move move;
    for (;;) {
        enum balance_next next = balance_next(&plan->state, &rule, &move);
        if (next != BALANCE_MOVE) {
            return next == BALANCE_EVEN ? EVEN : STUCK;
        }
        rest_until(plan->next_ms);
        if (interrupted) {
            return INTERRUPTED;
        }
        if (!(plan->ctl->options.given & CTL_DRY_RUN) && !has_turn(plan, status)) {
            return *status ? FAILED : REPLACED;
        }
        *status = make(plan, &move);
        if (*status) {
            return FAILED;
        }
    }
}

static enum outcome run(struct plan *plan, enum ctl_exit *status)
{
    bool dry = plan->ctl->options.given & CTL_DRY_RUN;
    *status = dry ? CTL_OK : take_turn(plan);
    if (*status) {
        return FAILED;
    }
    for (int round = 0; round < ROUNDS_MAX; round++) {
        uint32_t before = plan->moves;
        *status = look(plan);
        if (*status) {
            return FAILED;
        }
        enum outcome outcome = run_round(plan, status);
        if ((outcome != EVEN && outcome != STUCK) || dry || plan->moves == before) {
            return outcome;
        }
        rest_until(clock_ms() + SETTLE_MS);
        if (interrupted) {
            return INTERRUPTED;
        }
    }
    return CHANGING;
}

static const char *const outcome_names[] = {"even",     "stuck",  "interrupted",
                                            "replaced", "failed", "changing"};
static const char *const outcome_texts[] = {
    "all workers are within the bound",
    "no room that could be moved would make it more even",
    "interrupted",
    "another rebalance was begun, and this one is over",
    "not finished",
    "the load changes faster than rooms are moved",
};

static enum ctl_exit print_json(struct plan *plan, enum outcome outcome)
{
    enum { MEMBERS = 4 };
    struct buf out = {0};
    pack_map(&out, MEMBERS);
    pack_str(&out, STR("outcome"));
    pack_str(&out, str_of(outcome_names[outcome]));
    pack_str(&out, STR("mean"));
    pack_u64(&out, (uint64_t)(balance_mean(&plan->state) + 0.5));
    pack_str(&out, STR("workers"));
    pack_array(&out, plan->state.worker_count);
    for (uint32_t i = 0; i < plan->state.worker_count; i++) {
        const struct balance_worker *worker = &plan->state.workers[i];
        pack_map(&out, 2);
        pack_str(&out, STR("id"));
        pack_str(&out, ctl_text(worker_at(plan, i), "id", "?"));
        pack_str(&out, STR("load"));
        pack_u64(&out, worker->points / worker->weight);
    }
    pack_str(&out, STR("moves"));
    pack_array(&out, plan->moves + plan->failures);
    buf_append_str(&out, buf_str(&plan->report));
    enum ctl_exit status = ctl_print_json(buf_value(&out));
    buf_finish(&out);
    return status;
}

static enum ctl_exit print_end(struct plan *plan, enum outcome outcome)
{
    struct buf text = {0};
    bool dry = plan->ctl->options.given & CTL_DRY_RUN;
    double mean = balance_mean(&plan->state);
    for (uint32_t i = 0; i < plan->state.worker_count; i++) {
        const struct balance_worker *worker = &plan->state.workers[i];
        double load = (double)worker->points / worker->weight;
        struct str id = ctl_text(worker_at(plan, i), "id", "?");
        if (worker->takes) {
            buf_printf(&text, "%.*s: load %.0f", STR_ARG(id), load);
        } else {
            buf_printf(&text, "%.*s: takes no rooms from here", STR_ARG(id));
        }
        if (worker->takes && mean > 0) {
            buf_printf(&text, ", %+.0f%% of the mean", (load - mean) / mean * 100);
        }
        buf_append_byte(&text, '\n');
    }
    buf_printf(&text, "%s: %u room%s %s, %u could not be\n", outcome_texts[outcome], plan->moves,
               plan->moves == 1 ? "" : "s", dry ? "would be moved" : "moved", plan->failures);
    enum ctl_exit status = ctl_print(&text);
    buf_finish(&text);
    return status;
}

static enum ctl_exit exit_of(enum outcome outcome)
{
    switch (outcome) {
    case EVEN:
    case STUCK:
        return CTL_OK;
    case INTERRUPTED:
    case REPLACED:
    case FAILED:
        return CTL_FAILED;
    case CHANGING:
        return CTL_LATE;
    }
    return CTL_FAILED;
}

enum ctl_exit ctl_rebalance(struct ctl *ctl)
{
    struct plan plan = {.ctl = ctl};
    map_init(&plan.tried, tried_room);
    enum ctl_exit status = CTL_OK;
    catch_interrupt();
    enum outcome outcome = run(&plan, &status);
    /* What was done is told also when the rest cannot be. */
    if (outcome != FAILED || plan.moves + plan.failures > 0) {
        enum ctl_exit printed =
            ctl->options.json ? print_json(&plan, outcome) : print_end(&plan, outcome);
        status = status ? status : printed ? printed : exit_of(outcome);
    }
    plan_forget(&plan);
    ctl_answer_finish(&plan.own);
    forget_tried(&plan);
    buf_finish(&plan.report);
    return status;
}
