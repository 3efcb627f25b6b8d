#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>

static struct str swap_quotes(const char *text, char from, char to, struct buf *out)
{
    for (; *text; text++) {
        buf_append_byte(out, (uint8_t)(*text == from ? to : *text));
    }
    return buf_str(out);
}

struct value parse(const char *json, struct buf *out)
{
    struct buf text = {0};
    cr_assert(eq(int, json_parse(swap_quotes(json, '\'', '"', &text), out), ERR_OK), "%s", json);
    buf_finish(&text);
    return buf_value(out);
}

static void tell_value(struct buf *lines, struct value value)
{
    size_t start = buf_len(lines);
    json_write(value, lines);
    for (uint8_t *at = buf_head(lines) + start; at < buf_head(lines) + buf_len(lines); at++) {
        *at = *at == '"' ? '\'' : *at;
    }
    buf_append_byte(lines, '\n');
}

static void tell_name(struct buf *lines, const struct room_session *session)
{
    buf_append_str(lines, room_session_id(session));
}

static void on_send(void *ctx, struct room_session *to, enum room_send how, struct value message)
{
    static const char *const names[] = {" connect ", " event ", " pong ", " custom ", " legacy "};
    struct fixture *fixture = ctx;
    tell_name(&fixture->lines, to);
    buf_append_str(&fixture->lines, str_of(names[how]));
    tell_value(&fixture->lines, message);
}

static void on_broadcast(void *ctx, const struct room_broadcast *broadcast)
{
    struct fixture *fixture = ctx;
    buf_append_str(&fixture->lines, STR("all"));
    if (broadcast->edition > 0) {
        buf_printf(&fixture->lines, "@%ju", (uintmax_t)broadcast->edition);
    }
    buf_append_str(&fixture->lines, STR(" "));
    if (broadcast->except) {
        buf_append_str(&fixture->lines, STR("but "));
        tell_name(&fixture->lines, broadcast->except);
        buf_append_str(&fixture->lines, STR(" "));
    }
    tell_value(&fixture->lines, broadcast->event);
}

static void on_close(void *ctx, struct room_session *session, int code, struct str reason)
{
    struct fixture *fixture = ctx;
    tell_name(&fixture->lines, session);
    if (code == ROOM_CLOSE_PLAIN) {
        buf_append_str(&fixture->lines, STR(" closed\n"));
    } else {
        buf_printf(&fixture->lines, " closed %d %.*s\n", code, STR_ARG(reason));
    }
}

static void on_append(void *ctx, const struct room_entry *entry)
{
    static const char *const outcomes[] = {"none", "commit", "rebase"};
    struct fixture *fixture = ctx;
    buf_printf(&fixture->lines, "append %ju ", (uintmax_t)entry->clock);
    if (value_present(entry->schema)) {
        buf_append_str(&fixture->lines, STR("schema "));
    } else {
        buf_printf(&fixture->lines, "%.*s:%ju %s ", STR_ARG(entry->session), (uintmax_t)entry->seq,
                   outcomes[entry->outcome]);
    }
    tell_value(&fixture->lines, entry->diff);
    if (fixture->copy) {
        cr_assert(eq(int, room_replay(fixture->copy, entry), ERR_OK));
    }
}

static void on_event(void *ctx, enum room_event event, struct room_session *session)
{
    static const char *const names[] = {" removed\n", "empty\n", "changed\n"};
    struct fixture *fixture = ctx;
    if (session) {
        tell_name(&fixture->lines, session);
    }
    buf_append_str(&fixture->lines, str_of(names[event]));
}

static void on_random_id(void *ctx, char out[21])
{
    struct fixture *fixture = ctx;
    char text[22];
    snprintf(text, sizeof(text), "%021ju", (uintmax_t)++fixture->ids);
    memcpy(out, text, 21);
}

static void on_session_snapshot(void *ctx, struct room_session *session)
{
    struct fixture *fixture = ctx;
    fixture->on_session_snapshot(fixture, session);
}

static void on_schema_refused(void *ctx, struct room_session *session, struct str reason,
                              struct value ours, struct value theirs)
{
    struct fixture *fixture = ctx;
    cr_assert(value_present(ours) && value_present(theirs));
    tell_name(&fixture->lines, session);
    buf_printf(&fixture->lines, " refused %.*s\n", STR_ARG(reason));
}

