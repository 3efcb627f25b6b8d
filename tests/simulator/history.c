/* Accepted entries and snapshots, and what must hold of them: one owner writes (P1), each message
 * once (exactly-once), clocks grow. */
#include "simulator/history.h"

#include "base/alloc.h"
#include "cluster/stored_snapshot.h"
#include "simulator/redis.h"
#include "value/check.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* A name with a number: a token and its clock, a removed record and its clock, a message applied
 * and the change of Redis that it was. */
struct noted {
    uint64_t number;
    uint32_t len;
    char name[];
};

static struct history {
    struct map tokens;    /* of struct noted: clock */
    struct map removed;   /* of struct noted: clock */
    struct map messages;  /* of struct noted, by room, connection and seq: change */
    struct map clocks;    /* of struct noted, by log key: clock of the last entry */
    struct map restarts;  /* of struct noted, likewise: how often that went back */
    struct map snapshots; /* of struct noted, by key: clock of the newest */
    struct map loads;     /* of struct noted, by room and token: nothing */
    struct arena memory;
    uint64_t entries;
    bool lossy;
    /* Of the script that runs. */
    struct str owner_before, writer;
    uint64_t epoch_before, writer_epoch;
} history;

static struct str noted_name(const void *entry)
{
    const struct noted *noted = entry;
    return (struct str){noted->name, noted->len};
}

static struct noted *note(struct map *map, struct str name, uint64_t number)
{
    struct noted *noted = map_get(map, name);
    if (!noted) {
        noted = arena_alloc(&history.memory, sizeof(*noted) + name.len + 1);
        noted->len = (uint32_t)name.len;
        memcpy(noted->name, name.ptr, name.len);
        map_put(map, noted);
    }
    noted->number = number;
    return noted;
}

static uint64_t number_of(const struct map *map, struct str name)
{
    const struct noted *noted = map_get(map, name);
    return noted ? noted->number : 0;
}

void history_begin(void)
{
    history = (struct history){0};
    map_init(&history.tokens, noted_name);
    map_init(&history.removed, noted_name);
    map_init(&history.messages, noted_name);
    map_init(&history.clocks, noted_name);
    map_init(&history.restarts, noted_name);
    map_init(&history.snapshots, noted_name);
    map_init(&history.loads, noted_name);
}

void history_end(void)
{
    map_finish(&history.tokens);
    map_finish(&history.removed);
    map_finish(&history.messages);
    map_finish(&history.clocks);
    map_finish(&history.restarts);
    map_finish(&history.snapshots);
    map_finish(&history.loads);
    arena_finish(&history.memory);
}

uint64_t history_token_clock(struct str token)
{
    return number_of(&history.tokens, token);
}

uint64_t history_snapshot_clock(const char *room)
{
    char key[64];
    snprintf(key, sizeof(key), "roomd:{%s}:snapshot", room);
    return number_of(&history.snapshots, str_of(key));
}

uint64_t history_restarts(const char *room)
{
    char key[64];
    snprintf(key, sizeof(key), "roomd:{%s}:log", room);
    return number_of(&history.restarts, str_of(key));
}

void history_expect_load(const char *room, struct str token)
{
    char name[64];
    int len = snprintf(name, sizeof(name), "%s %.*s", room, STR_ARG(token));
    note(&history.loads, (struct str){name, (size_t)len}, 0);
}

uint64_t history_loaded_clock(const char *room)
{
    uint64_t last = 0;
    size_t prefix = strlen(room) + 1;
    const struct noted *load;
    for (uint32_t pos = 0; (load = map_next(&history.loads, &pos));) {
        struct str token = {load->name + prefix, load->len - prefix};
        uint64_t clock =
            strncmp(load->name, room, prefix - 1) == 0 ? history_token_clock(token) : 0;
        last = clock > last ? clock : last;
    }
    return last;
}

uint64_t history_removed_clock(struct str id)
{
    return number_of(&history.removed, id);
}

bool history_is_lossy(void)
{
    return history.lossy;
}

uint64_t history_entries(void)
{
    return history.entries;
}

/* ---- tokens ---- */

