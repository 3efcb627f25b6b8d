/* The API over a real socket, in front of a source that writes down what it is asked. */
#include "admin/admin.h"
#include "net/listen.h"
#include "net/loop.h"
#include "value/json.h"
#include "value/pack.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

struct fixture {
    struct event_base *base;
    struct admin *admin;
    uint16_t port;
    char asked[256];
    enum link_status status; /* what a request of a room is answered */
    bool streams;            /* or with a snapshot */
    bool later;              /* move keeps its call */
    struct admin_call *call; /* kept */
};

static struct fixture f;

static bool is_ready(void *ctx, struct buf *reasons)
{
    (void)ctx;
    (void)reasons;
    return true;
}

static void collect(void *ctx, admin_collected_fn done, void *arg)
{
    (void)ctx;
    done(arg, NULL, 0);
}

static void list_rooms(void *ctx, const struct admin_room_query *query, struct admin_call *call)
{
    struct admin_room rooms[] = {{.name = STR("a")}, {.name = STR("b")}};
    (void)ctx;
    snprintf(f.asked, sizeof(f.asked), "list %llu %llu %.*s%s%.*s",
             (unsigned long long)query->cursor, (unsigned long long)query->limit,
             STR_ARG(query->worker), query->node.len > 0 ? " of " : "", STR_ARG(query->node));
    if (query->by_state) {
        strcat(f.asked, room_state_name(query->state));
    }
    admin_add_room(call, &rooms[0]);
    admin_add_room(call, &rooms[1]);
    admin_answer_rooms(call, query->cursor ? 0 : UINT64_MAX);
}

static void show_room(void *ctx, struct str name, struct admin_call *call)
{
    struct admin_room room = {.name = name};
    (void)ctx;
    admin_answer_room(call, &room);
}

static void move(void *ctx, struct str room, struct str worker, struct admin_call *call)
{
    struct admin_moved moved = {
        .room = room, .from = STR("w1"), .owner = worker, .node = STR("n"), .epoch = 2};
    (void)ctx;
    snprintf(f.asked, sizeof(f.asked), "move %.*s %.*s", STR_ARG(room), STR_ARG(worker));
    if (f.later) {
        f.call = call;
        event_base_loopbreak(f.base);
    } else {
        admin_answer_moved(call, &moved);
    }
}

static void release(void *ctx, struct str room, struct admin_call *call)
{
    (void)ctx;
    snprintf(f.asked, sizeof(f.asked), "release %.*s", STR_ARG(room));
    admin_answer_released(call, room, true);
}

static void drain(void *ctx, struct str worker, bool on, bool force, struct admin_call *call)
{
    (void)ctx;
    snprintf(f.asked, sizeof(f.asked), "drain %.*s %d %d", STR_ARG(worker), on, force);
    admin_answer_drain(call, "id", "worker-1", on, true);
}

static void list_workers(void *ctx, struct admin_call *call)
{
    struct admin_worker worker = {.id = STR("w1"), .node = STR("n")};
    (void)ctx;
    admin_add_worker(call, &worker);
    admin_add_worker(call, &worker);
    admin_answer_workers(call);
}

static void list_nodes(void *ctx, struct admin_call *call)
{
    (void)ctx;
    admin_answer_nodes(call);
}

static void begin_rebalance(void *ctx, struct admin_call *call)
{
    (void)ctx;
    snprintf(f.asked, sizeof(f.asked), "begin rebalance");
    admin_answer_rebalance(call, STR("next"));
}

static void show_rebalance(void *ctx, struct admin_call *call)
{
    (void)ctx;
    snprintf(f.asked, sizeof(f.asked), "show rebalance");
    admin_answer_rebalance(call, (struct str){0});
}

static void drain_node(void *ctx, struct str node, bool on, bool force, struct admin_call *call)
{
    (void)ctx;
    snprintf(f.asked, sizeof(f.asked), "drain node %.*s %d %d", STR_ARG(node), on, force);
    admin_answer_node_drain(call, "n", on, true);
}

