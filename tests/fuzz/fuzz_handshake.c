/* Any bytes as what a stranger says before it has proven itself. The first byte says to whom: even,
 * who listens; odd, who connects. Whole and in pieces they lead to the same end, a bounded number
 * of them is kept, and who has not proven itself is told no more than it must be. */
#include "link/handshake.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An assertion that is there in every build. */
#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            __builtin_trap();                                                                      \
        }                                                                                          \
    } while (0)

enum { CHALLENGE_LEN = 12 + HANDSHAKE_NONCE_LEN, PROOF_LEN = 12 + SECRET_KEY_LEN };

struct outcome {
    enum err err;
    size_t used;
    struct buf said;
};

static void begin(struct handshake *handshake, bool connects, struct buf *out)
{
    static struct secrets secrets; /* that of the seeds */
    secrets.count = 1;
    secret_extract(STR("test"), STR("a"), &secrets.of[0]);
    struct handshake_config config = {
        .secrets = &secrets, .id = STR("me"), .node = STR("here"), .wanted = STR("you")};
    memset(config.nonce, 5, sizeof(config.nonce));
    if (connects) {
        handshake_begin_initiator(handshake, &config, out);
        buf_clear(out, 0);
    } else {
        handshake_begin_responder(handshake, &config);
    }
}

static struct outcome run(const uint8_t *data, size_t size, bool connects, size_t step)
{
    struct outcome outcome = {.err = ERR_AGAIN};
    struct handshake handshake;
    begin(&handshake, connects, &outcome.said);
    while (outcome.err == ERR_AGAIN && outcome.used < size) {
        size_t len = size - outcome.used < step ? size - outcome.used : step;
        size_t used;
        outcome.err = handshake_input(&handshake, data + outcome.used, len, &used, &outcome.said);
        MUST(used <= len && (used == len || outcome.err != ERR_AGAIN));
        outcome.used += used;
        /* What it says ahead of the peer's proof. */
        MUST(outcome.err == ERR_OK ||
             buf_len(&outcome.said) <= (connects ? PROOF_LEN : CHALLENGE_LEN) ||
             handshake.state == HANDSHAKE_FAILED);
        MUST(buf_len(&handshake.transcript) <= HANDSHAKE_BYTES_MAX + 512);
    }
    MUST((outcome.err == ERR_OK) == (handshake.state == HANDSHAKE_DONE));
    handshake_finish(&handshake);
    return outcome;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    bool connects = data[0] & 1;
    struct outcome whole = run(data + 1, size - 1, connects, SIZE_MAX);
    for (size_t step = 1; step < 64; step = 2 * step + 1) {
        struct outcome pieces = run(data + 1, size - 1, connects, step);
        MUST(pieces.err == whole.err);
        MUST(str_eq(buf_str(&pieces.said), buf_str(&whole.said)));
        MUST(whole.err || pieces.used == whole.used);
        buf_finish(&pieces.said);
    }
    buf_finish(&whole.said);
    return 0;
}
