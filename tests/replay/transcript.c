/* Runs the steps of a transcript and compares. */
#include "transcript.h"

#include "base/alloc.h"
#include "host.h"
#include "plan.h"
#include "snapshot.h"
#include "value/json.h"
#include "value/pack.h"
#include "vectors.h"

#include <stdlib.h>

struct run {
    struct value root;
    struct plan plan;
    struct presence_ids ids;
    struct host *host;
    struct items wanted;
    struct buf why; /* what went wrong; empty: nothing so far */
};

bool transcript_recognise(struct value root)
{
    return value_type(value_get(root, STR("steps"))) == VALUE_ARRAY;
}

static bool flag(struct value step, const char *name)
{
    bool set = false;
    value_bool(value_get(step, str_of(name)), &set);
    return set;
}

static void step_open(struct run *run, struct value step)
{
    struct host_session session = {
        .socket = member_text(step, "socket"),
        .session = member_text(step, "session"),
        .readonly = flag(step, "readonly"),
        .object_write = !member_is_text(step, "objectAccess", "read"),
    };
    host_open(run->host, &session);
}

static void step_send(struct run *run, struct value step)
{
    struct buf text = {0};
    json_write(value_get(step, STR("message")), &text);
    host_frame(run->host, member_text(step, "socket"), buf_str(&text));
    buf_finish(&text);
}

static void step_raw(struct run *run, struct value step)
{
    struct value_walk walk = value_items(value_get(step, STR("frames")));
    struct value frame;
    struct str text;
    while (value_next_item(&walk, &frame) && value_string(frame, &text)) {
        host_frame(run->host, member_text(step, "socket"), text);
    }
}

static void step_drop(struct run *run, struct value step)
{
    host_socket_gone(run->host, member_text(step, "socket"), false);
}

static void step_error(struct run *run, struct value step)
{
    host_socket_gone(run->host, member_text(step, "socket"), true);
}

static void step_kill(struct run *run, struct value step)
{
    host_kill(run->host, member_text(step, "socket"));
}

static void step_advance(struct run *run, struct value step)
{
    uint64_t ms = 0;
    value_u64(value_get(step, STR("ms")), &ms);
    host_advance(run->host, ms);
}

static void step_custom(struct run *run, struct value step)
{
    host_custom(run->host, member_text(step, "session"), value_get(step, STR("data")));
}

static void step_close_session(struct run *run, struct value step)
{
    struct str reason = {0};
    value_string(value_get(step, STR("reason")), &reason);
    host_close_session(run->host, member_text(step, "session"), reason);
}

static void step_close_room(struct run *run, struct value step)
{
    (void)step;
    host_close_room(run->host);
}

static void expect_result(struct run *run, struct value wanted, struct buf *found)
{
    if (!match(&run->ids, wanted, buf_value(found))) {
        report_difference(&run->why, "result", wanted, buf_value(found));
    }
    buf_finish(found);
}

static void step_sessions(struct run *run, struct value step)
{
    struct room *room = host_room(run->host);
    struct buf found = {0};
    pack_array(&found, room_session_count(room));
    struct room_session *session = NULL;
    while ((session = room_next_session(room, session))) {
        pack_map(&found, 4);
        pack_str(&found, STR("session"));
        pack_str(&found, room_session_id(session));
        pack_str(&found, STR("isConnected"));
        pack_bool(&found, room_session_state(session) == ROOM_CONNECTED);
        pack_str(&found, STR("isReadonly"));
        pack_bool(&found, room_session_readonly(session));
        pack_str(&found, STR("objectAccess"));
        pack_str(&found, room_session_object_write(session) ? STR("write") : STR("read"));
    }
    expect_result(run, value_get(step, STR("result")), &found);
}

static void step_presence(struct run *run, struct value step)
{
    struct room *room = host_room(run->host);
    struct buf records = {0};
    uint32_t count = 0;
    struct room_session *session = NULL;
    while ((session = room_next_session(room, session))) {
        const struct record *record = room_session_presence(session);
        if (record) {
            pack_member(&records, record_id(record), record_value(record));
            count++;
        }
    }
    struct buf found = {0};
    pack_map(&found, count);
    buf_append_str(&found, buf_str(&records));
    buf_finish(&records);
    expect_result(run, value_get(step, STR("result")), &found);
}

static void step_record(struct run *run, struct value step)
{
    const struct documents *documents = room_documents(host_room(run->host));
    const struct record *record = documents_get(documents, member_text(step, "id"));
    struct buf found = {0};
    pack_value(&found, record ? record_value(record) : VALUE_NONE);
    expect_result(run, value_get(step, STR("result")), &found);
}

static void step_snapshot(struct run *run, struct value step)
{
    struct buf found = {0};
    struct buf wanted = {0};
    if (flag(step, "summary")) {
        snapshot_summary(host_room(run->host), &found);
        pack_value(&wanted, value_get(step, STR("result")));
    } else {
        snapshot_of(host_room(run->host), &found);
        snapshot_sort(value_get(step, STR("result")), &wanted);
    }
    expect_result(run, buf_value(&wanted), &found);
    buf_finish(&wanted);
}