static void on_drained(void *arg)
{
    uint8_t tombstones[] = {0x81, 0xa1, 'a', 7};
    uint8_t nil[] = {0xc0};
    admin_snapshot_piece(arg, LINK_PIECE_TOMBSTONES, (struct value){tombstones, 4});
    admin_snapshot_piece(arg, LINK_PIECE_END, (struct value){nil, 1});
}

static void on_gone(void *arg)
{
    snprintf(f.asked, sizeof(f.asked), "gone");
    admin_snapshot_break(arg);
}

static void stream(struct admin_call *call)
{
    static const struct admin_snapshot_handlers handlers = {on_drained, on_gone};
    uint8_t head[] = {0x81, 0xa1, 'c', 7};
    if (admin_snapshot_begin(call, &handlers, call)) {
        admin_snapshot_piece(call, LINK_PIECE_HEAD, (struct value){head, 4});
    }
}

static void request(void *ctx, const struct admin_request *request, struct admin_call *call)
{
    uint8_t payload[] = {0x81, 0xa5, 'c', 'l', 'o', 'c', 'k', 9};
    struct buf operand = {0};
    (void)ctx;
    json_write(buf_value(request->operand), &operand);
    snprintf(f.asked, sizeof(f.asked), "%d %.*s %.*s %.*s", (int)request->verb,
             STR_ARG(request->room), STR_ARG(request->target), STR_ARG(buf_str(&operand)));
    buf_finish(&operand);
    if (f.streams) {
        stream(call);
    } else {
        admin_answer_request(call, f.status, (struct value){payload, 8}, STR("because"));
    }
}

static const struct admin_source source = {
    .ready = is_ready,
    .collect = collect,
    .list_rooms = list_rooms,
    .room = show_room,
    .move = move,
    .release = release,
    .drain = drain,
    .list_workers = list_workers,
    .list_nodes = list_nodes,
    .drain_node = drain_node,
    .begin_rebalance = begin_rebalance,
    .show_rebalance = show_rebalance,
    .request = request,
};

static void setup(void)
{
    struct address wanted, bound;
    struct buf why = {0};
    int fd;
    f = (struct fixture){0};
    cr_assert(eq(int, loop_create(&f.base), ERR_OK));
    cr_assert(eq(int, address_parse(STR("127.0.0.1:0"), &wanted), ERR_OK));
    cr_assert(eq(int, listen_open(&wanted, LISTEN_ALONE, &fd, &bound, &why), ERR_OK));
    f.port = bound.port;
    f.admin = admin_create(f.base, fd, 1 << 20, &source, NULL);
}

static void teardown(void)
{
    admin_destroy(f.admin);
    event_base_free(f.base);
}

TestSuite(api, .init = setup, .fini = teardown);

static void on_end(struct bufferevent *bev, short what, void *ctx)
{
    (void)bev;
    (void)what;
    event_base_loopbreak(ctx);
}

static struct bufferevent *ask(const char *line, const char *headers, const char *body)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(f.port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct bufferevent *bev = bufferevent_socket_new(f.base, -1, BEV_OPT_CLOSE_ON_FREE);
    bufferevent_enable(bev, EV_READ | EV_WRITE);
    evbuffer_add_printf(bufferevent_get_output(bev),
                        "%s HTTP/1.1\r\nHost: x:1\r\nConnection: close\r\nContent-Length: "
                        "%zu\r\n%s\r\n%s",
                        line, strlen(body), headers, body);
    cr_assert(eq(int, bufferevent_socket_connect(bev, (struct sockaddr *)&to, sizeof(to)), 0));
    return bev;
}

static void check(struct bufferevent *bev, const char *status, const char *part)
{
    size_t len;
    bufferevent_setcb(bev, NULL, NULL, on_end, f.base);
    do { /* the first event is "connected" */
        event_base_dispatch(f.base);
        len = evbuffer_get_length(bufferevent_get_input(bev));
    } while (len == 0);
    char *answer = calloc(1, len + 1);
    bufferevent_read(bev, answer, len);
    bufferevent_free(bev);
    cr_assert(eq(int, strncmp(answer + 9, status, 3), 0), "%s: %s", status, answer);
    cr_assert(strstr(answer, part) != NULL, "%s is not in %s", part, answer);
    bool problem = strstr(answer, "Content-Type: application/problem+json") != NULL;
    cr_assert(eq(int, problem, status[0] != '2'), "%s", answer);
    free(answer);
}

