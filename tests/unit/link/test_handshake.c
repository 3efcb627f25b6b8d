/* Two nodes that prove themselves to each other, and everybody who cannot. */
#include "link/handshake.h"

#include "link/version.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>

enum { GATEWAY, WORKER, SIDES };

struct side {
    struct handshake handshake;
    struct secrets secrets;
    struct buf out; /* what it has said and the other has not heard */
    enum err err;   /* ERR_AGAIN until it is over */
};

struct pair {
    struct side of[SIDES];
};

/* Secrets are named by letters: "ab" knows two and proves itself by the first. */
static struct secrets secrets_of(const char *letters)
{
    struct secrets secrets = {0};
    for (; *letters; letters++) {
        struct str text = {letters, 1};
        secret_extract(STR("test"), text, &secrets.of[secrets.count++]);
    }
    return secrets;
}

struct setting {
    const char *gateway_knows, *worker_knows;
    const char *wanted;
    uint64_t gateway_version, worker_version;
    uint8_t nonce; /* all of its bytes; the worker's is one more */
};

static void open_pair(struct pair *pair, const struct setting *setting)
{
    memset(pair, 0, sizeof(*pair));
    struct side *gateway = &pair->of[GATEWAY], *worker = &pair->of[WORKER];
    gateway->secrets = secrets_of(setting->gateway_knows ? setting->gateway_knows : "a");
    worker->secrets = secrets_of(setting->worker_knows ? setting->worker_knows : "a");
    struct handshake_config left = {.secrets = &gateway->secrets,
                                    .id = STR("n1-g1-x"),
                                    .node = STR("n1"),
                                    .wanted = str_of(setting->wanted ? setting->wanted : "n2-w1-y"),
                                    .version_max = setting->gateway_version};
    struct handshake_config right = {.secrets = &worker->secrets,
                                     .id = STR("n2-w1-y"),
                                     .node = STR("n2"),
                                     .version_max = setting->worker_version};
    memset(left.nonce, setting->nonce, sizeof(left.nonce));
    memset(right.nonce, setting->nonce + 1, sizeof(right.nonce));
    gateway->err = worker->err = ERR_AGAIN;
    handshake_begin_initiator(&gateway->handshake, &left, &gateway->out);
    handshake_begin_responder(&worker->handshake, &right);
}

static void close_pair(struct pair *pair)
{
    for (int i = 0; i < SIDES; i++) {
        handshake_finish(&pair->of[i].handshake);
        buf_finish(&pair->of[i].out);
    }
}

static void hear(struct side *side, const uint8_t *data, size_t len)
{
    size_t used;
    if (side->err == ERR_AGAIN) {
        side->err = handshake_input(&side->handshake, data, len, &used, &side->out);
        cr_assert(side->err || used == len, "what follows is none of its business");
    }
}

/* Carries what `from` has said to the other, `step` bytes at a time; false if that was nothing. */
static bool carry(struct pair *pair, int from, size_t step)
{
    struct side *speaker = &pair->of[from];
    size_t len = buf_len(&speaker->out);
    if (len == 0) {
        return false;
    }
    len = len < step ? len : step;
    hear(&pair->of[1 - from], buf_head(&speaker->out), len);
    buf_consume(&speaker->out, len);
    return true;
}

static void run(struct pair *pair, size_t step)
{
    while (carry(pair, GATEWAY, step) || carry(pair, WORKER, step)) {
    }
}

static void run_setting(struct pair *pair, const struct setting *setting)
{
    open_pair(pair, setting);
    run(pair, SIZE_MAX);
}

static void check_errs(const struct pair *pair, enum err gateway, enum err worker)
{
    cr_assert(eq(int, pair->of[GATEWAY].err, gateway));
    cr_assert(eq(int, pair->of[WORKER].err, worker));
}

/* ---- those who know the secret ---- */

