/* Reading a room: owner, snapshot and log. */
#include "base/alloc.h"
#include "base/clock.h"
#include "base/metrics.h"
#include "store/internal.h"
#include "store/rooms.h"
#include "value/check.h"

#include <stdlib.h>

struct load {
    struct store *store;
    uint64_t room;
    char *key;   /* owned; of the hash */
    char *owner; /* owned */
    store_loaded_fn fn;
    void *ctx;
    uint64_t started_us;
};

static bool read_value(const redisReply *reply, struct value *out)
{
    return reply->type == REDIS_REPLY_STRING &&
           value_check(reply->str, (size_t)reply->len, out) == ERR_OK;
}

/* One entry of XRANGE: [id, [field, value, ...]]; NULL if it is not one of ours. */
static struct entry *read_entry(const redisReply *reply)
{
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 ||
        reply->element[1]->type != REDIS_REPLY_ARRAY) {
        return NULL;
    }
    const redisReply *fields = reply->element[1];
    struct entry entry = {0};
    bool has_clock = false;
    for (size_t i = 0; i + 1 < fields->elements; i += 2) {
        struct str name = reply_str(fields->element[i]);
        const redisReply *value = fields->element[i + 1];
        bool ok = true;
        if (str_eq(name, STR("clock"))) {
            ok = has_clock = reply_u64(value, &entry.clock);
        } else if (str_eq(name, STR("session"))) {
            entry.session = reply_str(value);
        } else if (str_eq(name, STR("seq"))) {
            ok = reply_u64(value, &entry.seq);
        } else if (str_eq(name, STR("by"))) {
            entry.by = reply_str(value);
        } else if (str_eq(name, STR("opened"))) {
            ok = reply_u64(value, &entry.opened);
        } else if (str_eq(name, STR("outcome"))) {
            int outcome = entry_outcome_parse(reply_str(value));
            ok = outcome >= 0;
            entry.outcome = (uint32_t)outcome;
        } else if (str_eq(name, STR("diff"))) {
            ok = read_value(value, &entry.diff);
        } else if (str_eq(name, STR("schema"))) {
            ok = read_value(value, &entry.schema);
        }
        if (!ok) {
            return NULL;
        }
    }
    return has_clock && value_present(entry.diff) ? entry_create(&entry) : NULL;
}

static void read_log(const redisReply *reply, struct store_loaded *loaded)
{
    if (reply->type != REDIS_REPLY_ARRAY) {
        loaded->err = ERR_MALFORMED;
        return;
    }
    loaded->entries = xcalloc(reply->elements + 1, sizeof(struct entry *));
    for (size_t i = 0; i < reply->elements; i++) {
        struct entry *entry = read_entry(reply->element[i]);
        if (!entry) {
            loaded->err = ERR_MALFORMED;
            return;
        }
        loaded->log_bytes += entry_bytes(entry);
        loaded->entries[loaded->entry_count++] = entry;
    }
}

/* The answer to EXEC: [[owner, epoch, appended, taken, run], snapshot, log]. */
static void read_room(const redisReply *reply, const struct load *load, struct store_loaded *loaded)
{
    enum { FIELDS = 5 };
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 3 ||
        reply->element[0]->type != REDIS_REPLY_ARRAY || reply->element[0]->elements != FIELDS) {
        loaded->err = ERR_MALFORMED; /* e.g. a key of another type */
        return;
    }
    redisReply **hash = reply->element[0]->element;
    if (!str_eq(reply_str(hash[0]), str_of(load->owner))) {
        loaded->err = ERR_FENCED;
        return;
    }
    loaded->taken = reply_str(hash[3]).len > 0;
    loaded->maybe_lost =
        server_may_lack(store_server(load->store, str_of(load->key)), reply_str(hash[4]));
    const redisReply *snapshot = reply->element[1];
    if (!reply_u64(hash[1], &loaded->epoch) || !reply_u64(hash[2], &loaded->appended) ||
        (snapshot->type != REDIS_REPLY_STRING && snapshot->type != REDIS_REPLY_NIL)) {
        loaded->err = ERR_MALFORMED;
        return;
    }
    if (snapshot->type == REDIS_REPLY_STRING && snapshot->len == 0) {
        loaded->err = ERR_MALFORMED; /* there, and not a snapshot: never an empty room */
        return;
    }
    loaded->snapshot = reply_str(snapshot);
    read_log(reply->element[2], loaded);
}

static void on_loaded(void *ctx, enum err err, const redisReply *reply)
{
    struct load *load = ctx;
    /* A key that cannot be read fails inside the transaction; this is the server as a whole. */
    struct store_loaded loaded = {.err = err == ERR_REFUSED ? ERR_UNAVAILABLE : err};
    if (!err) {
        read_room(reply, load, &loaded);
    }
    load->fn(load->ctx, load->room, &loaded);
    if (!loaded.err) {
        metrics_observe(HISTOGRAM_ROOM_LOAD, (double)(clock_us() - load->started_us) / 1e6);
    }
    for (size_t i = 0; i < loaded.entry_count; i++) {
        free(loaded.entries[i]);
    }
    free(loaded.entries);
    free(load->key);
    free(load->owner);
    free(load);
}

static void add_words(struct store_args *args, int count, const char *const *words)
{
    for (int i = 0; i < count; i++) {
        args_add(args, str_of(words[i]));
    }
}

void store_load(struct store *store, uint64_t room, struct str name, struct str owner,
                store_loaded_fn fn, void *ctx)
{
    struct load *load = xmalloc(sizeof(*load));
    char *hash = store_room_key(name, "");
    *load = (struct load){store, room, hash, xstrndup(owner.ptr, owner.len), fn, ctx, clock_us()};
    char *snapshot = store_room_key(name, ":snapshot");
    char *log = store_room_key(name, ":log");
    /* One transaction, so that a snapshot never comes with another's log. */
    struct store_args args;
    args_init(&args);
    add_words(&args, 7,
              (const char *[]){"HMGET", hash, "owner", "epoch", "appended", "taken", "run"});
    args_next_command(&args);
    add_words(&args, 2, (const char *[]){"GET", snapshot});
    args_next_command(&args);
    add_words(&args, 4, (const char *[]){"XRANGE", log, "-", "+"});
    store_command(store, &args, on_loaded, load);
    args_finish(&args);
    free(snapshot);
    free(log);
}