static void asked(const char *want)
{
    cr_assert(zero(int, strcmp(f.asked, want)), "got \"%s\", want \"%s\"", f.asked, want);
    f.asked[0] = '\0';
}

Test(api, asks_the_source_and_says_what_it_said)
{
    check(ask("GET /v1/processes", "", ""), "200", "{\"processes\":[]}");
    check(ask("GET /v1/rooms", "", ""), "200", "},{\"id\":\"b\"");
    asked("list 0 100 ");
    check(ask("GET /v1/rooms?limit=5&worker=a%20b+c", "", ""), "200",
          "],\"cursor\":\"18446744073709551615\"}");
    asked("list 0 5 a b c");
    check(ask("GET /v1/rooms?cursor=7", "", ""), "200", "],\"cursor\":null}");
    asked("list 7 100 ");
    check(ask("GET /v1/rooms/a%2Fb", "", ""), "200", "{\"id\":\"a/b\",");
    check(ask("POST /v1/rooms/a/move", "", "{\"worker\":\"w2\",\"more\":1}"), "200",
          "{\"id\":\"a\",\"moved\":true,\"from\":\"w1\",\"owner\":\"w2\",\"worker\":null,"
          "\"node\":\"n\",\"epoch\":2}");
    asked("move a w2");
    check(ask("DELETE /v1/rooms/a/quarantine", "", ""), "200", "\"released\":true");
    asked("release a");
    check(ask("POST /v1/workers/w/drain", "", ""), "200",
          "{\"worker\":\"worker-1\",\"id\":\"id\",\"draining\":true,\"changed\":true}");
    asked("drain w 1 0");
    check(ask("POST /v1/workers/w/drain", "", "{\"force\":true}"), "200", "\"draining\":true");
    asked("drain w 1 1");
    check(ask("DELETE /v1/workers/w/drain", "", ""), "200", "\"draining\":false");
    asked("drain w 0 0");
}

Test(api, shows_the_cluster_and_drains_nodes_of_it)
{
    check(ask("GET /v1/rooms?node=n.1&cursor=7", "", ""), "200", "\"cursor\":null}");
    asked("list 7 100  of n.1");
    check(ask("GET /v1/rooms?state=open", "", ""), "200", "\"rooms\":[");
    asked("list 0 100 open");
    check(ask("GET /v1/workers", "", ""), "200", "{\"workers\":[{\"id\":\"w1\",");
    check(ask("GET /v1/nodes", "", ""), "200", "{\"nodes\":[]}");
    check(ask("POST /v1/nodes/n/drain", "", ""), "200",
          "{\"node\":\"n\",\"draining\":true,\"changed\":true}");
    asked("drain node n 1 0");
    check(ask("POST /v1/nodes/n/drain", "", "{\"force\":true}"), "200", "\"draining\":true");
    asked("drain node n 1 1");
    check(ask("DELETE /v1/nodes/n/drain", "", ""), "200", "\"draining\":false");
    asked("drain node n 0 0");
    check(ask("POST /v1/nodes/n/drain", "", "{\"force\":0}"), "400", "bad-request");
    asked("");
}

Test(api, says_which_rebalancing_was_begun_last)
{
    check(ask("GET /v1/rebalance", "", ""), "200", "{\"id\":null}");
    asked("show rebalance");
    check(ask("POST /v1/rebalance", "", ""), "200", "{\"id\":\"next\"}");
    asked("begin rebalance");
    check(ask("DELETE /v1/rebalance", "", ""), "405", "Allow: GET, HEAD, POST\r\n");
    asked("");
}

