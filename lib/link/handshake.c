/* Four messages: hail, challenge, proof, welcome. */
#include "link/handshake.h"

#include "link/version.h"

#include <assert.h>
#include <stdio.h>

#define MAGIC "roomd-link\x01"

enum {
    MAGIC_LEN = sizeof(MAGIC) - 1,
    HEAD_LEN = MAGIC_LEN + 1,
    HAIL_FIXED = HEAD_LEN + 2 + HANDSHAKE_NONCE_LEN,
    CHALLENGE_LEN = HEAD_LEN + HANDSHAKE_NONCE_LEN,
    PROOF_LEN = HEAD_LEN + SECRET_KEY_LEN,
    WELCOME_FIXED = HEAD_LEN + 1,
};

enum message_kind { HAIL = 1, CHALLENGE, PROOF, WELCOME };

static const char labels[2][24] = {"roomd link initiator", "roomd link responder"};
enum { SIDE_INITIATOR, SIDE_RESPONDER };

/* ---- what both sides do ---- */

static void tag_of(const struct handshake *handshake, unsigned secret, int side, size_t covered,
                   uint8_t out[SECRET_KEY_LEN])
{
    uint8_t key[SECRET_KEY_LEN];
    struct str nonces = {(const char *)handshake->nonces, sizeof(handshake->nonces)};
    secret_expand(&handshake->secrets.of[secret], str_of(labels[side]), nonces, key);
    secret_tag(key, (struct str){(const char *)buf_head(&handshake->transcript), covered}, out);
    secret_wipe(key, sizeof(key));
}

/* What we say is part of what is proven, like what we hear. */
static void say(struct handshake *handshake, const void *data, size_t len, struct buf *out)
{
    buf_append(&handshake->transcript, data, len);
    buf_append(out, data, len);
}

static void say_head(struct handshake *handshake, enum message_kind kind, struct buf *out)
{
    uint8_t byte = (uint8_t)kind;
    say(handshake, MAGIC, MAGIC_LEN, out);
    say(handshake, &byte, 1, out);
}

static void say_name(struct handshake *handshake, const char *name, struct buf *out)
{
    uint8_t len = (uint8_t)strlen(name);
    say(handshake, &len, 1, out);
    say(handshake, name, len, out);
}

static void say_byte(struct handshake *handshake, uint64_t number, struct buf *out)
{
    uint8_t byte = (uint8_t)number;
    say(handshake, &byte, 1, out);
}

static void say_tag(struct handshake *handshake, int side, struct buf *out)
{
    uint8_t tag[SECRET_KEY_LEN];
    tag_of(handshake, handshake->used, side, buf_len(&handshake->transcript), tag);
    say(handshake, tag, sizeof(tag), out);
}

static void copy_name(char out[HANDSHAKE_NAME_MAX + 1], struct str name)
{
    assert(name.len <= HANDSHAKE_NAME_MAX);
    memcpy(out, name.ptr ? name.ptr : "", name.len);
    out[name.len] = '\0';
}

static void begin(struct handshake *handshake, const struct handshake_config *config)
{
    assert(config->secrets->count > 0);
    *handshake = (struct handshake){.secrets = *config->secrets};
    handshake->version_max = link_version_own(config->version_max);
    copy_name(handshake->id, config->id);
    copy_name(handshake->node, config->node);
    copy_name(handshake->wanted, config->wanted);
}

void handshake_begin_initiator(struct handshake *handshake, const struct handshake_config *config,
                               struct buf *out)
{
    begin(handshake, config);
    memcpy(handshake->nonces, config->nonce, HANDSHAKE_NONCE_LEN);
    handshake->state = HANDSHAKE_HAILED;
    say_head(handshake, HAIL, out);
    say_byte(handshake, LINK_VERSION_MIN, out);
    say_byte(handshake, handshake->version_max, out);
    say(handshake, config->nonce, HANDSHAKE_NONCE_LEN, out);
    say_name(handshake, handshake->id, out);
    say_name(handshake, handshake->node, out);
    say_name(handshake, handshake->wanted, out);
    handshake->complete = buf_len(&handshake->transcript);
}

void handshake_begin_responder(struct handshake *handshake, const struct handshake_config *config)
{
    begin(handshake, config);
    memcpy(handshake->nonces + HANDSHAKE_NONCE_LEN, config->nonce, HANDSHAKE_NONCE_LEN);
    handshake->state = HANDSHAKE_LISTENING;
}