static const struct room_host host = {
    .send = on_send,
    .broadcast = on_broadcast,
    .close = on_close,
    .append = on_append,
    .event = on_event,
    .random_id = on_random_id,
    .session_snapshot = on_session_snapshot,
    .schema_refused = on_schema_refused,
};

void fixture_init(struct fixture *fixture)
{
    *fixture = (struct fixture){.now_ms = 1000000, .schema = NOTES};
    fixture->config.idle_timeout_ms = ROOM_IDLE_TIMEOUT_MS;
    fixture->room = room_create(&fixture->config, &host, fixture);
}

void fixture_init_from(struct fixture *fixture, const char *snapshot)
{
    struct buf value = {0};
    fixture_init(fixture);
    cr_assert(eq(int, room_read_snapshot(fixture->room, parse(snapshot, &value)), ERR_OK), "%s",
              snapshot);
    buf_finish(&value);
}

/* ---- a schema file ---- */

static const char schema_head[] =
    "{'roomdSchema':1,'types':{"
    "'person':{'scope':'presence','validator':{'kind':'object','fields':{'id':{'kind':'string'},"
    "'typeName':{'kind':'literal','value':'person'},'at':{'kind':'number'}}}},"
    "'view':{'scope':'session'},"
    "'thing':{'scope':'document'},"
    "'note':{'scope':'document','validator':{'kind':'object','fields':{'id':{'kind':'string'},"
    "'typeName':{'kind':'literal','value':'note'},'color':{'kind':'enum','values':['red','blue']},"
    "'%s':{'kind':'number'}}}}},"
    "'objectTypes':['thing'],"
    "'sequences':[{'sequenceId':'note','retroactive':true,'migrations':["
    "{'id':'note/1','scope':'record','filter':{'typeName':'note'},"
    "'up':[{'op':'default','path':['color'],'value':'red'}],"
    "'down':[{'op':'delete','path':['color']}]},"
    "{'id':'note/2','scope':'record','filter':{'typeName':'note'},"
    "'up':{'function':'up'},'down':{'function':'down'}}";
static const char schema_newer[] = ",{'id':'note/3','scope':'record','filter':{'typeName':'note'},"
                                   "'up':[{'op':'rename','from':['n'],'to':['number']}],"
                                   "'down':[{'op':'rename','from':['number'],'to':['n']}]}";
static const char schema_tail[] = "]}],'code':'({up: null, down: null})'}";

static void shift(struct schema_job *job, double by)
{
    struct value_walk walk = value_members(job->value);
    struct str key;
    struct value member;
    double n;
    job->called = SCHEMA_RETURNED;
    pack_map(&job->result, value_count(job->value));
    while (value_next_member(&walk, &key, &member)) {
        pack_str(&job->result, key);
        if (str_eq(key, STR("n")) && value_number(member, &n)) {
            pack_number(&job->result, n + by);
            job->called = n == 666 ? SCHEMA_THREW : n == 555 ? SCHEMA_UNAVAILABLE : SCHEMA_RETURNED;
        } else {
            pack_value(&job->result, member);
        }
    }
}

static void run_jobs(struct schema_engine *engine, struct schema_job *jobs, size_t count)
{
    struct fixture_engine *self = (struct fixture_engine *)engine;
    self->runs++;
    for (size_t i = 0; i < count; i++) {
        self->jobs++;
        cr_assert(eq(int, jobs[i].call, SCHEMA_CALL_MIGRATE));
        shift(&jobs[i], str_eq(jobs[i].function, STR("up")) ? 100 : -100);
    }
}

void fixture_use_schema(struct fixture *fixture, bool newer)
{
    struct buf text = {0};
    struct buf json = {0};
    struct buf why = {0};
    buf_printf(&text, schema_head, newer ? "number" : "n");
    buf_append_str(&text, str_of(newer ? schema_newer : ""));
    buf_append_str(&text, str_of(schema_tail));
    buf_append_byte(&text, 0);
    fixture->engine.engine.run = run_jobs;
    schema_unref(fixture->config.schema);
    cr_assert(eq(int,
                 schema_parse(swap_quotes((const char *)buf_head(&text), '\'', '"', &json),
                              &fixture->engine.engine, &fixture->config.schema, &why),
                 ERR_OK),
              "%.*s", STR_ARG(buf_str(&why)));
    fixture->schema = newer ? NOTE_3 : NOTE_2;
    buf_finish(&why);
    buf_finish(&json);
    buf_finish(&text);
}

