/* Bans. There are few: a list will do. */
#include "sandbox/ban.h"

#include "base/alloc.h"

#include <stdlib.h>
#include <string.h>

enum { BAN_MIN_MS = 1000, BAN_MAX_MS = 60000 };

struct ban {
    struct list link;
    uint64_t until_ms, wait_ms;
    size_t len;
    char function[];
};

static struct ban *find(const struct list *bans, struct str function)
{
    struct ban *ban;
    list_each(ban, bans, link, struct ban)
    {
        if (str_eq((struct str){ban->function, ban->len}, function)) {
            return ban;
        }
    }
    return NULL;
}

void ban_add(struct list *bans, struct str function, uint64_t now_ms)
{
    struct ban *ban = find(bans, function);
    if (!ban) {
        ban = xcalloc(1, sizeof(*ban) + function.len);
        ban->len = function.len;
        memcpy(ban->function, function.ptr, function.len);
        list_append(bans, &ban->link);
    }
    ban->wait_ms = ban->wait_ms ? ban->wait_ms * 2 : BAN_MIN_MS;
    ban->wait_ms = ban->wait_ms < BAN_MAX_MS ? ban->wait_ms : BAN_MAX_MS;
    ban->until_ms = now_ms + ban->wait_ms;
}

bool ban_holds(const struct list *bans, struct str function, uint64_t now_ms)
{
    const struct ban *ban = find(bans, function);
    return ban && now_ms < ban->until_ms;
}

static void ban_free(struct ban *ban)
{
    list_remove(&ban->link);
    free(ban);
}

void ban_lift(struct list *bans, struct str function)
{
    struct ban *ban = list_empty(bans) ? NULL : find(bans, function);
    if (ban) {
        ban_free(ban);
    }
}

void bans_finish(struct list *bans)
{
    struct ban *ban;
    list_each(ban, bans, link, struct ban)
    {
        ban_free(ban);
    }
}
