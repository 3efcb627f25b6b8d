/* Clients against Redis, and against each other. */
#include "simulator/check.h"

#include "base/alloc.h"
#include "cluster/stored_snapshot.h"
#include "simulator/history.h"
#include "simulator/redis.h"
#include "value/check.h"
#include "value/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static char reason[512];

/* ---- the room as Redis holds it ---- */

static struct data_key *room_key(const char *room, const char *suffix)
{
    char name[64];
    snprintf(name, sizeof(name), "roomd:{%s}%s", room, suffix);
    return data_find(&redis.data, str_of(name), world_ms());
}

static uint64_t read_snapshot(struct client *stored, const struct data_key *key)
{
    struct buf body = {0};
    struct buf recent = {0};
    uint64_t clock = 0;
    if (!stored_snapshot_read(key->string, &body, &recent)) {
        struct value snapshot = {buf_head(&body), buf_len(&body)};
        struct value_walk walk = value_items(value_get(snapshot, STR("documents")));
        struct value document;
        value_u64(value_get(snapshot, STR("documentClock")), &clock);
        while (value_next_item(&walk, &document)) {
            client_set_document(stored, value_get(document, STR("state")));
        }
    }
    buf_finish(&body);
    buf_finish(&recent);
    return clock;
}

static void read_log(struct client *stored, const struct data_key *key, uint64_t after)
{
    for (uint32_t i = 0; i < key->entry_count; i++) {
        uint64_t clock = 0;
        struct value diff = VALUE_NONE;
        for (uint32_t k = 0; k < key->entries[i].field_count; k++) {
            const struct data_field *field = &key->entries[i].fields[k];
            if (str_eq(field->name, STR("clock"))) {
                clock = strtoull(field->value.ptr, NULL, 10);
            } else if (str_eq(field->name, STR("diff")) &&
                       value_check(field->value.ptr, field->value.len, &diff)) {
                violated("%s: an entry of the log cannot be read", stored->room);
            }
        }
        if (clock > after && !violation()) {
            client_apply(stored, diff, false);
        }
    }
}

/* A client that knows what is stored. */
static void read_stored(struct client *stored, const char *room)
{
    client_begin(stored, 0, room);
    snprintf(stored->session, sizeof(stored->session), "redis");
    struct data_key *snapshot = room_key(room, ":snapshot");
    struct data_key *log = room_key(room, ":log");
    uint64_t clock = snapshot ? read_snapshot(stored, snapshot) : 0;
    if (log) {
        read_log(stored, log, clock);
    }
}

/* ---- comparing ---- */

static void say(const char *who, const char *what, const struct known *known)
{
    struct buf text = {0};
    if (known) {
        json_write((struct value){buf_head(&known->value), buf_len(&known->value)}, &text);
    }
    snprintf(reason, sizeof(reason), "%s %s %.*s", who, what, STR_ARG(buf_str(&text)));
    buf_finish(&text);
}

static struct value value_of(const struct known *known)
{
    return (struct value){buf_head(&known->value), buf_len(&known->value)};
}

static const char *compare_documents(const struct client *client, const struct client *stored)
{
    const struct known *known;
    for (uint32_t pos = 0; (known = map_next(&stored->documents, &pos));) {
        const struct known *mine = map_get(&client->documents, known->id);
        if (!mine) {
            say(client->session, "lacks", known);
            return reason;
        }
        if (!value_equal(value_of(mine), value_of(known))) {
            say(client->session, "has something else than", known);
            return reason;
        }
    }
    for (uint32_t pos = 0; (known = map_next(&client->documents, &pos));) {
        if (!map_get(&stored->documents, known->id)) {
            say(client->session, "has what is gone,", known);
            return reason;
        }
    }
    return NULL;
}

static const struct client *find_client(struct client *const *clients, int count, uint64_t number)
{
    for (int i = 0; i < count; i++) {
        if ((uint64_t)clients[i]->number == number) {
            return clients[i];
        }
    }
    return NULL;
}

