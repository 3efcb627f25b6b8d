/* roomctl drain: a worker of the node that is asked, or a node of the cluster. */
#include "base/alloc.h"
#include "base/clock.h"
#include "roomctl/internal.h"
#include "value/pack.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define POLL_MS 100
/* Gateways read once a second which workers drain: until they know, one may send it a new room. */
#define KNOWN_MS 2000
/* A node looks once a second whether it is to drain, and its workers say so at once; what they have
 * is told once a second. */
#define KNOWN_NODE_MS 4000

/* What is being drained, as the operator calls it and as the node does. */
struct drain {
    struct ctl *ctl;
    bool node;       /* it is a node */
    char *id, *name; /* owned; of a worker; of a node both are the same */
    uint64_t began_ms;
    double rooms; /* that it has now; -1: it does not say */
};

/* What can be seen of it. */
enum drain_look { DRAIN_GOES_ON, DRAIN_EMPTY, DRAIN_UNDONE, DRAIN_GONE };

static enum drain_look judge_worker(struct drain *drain, struct value process)
{
    struct str state = ctl_text(process, "state", "");
    bool gone = str_eq(state, STR("dead")) || str_eq(state, STR("stopped"));
    drain->rooms = -1;
    value_number(value_get(process, STR("rooms")), &drain->rooms);
    return str_eq(state, STR("ready")) ? DRAIN_UNDONE
           : gone                      ? DRAIN_GONE
           : drain->rooms == 0         ? DRAIN_EMPTY
                                       : DRAIN_GOES_ON;
}

/* Also when it has no live worker: then it has no rooms that anybody is in. */
static enum drain_look judge_node(struct drain *drain, struct value node)
{
    drain->rooms = ctl_number(node, "rooms");
    bool empty = drain->rooms == 0 && ctl_number(node, "taking") == 0;
    return !ctl_is_true(node, "draining") ? DRAIN_UNDONE : empty ? DRAIN_EMPTY : DRAIN_GOES_ON;
}

static enum drain_look look_at(struct drain *drain, struct value list)
{
    struct value_walk walk = value_items(list);
    struct value item;
    while (value_next_item(&walk, &item)) {
        if (str_eq(ctl_text(item, "id", ""), str_of(drain->id))) {
            return drain->node ? judge_node(drain, item) : judge_worker(drain, item);
        }
    }
    return DRAIN_GONE;
}

/* Waits for POLL_MS. */
static void rest(void)
{
    struct timespec time = {.tv_nsec = POLL_MS * 1000000L};
    nanosleep(&time, NULL);
}

/* "worker-1 (n1-w1-abc)", "n1" */
static void append_name(const struct drain *drain, struct buf *out)
{
    buf_printf(out, drain->node ? "%s" : "%s (%s)", drain->name, drain->id);
}

static enum ctl_exit complain(const struct drain *drain, enum ctl_exit status, const char *what)
{
    struct buf name = {0};
    append_name(drain, &name);
    ctl_complain("%.*s %s", STR_ARG(buf_str(&name)), what);
    buf_finish(&name);
    return status;
}

static enum ctl_exit complain_late(const struct drain *drain)
{
    char rooms[32] = "it does not say how many";
    char what[128];
    if (drain->rooms >= 0) {
        snprintf(rooms, sizeof(rooms), "%.0f", drain->rooms);
    }
    snprintf(what, sizeof(what), "is not drained after %u s, and goes on; rooms left: %s",
             drain->ctl->options.timeout_s, rooms);
    return complain(drain, CTL_LATE, what);
}

/* Until it has no rooms, and nobody will send it any. */
static enum ctl_exit wait_for_end(struct drain *drain)
{
    uint64_t limit_ms = (uint64_t)drain->ctl->options.timeout_s * 1000;
    uint64_t known_ms = drain->node ? KNOWN_NODE_MS : KNOWN_MS;
    struct str list = drain->node ? STR("nodes") : STR("processes");
    for (;;) {
        struct ctl_answer answer;
        enum ctl_exit status =
            ctl_get(drain->ctl, drain->node ? "/v1/nodes" : "/v1/processes", &answer);
        enum drain_look look =
            status ? DRAIN_GOES_ON : look_at(drain, value_get(answer.value, list));
        ctl_answer_finish(&answer);
        uint64_t took_ms = clock_ms() - drain->began_ms;
        if (status) {
            return status;
        }
        if (look == DRAIN_GONE) {
            return complain(drain, CTL_FAILED, "has ended while it was draining");
        }
        if (look == DRAIN_UNDONE && took_ms > known_ms) {
            return complain(drain, CTL_FAILED, "does not drain any more");
        }
        if (look == DRAIN_EMPTY && took_ms >= known_ms) {
            return CTL_OK;
        }
        if (took_ms >= limit_ms) {
            return complain_late(drain);
        }
        rest();
    }
}

