/* The commands of the simulated Redis. */
#include "base/alloc.h"
#include "simulator/history.h"
#include "simulator/redis.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct redis redis;

static uint64_t number_of(struct str text)
{
    char digits[32];
    snprintf(digits, sizeof(digits), "%.*s", STR_ARG(text));
    return strtoull(digits, NULL, 10);
}

static const struct reply wrong_type = {
    .kind = REPLY_ERROR,
    .text = {"WRONGTYPE Operation against a key holding the wrong kind of value", 65}};

static struct data_key *find(struct str name)
{
    return data_find(&redis.data, name, world_ms());
}

static struct data_key *make(struct str name, enum data_type type)
{
    return data_make(&redis.data, name, type, world_ms());
}

/* ---- hashes ---- */

static struct reply on_hmget(const struct str *argv, uint32_t argc)
{
    const struct data_key *key = find(argv[1]);
    struct reply reply = reply_array(&redis.scratch, argc - 2);
    for (uint32_t i = 2; key && i < argc; i++) {
        const struct data_field *field = data_field(key, argv[i]);
        reply.items[i - 2] = reply_bulk(field ? field->value : (struct str){0});
    }
    return reply;
}

static struct reply on_hget(const struct str *argv, uint32_t argc)
{
    return on_hmget(argv, argc).items[0];
}

static struct reply on_hgetall(const struct str *argv, uint32_t argc)
{
    const struct data_key *key = find(argv[1]);
    (void)argc;
    if (!key) {
        return reply_array(&redis.scratch, 0);
    }
    struct reply reply = reply_array(&redis.scratch, 2 * key->field_count);
    for (uint32_t i = 0; i < key->field_count; i++) {
        reply.items[2 * i] = reply_bulk(key->fields[i].name);
        reply.items[2 * i + 1] = reply_bulk(key->fields[i].value);
    }
    return reply;
}

static struct reply on_hset(const struct str *argv, uint32_t argc)
{
    struct data_key *key = make(argv[1], DATA_HASH);
    if (!key) {
        return wrong_type;
    }
    int64_t added = 0;
    for (uint32_t i = 2; i + 1 < argc; i += 2) {
        added += !data_field(key, argv[i]);
        data_set_field(&redis.data, key, argv[i], argv[i + 1]);
    }
    return reply_integer(added);
}

static struct reply on_hsetnx(const struct str *argv, uint32_t argc)
{
    struct data_key *key = make(argv[1], DATA_HASH);
    if (!key) {
        return wrong_type;
    }
    return data_field(key, argv[2]) ? reply_integer(0) : on_hset(argv, argc);
}

static struct reply on_hdel(const struct str *argv, uint32_t argc)
{
    struct data_key *key = find(argv[1]);
    int64_t gone = 0;
    for (uint32_t i = 2; key && i < argc; i++) {
        gone += data_remove_field(&redis.data, key, argv[i]);
    }
    return reply_integer(gone);
}

/* ---- streams ---- */

static bool entry_id(struct str id, struct data_entry *entry)
{
    const char *dash = memchr(id.ptr, '-', id.len);
    if (!dash) {
        return false;
    }
    size_t len = (size_t)(dash - id.ptr);
    entry->epoch = number_of((struct str){id.ptr, len});
    entry->number = number_of((struct str){dash + 1, id.len - len - 1});
    return true;
}

static struct reply on_xadd(const struct str *argv, uint32_t argc)
{
    struct data_key *key = make(argv[1], DATA_STREAM);
    struct data_entry entry = {0};
    if (!key) {
        return wrong_type;
    }
    if (!entry_id(argv[2], &entry)) {
        return reply_error("ERR Invalid stream ID specified as stream command argument");
    }
    const struct data_entry *last = key->entry_count ? &key->entries[key->entry_count - 1] : NULL;
    if (last && (entry.epoch < last->epoch ||
                 (entry.epoch == last->epoch && entry.number <= last->number))) {
        return reply_error("ERR The ID specified in XADD is equal or smaller than the target "
                           "stream top item");
    }
    entry.field_count = (argc - 3) / 2;
    entry.fields = arena_alloc(&redis.data.memory, entry.field_count * sizeof(*entry.fields));
    for (uint32_t i = 0; i < entry.field_count; i++) {
        entry.fields[i].name = data_copy(&redis.data, argv[3 + 2 * i]);
        entry.fields[i].value = data_copy(&redis.data, argv[4 + 2 * i]);
    }
    data_add_entry(&redis.data, key, &entry);
    history_appended(key, &key->entries[key->entry_count - 1]);
    return reply_bulk(argv[2]);
}