static void tokens_of_text(struct value text, token_fn fn, void *ctx)
{
    struct str all;
    if (!value_string(text, &all)) {
        return;
    }
    const char *at = all.ptr;
    const char *end = all.ptr + all.len;
    while (at < end && (at = memchr(at, '<', (size_t)(end - at)))) {
        const char *close = memchr(at, '>', (size_t)(end - at));
        if (!close) {
            return;
        }
        fn(ctx, (struct str){at + 1, (size_t)(close - at - 1)}, true);
        at = close + 1;
    }
}

void tokens_of_record(struct value record, token_fn fn, void *ctx)
{
    struct str token;
    if (value_string(value_get(record, STR("t")), &token)) {
        fn(ctx, token, false);
    }
    tokens_of_text(value_get(record, STR("text")), fn, ctx);
}

static bool op_is(struct value op, struct str name)
{
    struct str found;
    return value_string(value_item(op, 0), &found) && str_eq(found, name);
}

void tokens_of_op(struct value op, token_fn fn, void *ctx)
{
    struct value body = value_item(op, 1);
    struct str token;
    if (op_is(op, STR("put"))) {
        tokens_of_record(body, fn, ctx);
    } else if (op_is(op, STR("patch"))) {
        if (value_string(value_item(value_get(body, STR("t")), 1), &token)) {
            fn(ctx, token, false);
        }
        tokens_of_text(value_item(value_get(body, STR("text")), 1), fn, ctx);
    }
}

/* ---- one owner ---- */

static struct str keep(struct str text)
{
    char *copy = arena_alloc(&history.memory, text.len + 1);
    memcpy(copy, text.ptr ? text.ptr : "", text.len);
    return (struct str){copy, text.len};
}

static uint64_t digits(struct str text)
{
    char copy[32];
    snprintf(copy, sizeof(copy), "%.*s", STR_ARG(text));
    return strtoull(copy, NULL, 10);
}

static struct str hash_field(struct str key_name, struct str field_name)
{
    const struct data_key *key = data_find(&redis.data, key_name, world_ms());
    const struct data_field *field = key ? data_field(key, field_name) : NULL;
    return field ? field->value : (struct str){0};
}

void history_script_begins(struct str room_key, const struct str *argv, uint32_t argc)
{
    history.owner_before = keep(hash_field(room_key, STR("owner")));
    history.epoch_before = digits(hash_field(room_key, STR("epoch")));
    history.writer = argc > 1 ? keep(argv[0]) : (struct str){0};
    history.writer_epoch = argc > 1 ? digits(argv[1]) : 0;
}

/* A store that lost its end may be given all of a room by its last owner; else only the owner of
 * now may write. */
static void check_owner(const struct data_key *key)
{
    if (history.epoch_before < history.writer_epoch) {
        if (!history.lossy) {
            violated("%.*s: an owner writes whose epoch %" PRIu64 " nobody gave it",
                     STR_ARG(key->name), history.writer_epoch);
        }
        return;
    }
    if (history.epoch_before != history.writer_epoch ||
        !str_eq(history.owner_before, history.writer)) {
        violated("%.*s: %.*s writes with epoch %" PRIu64
                 ", but the owner is %.*s with epoch %" PRIu64,
                 STR_ARG(key->name), STR_ARG(history.writer), history.writer_epoch,
                 STR_ARG(history.owner_before), history.epoch_before);
    }
}

/* ---- entries ---- */

static struct str entry_field(const struct data_entry *entry, struct str name)
{
    for (uint32_t i = 0; i < entry->field_count; i++) {
        if (str_eq(entry->fields[i].name, name)) {
            return entry->fields[i].value;
        }
    }
    return (struct str){0};
}

static void check_message_once(const struct data_key *key, const struct data_entry *entry)
{
    struct str by = entry_field(entry, STR("by"));
    if (by.len == 0) {
        return;
    }
    char name[512];
    int len = snprintf(name, sizeof(name), "%.*s %.*s %.*s", STR_ARG(key->name), STR_ARG(by),
                       STR_ARG(entry_field(entry, STR("seq"))));
    struct str message = {name, (size_t)len};
    if (map_get(&history.messages, message)) {
        violated("applied twice: %s", name);
    }
    note(&history.messages, message, redis.data.changes);
}

