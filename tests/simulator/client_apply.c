/* What a client knows of documents and presences. */
#include "base/alloc.h"
#include "simulator/client.h"
#include "simulator/history.h"
#include "value/diff.h"
#include "value/pack.h"

#include <inttypes.h>
#include <stdlib.h>

static bool is_presence(struct str id)
{
    return str_starts(id, STR("presence:"));
}

static struct map *map_of(struct client *client, struct str id)
{
    return is_presence(id) ? &client->presences : &client->documents;
}

static void forget(struct map *map, struct str id)
{
    struct known *known = map_remove(map, id);
    if (known) {
        buf_finish(&known->value);
        free(known);
    }
}

static void set(struct map *map, struct str id, struct value value)
{
    struct known *known = map_get(map, id);
    if (!known) {
        known = xcalloc(1, sizeof(*known) + id.len);
        known->id = (struct str){memcpy(known + 1, id.ptr, id.len), id.len};
        map_put(map, known);
    }
    struct buf copy = {0};
    buf_append(&copy, value.data, value.len);
    buf_finish(&known->value);
    known->value = copy;
}

static void wipe(struct map *map)
{
    struct known *known;
    for (uint32_t pos = 0; (known = map_next(map, &pos)); pos = 0) {
        forget(map, known->id);
    }
}

void client_wipe(struct client *client, bool documents)
{
    wipe(&client->presences);
    if (documents) {
        wipe(&client->documents);
    }
}

/* Whatever anybody is shown must be in the log by then (P2). */
static void on_shown_token(void *ctx, struct str token, bool appended)
{
    (void)appended;
    const struct client *client = ctx;
    if (node.durability == DURABILITY_LOG && !history_token_clock(token) &&
        history_snapshot_clock(client->room) < client->clock) {
        violated("%s is shown the change %.*s, which Redis has never had", client->session,
                 STR_ARG(token));
    }
}

static void patch(struct client *client, struct map *map, struct str id, struct value diff,
                  bool own)
{
    struct known *known = map_get(map, id);
    if (!known) {
        /* Of presence, what waited for Redis may come behind news that did not wait; a real client
         * passes over a patch of what it does not have. */
        if (!own && !is_presence(id)) {
            violated("%s gets a patch of %.*s, which it does not have", client->session,
                     STR_ARG(id));
        }
        return;
    }
    struct arena scratch = {0};
    struct value result;
    bool holes;
    switch (apply_diff(buf_value(&known->value), diff, &scratch, &result, &holes)) {
    case APPLY_CHANGED:
        set(map, id, result);
        break;
    case APPLY_UNCHANGED:
        break;
    case APPLY_MALFORMED:
    case APPLY_TOO_LARGE:
        violated("%s gets a patch that cannot be applied", client->session);
        break;
    }
    arena_finish(&scratch);
}

void client_apply(struct client *client, struct value diff, bool own)
{
    struct value_walk walk = value_members(diff);
    struct str id;
    struct value op;
    while (value_next_member(&walk, &id, &op)) {
        struct str name = {0};
        struct map *map = map_of(client, id);
        value_string(value_item(op, 0), &name);
        tokens_of_op(op, on_shown_token, client);
        if (str_eq(name, STR("put"))) {
            set(map, id, value_item(op, 1));
        } else if (str_eq(name, STR("patch"))) {
            patch(client, map, id, value_item(op, 1), own);
        } else if (str_eq(name, STR("remove"))) {
            forget(map, id);
        } else {
            violated("%s gets an op that is none", client->session);
        }
    }
}

void client_set_document(struct client *client, struct value record)
{
    struct str id;
    if (value_string(value_get(record, STR("id")), &id)) {
        set(&client->documents, id, record);
    }
}

struct known *client_document(const struct client *client, uint64_t random)
{
    uint32_t count = client->documents.count;
    struct known *known = NULL;
    uint32_t pos = 0;
    for (uint64_t skip = count ? random % count : 0; (known = map_next(&client->documents, &pos));
         skip--) {
        if (skip == 0) {
            break;
        }
    }
    return known;
}

/* ---- acknowledged ---- */

struct acking {
    struct client *client;
    struct str id;
    uint64_t clock;
};

static struct str keep(struct client *client, struct str text)
{
    char *copy = arena_alloc(&client->memory, text.len + 1);
    if (text.len > 0) {
        memcpy(copy, text.ptr, text.len);
    }
    return (struct str){copy, text.len};
}

static void on_acked_token(void *ctx, struct str token, bool appended)
{
    const struct acking *acking = ctx;
    struct acked *acked = arena_alloc(&acking->client->memory, sizeof(*acked));
    *acked = (struct acked){.clock = acking->clock,
                            .appended = appended,
                            .id = keep(acking->client, acking->id),
                            .token = keep(acking->client, token)};
    list_append(&acking->client->acked, &acked->link);
    acking->client->acked_count++;
    on_shown_token(acking->client, token, appended);
}

void client_note_acked(struct client *client, struct value diff, uint64_t clock)
{
    struct value_walk walk = value_members(diff);
    struct value op;
    struct acking acking = {.client = client, .clock = clock};
    while (value_next_member(&walk, &acking.id, &op)) {
        struct str name = {0};
        value_string(value_item(op, 0), &name);
        if (!str_eq(name, STR("remove"))) {
            tokens_of_op(op, on_acked_token, &acking);
        } else if (node.durability == DURABILITY_LOG && history_removed_clock(acking.id) == 0 &&
                   history_snapshot_clock(client->room) < clock) {
            violated("%s is told that %.*s is removed, which Redis has never had", client->session,
                     STR_ARG(acking.id));
        }
    }
}