static void pack_drain(const struct drain *drain, bool on, bool changed, bool done, struct buf *out)
{
    enum { MEMBERS = 3 };
    pack_map(out, MEMBERS + (drain->node ? 1 : 2));
    if (drain->node) {
        pack_str(out, STR("node"));
        pack_str(out, str_of(drain->id));
    } else {
        pack_str(out, STR("worker"));
        pack_str(out, str_of(drain->name));
        pack_str(out, STR("id"));
        pack_str(out, str_of(drain->id));
    }
    pack_str(out, STR("draining"));
    pack_bool(out, on);
    pack_str(out, STR("changed"));
    pack_bool(out, changed);
    pack_str(out, STR("drained"));
    pack_bool(out, done);
}

static enum ctl_exit print_drain(const struct drain *drain, bool on, bool changed, bool done)
{
    struct buf text = {0};
    enum ctl_exit status;
    double seconds = (double)(clock_ms() - drain->began_ms) / 1000;
    if (drain->ctl->options.json) {
        pack_drain(drain, on, changed, done, &text);
        status = ctl_print_json(buf_value(&text));
        buf_finish(&text);
        return status;
    }
    append_name(drain, &text);
    if (!on) {
        buf_printf(&text, changed ? ": takes rooms again\n" : ": was not draining\n");
    } else if (done) {
        buf_printf(&text, ": drained in %.1f s, has no rooms and gets none\n", seconds);
    } else {
        buf_printf(&text, changed ? ": is draining\n" : ": was draining already\n");
    }
    status = ctl_print(&text);
    buf_finish(&text);
    return status;
}

/* Asks for it as one of `kind`; *refused: there is none of that name, and nothing is said. */
static enum ctl_exit ask(struct drain *drain, bool on, const char *kind, const char *unless,
                         struct ctl_answer *answer, bool *refused)
{
    struct ctl *ctl = drain->ctl;
    char *path = ctl_path(kind, ctl->options.operands[0], "/drain");
    struct http_request request = {
        .method = on ? "POST" : "DELETE", .path = path, .limit_s = CTL_LIMIT_S};
    if (ctl->options.given & CTL_FORCE) {
        request.body = STR("{\"force\":true}");
    }
    enum ctl_exit status = ctl_ask_unless(ctl, &request, unless, answer, refused);
    free(path);
    return status;
}

/* A worker of this node, or else a node of the cluster. A node that has a worker's name can be
 * drained over HTTP only. */
static enum ctl_exit begin(struct drain *drain, bool on, struct ctl_answer *answer)
{
    bool refused;
    enum ctl_exit status = ask(drain, on, "/v1/workers/", "no-worker", answer, &refused);
    if (refused) {
        struct str detail = ctl_text(answer->value, "detail", "");
        char *no_worker = xstrndup(detail.ptr, detail.len);
        ctl_answer_finish(answer);
        drain->node = true;
        status = ask(drain, on, "/v1/nodes/", "no-node", answer, &refused);
        if (refused) {
            ctl_complain("There is no such worker or node: %s, and no node of the cluster",
                         no_worker);
        }
        free(no_worker);
    }
    if (!status) {
        struct str name = ctl_text(answer->value, drain->node ? "node" : "worker", "");
        struct str id = ctl_text(answer->value, drain->node ? "node" : "id", "");
        drain->id = xstrndup(id.ptr, id.len);
        drain->name = xstrndup(name.ptr, name.len);
    }
    return status;
}

enum ctl_exit ctl_drain(struct ctl *ctl)
{
    bool on = !(ctl->options.given & CTL_UNDO);
    bool wait = on && !(ctl->options.given & CTL_NO_WAIT);
    struct drain drain = {.ctl = ctl, .began_ms = clock_ms(), .rooms = -1};
    struct ctl_answer answer;
    enum ctl_exit status = begin(&drain, on, &answer);
    if (!status) {
        bool changed = ctl_is_true(answer.value, "changed");
        status = wait ? wait_for_end(&drain) : CTL_OK;
        status = status ? status : print_drain(&drain, on, changed, wait);
    }
    free(drain.id);
    free(drain.name);
    ctl_answer_finish(&answer);
    return status;
}
