/* Words in, replies out. */
#include "store/ask.h"

#include "base/alloc.h"
#include "base/number_text.h"
#include "store/internal.h"

#include <inttypes.h>
#include <stdlib.h>

struct asked {
    store_ask_fn fn;
    void *ctx;
};

static void on_answer(void *ctx, enum err err, const redisReply *reply)
{
    struct asked *asked = ctx;
    (void)err;
    asked->fn(asked->ctx, reply);
    free(asked);
}

static void add_words(struct store_args *args, const struct str *words, size_t count)
{
    args_init(args);
    for (size_t i = 0; i < count; i++) {
        args_add(args, words[i]);
    }
}

void store_ask(struct store *store, const struct str *words, size_t count, store_ask_fn fn,
               void *ctx)
{
    struct asked *asked = xmalloc(sizeof(*asked));
    *asked = (struct asked){fn, ctx};
    struct store_args args;
    add_words(&args, words, count);
    store_command(store, &args, on_answer, asked);
    args_finish(&args);
}

static struct upstream *master_at(const struct store *store, size_t index)
{
    return store->cluster ? cluster_master(store->cluster, index) : index == 0 ? store->main : NULL;
}

void store_ask_each(struct store *store, const struct str *words, size_t count, store_ask_fn fn,
                    void *ctx)
{
    struct upstream *upstream;
    struct store_args args;
    add_words(&args, words, count);
    for (size_t i = 0; (upstream = master_at(store, i)); i++) {
        struct asked *asked = xmalloc(sizeof(*asked));
        *asked = (struct asked){fn, ctx};
        store_command_to(store, upstream, &args, on_answer, asked);
    }
    args_finish(&args);
}

/* ---- scanning ---- */

/* A cursor of ours is Redis' own, and above it which master that is one of: they count up to the
 * number of their buckets, which stays far below. */
enum { INDEX_SHIFT = 56 };

struct scan {
    struct store *store;
    uint64_t index;
    store_scan_fn fn;
    void *ctx;
};

static void on_scanned(void *ctx, enum err err, const redisReply *reply)
{
    struct scan *scan = ctx;
    uint64_t next = 0;
    (void)err;
    if (reply && reply->type == REDIS_REPLY_ARRAY && reply->elements == 2) {
        uint64_t own = 0;
        (void)!number_parse(reply_str(reply->element[0]), UINT64_MAX >> (64 - INDEX_SHIFT), &own);
        uint64_t index = own ? scan->index : scan->index + 1;
        next = own || master_at(scan->store, index) ? index << INDEX_SHIFT | own : 0;
    }
    scan->fn(scan->ctx, reply, next);
    free(scan);
}

void store_scan(struct store *store, uint64_t cursor, struct str pattern, uint64_t count,
                store_scan_fn fn, void *ctx)
{
    struct scan *scan = xmalloc(sizeof(*scan));
    *scan = (struct scan){store, cursor >> INDEX_SHIFT, fn, ctx};
    struct store_args args;
    args_init(&args);
    args_add(&args, STR("SCAN"));
    args_add_u64(&args, cursor & (((uint64_t)1 << INDEX_SHIFT) - 1));
    args_add(&args, STR("MATCH"));
    args_add(&args, pattern);
    args_add(&args, STR("COUNT"));
    args_add_u64(&args, count);
    args_add(&args, STR("TYPE"));
    args_add(&args, STR("hash"));
    store_command_to(store, master_at(store, scan->index), &args, on_scanned, scan);
    args_finish(&args);
}

void store_version(const struct store *store, unsigned *major, unsigned *minor)
{
    *major = store->main ? store->main->server.major : 0;
    *minor = store->main ? store->main->server.minor : 0;
}
