/* Words of commands and of replies. */
#include "base/alloc.h"
#include "store/internal.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

void args_init(struct store_args *args)
{
    args->ptr = args->inline_ptr;
    args->len = args->inline_len;
    args->count = 0;
    args->cap = STORE_ARGS_MAX;
    args->command_count = 1;
    args->run = 0;
    args->words = (struct arena){0};
}

static void free_grown(struct store_args *args)
{
    if (args->ptr != args->inline_ptr) {
        free(args->ptr);
        free(args->len);
    }
}

void args_add(struct store_args *args, struct str arg)
{
    if (args->count == args->cap) {
        size_t cap = (size_t)args->cap * 2;
        const char **ptr = xmalloc(cap * sizeof(*ptr));
        size_t *len = xmalloc(cap * sizeof(*len));
        memcpy(ptr, args->ptr, (size_t)args->count * sizeof(*ptr));
        memcpy(len, args->len, (size_t)args->count * sizeof(*len));
        free_grown(args);
        args->ptr = ptr;
        args->len = len;
        args->cap = (int)cap;
    }
    args->ptr[args->count] = arg.ptr ? arg.ptr : "";
    args->len[args->count++] = arg.len;
}

void args_add_u64(struct store_args *args, uint64_t number)
{
    enum { TEXT_MAX = 24 };
    char *text = arena_alloc(&args->words, TEXT_MAX);
    int len = snprintf(text, TEXT_MAX, "%" PRIu64, number);
    args_add(args, (struct str){text, (size_t)len});
}

void args_next_command(struct store_args *args)
{
    assert(args->command_count < STORE_COMMANDS_MAX);
    args->ends[args->command_count++ - 1] = args->count;
}

struct store_args *args_copy(const struct store_args *args)
{
    struct store_args *copy = xmalloc(sizeof(*copy));
    args_init(copy);
    size_t total = 0;
    for (int i = 0; i < args->count; i++) {
        total += args->len[i];
    }
    char *bytes = arena_alloc(&copy->words, total + 1);
    for (int i = 0; i < args->count; i++) {
        memcpy(bytes, args->ptr[i], args->len[i]);
        args_add(copy, (struct str){bytes, args->len[i]});
        bytes += args->len[i];
    }
    memcpy(copy->ends, args->ends, sizeof(copy->ends));
    copy->command_count = args->command_count;
    copy->run = args->run;
    return copy;
}

struct str args_key(const struct store_args *args)
{
    static const char *const without[] = {"PING", "TIME", "INFO", "CONFIG", "SCAN"};
    struct str name = {args->ptr[0], args->len[0]};
    for (size_t i = 0; i < sizeof(without) / sizeof(without[0]); i++) {
        if (str_eq(name, str_of(without[i]))) {
            return (struct str){0};
        }
    }
    /* EVALSHA SHA KEYS KEY ... */
    int at = str_eq(name, STR("EVALSHA")) || str_eq(name, STR("EVAL")) ? 3 : 1;
    return at < args->count ? (struct str){args->ptr[at], args->len[at]} : (struct str){0};
}

void args_finish(struct store_args *args)
{
    free_grown(args);
    arena_finish(&args->words);
}

char *store_room_key(struct str room, const char *suffix)
{
    struct buf key = {0};
    buf_append_str(&key, STR("roomd:{"));
    for (size_t i = 0; i < room.len; i++) {
        char c = room.ptr[i];
        if (c == '{' || c == '}' || c == '%') {
            buf_printf(&key, "%%%02X", (unsigned)c);
        } else {
            buf_append_byte(&key, (uint8_t)c);
        }
    }
    buf_printf(&key, "}%s", suffix);
    buf_append_byte(&key, '\0');
    size_t len;
    return (char *)buf_take(&key, &len);
}

struct str store_time(char out[32])
{
    struct tm tm;
    time_t now = time(NULL);
    gmtime_r(&now, &tm);
    return (struct str){out, strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &tm)};
}

bool reply_u64(const redisReply *reply, uint64_t *out)
{
    if (reply->type == REDIS_REPLY_INTEGER && reply->integer >= 0) {
        *out = (uint64_t)reply->integer;
        return true;
    }
    if (reply->type != REDIS_REPLY_STRING || reply->len == 0) {
        return false;
    }
    char *end;
    *out = strtoull(reply->str, &end, 10);
    return *end == '\0';
}

struct str reply_str(const redisReply *reply)
{
    return reply->type == REDIS_REPLY_STRING ? (struct str){reply->str, (size_t)reply->len}
                                             : (struct str){0};
}
