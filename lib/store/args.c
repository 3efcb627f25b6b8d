/* Words of commands and of replies. */
#include "base/alloc.h"
#include "store/internal.h"

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
    args->numbers = (struct arena){0};
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
    char *text = arena_alloc(&args->numbers, TEXT_MAX);
    int len = snprintf(text, TEXT_MAX, "%" PRIu64, number);
    args_add(args, (struct str){text, (size_t)len});
}

void args_finish(struct store_args *args)
{
    free_grown(args);
    arena_finish(&args->numbers);
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
