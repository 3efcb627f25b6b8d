/* Workers and gateways of two nodes, on real sockets. */
#include "peer/listener.h"

#include "net/loop.h"
#include "net/tcp.h"
#include "peer/internal.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { PATIENCE_S = 30 };

struct end {
    struct stream *stream;
    struct buf output, heard;
    bool ended;
    enum err why;
    struct fixture *fixture;
};

struct fixture {
    struct event_base *base;
    char path[64];
    struct peer *here, *there; /* who listens, who connects */
    struct peer_listener *listener;
    struct end accepted, connected;
    unsigned accepts;
};

static enum err on_input(void *ctx, const uint8_t *data, size_t len, size_t *used)
{
    struct end *end = ctx;
    buf_append(&end->heard, data, len);
    *used = len;
    event_base_loopbreak(end->fixture->base);
    return ERR_OK;
}

static void on_end(void *ctx, enum err why)
{
    struct end *end = ctx;
    end->ended = true;
    end->why = why;
    event_base_loopbreak(end->fixture->base);
}

static const struct stream_handlers handlers = {.on_input = on_input, .on_end = on_end};

static void on_accepted(void *ctx, struct stream *stream)
{
    struct fixture *fixture = ctx;
    fixture->accepts++;
    fixture->accepted.stream = stream;
    stream_hand_over(stream, &fixture->accepted.output, &handlers, &fixture->accepted);
}

static void write_secret(struct fixture *fixture, const char *text)
{
    FILE *file = fopen(fixture->path, "w");
    cr_assert(file != NULL);
    fputs(text, file);
    fclose(file);
    chmod(fixture->path, 0600);
}

static struct peer *make_peer(struct fixture *fixture, const char *id, const char *secret)
{
    struct buf why = {0};
    struct peer *peer;
    struct peer_config config = {.id = str_of(id), .node = STR("n"), .secret_file = fixture->path};
    write_secret(fixture, secret);
    cr_assert(eq(int, peer_create(&config, &peer, &why), ERR_OK), "%.*s", STR_ARG(buf_str(&why)));
    return peer;
}

#define SECRET "0123456789abcdef0123456789abcdef"

static void begin(struct fixture *fixture, bool tls, const char *secret)
{
    *fixture = (struct fixture){0};
    fixture->accepted.fixture = fixture->connected.fixture = fixture;
    cr_assert(eq(int, loop_create(&fixture->base), ERR_OK));
    snprintf(fixture->path, sizeof(fixture->path), "/tmp/roomd-unit-secret-%d", (int)getpid());
    fixture->here = make_peer(fixture, "worker", SECRET);
    fixture->there = make_peer(fixture, "gateway", secret);
    struct peer_listen listen = {.address = {"127.0.0.1", 0}, .advertise = "127.0.0.1", .tls = tls};
    struct buf why = {0};
    cr_assert(eq(int,
                 peer_listener_create(fixture->here, fixture->base, &listen, on_accepted, fixture,
                                      &fixture->listener, &why),
                 ERR_OK));
}

static void connect_to(struct fixture *fixture, const char *address, const char *worker)
{
    struct buf why = {0};
    struct peer_target target = {str_of(address), str_of(worker)};
    fixture->connected.stream =
        peer_connect(fixture->there, fixture->base, &target, &fixture->connected.output, &handlers,
                     &fixture->connected, &why);
    cr_assert(fixture->connected.stream != NULL, "%.*s", STR_ARG(buf_str(&why)));
}

static void say(struct end *end, const char *text)
{
    buf_append_str(&end->output, str_of(text));
    stream_flush(end->stream);
}

static void await_text(struct fixture *fixture, struct end *end, const char *text)
{
    alarm(PATIENCE_S);
    while (!str_eq(buf_str(&end->heard), str_of(text)) && !end->ended) {
        event_base_dispatch(fixture->base);
    }
    alarm(0);
    cr_assert(str_eq(buf_str(&end->heard), str_of(text)));
}

static void await_end(struct fixture *fixture, struct end *end)
{
    alarm(PATIENCE_S);
    while (!end->ended) {
        event_base_dispatch(fixture->base);
    }
    alarm(0);
}

static void finish(struct fixture *fixture)
{
    struct end *ends[] = {&fixture->accepted, &fixture->connected};
    for (size_t i = 0; i < 2; i++) {
        stream_destroy(ends[i]->stream);
        buf_finish(&ends[i]->output);
        buf_finish(&ends[i]->heard);
    }
    peer_listener_destroy(fixture->listener);
    peer_destroy(fixture->here);
    peer_destroy(fixture->there);
    event_base_free(fixture->base);
    unlink(fixture->path);
}

static void talk(bool tls)
{
    struct fixture fixture;
    begin(&fixture, tls, SECRET);
    const char *remote = peer_listener_remote(fixture.listener);
    cr_assert(eq(int, strncmp(remote, tls ? "tls:127.0.0.1:" : "tcp:127.0.0.1:", 14), 0));
    connect_to(&fixture, remote, "worker");
    say(&fixture.connected, "said before anybody is there");
    await_text(&fixture, &fixture.accepted, "said before anybody is there");
    say(&fixture.accepted, "and answered");
    await_text(&fixture, &fixture.connected, "and answered");
    cr_assert(eq(uint, fixture.accepts, 1));
    finish(&fixture);
}

Test(peer, two_nodes_talk)
{
    talk(false);
}