static const struct {
    const char *name;
    void (*run)(struct run *run, struct value step);
} actions[] = {
    {"open", step_open},
    {"send", step_send},
    {"raw", step_raw},
    {"drop", step_drop},
    {"error", step_error},
    {"kill", step_kill},
    {"advance", step_advance},
    {"sendCustomMessage", step_custom},
    {"closeSession", step_close_session},
    {"closeRoom", step_close_room},
    {"getSessions", step_sessions},
    {"getPresenceRecords", step_presence},
    {"getRecord", step_record},
    {"getSnapshot", step_snapshot},
};

static void run_action(struct run *run, struct value step)
{
    for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
        if (member_is_text(step, "do", actions[i].name)) {
            actions[i].run(run, step);
            return;
        }
    }
    struct str name = member_text(step, "do");
    buf_printf(&run->why, "unknown step \"%.*s\"", STR_ARG(name));
}

/* Whether the room turned `socket` away for an invalid record since the item `from`. */
static bool was_refused(const struct run *run, struct str socket, unsigned from)
{
    const struct items *seen = host_seen(run->host);
    bool refused = false;
    for (unsigned i = from; i < seen->count && !refused; i++) {
        struct value value = buf_value(&seen->items[i].value);
        struct str lane = str_of(seen->items[i].lane);
        refused = lane.len > socket.len &&
                  str_eq((struct str){lane.ptr + lane.len - socket.len, socket.len}, socket) &&
                  (member_is_text(value, "reason", "INVALID_RECORD") ||
                   member_is_text(value, "reason", "invalidRecord"));
    }
    return refused;
}

/* Runs one step. False if it showed that only validators could have answered as the original did.
 */
static bool run_step(struct run *run, unsigned number, struct value step)
{
    struct value expect = value_get(step, STR("expect"));
    struct value_walk walk = value_items(expect);
    struct value entry;
    while (value_next_item(&walk, &entry)) {
        items_expect(&run->wanted, number, entry);
    }
    struct str socket = member_text(step, "socket");
    struct room *room = host_room(run->host);
    bool invalid = plan_expects_invalid(expect, socket);
    bool own =
        invalid && room_schema(room) && plan_room_refuses(room, value_get(step, STR("message")));
    unsigned from = host_seen(run->host)->count;
    host_set_step(run->host, number);
    run_action(run, step);
    if (invalid && !own && !was_refused(run, socket, from)) {
        run->plan = (struct plan){number, "only validators can tell that this record is invalid"};
        return false;
    }
    return true;
}

static void run_steps(struct run *run)
{
    struct value_walk walk = value_items(value_get(run->root, STR("steps")));
    struct value step;
    for (unsigned i = 0; i < run->plan.end && value_next_item(&walk, &step); i++) {
        size_t clean = buf_len(&run->why);
        if (!run_step(run, i, step)) {
            buf_truncate(&run->why, clean);
            break;
        }
        if (buf_len(&run->why) > 0) {
            buf_printf(&run->why, " (step %u)", i);
            return;
        }
    }
    if (items_match(&run->wanted, host_seen(run->host), run->plan.end, &run->ids, &run->why)) {
        buf_append_str(&run->why, buf_str(host_complaints(run->host)));
    }
}

static void run_all(struct run *run)
{
    uint64_t idle_ms = ROOM_IDLE_TIMEOUT_MS;
    value_u64(value_get(value_get(run->root, STR("options")), STR("clientTimeout")), &idle_ms);
    struct host_config config = {
        .snapshot = value_get(run->root, STR("initialSnapshot")),
        .idle_timeout_ms = idle_ms,
    };
    if (member_is_text(run->root, "schema", "default")) {
        run->ids.type = xstrdup("instance_presence");
    }
    run->host = host_create(&config, &run->ids, &run->why);
    if (run->host) {
        run_steps(run);
    }
}

void transcript_replay(struct report *report, const char *path, struct value root)
{
    struct str name = member_text(root, "name");
    if (!report_wants(report, name)) {
        return;
    }
    struct run run = {.root = root, .plan = plan_make(root)};
    if (run.plan.end > 0 || !run.plan.why) {
        run_all(&run);
    }
    if (buf_len(&run.why) > 0) {
        report_fail(report, path, name, &run.why);
    } else if (run.plan.why) {
        struct value steps = value_get(root, STR("steps"));
        struct str action = member_text(value_item(steps, run.plan.end), "do");
        char *why = xasprintf("from step %u of %u (%.*s): %s", run.plan.end, value_count(steps),
                              STR_ARG(action), run.plan.why);
        report_skip(report, path, name, 1, why);
        free(why);
    } else {
        report_pass(report, path, name);
    }
    host_destroy(run.host);
    items_finish(&run.wanted);
    presence_ids_finish(&run.ids);
    buf_finish(&run.why);
}
