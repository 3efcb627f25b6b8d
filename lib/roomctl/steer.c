/* roomctl move, drain and release */
#include "base/alloc.h"
#include "base/clock.h"
#include "roomctl/internal.h"
#include "value/json.h"
#include "value/pack.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* Longer than a node takes to say that a move takes too long. */
#define MOVE_LIMIT_S 28
#define POLL_MS 100
/* Gateways read once a second which workers drain: until they know, one may send it a new room. */
#define KNOWN_MS 2000

/* ---- move ---- */

static void say_moved(struct value moved, struct buf *text)
{
    struct str id = ctl_text(moved, "id", "?");
    struct str from = ctl_text(moved, "from", "?");
    struct str owner = ctl_text(moved, "owner", "?");
    struct str worker = ctl_text(moved, "worker", "?");
    double epoch = ctl_number(moved, "epoch");
    if (ctl_is_true(moved, "moved")) {
        buf_printf(text, "%.*s: moved from %.*s to %.*s (%.*s), epoch %.0f\n", STR_ARG(id),
                   STR_ARG(from), STR_ARG(worker), STR_ARG(owner), epoch);
    } else {
        buf_printf(text, "%.*s: is at %.*s (%.*s) already, epoch %.0f\n", STR_ARG(id),
                   STR_ARG(worker), STR_ARG(owner), epoch);
    }
}

/* Prints the answer as it is, or in words. */
static enum ctl_exit show(struct ctl *ctl, struct value answer,
                          void (*say)(struct value answer, struct buf *text))
{
    if (ctl->options.json) {
        return ctl_print_json(answer);
    }
    struct buf text = {0};
    say(answer, &text);
    enum ctl_exit status = ctl_print(&text);
    buf_finish(&text);
    return status;
}

enum ctl_exit ctl_move(struct ctl *ctl)
{
    struct buf body = {0};
    struct ctl_answer answer;
    char *path = ctl_path("/v1/rooms/", ctl->options.operands[0], "/move");
    buf_append_str(&body, STR("{\"worker\":"));
    json_write_string(str_of(ctl->options.operands[1]), &body);
    buf_append_str(&body, STR("}"));
    struct http_request request = {
        .method = "POST", .path = path, .body = buf_str(&body), .limit_s = MOVE_LIMIT_S};
    enum ctl_exit status = ctl_ask(ctl, &request, &answer);
    if (!status) {
        status = show(ctl, answer.value, say_moved);
    }
    ctl_answer_finish(&answer);
    buf_finish(&body);
    free(path);
    return status;
}

/* ---- release ---- */

static void say_released(struct value released, struct buf *text)
{
    struct str id = ctl_text(released, "id", "?");
    buf_printf(text,
               ctl_is_true(released, "released") ? "%.*s: released, people get in again\n"
                                                 : "%.*s: was not in quarantine\n",
               STR_ARG(id));
}

enum ctl_exit ctl_release(struct ctl *ctl)
{
    struct ctl_answer answer;
    char *path = ctl_path("/v1/rooms/", ctl->options.operands[0], "/quarantine");
    struct http_request request = {.method = "DELETE", .path = path, .limit_s = CTL_LIMIT_S};
    enum ctl_exit status = ctl_ask(ctl, &request, &answer);
    if (!status) {
        status = show(ctl, answer.value, say_released);
    }
    ctl_answer_finish(&answer);
    free(path);
    return status;
}

/* ---- drain ---- */

struct drain {
    struct ctl *ctl;
    char *id, *name; /* owned */
    uint64_t began_ms;
    double rooms; /* that it has now; -1: it does not say */
};

/* What ps says of it. */
enum drain_look { DRAIN_GOES_ON, DRAIN_UNDONE, DRAIN_GONE };

static enum drain_look look_at(struct drain *drain, struct value processes)
{
    struct value_walk walk = value_items(processes);
    struct value process;
    while (value_next_item(&walk, &process)) {
        struct str state = ctl_text(process, "state", "");
        if (!str_eq(ctl_text(process, "id", ""), str_of(drain->id))) {
            continue;
        }
        drain->rooms = -1;
        value_number(value_get(process, STR("rooms")), &drain->rooms);
        if (str_eq(state, STR("ready"))) {
            return DRAIN_UNDONE;
        }
        return str_eq(state, STR("dead")) || str_eq(state, STR("stopped")) ? DRAIN_GONE
                                                                           : DRAIN_GOES_ON;
    }
    return DRAIN_GONE;
}