Test(peer, two_nodes_talk_with_tls)
{
    talk(true);
}

static void be_refused(bool tls)
{
    struct fixture fixture;
    begin(&fixture, tls, "another secret that is long enough, too");
    connect_to(&fixture, peer_listener_remote(fixture.listener), "worker");
    say(&fixture.connected, "not for strangers");
    await_end(&fixture, &fixture.connected);
    cr_assert(eq(int, fixture.connected.why, ERR_REFUSED));
    cr_assert(eq(uint, fixture.accepts, 0));
    cr_assert(eq(sz, buf_len(&fixture.connected.output), strlen("not for strangers")));
    finish(&fixture);
}

Test(peer, who_knows_another_secret_is_refused)
{
    be_refused(false);
}

Test(peer, who_knows_another_secret_is_refused_with_tls)
{
    be_refused(true);
}

Test(peer, another_worker_at_the_address_is_refused)
{
    struct fixture fixture;
    begin(&fixture, false, SECRET);
    connect_to(&fixture, peer_listener_remote(fixture.listener), "the one before");
    await_end(&fixture, &fixture.connected);
    cr_assert(eq(int, fixture.connected.why, ERR_REFUSED));
    cr_assert(eq(uint, fixture.accepts, 0));
    finish(&fixture);
}

Test(peer, a_secret_that_is_no_good_changes_nothing)
{
    struct fixture fixture;
    struct buf why = {0};
    begin(&fixture, false, SECRET);
    write_secret(&fixture, "short");
    cr_assert(eq(int, peer_reload(fixture.here, &why), ERR_USAGE));
    connect_to(&fixture, peer_listener_remote(fixture.listener), "worker");
    say(&fixture.connected, "x");
    await_text(&fixture, &fixture.accepted, "x");
    write_secret(&fixture, SECRET SECRET "\n" SECRET);
    cr_assert(eq(int, peer_reload(fixture.here, &why), ERR_OK));
    buf_finish(&why);
    finish(&fixture);
}

/* They fill no table: the oldest of those who say nothing goes when one too many comes. */
Test(peer, strangers_make_room_for_each_other)
{
    struct fixture fixture;
    struct end strangers[PEER_STRANGERS_MAX + 2] = {0};
    begin(&fixture, false, SECRET);
    struct address address;
    const char *remote = peer_listener_remote(fixture.listener);
    cr_assert(eq(int, address_parse(str_of(remote + 4), &address), ERR_OK));
    for (size_t i = 0; i < PEER_STRANGERS_MAX + 2; i++) {
        strangers[i].fixture = &fixture;
        strangers[i].stream = stream_create(fixture.base, tcp_connect(&address),
                                            &strangers[i].output, &handlers, &strangers[i]);
    }
    await_end(&fixture, &strangers[1]);
    cr_assert(strangers[0].ended);
    cr_assert(not(strangers[2].ended));
    connect_to(&fixture, remote, "worker");
    say(&fixture.connected, "I am no stranger");
    await_text(&fixture, &fixture.accepted, "I am no stranger");
    for (size_t i = 0; i < PEER_STRANGERS_MAX + 2; i++) {
        stream_destroy(strangers[i].stream);
    }
    finish(&fixture);
}

/* Runs the loop for so long; how much CPU that took. */
static uint64_t run_for(struct fixture *fixture, unsigned ms)
{
    struct timeval time = {.tv_usec = (suseconds_t)ms * 1000};
    clock_t began = clock();
    event_base_loopexit(fixture->base, &time);
    event_base_dispatch(fixture->base);
    return (uint64_t)(clock() - began) * 1000 / CLOCKS_PER_SEC;
}

/* It waits for descriptors, rather than asking for one all the time, and nobody is turned away. */
Test(peer, who_comes_while_descriptors_have_run_out_waits)
{
    struct fixture fixture;
    struct rlimit limit;
    begin(&fixture, false, SECRET);
    connect_to(&fixture, peer_listener_remote(fixture.listener), "worker");
    say(&fixture.connected, "I have waited");
    int next = dup(0);
    close(next);
    getrlimit(RLIMIT_NOFILE, &limit);
    setrlimit(RLIMIT_NOFILE, &(struct rlimit){(rlim_t)next, limit.rlim_max});
    cr_assert(lt(u64, run_for(&fixture, 400), 200));
    cr_assert(eq(u32, fixture.accepts, 0));
    setrlimit(RLIMIT_NOFILE, &limit);
    await_text(&fixture, &fixture.accepted, "I have waited");
    finish(&fixture);
}

struct address_case {
    char address[40];
};

ParameterizedTestParameters(peer, addresses)
{
    static struct address_case cases[] = {
        {"tcp:nohost"},          {"tcp:name.of.a.host:1"},         {"tls:1.2.3:x"},
        {"http://127.0.0.1:80"}, {"unix:/nonexistent/roomd.sock"}, {""},
    };
    return cr_make_param_array(struct address_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct address_case *c, peer, addresses)
{
    struct fixture fixture;
    struct buf why = {0};
    begin(&fixture, false, SECRET);
    struct peer_target target = {str_of(c->address), STR("worker")};
    cr_assert(not(peer_connect(fixture.there, fixture.base, &target, &fixture.connected.output,
                               &handlers, &fixture.connected, &why) != NULL));
    cr_assert(gt(sz, buf_len(&why), 0), "%s", c->address);
    buf_finish(&why);
    finish(&fixture);
}
