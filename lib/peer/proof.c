/* The handshake without encryption as a stream's filter. */
#include "base/alloc.h"
#include "base/random.h"
#include "link/handshake.h"
#include "peer/internal.h"

#include <stdlib.h>

struct proof_filter {
    struct stream_filter filter;
    struct handshake handshake;
};

static enum err input(struct stream_filter *filter, const uint8_t *data, size_t len,
                      struct buf *plain, struct buf *wire)
{
    struct proof_filter *proof = (struct proof_filter *)filter;
    size_t used;
    enum err err = handshake_input(&proof->handshake, data, len, &used, wire);
    if (!err) {
        filter->open = filter->passes = true;
        buf_append(plain, data + used, len - used);
    }
    return err == ERR_AGAIN ? ERR_OK : err;
}

static void destroy(struct stream_filter *filter)
{
    struct proof_filter *proof = (struct proof_filter *)filter;
    handshake_finish(&proof->handshake);
    free(proof);
}

/* An id longer than any of ours is cut, and so is wanted by nobody. */
static struct str name_of(struct str name)
{
    return (struct str){name.ptr, name.len < HANDSHAKE_NAME_MAX ? name.len : HANDSHAKE_NAME_MAX};
}

struct stream_filter *proof_filter_create(const struct peer *peer, enum peer_side side,
                                          struct str wanted, struct buf *hello)
{
    struct proof_filter *proof = xcalloc(1, sizeof(*proof));
    proof->filter = (struct stream_filter){.input = input, .destroy = destroy};
    struct handshake_config config = {
        .secrets = &peer->secrets,
        .id = name_of(peer->config.id),
        .node = name_of(peer->config.node),
        .wanted = name_of(wanted),
        .version_max = peer->config.link_version_max,
    };
    random_bytes(config.nonce, sizeof(config.nonce));
    if (side == PEER_CONNECTS) {
        handshake_begin_initiator(&proof->handshake, &config, hello);
    } else {
        handshake_begin_responder(&proof->handshake, &config);
    }
    return &proof->filter;
}