/* ---- how long a message is ---- */

/* Adds the length of `count` names that begin at `at`; as far as the bytes at hand say. */
static size_t with_names(struct str message, size_t at, int count)
{
    for (int i = 0; i < count; i++) {
        size_t len = at < message.len ? (uint8_t)message.ptr[at] : 0;
        at += 1 + len;
    }
    return at;
}

/* Bytes that the message at hand has at least; it is complete when it has that many. */
static size_t wanted_len(enum handshake_state state, struct str message)
{
    switch (state) {
    case HANDSHAKE_HAILED:
        return CHALLENGE_LEN;
    case HANDSHAKE_PROVEN:
        return with_names(message, WELCOME_FIXED, 2) + SECRET_KEY_LEN;
    case HANDSHAKE_LISTENING:
        return with_names(message, HAIL_FIXED, 3);
    case HANDSHAKE_CHALLENGED:
        return PROOF_LEN;
    case HANDSHAKE_DONE:
    case HANDSHAKE_FAILED:
        break;
    }
    return 0;
}

static enum message_kind wanted_kind(enum handshake_state state)
{
    switch (state) {
    case HANDSHAKE_HAILED:
        return CHALLENGE;
    case HANDSHAKE_PROVEN:
        return WELCOME;
    case HANDSHAKE_LISTENING:
        return HAIL;
    case HANDSHAKE_CHALLENGED:
    case HANDSHAKE_DONE:
    case HANDSHAKE_FAILED:
        break;
    }
    return PROOF;
}

/* What does not begin like ours is known by its first byte that differs. */
static bool head_fits(enum message_kind kind, struct str message)
{
    size_t len = message.len < MAGIC_LEN ? message.len : MAGIC_LEN;
    return memcmp(message.ptr, MAGIC, len) == 0 &&
           (message.len < HEAD_LEN || (uint8_t)message.ptr[MAGIC_LEN] == kind);
}

/* ---- what a message says ---- */

/* A name, and the place behind it; false if names do not look like that. */
static bool read_name(struct str message, size_t *at, char out[HANDSHAKE_NAME_MAX + 1])
{
    size_t len = (uint8_t)message.ptr[*at];
    if (len > HANDSHAKE_NAME_MAX || memchr(message.ptr + *at + 1, '\0', len)) {
        return false;
    }
    copy_name(out, (struct str){message.ptr + *at + 1, len});
    *at += 1 + len;
    return true;
}

static enum err on_hail(struct handshake *handshake, struct str message, struct buf *out)
{
    size_t at = HAIL_FIXED;
    handshake->version = link_version_common(handshake->version_max, (uint8_t)message.ptr[HEAD_LEN],
                                             (uint8_t)message.ptr[HEAD_LEN + 1]);
    memcpy(handshake->nonces, message.ptr + HEAD_LEN + 2, HANDSHAKE_NONCE_LEN);
    if (!read_name(message, &at, handshake->peer_id) ||
        !read_name(message, &at, handshake->peer_node) ||
        !read_name(message, &at, handshake->wanted)) {
        return ERR_MALFORMED;
    }
    handshake->state = HANDSHAKE_CHALLENGED;
    say_head(handshake, CHALLENGE, out);
    say(handshake, handshake->nonces + HANDSHAKE_NONCE_LEN, HANDSHAKE_NONCE_LEN, out);
    return ERR_AGAIN;
}

static enum err on_challenge(struct handshake *handshake, struct str message, struct buf *out)
{
    memcpy(handshake->nonces + HANDSHAKE_NONCE_LEN, message.ptr + HEAD_LEN, HANDSHAKE_NONCE_LEN);
    handshake->state = HANDSHAKE_PROVEN;
    say_head(handshake, PROOF, out);
    say_tag(handshake, SIDE_INITIATOR, out);
    return ERR_AGAIN;
}

/* Whether the tag that the transcript ends with is right by one secret. */
static bool is_right(const struct handshake *handshake, unsigned secret, int side)
{
    uint8_t want[SECRET_KEY_LEN];
    size_t covered = buf_len(&handshake->transcript) - SECRET_KEY_LEN;
    tag_of(handshake, secret, side, covered, want);
    return secret_tag_eq(buf_head(&handshake->transcript) + covered, want);
}

