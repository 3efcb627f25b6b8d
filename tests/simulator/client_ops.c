/* The changes that clients make. Each carries a token of its own, so that one can be told from the
 * same one applied twice. */
#include "simulator/client.h"
#include "value/pack.h"

#include <inttypes.h>
#include <stdio.h>

static struct str token(struct client *client, char out[32])
{
    /* None is the beginning of another: a diff would append to it. */
    int len = snprintf(out, 32, "c%d.%" PRIu64 "!", client->number, ++client->tokens);
    return (struct str){out, (size_t)len};
}

static void pack_op(struct buf *out, const char *name, uint32_t words)
{
    pack_array(out, words + 1);
    pack_str(out, str_of(name));
}

static void put_new(struct client *client, struct buf *diff)
{
    char id[32];
    char text[32];
    snprintf(id, sizeof(id), "note:%d.%" PRIu64, client->number, ++client->records);
    pack_str(diff, str_of(id));
    pack_op(diff, "put", 1);
    pack_map(diff, 4);
    pack_str(diff, STR("id"));
    pack_str(diff, str_of(id));
    pack_str(diff, STR("typeName"));
    pack_str(diff, STR("note"));
    pack_str(diff, STR("t"));
    pack_str(diff, token(client, text));
    pack_str(diff, STR("text"));
    pack_str(diff, STR(""));
}

static void patch_token(struct client *client, struct str id, struct buf *diff)
{
    char text[32];
    pack_str(diff, id);
    pack_op(diff, "patch", 1);
    pack_map(diff, 1);
    pack_str(diff, STR("t"));
    pack_op(diff, "put", 1);
    pack_str(diff, token(client, text));
}

/* Lands only if nobody else's is on the way. */
static void append_text(struct client *client, const struct known *known, struct buf *diff)
{
    char text[32];
    char marked[40];
    struct value old = value_get(buf_value(&known->value), STR("text"));
    snprintf(marked, sizeof(marked), "<%.*s>", STR_ARG(token(client, text)));
    pack_str(diff, known->id);
    pack_op(diff, "patch", 1);
    pack_map(diff, 1);
    pack_str(diff, STR("text"));
    pack_op(diff, "append", 2);
    pack_str(diff, str_of(marked));
    pack_u64(diff, value_length(old));
}

/* A record of its own: nobody puts it again. */
static void remove_record(const struct known *known, struct buf *diff)
{
    pack_str(diff, known->id);
    pack_op(diff, "remove", 0);
}

/* It says what is so already: nothing changes. */
static void patch_same(const struct known *known, struct buf *diff)
{
    pack_str(diff, known->id);
    pack_op(diff, "patch", 1);
    pack_map(diff, 1);
    pack_str(diff, STR("typeName"));
    pack_op(diff, "put", 1);
    pack_value(diff, value_get(buf_value(&known->value), STR("typeName")));
}

/* A part of it has no effect, so the answer is a rebase. */
static void patch_partly(struct client *client, const struct known *known, struct buf *diff)
{
    char text[32];
    pack_str(diff, known->id);
    pack_op(diff, "patch", 1);
    pack_map(diff, 2);
    pack_str(diff, STR("t"));
    pack_op(diff, "put", 1);
    pack_str(diff, token(client, text));
    pack_str(diff, STR("typeName"));
    pack_op(diff, "put", 1);
    pack_str(diff, STR("note"));
}

void client_choose_change(struct client *client, struct buf *diff)
{
    const struct known *known = client_document(client, rnd());
    uint64_t what = rnd_below(100);
    pack_map(diff, 1);
    if (!known || what < 15) {
        put_new(client, diff);
    } else if (what < 45) {
        patch_token(client, known->id, diff);
    } else if (what < 70) {
        append_text(client, known, diff);
    } else if (what < 80) {
        remove_record(known, diff);
    } else if (what < 88) {
        patch_partly(client, known, diff);
    } else if (what < 93) {
        patch_same(known, diff);
    } else {
        patch_token(client, STR("note:nobody"), diff); /* there is no such record: discard */
    }
}