Test(api, refuses_what_is_not_as_it_should_be_and_asks_nobody)
{
    check(ask("GET /v1/rooms?limit=0", "", ""), "400", "bad-request");
    check(ask("GET /v1/rooms?limit=1001", "", ""), "400", "bad-request");
    check(ask("GET /v1/rooms?cursor=", "", ""), "400", "bad-request");
    check(ask("GET /v1/rooms?state=ajar", "", ""), "400", "is no state");
    check(ask("GET /v1/rooms?worker=%00", "", ""), "400", "has a control character");
    check(ask("POST /v1/rooms/a/move", "", ""), "400", "bad-request");
    check(ask("POST /v1/rooms/a/move", "", "[]"), "400", "no JSON object");
    check(ask("POST /v1/rooms/a/move", "", "{\"worker\":1}"), "400", "bad-request");
    check(ask("POST /v1/workers/w/drain", "", "{\"force\":0}"), "400", "bad-request");
    check(ask("GET /v1/rooms/a/move", "", ""), "405", "Allow: POST\r\n");
    check(ask("GET /v1/other", "", ""), "404", "no-page");
    asked("");
}

Test(api, is_not_for_pages_of_other_sites)
{
    check(ask("POST /v1/workers/w/drain", "Origin: http://y:1\r\n", ""), "403", "foreign-origin");
    check(ask("DELETE /v1/rooms/a/quarantine", "Origin: null\r\n", ""), "403", "foreign-origin");
    asked("");
    check(ask("POST /v1/workers/w/drain", "Origin: http://x:1\r\n", ""), "200", "draining");
    check(ask("GET /v1/rooms/a", "Origin: http://y:1\r\n", ""), "200", "\"id\":\"a\"");
}

Test(api, bounds_its_bodies)
{
    char *body = malloc(65538);
    memset(body, ' ', 65537);
    body[65537] = '\0';
    check(ask("POST /v1/workers/w/drain", "", body), "413", "too-large");
    free(body);
    asked("");
}

Test(api, an_answer_may_come_late_or_for_nobody)
{
    f.later = true;
    struct bufferevent *bev = ask("POST /v1/rooms/a/move", "", "{\"worker\":\"w\"}");
    event_base_dispatch(f.base); /* until move is asked */
    admin_answer_problem(f.call, PROBLEM_TIMEOUT, "%d s", 20);
    check(bev, "504", "\"detail\":\"20 s\"");

    bev = ask("POST /v1/rooms/a/move", "", "{\"worker\":\"w\"}");
    event_base_dispatch(f.base);
    bufferevent_free(bev);
    for (int turns = 0; turns < 5; turns++) {
        event_base_loop(f.base, EVLOOP_NONBLOCK);
    }
    admin_answer_problem(f.call, PROBLEM_TIMEOUT, "nobody hears it");
    f.later = false;
    check(ask("DELETE /v1/rooms/a/quarantine", "", ""), "200", "\"released\":true");
}

/* ---- what is done in rooms ---- */

Test(api, carries_what_is_wanted_of_a_room)
{
    check(ask("GET /v1/rooms/a%2Fb/records/s%3A1", "", ""), "200", "{\"clock\":9}");
    asked("5 a/b s:1 null");
    check(ask("GET /v1/rooms/a/objects", "", ""), "200", "{\"clock\":9}");
    asked("4 a  null");
    check(ask("POST /v1/rooms/a/update", "", "{\"deletes\":[\"x\"],\"expectedClock\":3}"), "200",
          "{\"clock\":9}");
    asked("1 a  {\"deletes\":[\"x\"],\"expectedClock\":3}");
    check(ask("PUT /v1/rooms/a/snapshot", "", "{\"documents\":[]}"), "200", "{\"clock\":9}");
    asked("2 a  {\"documents\":[]}");
    check(ask("PATCH /v1/rooms/a/sessions/s", "", "{\"isReadonly\":true}"), "200", "9");
    asked("8 a s true");
    check(ask("DELETE /v1/rooms/a/sessions/s", "", ""), "200",
          "{\"id\":\"a\",\"sessionId\":\"s\",\"closed\":true}");
    asked("9 a s null");
    check(ask("DELETE /v1/rooms/a/sessions/s?reason=no+more%21", "", ""), "200", "closed");
    asked("9 a s \"no more!\"");
    check(ask("POST /v1/rooms/a/sessions/s/custom", "", "[1]"), "200", "\"sent\":true");
    asked("10 a s [1]");
    check(ask("DELETE /v1/rooms/a", "", ""), "200", "{\"id\":\"a\",\"deleted\":true,\"clock\":9}");
    asked("11 a  null");
}

