/* Both ways of proving oneself as filters, without sockets: what one says, the other hears. */
#include "peer/internal.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>

#include <stdlib.h>

struct end {
    struct peer peer;
    struct stream_filter *filter;
    struct buf wire;  /* what it has said and the other has not heard */
    struct buf plain; /* what it was told */
    enum err err;
};

/* As in the tests of the handshake. */
static struct secrets secrets_of(const char *letters)
{
    struct secrets secrets = {0};
    for (; *letters; letters++) {
        secret_extract(STR("test"), (struct str){letters, 1}, &secrets.of[secrets.count++]);
    }
    return secrets;
}

static void begin(struct end *end, const char *knows, bool tls, enum peer_side side)
{
    *end = (struct end){.peer = {.secrets = secrets_of(knows)}};
    end->peer.config.id = side == PEER_CONNECTS ? STR("g") : STR("w");
    end->peer.tls = peer_tls_create(&end->peer.secrets);
    end->filter = tls ? tls_filter_create(end->peer.tls, side, &end->wire)
                      : proof_filter_create(&end->peer, side, STR("w"), &end->wire);
}

static void finish(struct end *end)
{
    end->filter->destroy(end->filter);
    peer_tls_destroy(end->peer.tls);
    buf_finish(&end->wire);
    buf_finish(&end->plain);
}

static bool carry(struct end *from, struct end *to, size_t step)
{
    size_t len = buf_len(&from->wire) < step ? buf_len(&from->wire) : step;
    if (len == 0 || to->err) {
        return false;
    }
    if (to->filter->passes) {
        buf_append(&to->plain, buf_head(&from->wire), len);
    } else {
        to->err = to->filter->input(to->filter, buf_head(&from->wire), len, &to->plain, &to->wire);
    }
    buf_consume(&from->wire, len);
    return true;
}

static void run(struct end *one, struct end *other, size_t step)
{
    while (carry(one, other, step) || carry(other, one, step)) {
    }
}

static void say(struct end *end, struct str text)
{
    cr_assert(end->filter->open);
    if (end->filter->passes) {
        buf_append_str(&end->wire, text);
    } else {
        const uint8_t *data = (const uint8_t *)text.ptr;
        cr_assert(eq(int, end->filter->output(end->filter, data, text.len, &end->wire), ERR_OK));
    }
}

struct way {
    bool tls;
    size_t step;
};

