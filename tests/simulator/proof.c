/* The ends of a link between two nodes, and the secret that they prove to know. */
#include "base/alloc.h"
#include "simulator/node_internal.h"

#include <stdlib.h>

static const struct secrets *secrets(void)
{
    static struct secrets known;
    struct buf why = {0};
    if (known.count == 0 && secrets_parse(STR("0123456789abcdef0123456789abcdef"), &known, &why)) {
        abort();
    }
    buf_finish(&why);
    return &known;
}

static void config_of(const char *id, const char *node_name, struct handshake_config *config)
{
    *config = (struct handshake_config){
        .secrets = secrets(), .id = str_of(id), .node = str_of(node_name)};
    for (size_t i = 0; i < sizeof(config->nonce); i++) {
        config->nonce[i] = (uint8_t)rnd();
    }
}

struct handshake *proof_ask(const struct gateway *gateway, const char *node_name, struct str worker,
                            struct buf *out)
{
    struct handshake *handshake = xcalloc(1, sizeof(*handshake));
    struct handshake_config config;
    config_of(gateway->id, node_name, &config);
    config.wanted = worker;
    handshake_begin_initiator(handshake, &config, out);
    return handshake;
}

struct handshake *proof_answer(const struct worker *worker, const char *node_name)
{
    struct handshake *handshake = xcalloc(1, sizeof(*handshake));
    struct handshake_config config;
    config_of(worker->id, node_name, &config);
    handshake_begin_responder(handshake, &config);
    return handshake;
}

void proof_finish(struct handshake *handshake)
{
    if (handshake) {
        handshake_finish(handshake);
        free(handshake);
    }
}