Test(handshake, both_learn_who_the_other_is)
{
    const size_t steps[] = {1, 2, 3, 7, 50, SIZE_MAX};
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        struct pair pair;
        open_pair(&pair, &(struct setting){.nonce = 7});
        run(&pair, steps[i]);
        check_errs(&pair, ERR_OK, ERR_OK);
        const struct handshake *gateway = &pair.of[GATEWAY].handshake;
        const struct handshake *worker = &pair.of[WORKER].handshake;
        cr_assert(eq(int, gateway->state, HANDSHAKE_DONE));
        cr_assert(eq(int, worker->state, HANDSHAKE_DONE));
        cr_assert(zero(int, strcmp(gateway->peer_id, "n2-w1-y")));
        cr_assert(zero(int, strcmp(gateway->peer_node, "n2")));
        cr_assert(zero(int, strcmp(worker->peer_id, "n1-g1-x")));
        cr_assert(zero(int, strcmp(worker->peer_node, "n1")));
        cr_assert(eq(u64, gateway->version, LINK_VERSION_MAX));
        cr_assert(eq(u64, worker->version, LINK_VERSION_MAX));
        close_pair(&pair);
    }
}

/* Computed apart from this code, by proto/cluster.md. */
Test(handshake, tags_are_what_the_contract_says)
{
    static const uint8_t proof[] = {0x1f, 0x7e, 0x86, 0x87, 0x96, 0x01, 0xe3, 0xf5,
                                    0x7f, 0x62, 0xfb, 0xb1, 0xa0, 0x3a, 0x3d, 0x8c,
                                    0xd5, 0x7d, 0xcb, 0x3a, 0x95, 0xc5, 0xef, 0x15,
                                    0x13, 0x03, 0x23, 0xf2, 0xad, 0x87, 0x91, 0x80};
    static const uint8_t welcome[] = {0x1d, 0x9e, 0xa7, 0x5a, 0xd6, 0x18, 0x11, 0x8f,
                                      0x72, 0xbb, 0xb3, 0x5e, 0xa7, 0x68, 0xaa, 0xb1,
                                      0xed, 0x30, 0x30, 0xe2, 0x8c, 0xe9, 0xe5, 0x76,
                                      0x32, 0xe8, 0x7e, 0x6b, 0x66, 0xdd, 0xac, 0x13};
    struct pair pair;
    open_pair(&pair, &(struct setting){.nonce = 7});
    carry(&pair, GATEWAY, SIZE_MAX);
    carry(&pair, WORKER, SIZE_MAX);
    struct str said = buf_str(&pair.of[GATEWAY].out);
    cr_assert(eq(sz, said.len, 12 + sizeof(proof)));
    cr_assert(eq(int, memcmp(said.ptr + 12, proof, sizeof(proof)), 0));
    carry(&pair, GATEWAY, SIZE_MAX);
    said = buf_str(&pair.of[WORKER].out);
    cr_assert(eq(sz, said.len, 12 + 1 + 8 + 3 + sizeof(welcome)));
    cr_assert(eq(int, memcmp(said.ptr + 24, welcome, sizeof(welcome)), 0));
    close_pair(&pair);
}

Test(handshake, what_follows_is_left_alone)
{
    struct pair pair;
    size_t used;
    open_pair(&pair, &(struct setting){0});
    carry(&pair, GATEWAY, SIZE_MAX);
    carry(&pair, WORKER, SIZE_MAX);
    struct side *worker = &pair.of[WORKER];
    size_t proof = buf_len(&pair.of[GATEWAY].out);
    buf_append(&pair.of[GATEWAY].out, "frames", 6);
    cr_assert(eq(int,
                 handshake_input(&worker->handshake, buf_head(&pair.of[GATEWAY].out), proof + 6,
                                 &used, &worker->out),
                 ERR_OK));
    cr_assert(eq(sz, used, proof));
    close_pair(&pair);
}

struct rotation_case {
    char name[48];
    char gateway[4], worker[4];
    enum err want;
};