Test(api, a_snapshot_comes_as_its_client_takes_it)
{
    f.streams = true;
    check(ask("GET /v1/rooms/a/snapshot", "", ""), "200", "{\"c\":7,\"documents\":[");
    struct bufferevent *bev = ask("HEAD /v1/rooms/a/snapshot", "", "");
    check(bev, "200", "Content-Type: application/json\r\n");
}

struct refusal_case {
    enum link_status status;
    char code[4], name[24];
};

Test(api, says_what_a_room_did_not_do)
{
    static const struct refusal_case cases[] = {
        {LINK_STATUS_UNKNOWN, "503", "outcome-unknown"},
        {LINK_STATUS_NO_SESSION, "404", "no-session"},
        {LINK_STATUS_NOT_CONNECTED, "409", "not-connected"},
        {LINK_STATUS_NO_RECORD, "404", "no-record"},
        {LINK_STATUS_MALFORMED, "400", "bad-request"},
        {LINK_STATUS_INVALID, "422", "invalid-record"},
        {LINK_STATUS_CLOCK, "409", "its clock is 9"},
        {LINK_STATUS_TOO_LARGE, "413", "too-large"},
        {LINK_STATUS_NO_SCHEMA, "409", "no-schema"},
        {LINK_STATUS_MIGRATION, "422", "because"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        f.status = cases[i].status;
        check(ask("DELETE /v1/rooms/a/sessions/s", "", ""), cases[i].code, cases[i].name);
    }
}

Test(api, asks_no_room_for_what_makes_no_sense)
{
    static const char *const updates[] = {"",
                                          "{",
                                          "[]",
                                          "{\"puts\":{}}",
                                          "{\"puts\":[1]}",
                                          "{\"puts\":[{\"id\":\"a\"}]}",
                                          "{\"deletes\":[1]}",
                                          "{\"expectedClock\":1.5}",
                                          "{\"other\":1}"};
    for (size_t i = 0; i < sizeof(updates) / sizeof(updates[0]); i++) {
        check(ask("POST /v1/rooms/a/update", "", updates[i]), "400", "bad-request");
    }
    check(ask("POST /v1/rooms/a/update", "", "{\"puts\":[],}"), "400", "malformed at byte 11");
    check(ask("POST /v1/rooms/a/update", "Content-Type: text/html\r\n", "{}"), "415", "media-type");
    check(ask("POST /v1/rooms/a/update?x", "", "{}"), "400", "no query");
    check(ask("POST /v1/rooms/a/update", "Origin: http://y:1\r\n", "{}"), "403", "foreign-origin");
    check(ask("PUT /v1/rooms/a/snapshot", "", "{\"store\":[]}"), "400", "neither");
    check(ask("PATCH /v1/rooms/a/sessions/s", "", "{}"), "400", "$.isReadonly");
    check(ask("PATCH /v1/rooms/a/sessions/s", "", "{\"isReadonly\":true,\"x\":1}"), "400", "x");
    check(ask("DELETE /v1/rooms/a/sessions/s?reason=%00", "", ""), "400", "control character");
    check(ask("DELETE /v1/rooms/a/sessions/s?reason=a&b=c", "", ""), "400", "nothing else");
    asked("");
    check(ask("POST /v1/rooms/a/update", "Content-Type: application/json; charset=utf-8\r\n", "{}"),
          "200", "clock");
    check(ask("POST /v1/rooms/a/update", "Content-Type: application/x+json\r\n", "{}"), "200", "9");
}
