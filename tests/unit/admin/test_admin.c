/* The operator's HTTP server, over a real socket in one loop. */
#include "admin/admin.h"
#include "net/listen.h"
#include "net/loop.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

static void check_text(const char *got, const char *want)
{
    cr_assert(zero(int, strcmp(got, want)), "got \"%s\", want \"%s\"", got, want);
}

struct fixture {
    struct event_base *base;
    struct admin *admin;
    uint16_t port;
    bool ready;
    bool answer_later; /* collect keeps its callback */
    admin_collected_fn done;
    void *arg;
};

static bool is_ready(void *ctx, struct buf *reasons)
{
    struct fixture *fixture = ctx;
    if (!fixture->ready) {
        buf_append_str(reasons, STR("redis: away\n"));
    }
    return fixture->ready;
}

static void collect(void *ctx, admin_collected_fn done, void *arg)
{
    struct fixture *fixture = ctx;
    if (fixture->answer_later) {
        fixture->done = done;
        fixture->arg = arg;
        event_base_loopbreak(fixture->base);
    } else {
        done(arg, NULL, 0);
    }
}

static const struct admin_source source = {.ready = is_ready, .collect = collect};

static void start(struct fixture *fixture)
{
    struct address wanted, bound;
    struct buf why = {0};
    int fd;
    cr_assert(eq(int, loop_create(&fixture->base), ERR_OK));
    cr_assert(eq(int, address_parse(STR("127.0.0.1:0"), &wanted), ERR_OK));
    cr_assert(eq(int, listen_open(&wanted, LISTEN_ALONE, &fd, &bound, &why), ERR_OK));
    fixture->port = bound.port;
    fixture->admin = admin_create(fixture->base, fd, 1 << 20, &source, fixture);
}

static void finish(struct fixture *fixture)
{
    admin_destroy(fixture->admin);
    event_base_free(fixture->base);
}

static void on_end(struct bufferevent *bev, short what, void *ctx)
{
    (void)bev;
    (void)what;
    event_base_loopbreak(ctx);
}

static struct bufferevent *send_request(struct fixture *fixture, const char *line)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(fixture->port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct bufferevent *bev = bufferevent_socket_new(fixture->base, -1, BEV_OPT_CLOSE_ON_FREE);
    bufferevent_setcb(bev, NULL, NULL, NULL, NULL);
    bufferevent_enable(bev, EV_READ | EV_WRITE);
    evbuffer_add_printf(bufferevent_get_output(bev),
                        "%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", line);
    cr_assert(eq(int, bufferevent_socket_connect(bev, (struct sockaddr *)&to, sizeof(to)), 0));
    return bev;
}

/* The whole answer, to be freed. */
static char *ask(struct fixture *fixture, const char *line)
{
    struct bufferevent *bev = send_request(fixture, line);
    char *answer = NULL;
    size_t len = 0;
    bufferevent_setcb(bev, NULL, NULL, on_end, fixture->base);
    do { /* the first event is "connected" */
        event_base_dispatch(fixture->base);
        len = evbuffer_get_length(bufferevent_get_input(bev));
    } while (len == 0);
    answer = calloc(1, len + 1);
    bufferevent_read(bev, answer, len);
    bufferevent_free(bev);
    return answer;
}

static void check(struct fixture *fixture, const char *line, const char *status, const char *part)
{
    char *answer = ask(fixture, line);
    cr_assert(eq(int, strncmp(answer, status, strlen(status)), 0), "%s: %s", line, answer);
    cr_assert(strstr(answer, part) != NULL, "%s: %s", line, answer);
    free(answer);
}

Test(admin, answers_each_page)
{
    struct fixture fixture = {.ready = true};
    start(&fixture);
    check(&fixture, "GET /healthz", "HTTP/1.1 200", "\r\n\r\nok\n");
    check(&fixture, "GET /healthz?x=1", "HTTP/1.1 200", "ok\n");
    check(&fixture, "GET /readyz", "HTTP/1.1 200", "ready\n");
    check(&fixture, "GET /metrics", "HTTP/1.1 200", "version=0.0.4");
    check(&fixture, "GET /metrics", "HTTP/1.1 200", "roomd_build_info{");
    check(&fixture, "GET /", "HTTP/1.1 200", "/metrics");
    check(&fixture, "GET /other", "HTTP/1.1 404", "not found");
    check(&fixture, "POST /healthz", "HTTP/1.1 405", "Allow: GET, HEAD");
    check(&fixture, "DELETE /metrics", "HTTP/1.1 405", "Allow: GET, HEAD");
    fixture.ready = false;
    check(&fixture, "GET /readyz", "HTTP/1.1 503", "redis: away\n");
    finish(&fixture);
}

Test(admin, head_has_the_headers_and_no_body)
{
    struct fixture fixture = {.ready = true};
    start(&fixture);
    char *answer = ask(&fixture, "HEAD /readyz");
    cr_assert(strstr(answer, "Content-Length: 6\r\n") != NULL, "%s", answer);
    check_text(strstr(answer, "\r\n\r\n"), "\r\n\r\n");
    free(answer);
    finish(&fixture);
}

Test(admin, a_client_may_leave_while_figures_are_collected)
{
    struct fixture fixture = {.answer_later = true};
    start(&fixture);
    struct bufferevent *bev = send_request(&fixture, "GET /metrics");
    event_base_dispatch(fixture.base); /* until collect is asked */
    bufferevent_free(bev);
    for (int turns = 0; turns < 5; turns++) {
        event_base_loop(fixture.base, EVLOOP_NONBLOCK);
    }
    fixture.done(fixture.arg, NULL, 0);
    event_base_loop(fixture.base, EVLOOP_NONBLOCK);
    fixture.answer_later = false;
    check(&fixture, "GET /metrics", "HTTP/1.1 200", "roomd_build_info");
    finish(&fixture);
}