void fixture_restart(struct fixture *fixture)
{
    struct buf snapshot = {0};
    struct buf why = {0};
    room_write_snapshot(fixture->room, &snapshot);
    room_destroy(fixture->room);
    fixture->room = room_create(&fixture->config, &host, fixture);
    cr_assert(eq(int, room_read_snapshot(fixture->room, buf_value(&snapshot)), ERR_OK));
    cr_assert(eq(int, room_settle_schema(fixture->room, &why), ERR_OK), "%.*s",
              STR_ARG(buf_str(&why)));
    buf_finish(&why);
    buf_finish(&snapshot);
}

void fixture_finish(struct fixture *fixture)
{
    room_destroy(fixture->room);
    room_destroy(fixture->copy);
    schema_unref(fixture->config.schema);
    buf_finish(&fixture->lines);
}

struct room_session *open_session(struct fixture *fixture, const char *id)
{
    struct room_session_config config = {
        .id = str_of(id),
        .readonly = id[0] == 'R',
        .object_write = true,
        .conn = 7,
    };
    return room_session_open(fixture->room, &config, fixture->now_ms);
}

struct room_session *connect_session(struct fixture *fixture, const char *id)
{
    struct room_session *session = open_session(fixture, id);
    send_connect(fixture, id, "'protocolVersion':8,'lastServerClock':-1");
    cr_assert(eq(int, room_session_state(session), ROOM_CONNECTED));
    forget_told(fixture);
    return session;
}

void send_message(struct fixture *fixture, const char *id, const char *json)
{
    struct buf message = {0};
    struct room_session *session = room_session_find(fixture->room, str_of(id));
    cr_assert(ne(ptr, session, NULL), "%s", id);
    room_message(fixture->room, session, parse(json, &message), ++fixture->seq, fixture->now_ms);
    buf_finish(&message);
}

static void send_with(struct fixture *fixture, const char *id, const char *head,
                      const char *members)
{
    struct buf json = {0};
    buf_printf(&json, "{%s%s%s}", head, members[0] ? "," : "", members);
    buf_append_byte(&json, 0);
    send_message(fixture, id, (const char *)buf_head(&json));
    buf_finish(&json);
}

void send_connect(struct fixture *fixture, const char *id, const char *members)
{
    struct buf head = {0};
    buf_printf(&head, "'type':'connect','connectRequestId':'r','schema':%s", fixture->schema);
    buf_append_byte(&head, 0);
    send_with(fixture, id, (const char *)buf_head(&head), members);
    buf_finish(&head);
}

void send_push(struct fixture *fixture, const char *id, const char *members)
{
    send_with(fixture, id, "'type':'push'", members);
}

void assert_told(struct fixture *fixture, const char *lines)
{
    cr_assert(str_eq(buf_str(&fixture->lines), str_of(lines)), "told\n%.*sinstead of\n%s",
              STR_ARG(buf_str(&fixture->lines)), lines);
    forget_told(fixture);
}

bool was_told(const struct fixture *fixture, const char *text)
{
    return buf_len(&fixture->lines) > 0 &&
           memmem(buf_head(&fixture->lines), buf_len(&fixture->lines), text, strlen(text));
}

void forget_told(struct fixture *fixture)
{
    buf_clear(&fixture->lines, 4096);
}

void assert_snapshot(const struct room *room, const char *json)
{
    struct buf want = {0};
    struct buf found = {0};
    struct buf text = {0};
    room_write_snapshot(room, &found);
    if (!value_equal(parse(json, &want), buf_value(&found))) {
        tell_value(&text, buf_value(&found));
        cr_fail("snapshot\n%.*sinstead of\n%s", STR_ARG(buf_str(&text)), json);
    }
    buf_finish(&text);
    buf_finish(&want);
    buf_finish(&found);
}
