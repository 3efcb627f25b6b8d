/* Runs the steps of a transcript and compares. */
#include "transcript.h"

#include "base/alloc.h"
#include "host.h"
#include "room/host.h"
#include "schemas.h"
#include "snapshot.h"
#include "value/json.h"
#include "value/pack.h"
#include "vectors.h"

#include <stdlib.h>

struct run {
    struct value root;
    const char *path;
    struct schema *schema;
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

static void expect_ok(struct run *run, struct value step, bool ok)
{
    bool wanted = false;
    value_bool(value_get(value_get(step, STR("result")), STR("ok")), &wanted);
    if (ok != wanted) {
        buf_printf(&run->why, "it %s", ok ? "worked, and should not" : "failed");
    }
}

static void step_load(struct run *run, struct value step)
{
    expect_ok(run, step, host_load(run->host, value_get(step, STR("snapshot"))));
}

static void step_update(struct run *run, struct value step)
{
    struct buf values = {0};
    bool ok = host_update(run->host, value_get(step, STR("ops")), &values);
    struct value wanted = value_get(value_get(step, STR("result")), STR("values"));
    expect_ok(run, step, ok);
    if (ok && value_present(wanted)) {
        expect_result(run, wanted, &values);
    } else {
        buf_finish(&values);
    }
}

static void step_objects(struct run *run, struct value step)
{
    struct buf objects = {0};
    struct buf found = {0};
    struct buf wanted = {0};
    room_write_objects(host_room(run->host), &objects);
    snapshot_sort_records(buf_value(&objects), &found);
    snapshot_sort_records(value_get(step, STR("result")), &wanted);
    expect_result(run, buf_value(&wanted), &found);
    buf_finish(&wanted);
    buf_finish(&objects);
}

static void step_session_snapshot(struct run *run, struct value step)
{
    struct buf found = {0};
    host_session_snapshot(run->host, member_text(step, "session"), &found);
    expect_result(run, value_get(step, STR("result")), &found);
}

static void step_restart(struct run *run, struct value step)
{
    (void)step;
    if (!host_restart(run->host)) {
        buf_append_str(&run->why, STR("the room cannot be built from its own snapshot"));
    }
}

static void step_resume(struct run *run, struct value step)
{
    struct buf snapshot = {0};
    presence_ids_resolve(&run->ids, value_get(step, STR("snapshot")), &snapshot);
    host_resume(run->host, member_text(step, "socket"), member_text(step, "session"),
                buf_value(&snapshot));
    buf_finish(&snapshot);
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
    {"getObjectsSnapshot", step_objects},
    {"getSessionSnapshot", step_session_snapshot},
    {"loadSnapshot", step_load},
    {"updateStore", step_update},
    {"restart", step_restart},
    {"resume", step_resume},
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

static void run_step(struct run *run, unsigned number, struct value step)
{
    struct value_walk walk = value_items(value_get(step, STR("expect")));
    struct value entry;
    while (value_next_item(&walk, &entry)) {
        items_expect(&run->wanted, number, entry);
    }
    host_set_step(run->host, number);
    run_action(run, step);
}

static void run_steps(struct run *run)
{
    struct value_walk walk = value_items(value_get(run->root, STR("steps")));
    struct value step;
    unsigned count = 0;
    for (; value_next_item(&walk, &step); count++) {
        run_step(run, count, step);
        if (buf_len(&run->why) > 0) {
            buf_printf(&run->why, " (step %u)", count);
            return;
        }
    }
    if (items_match(&run->wanted, host_seen(run->host), count, &run->ids, &run->why)) {
        buf_append_str(&run->why, buf_str(host_complaints(run->host)));
    }
}

static void run_all(struct run *run)
{
    struct value options = value_get(run->root, STR("options"));
    uint64_t idle_ms = ROOM_IDLE_TIMEOUT_MS;
    value_u64(value_get(options, STR("clientTimeout")), &idle_ms);
    run->schema = schemas_get(member_text(run->root, "schema"), run->path,
                              value_get(options, STR("objectTypes")), &run->why);
    if (!run->schema) {
        return;
    }
    struct host_config config = {
        .schema = run->schema,
        .snapshot = value_get(run->root, STR("initialSnapshot")),
        .idle_timeout_ms = idle_ms,
        .session_snapshots = flag(options, "sessionSnapshots"),
    };
    struct str type = schema_presence_type(run->schema);
    run->ids.type = type.ptr ? xstrndup(type.ptr, type.len) : NULL;
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
    struct run run = {.root = root, .path = path};
    run_all(&run);
    if (buf_len(&run.why) > 0) {
        report_fail(report, path, name, &run.why);
    } else {
        report_pass(report, path, name);
    }
    host_destroy(run.host);
    schema_unref(run.schema);
    items_finish(&run.wanted);
    presence_ids_finish(&run.ids);
    buf_finish(&run.why);
}