static void check_clock(const struct data_key *key, uint64_t clock, bool sets_schema)
{
    uint64_t last = number_of(&history.clocks, key->name);
    if (!history.lossy && (clock < last || (clock == last && !sets_schema && last > 0))) {
        violated("%.*s: clock %" PRIu64 " after %" PRIu64, STR_ARG(key->name), clock, last);
    }
    if (clock < last) {
        note(&history.restarts, key->name, number_of(&history.restarts, key->name) + 1);
    }
    note(&history.clocks, key->name, clock);
}

static void on_logged_token(void *ctx, struct str token, bool appended)
{
    (void)appended;
    const uint64_t *clock = ctx;
    if (!history.lossy && history_token_clock(token)) {
        violated("change %.*s applied at clock %" PRIu64 " and again at %" PRIu64, STR_ARG(token),
                 history_token_clock(token), *clock);
    }
    note(&history.tokens, token, *clock);
}

void history_appended(const struct data_key *key, const struct data_entry *entry)
{
    struct value diff;
    struct str bytes = entry_field(entry, STR("diff"));
    uint64_t clock = digits(entry_field(entry, STR("clock")));
    check_owner(key);
    check_message_once(key, entry);
    check_clock(key, clock, entry_field(entry, STR("schema")).ptr != NULL);
    if (value_check(bytes.ptr, bytes.len, &diff)) {
        violated("%.*s: an entry's diff cannot be read", STR_ARG(key->name));
        return;
    }
    history.entries++;
    trace("redis takes %.*s %" PRIu64 "-%" PRIu64 ", clock %" PRIu64, STR_ARG(key->name),
          entry->epoch, entry->number, clock);
    struct value_walk walk = value_members(diff);
    struct str id;
    struct value op;
    while (value_next_member(&walk, &id, &op)) {
        tokens_of_op(op, on_logged_token, &clock);
        if (op_is(op, STR("remove"))) {
            note(&history.removed, id, clock);
        }
    }
}

/* ---- snapshots ---- */

static void on_snapshot_token(void *ctx, struct str token, bool appended)
{
    (void)appended;
    const uint64_t *clock = ctx;
    if (!history_token_clock(token)) {
        note(&history.tokens, token, *clock);
    }
}

static void note_documents(struct value documents)
{
    struct value_walk walk = value_items(documents);
    struct value document;
    while (value_next_item(&walk, &document)) {
        uint64_t clock = 0;
        value_u64(value_get(document, STR("lastChangedClock")), &clock);
        tokens_of_record(value_get(document, STR("state")), on_snapshot_token, &clock);
    }
}

static void note_tombstones(struct value tombstones)
{
    struct value_walk walk = value_members(tombstones);
    struct str id;
    struct value at;
    while (value_next_member(&walk, &id, &at)) {
        uint64_t clock = 0;
        value_u64(at, &clock);
        if (clock > history_removed_clock(id)) {
            note(&history.removed, id, clock);
        }
    }
}

void history_snapshot(const struct data_key *key)
{
    struct buf body = {0};
    struct buf recent = {0};
    check_owner(key);
    trace("redis takes %.*s of %.*s", STR_ARG(key->name), STR_ARG(history.writer));
    if (stored_snapshot_read(key->string, &body, &recent)) {
        violated("%.*s: a stored snapshot cannot be read", STR_ARG(key->name));
    } else {
        struct value snapshot = {buf_head(&body), buf_len(&body)};
        note_documents(value_get(snapshot, STR("documents")));
        note_tombstones(value_get(snapshot, STR("tombstones")));
        uint64_t clock = 0;
        value_u64(value_get(snapshot, STR("documentClock")), &clock);
        if (clock > number_of(&history.snapshots, key->name)) {
            note(&history.snapshots, key->name, clock);
        }
    }
    buf_finish(&body);
    buf_finish(&recent);
}

/* Messages that were applied and are lost may be applied again. */
void history_lost(bool answered, uint64_t changes_left)
{
    history.lossy = history.lossy || answered;
    struct noted *noted;
    for (uint32_t pos = 0; (noted = map_next(&history.messages, &pos));) {
        if (noted->number > changes_left) {
            map_remove(&history.messages, noted_name(noted));
            pos = 0;
        }
    }
}