ParameterizedTestParameters(handshake, rotation)
{
    static struct rotation_case cases[] = {
        {"the same one", "a", "a", ERR_OK},
        {"the worker has heard of the next", "a", "ab", ERR_OK},
        {"the gateway has heard of the next", "ab", "a", ERR_OK},
        {"the gateway uses the next", "ba", "ab", ERR_OK},
        {"the worker uses the next", "ab", "ba", ERR_OK},
        {"the worker has forgotten the old", "ba", "b", ERR_OK},
        {"the gateway has forgotten the old", "b", "ba", ERR_OK},
        {"too early", "ba", "a", ERR_REFUSED},
        {"too late", "ab", "b", ERR_REFUSED},
        {"another one", "a", "b", ERR_REFUSED},
    };
    return cr_make_param_array(struct rotation_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct rotation_case *c, handshake, rotation)
{
    struct pair pair;
    run_setting(&pair, &(struct setting){.gateway_knows = c->gateway, .worker_knows = c->worker});
    check_errs(&pair, c->want ? ERR_AGAIN : ERR_OK, c->want);
    close_pair(&pair);
}

/* ---- versions ---- */

struct version_case {
    char name[40];
    uint64_t own, min, max, want;
};

ParameterizedTestParameters(handshake, version)
{
    static struct version_case cases[] = {
        {"the same", 2, 1, 2, 2},
        {"the peer is older", 2, 1, 1, 1},
        {"the peer is newer", 2, 1, 3, 2},
        {"the peer left ours behind", 2, 3, 4, 0},
        {"we are older", 1, 1, 2, 1},
        {"it wants more than we are to speak", 1, 2, 2, 0},
        {"older than any that we speak", 2, 0, 0, 0},
        {"upside down", 2, 2, 1, 0},
    };
    return cr_make_param_array(struct version_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct version_case *c, handshake, version)
{
    cr_assert(eq(u64, link_version_common(c->own, c->min, c->max), c->want), "%s", c->name);
}

Test(handshake, the_older_side_decides_on_the_version)
{
    for (uint64_t gateway = 1; gateway <= 2; gateway++) {
        for (uint64_t worker = 1; worker <= 2; worker++) {
            struct pair pair;
            run_setting(&pair,
                        &(struct setting){.gateway_version = gateway, .worker_version = worker});
            check_errs(&pair, ERR_OK, ERR_OK);
            uint64_t want = gateway < worker ? gateway : worker;
            cr_assert(eq(u64, pair.of[GATEWAY].handshake.version, want));
            cr_assert(eq(u64, pair.of[WORKER].handshake.version, want));
            close_pair(&pair);
        }
    }
}

/* ---- those who do not ---- */

Test(handshake, another_worker_is_not_taken_for_the_one_that_was_wanted)
{
    struct pair pair;
    run_setting(&pair, &(struct setting){.wanted = "n2-w1-before"});
    check_errs(&pair, ERR_REFUSED, ERR_REFUSED);
    close_pair(&pair);
}

Test(handshake, a_stranger_is_told_a_random_number_and_nothing_else)
{
    struct pair pair;
    open_pair(&pair, &(struct setting){.gateway_knows = "b", .nonce = 3});
    carry(&pair, GATEWAY, SIZE_MAX);
    struct str told = buf_str(&pair.of[WORKER].out);
    cr_assert(eq(sz, told.len, 12 + HANDSHAKE_NONCE_LEN));
    cr_assert(not(memmem(told.ptr, told.len, "n2", 2) != NULL));
    carry(&pair, WORKER, SIZE_MAX);
    carry(&pair, GATEWAY, SIZE_MAX);
    cr_assert(eq(int, pair.of[WORKER].err, ERR_REFUSED));
    cr_assert(eq(sz, buf_len(&pair.of[WORKER].out), 0));
    close_pair(&pair);
}

/* Everything that a gateway said once, said again to a worker with another nonce. */
Test(handshake, a_recording_is_worth_nothing)
{
    struct pair first, second;
    struct buf recording = {0};
    open_pair(&first, &(struct setting){.nonce = 1});
    for (int i = 0; i < 2; i++) {
        buf_append_str(&recording, buf_str(&first.of[GATEWAY].out));
        carry(&first, GATEWAY, SIZE_MAX);
        carry(&first, WORKER, SIZE_MAX);
    }
    check_errs(&first, ERR_OK, ERR_OK);
    open_pair(&second, &(struct setting){.nonce = 2});
    hear(&second.of[WORKER], buf_head(&recording), buf_len(&recording));
    cr_assert(eq(int, second.of[WORKER].err, ERR_REFUSED));
    buf_finish(&recording);
    close_pair(&first);
    close_pair(&second);
}

/* Who only knows how to repeat what it hears. */
Test(handshake, a_mirror_is_no_worker)
{
    struct pair pair;
    size_t used;
    open_pair(&pair, &(struct setting){.nonce = 1});
    struct side *gateway = &pair.of[GATEWAY];
    struct buf mirror = gateway->out;
    gateway->out = (struct buf){0};
    cr_assert(eq(int,
                 handshake_input(&gateway->handshake, buf_head(&mirror), buf_len(&mirror), &used,
                                 &gateway->out),
                 ERR_MALFORMED));
    buf_finish(&mirror);
    close_pair(&pair);
}

/* Any bit of any message, changed on the way: nobody is then taken for proven who is not told the
 * same as the other. */
Test(handshake, nothing_can_be_changed_on_the_way)
{
    for (unsigned turn = 0; turn < 4; turn++) {
        for (size_t bit = 0;; bit++) {
            struct pair pair;
            open_pair(&pair, &(struct setting){.nonce = 9});
            for (unsigned before = 0; before < turn; before++) {
                carry(&pair, before % 2, SIZE_MAX);
            }
            struct buf *message = &pair.of[turn % 2].out;
            bool over = bit >= 8 * buf_len(message);
            if (!over) {
                buf_head(message)[bit / 8] ^= (uint8_t)(1 << bit % 8);
                run(&pair, SIZE_MAX);
                /* The last message is all that the worker does not hear an answer to. */
                cr_assert(ne(int, pair.of[GATEWAY].err, ERR_OK), "turn %u bit %zu", turn, bit);
                cr_assert(turn == 3 || pair.of[WORKER].err != ERR_OK, "turn %u bit %zu", turn, bit);
            }
            close_pair(&pair);
            if (over) {
                break;
            }
        }
    }
}

struct noise_case {
    char name[40];
    char bytes[64];
};

ParameterizedTestParameters(handshake, noise)
{
    static struct noise_case cases[] = {
        {"a browser", "GET / HTTP/1.1\r\n"},
        {"TLS", "\x16\x03\x01\x02"},
        {"a frame", "\x01\x02"},
        {"another version of this", "roomd-link\x02"},
        {"a proof at once", "roomd-link\x01\x03"},
    };
    return cr_make_param_array(struct noise_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct noise_case *c, handshake, noise)
{
    struct pair pair;
    open_pair(&pair, &(struct setting){0});
    hear(&pair.of[WORKER], (const uint8_t *)c->bytes, strlen(c->bytes));
    cr_assert(eq(int, pair.of[WORKER].err, ERR_MALFORMED), "%s", c->name);
    cr_assert(eq(int, pair.of[WORKER].handshake.state, HANDSHAKE_FAILED), "%s", c->name);
    cr_assert(eq(sz, buf_len(&pair.of[WORKER].out), 0), "%s", c->name);
    close_pair(&pair);
}

Test(handshake, names_have_a_bound)
{
    struct pair pair;
    open_pair(&pair, &(struct setting){0});
    struct buf hail = {0};
    buf_append_str(&hail, STR("roomd-link\x01\x01\x01\x02"));
    for (int i = 0; i < HANDSHAKE_NONCE_LEN; i++) {
        buf_append_byte(&hail, 0);
    }
    buf_append_byte(&hail, HANDSHAKE_NAME_MAX + 1);
    for (int i = 0; i < HANDSHAKE_NAME_MAX + 3; i++) {
        buf_append_byte(&hail, 0);
    }
    buf_head(&hail)[buf_len(&hail) - 1] = 0;
    hear(&pair.of[WORKER], buf_head(&hail), buf_len(&hail));
    cr_assert(eq(int, pair.of[WORKER].err, ERR_MALFORMED));
    buf_finish(&hail);
    close_pair(&pair);
}