/* Waits for POLL_MS. */
static void rest(void)
{
    struct timespec time = {.tv_nsec = POLL_MS * 1000000L};
    nanosleep(&time, NULL);
}

static enum ctl_exit complain_late(const struct drain *drain)
{
    char rooms[32] = "it does not say how many";
    if (drain->rooms >= 0) {
        snprintf(rooms, sizeof(rooms), "%.0f", drain->rooms);
    }
    ctl_complain("%s (%s) is not drained after %u s, and goes on; rooms left: %s", drain->name,
                 drain->id, drain->ctl->options.timeout_s, rooms);
    return CTL_LATE;
}

/* Until it has no rooms, and nobody will send it any. */
static enum ctl_exit wait_for_end(struct drain *drain)
{
    uint64_t limit_ms = (uint64_t)drain->ctl->options.timeout_s * 1000;
    for (;;) {
        struct ctl_answer answer;
        enum ctl_exit status = ctl_get(drain->ctl, "/v1/processes", &answer);
        enum drain_look look =
            status ? DRAIN_GOES_ON : look_at(drain, value_get(answer.value, STR("processes")));
        ctl_answer_finish(&answer);
        uint64_t took_ms = clock_ms() - drain->began_ms;
        if (status) {
            return status;
        }
        if (look == DRAIN_GONE) {
            ctl_complain("%s (%s) has ended while it was draining", drain->name, drain->id);
            return CTL_FAILED;
        }
        if (look == DRAIN_UNDONE && took_ms > KNOWN_MS) {
            ctl_complain("%s (%s) does not drain any more", drain->name, drain->id);
            return CTL_FAILED;
        }
        if (drain->rooms == 0 && took_ms >= KNOWN_MS) {
            return CTL_OK;
        }
        if (took_ms >= limit_ms) {
            return complain_late(drain);
        }
        rest();
    }
}

static enum ctl_exit print_drain(const struct drain *drain, bool on, bool changed, bool done)
{
    struct buf text = {0};
    double seconds = (double)(clock_ms() - drain->began_ms) / 1000;
    if (drain->ctl->options.json) {
        enum { MEMBERS = 5 };
        pack_map(&text, MEMBERS);
        pack_str(&text, STR("worker"));
        pack_str(&text, str_of(drain->name));
        pack_str(&text, STR("id"));
        pack_str(&text, str_of(drain->id));
        pack_str(&text, STR("draining"));
        pack_bool(&text, on);
        pack_str(&text, STR("changed"));
        pack_bool(&text, changed);
        pack_str(&text, STR("drained"));
        pack_bool(&text, done);
        enum ctl_exit status = ctl_print_json(buf_value(&text));
        buf_finish(&text);
        return status;
    }
    buf_printf(&text, "%s (%s): ", drain->name, drain->id);
    if (!on) {
        buf_printf(&text, changed ? "takes rooms again\n" : "was not draining\n");
    } else if (done) {
        buf_printf(&text, "drained in %.1f s, has no rooms and gets none\n", seconds);
    } else {
        buf_printf(&text, changed ? "is draining\n" : "was draining already\n");
    }
    enum ctl_exit status = ctl_print(&text);
    buf_finish(&text);
    return status;
}

enum ctl_exit ctl_drain(struct ctl *ctl)
{
    bool on = !(ctl->options.given & CTL_UNDO);
    bool wait = on && !(ctl->options.given & CTL_NO_WAIT);
    struct drain drain = {.ctl = ctl, .began_ms = clock_ms(), .rooms = -1};
    struct ctl_answer answer;
    char *path = ctl_path("/v1/workers/", ctl->options.operands[0], "/drain");
    struct http_request request = {
        .method = on ? "POST" : "DELETE", .path = path, .limit_s = CTL_LIMIT_S};
    if (ctl->options.given & CTL_FORCE) {
        request.body = STR("{\"force\":true}");
    }
    enum ctl_exit status = ctl_ask(ctl, &request, &answer);
    if (!status) {
        struct str id = ctl_text(answer.value, "id", "");
        struct str name = ctl_text(answer.value, "worker", "");
        drain.id = xstrndup(id.ptr, id.len);
        drain.name = xstrndup(name.ptr, name.len);
        status = wait ? wait_for_end(&drain) : CTL_OK;
        if (!status) {
            status = print_drain(&drain, on, ctl_is_true(answer.value, "changed"), wait);
        }
    }
    free(drain.id);
    free(drain.name);
    ctl_answer_finish(&answer);
    free(path);
    return status;
}