static enum err on_proof(struct handshake *handshake, struct buf *out)
{
    const struct secrets *secrets = &handshake->secrets;
    unsigned found = secrets->count;
    for (unsigned i = 0; i < secrets->count; i++) {
        found = is_right(handshake, i, SIDE_INITIATOR) ? i : found;
    }
    if (found == secrets->count) {
        return ERR_REFUSED;
    }
    handshake->used = found;
    say_head(handshake, WELCOME, out);
    say_byte(handshake, handshake->version, out); /* 0: none, and it may know that */
    say_name(handshake, handshake->id, out);
    say_name(handshake, handshake->node, out);
    say_tag(handshake, SIDE_RESPONDER, out);
    bool meant = strcmp(handshake->wanted, handshake->id) == 0;
    return !meant ? ERR_REFUSED : handshake->version == 0 ? ERR_VERSION : ERR_OK;
}

static enum err on_welcome(struct handshake *handshake, struct str message)
{
    size_t at = WELCOME_FIXED;
    uint64_t version = (uint8_t)message.ptr[HEAD_LEN];
    if (!read_name(message, &at, handshake->peer_id) ||
        !read_name(message, &at, handshake->peer_node)) {
        return ERR_MALFORMED;
    }
    if (!is_right(handshake, handshake->used, SIDE_RESPONDER) ||
        strcmp(handshake->peer_id, handshake->wanted) != 0) {
        return ERR_REFUSED;
    }
    handshake->version = link_version_common(handshake->version_max, version, version);
    return handshake->version ? ERR_OK : ERR_VERSION;
}

static enum err on_message(struct handshake *handshake, struct str message, struct buf *out)
{
    switch (handshake->state) {
    case HANDSHAKE_HAILED:
        return on_challenge(handshake, message, out);
    case HANDSHAKE_PROVEN:
        return on_welcome(handshake, message);
    case HANDSHAKE_LISTENING:
        return on_hail(handshake, message, out);
    case HANDSHAKE_CHALLENGED:
        return on_proof(handshake, out);
    case HANDSHAKE_DONE:
    case HANDSHAKE_FAILED:
        break;
    }
    return ERR_MALFORMED;
}

/* ---- input ---- */

static struct str partial(const struct handshake *handshake)
{
    struct str all = buf_str(&handshake->transcript);
    if (all.len == 0) {
        return all; /* without memory, into which nothing points */
    }
    return (struct str){all.ptr + handshake->complete, all.len - handshake->complete};
}

/* Takes what the message at hand lacks, as far as that is known and there. */
static size_t gather(struct handshake *handshake, const uint8_t *data, size_t len)
{
    struct str message = partial(handshake);
    size_t lacks = wanted_len(handshake->state, message) - message.len;
    size_t takes = len < lacks ? len : lacks;
    buf_append(&handshake->transcript, data, takes);
    return takes;
}

enum err handshake_input(struct handshake *handshake, const uint8_t *data, size_t len, size_t *used,
                         struct buf *out)
{
    *used = 0;
    enum err err = ERR_AGAIN;
    assert(handshake->state != HANDSHAKE_DONE && handshake->state != HANDSHAKE_FAILED);
    while (err == ERR_AGAIN && *used < len) {
        *used += gather(handshake, data + *used, len - *used);
        struct str message = partial(handshake);
        if (!head_fits(wanted_kind(handshake->state), message) ||
            buf_len(&handshake->transcript) > HANDSHAKE_BYTES_MAX) {
            err = ERR_MALFORMED;
        } else if (message.len == wanted_len(handshake->state, message)) {
            /* It moves if something is said meanwhile. */
            char copy[HANDSHAKE_BYTES_MAX];
            memcpy(copy, message.ptr, message.len);
            err = on_message(handshake, (struct str){copy, message.len}, out);
            handshake->complete = buf_len(&handshake->transcript);
        }
    }
    if (err != ERR_AGAIN) {
        handshake->state = err ? HANDSHAKE_FAILED : HANDSHAKE_DONE;
    }
    return err;
}

void handshake_finish(struct handshake *handshake)
{
    secret_wipe(&handshake->secrets, sizeof(handshake->secrets));
    buf_finish(&handshake->transcript);
}
