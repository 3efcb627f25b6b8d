/* Counting crashes on a room's hash, and forgetting them. */
#include "node/quarantine.h"

#include "base/alloc.h"
#include "base/log.h"
#include "store/key.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* quarantine.lua, built in. */
extern const unsigned char script_quarantine[];
extern const size_t script_quarantine_len;

#define TEXT_OF(number) TEXT_OF_(number)
#define TEXT_OF_(number) #number

/* What an operator types; the name in quotes of the shell. */
static void release_command(const char *room, struct buf *out)
{
    buf_printf(out, "roomctl release %s'", room[0] == '-' ? "-- " : "");
    for (; *room; room++) {
        if (*room == '\'') {
            buf_append_str(out, STR("'\\''"));
        } else {
            buf_append_byte(out, (uint8_t)*room);
        }
    }
    buf_append_byte(out, '\'');
}

static struct str utc(time_t at, char out[32])
{
    struct tm tm;
    gmtime_r(&at, &tm);
    return (struct str){out, strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &tm)};
}

/* ---- counting ---- */

static void on_counted(void *ctx, const redisReply *reply)
{
    char *room = ctx;
    struct log_scope scope = {"room", str_of(room)};
    bool fine = reply && reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 &&
                reply->element[0]->type == REDIS_REPLY_INTEGER &&
                reply->element[1]->type == REDIS_REPLY_INTEGER;
    if (!fine) {
        bool refused = reply && reply->type == REDIS_REPLY_ERROR;
        log_error(&scope, "a worker died in this room, and that could not be counted",
                  LOG_TEXTZ("reason", refused ? reply->str : "redis is away"));
    } else if (reply->element[1]->integer == 0) {
        log_error(&scope, "a worker died in this room; another takes it over",
                  LOG_I64("crashes", reply->element[0]->integer),
                  LOG_U64("quarantine_at", QUARANTINE_CRASHES),
                  LOG_U64("within_s", QUARANTINE_WINDOW_S));
    } else {
        char until[32];
        struct buf release = {0};
        release_command(room, &release);
        log_error(
            &scope,
            "room is quarantined: workers keep dying in it; nobody gets in, other rooms go on",
            LOG_I64("crashes", reply->element[0]->integer),
            LOG_U64("within_s", QUARANTINE_WINDOW_S),
            LOG_STR("until", utc((time_t)reply->element[1]->integer, until)),
            LOG_STR("to_release", buf_str(&release)));
        buf_finish(&release);
    }
    free(room);
}

void quarantine_count(struct redis_client *client, struct str room, const char *worker,
                      const char *reason)
{
    char time_text[32];
    char *key = store_room_key(room, "");
    char *why = xasprintf("%s %s", worker, reason);
    const struct str args[] = {
        STR("EVAL"),
        {(const char *)script_quarantine, script_quarantine_len},
        STR("1"),
        str_of(key),
        utc(time(NULL), time_text),
        str_of(why),
        STR(TEXT_OF(QUARANTINE_CRASHES)),
        STR(TEXT_OF(QUARANTINE_WINDOW_S)),
        STR(TEXT_OF(QUARANTINE_S)),
    };
    redis_client_command(client, args, sizeof(args) / sizeof(args[0]), on_counted,
                         xstrndup(room.ptr, room.len));
    free(why);
    free(key);
}

/* ---- releasing ---- */

struct release {
    room_released_fn fn;
    void *ctx;
};

static void on_released(void *ctx, const redisReply *reply)
{
    struct release *release = ctx;
    bool fine = reply && reply->type == REDIS_REPLY_INTEGER;
    enum err err = fine ? ERR_OK : reply ? ERR_REFUSED : ERR_UNAVAILABLE;
    release->fn(release->ctx, err, fine && reply->integer > 0);
    free(release);
}

void redis_client_release_room(struct redis_client *client, struct str room, room_released_fn fn,
                               void *ctx)
{
    struct release *release = xmalloc(sizeof(*release));
    *release = (struct release){fn, ctx};
    char *key = store_room_key(room, "");
    const struct str args[] = {STR("HDEL"), str_of(key), STR("quarantined_until"), STR("crashes")};
    redis_client_command(client, args, sizeof(args) / sizeof(args[0]), on_released, release);
    free(key);
}