ParameterizedTestParameters(filter, both_hear_each_other)
{
    static struct way cases[] = {{false, SIZE_MAX}, {false, 1}, {false, 100},
                                 {true, SIZE_MAX},  {true, 1},  {true, 100}};
    return cr_make_param_array(struct way, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct way *c, filter, both_hear_each_other)
{
    enum { LARGE = 300000 };
    struct end gateway, worker;
    char *large = calloc(1, LARGE);
    memset(large, 'x', LARGE);
    begin(&gateway, "a", c->tls, PEER_CONNECTS);
    begin(&worker, "a", c->tls, PEER_ACCEPTS);
    run(&gateway, &worker, c->step);
    cr_assert(eq(int, gateway.err, ERR_OK));
    cr_assert(eq(int, worker.err, ERR_OK));
    say(&gateway, STR("hello"));
    say(&worker, (struct str){large, LARGE});
    run(&gateway, &worker, c->step);
    cr_assert(str_eq(buf_str(&worker.plain), STR("hello")));
    cr_assert(str_eq(buf_str(&gateway.plain), (struct str){large, LARGE}));
    finish(&gateway);
    finish(&worker);
    free(large);
}

struct pair_case {
    char name[40];
    char gateway[4], worker[4];
    bool tls_there, tls_here;
    enum err want; /* of the worker */
};

ParameterizedTestParameters(filter, who_is_let_in)
{
    static struct pair_case cases[] = {
        {"TLS, the next secret by who connects", "ba", "ab", true, true, ERR_OK},
        {"TLS, the next secret by who listens", "ab", "ba", true, true, ERR_OK},
        {"TLS, another secret", "a", "b", true, true, ERR_REFUSED},
        {"TLS, one of the past", "ab", "b", true, true, ERR_REFUSED},
        {"another secret", "a", "b", false, false, ERR_REFUSED},
        {"TLS to who has none", "a", "a", true, false, ERR_MALFORMED},
        {"none to who has TLS", "a", "a", false, true, ERR_MALFORMED},
    };
    return cr_make_param_array(struct pair_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct pair_case *c, filter, who_is_let_in)
{
    struct end gateway, worker;
    begin(&gateway, c->gateway, c->tls_there, PEER_CONNECTS);
    begin(&worker, c->worker, c->tls_here, PEER_ACCEPTS);
    run(&gateway, &worker, SIZE_MAX);
    cr_assert(eq(int, worker.err, c->want), "%s", c->name);
    cr_assert(eq(int, worker.filter->open, c->want == ERR_OK), "%s", c->name);
    cr_assert(eq(int, gateway.filter->open, c->want == ERR_OK), "%s", c->name);
    cr_assert(eq(sz, buf_len(&worker.plain), 0));
    finish(&gateway);
    finish(&worker);
}

/* Nothing of what was said can be used again, or read. */
Test(filter, tls_hides_what_is_said)
{
    struct end gateway, worker;
    begin(&gateway, "a", true, PEER_CONNECTS);
    begin(&worker, "a", true, PEER_ACCEPTS);
    run(&gateway, &worker, SIZE_MAX);
    say(&gateway, STR("a word that is easy to find"));
    struct buf recording = {0};
    buf_append_str(&recording, buf_str(&gateway.wire));
    cr_assert(not(memmem(buf_head(&recording), buf_len(&recording), "easy", 4) != NULL));
    run(&gateway, &worker, SIZE_MAX);
    cr_assert(str_eq(buf_str(&worker.plain), STR("a word that is easy to find")));
    cr_assert(ne(int,
                 worker.filter->input(worker.filter, buf_head(&recording), buf_len(&recording),
                                      &worker.plain, &worker.wire),
                 ERR_OK));
    buf_finish(&recording);
    finish(&gateway);
    finish(&worker);
}

/* Who connects has proven itself with its last message, and begins at once: all sessions that are
 * to be resumed may come in one piece with that, and are not a stranger's bytes. */
Test(filter, tls_takes_whatever_comes_behind_the_proof)
{
    enum { LARGE = 300000 };
    struct end gateway, worker;
    char *large = calloc(1, LARGE);
    memset(large, 'x', LARGE);
    begin(&gateway, "a", true, PEER_CONNECTS);
    begin(&worker, "a", true, PEER_ACCEPTS);
    cr_assert(carry(&gateway, &worker, SIZE_MAX));
    cr_assert(carry(&worker, &gateway, SIZE_MAX));
    say(&gateway, (struct str){large, LARGE});
    run(&gateway, &worker, SIZE_MAX);
    cr_assert(eq(int, worker.err, ERR_OK));
    cr_assert(worker.filter->open);
    cr_assert(str_eq(buf_str(&worker.plain), (struct str){large, LARGE}));
    finish(&gateway);
    finish(&worker);
    free(large);
}

Test(filter, tls_takes_a_bounded_number_of_bytes_from_strangers)
{
    struct end worker;
    begin(&worker, "a", true, PEER_ACCEPTS);
    uint8_t header[] = {0x16, 3, 1, 0x40, 0}; /* a record that goes on for ever */
    uint8_t bytes[1024] = {1, 0, 0xff, 0xff};
    worker.err =
        worker.filter->input(worker.filter, header, sizeof(header), &worker.plain, &worker.wire);
    size_t taken = 0;
    while (!worker.err && taken < (1 << 20)) {
        worker.err =
            worker.filter->input(worker.filter, bytes, sizeof(bytes), &worker.plain, &worker.wire);
        taken += sizeof(bytes);
    }
    cr_assert(ne(int, worker.err, ERR_OK));
    cr_assert(le(sz, taken, 18 << 10));
    finish(&worker);
}