/* How many entries of a stream have ids below this one. */
static uint32_t entries_before(const struct data_key *key, const struct data_entry *id)
{
    uint32_t count = 0;
    while (count < key->entry_count &&
           (key->entries[count].epoch < id->epoch ||
            (key->entries[count].epoch == id->epoch && key->entries[count].number < id->number))) {
        count++;
    }
    return count;
}

static struct reply on_xtrim(const struct str *argv, uint32_t argc)
{
    struct data_key *key = find(argv[1]);
    struct data_entry id;
    (void)argc;
    if (key && key->type != DATA_STREAM) {
        return wrong_type;
    }
    if (!str_eq(argv[2], STR("MINID")) || !entry_id(argv[3], &id)) {
        return reply_error("ERR syntax error");
    }
    uint32_t gone = key ? entries_before(key, &id) : 0;
    if (gone > 0) {
        data_trim(&redis.data, key, gone);
    }
    return reply_integer(gone);
}

/* All of it, or from an id on at most as many as COUNT says. */
static struct reply on_xrange(const struct str *argv, uint32_t argc)
{
    const struct data_key *key = find(argv[1]);
    struct data_entry from;
    if (key && key->type != DATA_STREAM) {
        return wrong_type;
    }
    uint32_t skip =
        key && entry_id(argv[2], &from) && from.epoch > 0 ? entries_before(key, &from) : 0;
    uint32_t left = key ? key->entry_count - skip : 0;
    uint64_t most = argc > 5 ? number_of(argv[5]) : left;
    struct reply reply = reply_array(&redis.scratch, most < left ? (uint32_t)most : left);
    for (uint32_t i = 0; i < reply.count; i++) {
        const struct data_entry *entry = &key->entries[skip + i];
        char id[48];
        int len = snprintf(id, sizeof(id), "%" PRIu64 "-%" PRIu64, entry->epoch, entry->number);
        struct reply fields = reply_array(&redis.scratch, 2 * entry->field_count);
        for (uint32_t k = 0; k < entry->field_count; k++) {
            fields.items[2 * k] = reply_bulk(entry->fields[k].name);
            fields.items[2 * k + 1] = reply_bulk(entry->fields[k].value);
        }
        reply.items[i] = reply_array(&redis.scratch, 2);
        reply.items[i].items[0] = reply_bulk(data_copy(&redis.data, (struct str){id, (size_t)len}));
        reply.items[i].items[1] = fields;
    }
    return reply;
}

/* ---- strings, sets, keys ---- */

static struct reply on_get(const struct str *argv, uint32_t argc)
{
    const struct data_key *key = find(argv[1]);
    (void)argc;
    if (key && key->type != DATA_STRING) {
        return wrong_type;
    }
    return reply_bulk(key ? key->string : (struct str){0});
}

static struct reply on_set(const struct str *argv, uint32_t argc)
{
    struct data_key *key = find(argv[1]);
    (void)argc;
    if (key && key->type != DATA_STRING) {
        data_remove(&redis.data, key);
    }
    key = make(argv[1], DATA_STRING);
    data_set_string(&redis.data, key, argv[2]);
    history_snapshot(key);
    return reply_status("OK");
}

static struct reply on_strlen(const struct str *argv, uint32_t argc)
{
    const struct data_key *key = find(argv[1]);
    (void)argc;
    if (key && key->type != DATA_STRING) {
        return wrong_type;
    }
    return reply_integer(key ? (int64_t)key->string.len : 0);
}

static struct reply on_append(const struct str *argv, uint32_t argc)
{
    struct data_key *key = make(argv[1], DATA_STRING);
    (void)argc;
    if (!key) {
        return wrong_type;
    }
    size_t len = key->string.len + argv[2].len;
    char *both = arena_alloc(&redis.scratch, len + 1);
    if (key->string.len > 0) {
        memcpy(both, key->string.ptr, key->string.len);
    }
    memcpy(both + key->string.len, argv[2].ptr, argv[2].len);
    data_set_string(&redis.data, key, (struct str){both, len});
    return reply_integer((int64_t)len);
}