/* Each of the others once, as it is now. */
static const char *compare_presences(const struct client *client, struct client *const *clients,
                                     int count, const char *room)
{
    uint32_t others = 0;
    for (int i = 0; i < count; i++) {
        others += clients[i] != client && clients[i]->state == CLIENT_ONLINE &&
                  strcmp(clients[i]->room, room) == 0;
    }
    const struct known *known;
    for (uint32_t pos = 0; (known = map_next(&client->presences, &pos));) {
        uint64_t who = 0;
        uint64_t n = 0;
        value_u64(value_get(value_of(known), STR("who")), &who);
        value_u64(value_get(value_of(known), STR("n")), &n);
        const struct client *other = find_client(clients, count, who);
        if (!other || other == client || other->state != CLIENT_ONLINE) {
            say(client->session, "sees a ghost,", known);
            return reason;
        }
        if (n != other->presence) {
            say(client->session, "sees an old presence,", known);
            return reason;
        }
    }
    if (client->presences.count != others) {
        snprintf(reason, sizeof(reason), "%s sees %u presences of %u others", client->session,
                 client->presences.count, others);
        return reason;
    }
    return NULL;
}

const char *check_room(struct client *const *clients, int count, const char *room)
{
    struct client stored;
    const char *wrong = NULL;
    read_stored(&stored, room);
    const struct client *reference = node.durability == DURABILITY_LOG ? &stored : NULL;
    for (int i = 0; i < count && !wrong; i++) {
        const struct client *client = clients[i];
        if (strcmp(client->room, room) != 0 || !client->wants) {
            continue;
        }
        if (!client_is_calm(client)) {
            snprintf(reason, sizeof(reason), "%s is %s", client->session,
                     client->state == CLIENT_ONLINE ? "not answered" : "not connected");
            wrong = reason;
            continue;
        }
        reference = reference ? reference : client; /* rooms that live in memory only */
        wrong = compare_documents(client, reference);
        wrong = wrong ? wrong : compare_presences(client, clients, count, room);
    }
    client_end(&stored);
    return wrong;
}

/* ---- acknowledged ---- */

struct looking {
    struct str token;
    bool found;
};

static void on_token(void *ctx, struct str token, bool appended)
{
    struct looking *looking = ctx;
    (void)appended;
    looking->found = looking->found || str_eq(token, looking->token);
}

static void check_one(const struct client *client, const struct acked *acked,
                      const struct client *stored)
{
    const struct known *known = map_get(&stored->documents, acked->id);
    if (acked->clock < history_loaded_clock(stored->room)) {
        return; /* a host has put something else in its place */
    }
    if (!known) {
        if (history_removed_clock(acked->id) < acked->clock) {
            violated("%s had %.*s acknowledged at clock %" PRIu64 ", and %.*s is lost",
                     client->session, STR_ARG(acked->token), acked->clock, STR_ARG(acked->id));
        }
        return;
    }
    struct looking looking = {.token = acked->token};
    struct str now = {0};
    tokens_of_record(value_of(known), on_token, &looking);
    value_string(value_get(value_of(known), STR("t")), &now);
    bool replaced = !acked->appended && history_token_clock(now) > acked->clock;
    if (!looking.found && !replaced) {
        violated("%s had %.*s acknowledged at clock %" PRIu64
                 ", and it is lost: %.*s has %.*s of %" PRIu64,
                 client->session, STR_ARG(acked->token), acked->clock, STR_ARG(acked->id),
                 STR_ARG(now), history_token_clock(now));
    }
}

/* An appended token stands in its text once. */
static void check_repeats(const struct client *stored)
{
    const struct known *known;
    for (uint32_t pos = 0; (known = map_next(&stored->documents, &pos));) {
        struct str text = {0};
        value_string(value_get(value_of(known), STR("text")), &text);
        for (size_t at = 0; at < text.len; at++) {
            const char *end = memchr(text.ptr + at, '>', text.len - at);
            if (!end) {
                break;
            }
            size_t len = (size_t)(end - text.ptr) + 1 - at;
            if (memmem(text.ptr + at + len, text.len - at - len, text.ptr + at, len)) {
                violated("appended twice: %.*s in %.*s", (int)len, text.ptr + at,
                         STR_ARG(known->id));
            }
            at += len - 1;
        }
    }
}

void check_acknowledged(struct client *const *clients, int count, const char *room)
{
    struct client stored;
    read_stored(&stored, room);
    check_repeats(&stored);
    for (int i = 0; i < count; i++) {
        const struct acked *acked;
        if (strcmp(clients[i]->room, room) != 0) {
            continue;
        }
        list_each(acked, &clients[i]->acked, link, struct acked)
        {
            check_one(clients[i], acked, &stored);
        }
    }
    client_end(&stored);
}