/* With its time to live, as Redis does. */
static struct reply on_rename(const struct str *argv, uint32_t argc)
{
    struct data_key *from = find(argv[1]);
    struct data_key *old = find(argv[2]);
    (void)argc;
    if (!from || from->type != DATA_STRING) {
        return reply_error("ERR no such key");
    }
    if (old) {
        data_remove(&redis.data, old);
    }
    struct data_key *to = make(argv[2], DATA_STRING);
    data_set_string(&redis.data, to, from->string);
    data_set_expire(&redis.data, to, from->expire_ms);
    data_remove(&redis.data, from);
    history_snapshot(to);
    return reply_status("OK");
}

static struct reply on_persist(const struct str *argv, uint32_t argc)
{
    struct data_key *key = find(argv[1]);
    (void)argc;
    if (key) {
        data_set_expire(&redis.data, key, 0);
    }
    return reply_integer(key != NULL);
}

static struct reply on_del(const struct str *argv, uint32_t argc)
{
    int64_t gone = 0;
    for (uint32_t i = 1; i < argc; i++) {
        struct data_key *key = find(argv[i]);
        if (key) {
            data_remove(&redis.data, key);
            gone++;
        }
    }
    return reply_integer(gone);
}

static struct reply on_pexpire(const struct str *argv, uint32_t argc)
{
    struct data_key *key = find(argv[1]);
    (void)argc;
    if (key) {
        data_set_expire(&redis.data, key, world_ms() + number_of(argv[2]));
    }
    return reply_integer(key != NULL);
}

static struct reply on_sadd(const struct str *argv, uint32_t argc)
{
    struct data_key *key = make(argv[1], DATA_SET);
    (void)argc;
    if (!key) {
        return wrong_type;
    }
    bool there = data_field(key, argv[2]) != NULL;
    if (!there) {
        data_set_field(&redis.data, key, argv[2], STR("1"));
    }
    return reply_integer(!there);
}

static struct reply on_smembers(const struct str *argv, uint32_t argc)
{
    const struct data_key *key = find(argv[1]);
    (void)argc;
    struct reply reply = reply_array(&redis.scratch, key ? key->field_count : 0);
    for (uint32_t i = 0; i < reply.count; i++) {
        reply.items[i] = reply_bulk(key->fields[i].name);
    }
    return reply;
}

static struct reply on_time(const struct str *argv, uint32_t argc)
{
    (void)argv;
    (void)argc;
    char *text = arena_alloc(&redis.scratch, 32);
    int len = snprintf(text, 32, "%" PRIu64, world_us() / 1000000);
    struct reply reply = reply_array(&redis.scratch, 2);
    reply.items[0] = reply_bulk((struct str){text, (size_t)len});
    reply.items[1] = reply_bulk(STR("0"));
    return reply;
}

static struct reply on_info(const struct str *argv, uint32_t argc)
{
    (void)argv;
    (void)argc;
    char *text = arena_alloc(&redis.scratch, 512);
    int len = snprintf(text, 512,
                       "# Server\r\nrun_id:%s\r\n# Replication\r\nrole:master\r\n"
                       "connected_slaves:%d\r\nmaster_replid2:%s\r\naof_enabled:1\r\n",
                       redis.run, redis.mode == REDIS_FAILOVER, redis.was_replica ? "1" : "000000");
    return reply_bulk((struct str){text, (size_t)len});
}

static struct reply on_config(const struct str *argv, uint32_t argc)
{
    (void)argv;
    (void)argc;
    struct reply reply = reply_array(&redis.scratch, 2);
    reply.items[0] = reply_bulk(STR("appendfsync"));
    reply.items[1] = reply_bulk(redis.mode == REDIS_EVERYSEC ? STR("everysec") : STR("always"));
    return reply;
}

static struct reply on_ping(const struct str *argv, uint32_t argc)
{
    (void)argv;
    (void)argc;
    return reply_status("PONG");
}

static struct reply on_script(const struct str *argv, uint32_t argc)
{
    (void)argc;
    return reply_bulk(redis_script_load(argv[2]));
}

/* ---- the table ---- */

static const struct command {
    const char *name;
    struct reply (*run)(const struct str *argv, uint32_t argc);
    uint32_t least;           /* words */
    enum redis_refusal write; /* the first that refuses it; TAKES_ALL: none */
} commands[] = {
    {"HMGET", on_hmget, 3, REDIS_TAKES_ALL},       {"HGET", on_hget, 3, REDIS_TAKES_ALL},
    {"HGETALL", on_hgetall, 2, REDIS_TAKES_ALL},   {"HSET", on_hset, 4, REDIS_OUT_OF_MEMORY},
    {"HSETNX", on_hsetnx, 4, REDIS_OUT_OF_MEMORY}, {"HDEL", on_hdel, 3, REDIS_DISK_FULL},
    {"XADD", on_xadd, 5, REDIS_OUT_OF_MEMORY},     {"XRANGE", on_xrange, 4, REDIS_TAKES_ALL},
    {"GET", on_get, 2, REDIS_TAKES_ALL},           {"SET", on_set, 3, REDIS_OUT_OF_MEMORY},
    {"DEL", on_del, 2, REDIS_DISK_FULL},           {"PEXPIRE", on_pexpire, 3, REDIS_DISK_FULL},
    {"SADD", on_sadd, 3, REDIS_OUT_OF_MEMORY},     {"SMEMBERS", on_smembers, 2, REDIS_TAKES_ALL},
    {"SREM", on_hdel, 3, REDIS_DISK_FULL},         {"TIME", on_time, 1, REDIS_TAKES_ALL},
    {"INFO", on_info, 1, REDIS_TAKES_ALL},         {"CONFIG", on_config, 3, REDIS_TAKES_ALL},
    {"STRLEN", on_strlen, 2, REDIS_TAKES_ALL},     {"APPEND", on_append, 3, REDIS_OUT_OF_MEMORY},
    {"RENAME", on_rename, 3, REDIS_DISK_FULL},     {"PERSIST", on_persist, 2, REDIS_DISK_FULL},
    {"XTRIM", on_xtrim, 4, REDIS_DISK_FULL},       {"PING", on_ping, 1, REDIS_TAKES_ALL},
    {"SCRIPT", on_script, 3, REDIS_TAKES_ALL},
};

static const struct command *command_find(struct str name)
{
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (str_eq(name, str_of(commands[i].name))) {
            return &commands[i];
        }
    }
    return NULL;
}

const char *redis_refused(struct str name)
{
    const struct command *command = command_find(name);
    if (!command || command->write == REDIS_TAKES_ALL || redis.refuses < command->write) {
        return NULL;
    }
    return redis.refuses == REDIS_DISK_FULL
               ? "MISCONF Errors writing to the AOF file: No space left on device"
               : "OOM command not allowed when used memory > 'maxmemory'.";
}

bool redis_basic_command(const struct str *argv, uint32_t argc, struct reply *reply)
{
    const struct command *command = command_find(argv[0]);
    if (!command || argc < command->least) {
        return false;
    }
    *reply = command->run(argv, argc);
    return true;
}

struct reply redis_execute(const struct str *argv, uint32_t argc)
{
    struct reply reply;
    arena_reset(&redis.scratch);
    if (str_eq(argv[0], STR("EVALSHA"))) {
        if (redis.scripts_lost) {
            return reply_error("NOSCRIPT No matching script. Please use EVAL.");
        }
        return redis_script_run(argv[1], argv, argc);
    }
    const char *refused = redis_refused(argv[0]);
    if (refused) {
        return reply_error(refused);
    }
    if (!redis_basic_command(argv, argc, &reply)) {
        violated("the simulated Redis does not know %.*s", STR_ARG(argv[0]));
        return reply_error("ERR unknown command");
    }
    return reply;
}

/* ---- bytes ---- */

void reply_write(const struct reply *reply, struct buf *out)
{
    switch (reply->kind) {
    case REPLY_NIL:
        buf_append_str(out, STR("$-1\r\n"));
        break;
    case REPLY_INTEGER:
        buf_printf(out, ":%" PRId64 "\r\n", reply->integer);
        break;
    case REPLY_BULK:
        buf_printf(out, "$%zu\r\n", reply->text.len);
        buf_append_str(out, reply->text);
        buf_append_str(out, STR("\r\n"));
        break;
    case REPLY_STATUS:
        buf_printf(out, "+%.*s\r\n", STR_ARG(reply->text));
        break;
    case REPLY_ERROR:
        buf_printf(out, "-%.*s\r\n", STR_ARG(reply->text));
        break;
    case REPLY_ARRAY:
        buf_printf(out, "*%u\r\n", reply->count);
        for (uint32_t i = 0; i < reply->count; i++) {
            reply_write(&reply->items[i], out);
        }
        break;
    }
}
