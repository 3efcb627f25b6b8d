/* Client sockets: accepted, through the HTTP head, then frames to and from the edge. What is
 * written is in writing.c. */
#include "base/alloc.h"
#include "base/clock.h"
#include "base/metrics.h"
#include "base/random.h"
#include "gateway/client.h"
#include "gateway/pages.h"
#include "gateway/request.h"
#include "net/listen.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    READ_SIZE = 64 << 10,
    ACCEPTS_PER_TURN = 64,
    ACCEPT_PAUSE_MS = 100,
};

void client_close(struct client *client)
{
    if (client->state == CLIENT_ENDED) {
        return;
    }
    client->state = CLIENT_ENDED;
    event_del(&client->read);
    if (client->write) {
        event_free(client->write);
        client->write = NULL;
    }
    close(client->fd);
    edge_conn_destroy(client->conn, client_now(client));
    client->conn = NULL;
    list_remove(&client->wait_link);
    list_remove(&client->ready_link);
    list_append(&client->gateway->ended, &client->ready_link);
}

static void client_free(struct client *client)
{
    list_remove(&client->link);
    list_remove(&client->ready_link);
    request_destroy(client->request);
    outq_finish(&client->out);
    free(client);
    metrics_add(METRIC_CONNECTIONS, -1);
}

void client_linger(struct client *client)
{
    client->state = CLIENT_LINGERING;
    shutdown(client->fd, SHUT_WR);
    event_add(&client->read, NULL);
    client->wait_due = client_now(client) + LINGER_MS;
    list_remove(&client->wait_link);
    list_append(&client->gateway->lingers, &client->wait_link);
}

static void client_ready(struct client *client)
{
    if (list_empty(&client->ready_link) && client->state != CLIENT_ENDED) {
        list_append(&client->gateway->ready, &client->ready_link);
    }
}

void clients_host_ready(void *ctx, void *user)
{
    (void)ctx;
    client_ready(user);
}

void clients_host_read(void *ctx, void *user, bool on)
{
    struct client *client = user;
    (void)ctx;
    if (client->state != CLIENT_WEBSOCKET) {
        return;
    }
    if (on) {
        event_add(&client->read, NULL);
    } else {
        event_del(&client->read);
    }
}

void clients_host_end(void *ctx, void *user, bool abort)
{
    struct client *client = user;
    (void)ctx;
    if (client->state != CLIENT_WEBSOCKET && !(abort && client->state == CLIENT_ENDING)) {
        return;
    }
    client->state = CLIENT_ENDING;
    event_del(&client->read);
    if (abort) {
        /* A peer that does not read gets no goodbye, and its socket's memory is wanted back. */
        struct linger reset = {.l_onoff = 1};
        setsockopt(client->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
        shutdown(client->fd, SHUT_RDWR);
    }
    client_ready(client);
}

/* ---- the HTTP head ---- */

static void answer_and_end(struct client *client, struct buf *response)
{
    outq_append(&client->out, buf_head(response), buf_len(response));
    buf_finish(response);
    client->state = CLIENT_ENDING;
    event_del(&client->read);
    list_remove(&client->wait_link);
    client_ready(client);
}

static void refuse_with(struct client *client, struct buf *response)
{
    metrics_add(METRIC_UPGRADES_REFUSED, 1);
    answer_and_end(client, response);
}

static void refuse(struct client *client, int status, const char *phrase, const char *extra,
                   const char *text)
{
    struct buf response = {0};
    pages_write_error(&response, status, phrase, extra, text);
    refuse_with(client, &response);
}

static void upgrade(struct client *client, const struct connect_target *target, struct str key)
{
    struct gateway *gateway = client->gateway;
    char made_up[RANDOM_ID_LEN + 1];
    struct edge_conn_config config = {
        .room = target->room,
        .session = target->session,
        .readonly = target->readonly,
        .object_readonly = target->object_readonly,
        .user = client,
    };
    if (config.session.len == 0) {
        random_id(made_up);
        config.session = str_of(made_up);
    }
    list_remove(&client->wait_link);
    client->state = CLIENT_WEBSOCKET;
    client->conn = edge_conn_create(gateway_core_edge(gateway->core), &config, client_now(client));
    struct buf response = {0};
    ws_write_accept(&response, key);
    outq_append(edge_conn_output(client->conn), buf_head(&response), buf_len(&response));
    buf_finish(&response);
    client_ready(client);
}

/* Why a load balancer should send clients elsewhere; NULL: it need not. What a supervisor says of
 * the whole node is on the admin port. */
static const char *trouble_of(const struct gateway *gateway)
{
    struct gateway_core_health health = gateway_core_health(gateway->core);
    return gateway->stop_by || gateway->leaving ? "stopping"
           : !health.known                      ? "starting"
           : !health.store_ok                   ? "redis is away"
                                                : NULL;
}

static void on_head(struct client *client)
{
    struct connect_target target;
    const char *why = NULL;
    const char *bad_id = NULL;
    enum err err = request_target(client->request, &target, &bad_id);
    if (err == ERR_NOT_FOUND) {
        struct buf response = {0};
        pages_answer(&response, client->request, trouble_of(client->gateway));
        answer_and_end(client, &response);
        return;
    }
    struct ws_request ws = request_upgrade(client->request);
    enum ws_handshake verdict = ws_handshake_check(&ws, &why);
    struct buf response = {0};
    switch (verdict) {
    case WS_HANDSHAKE_OK:
        break;
    case WS_HANDSHAKE_NOT_WEBSOCKET:
        refuse(client, 426, "Upgrade Required", "Upgrade: websocket\r\n",
               "this address speaks WebSocket");
        return;
    case WS_HANDSHAKE_BAD:
    case WS_HANDSHAKE_VERSION:
        ws_write_refusal(&response, verdict, why);
        refuse_with(client, &response);
        return;
    }
    if (err) {
        struct buf text = {0};
        buf_printf(&text, "the room or session id %s", bad_id);
        buf_append_byte(&text, '\0');
        refuse(client, 400, "Bad Request", "", (const char *)buf_head(&text));
        buf_finish(&text);
        return;
    }
    if (client->gateway->stop_by) {
        refuse(client, 503, "Service Unavailable", "Retry-After: 1\r\n", "the server is stopping");
        return;
    }
    if (edge_is_elsewhere(gateway_core_edge(client->gateway->core), target.room,
                          client_now(client))) {
        refuse(client, 503, "Service Unavailable", "Retry-After: 1\r\n",
               "the room's worker cannot be reached from here");
        return;
    }
    upgrade(client, &target, ws.key);
}

/* Returns how many bytes were the head's. */
static size_t feed_head(struct client *client, const uint8_t *data, size_t len)
{
    if (!client->request) {
        client->request = request_create();
    }
    size_t used;
    enum err err = request_feed(client->request, data, len, &used);
    if (err == ERR_AGAIN) {
        return len;
    }
    if (err == ERR_TOO_LARGE) {
        refuse(client, 431, "Request Header Fields Too Large", "", "the request head is too long");
    } else if (err) {
        refuse(client, 400, "Bad Request", "", "this is not HTTP");
    } else {
        on_head(client);
    }
    request_destroy(client->request);
    client->request = NULL;
    return used;
}

static void on_readable(evutil_socket_t fd, short events, void *ctx)
{
    static uint8_t buffer[READ_SIZE]; /* one for all: what is left over its reader keeps */
    struct client *client = ctx;
    (void)events;
    ssize_t n = recv(fd, buffer, sizeof(buffer), 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (n <= 0) {
        client_close(client);
        return;
    }
    metrics_add(METRIC_RECEIVED_BYTES, (double)n);
    uint8_t *data = buffer;
    size_t len = (size_t)n;
    if (client->state == CLIENT_HEAD) {
        size_t used = feed_head(client, data, len);
        data += used;
        len -= used;
    }
    if (client->state == CLIENT_WEBSOCKET && len > 0) {
        edge_conn_input(client->conn, data, len, client_now(client));
    }
}

/* ---- listening ---- */

static void client_create(struct gateway *gateway, int fd)
{
    struct client *client = xcalloc(1, sizeof(*client));
    client->gateway = gateway;
    client->fd = fd;
    client->state = CLIENT_HEAD;
    client->wait_due = loop_now_ms(gateway->base) + HEAD_WAIT_MS;
    list_append(&gateway->clients, &client->link);
    list_append(&gateway->heads, &client->wait_link);
    list_init(&client->ready_link);
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    event_assign(&client->read, gateway->base, fd, EV_READ | EV_PERSIST, on_readable, client);
    event_add(&client->read, NULL);
    metrics_add(METRIC_CONNECTIONS, 1);
    metrics_add(METRIC_CONNECTIONS_TOTAL, 1);
}

static void on_accept(evutil_socket_t fd, short events, void *ctx)
{
    struct gateway *gateway = ctx;
    (void)events;
    for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
        int peer = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (peer >= 0) {
            client_create(gateway, peer);
        } else if (errno == EAGAIN || errno == EINTR) {
            return;
        } else if (errno != ECONNABORTED) {
            /* Out of descriptors or memory: the backlog keeps them until some are free again. */
            uint32_t suppressed;
            if (log_limit_pass(&gateway->accept_failures, 1, clock_ms(), &suppressed)) {
                log_error(NULL, "cannot accept connections", LOG_TEXTZ("why", strerror(errno)),
                          LOG_U64("suppressed", suppressed));
            }
            event_del(gateway->accept);
            loop_arm(gateway->accept_pause, ACCEPT_PAUSE_MS);
            return;
        }
    }
}

static void on_accept_again(evutil_socket_t fd, short events, void *ctx)
{
    struct gateway *gateway = ctx;
    (void)fd;
    (void)events;
    if (gateway->accept) {
        event_add(gateway->accept, NULL);
    }
}

enum err clients_listen(struct gateway *gateway)
{
    int fd;
    struct buf why = {0};
    enum err err = listen_open(&gateway->config->listen, LISTEN_SHARED, &fd, NULL, &why);
    if (err) {
        log_error(NULL, "cannot listen for clients", LOG_STR("why", buf_str(&why)));
        buf_finish(&why);
        return err;
    }
    buf_finish(&why);
    gateway->accept = event_new(gateway->base, fd, EV_READ | EV_PERSIST, on_accept, gateway);
    gateway->accept_pause = evtimer_new(gateway->base, on_accept_again, gateway);
    event_add(gateway->accept, NULL);
    return ERR_OK;
}

void clients_stop_listening(struct gateway *gateway)
{
    if (gateway->accept) {
        close(event_get_fd(gateway->accept));
        event_free(gateway->accept);
        event_free(gateway->accept_pause);
        gateway->accept = gateway->accept_pause = NULL;
    }
}

/* ---- turns and time ---- */

void clients_end_of_turn(struct gateway *gateway)
{
    struct client *client;
    writing_run(gateway);
    list_each(client, &gateway->ended, ready_link, struct client)
    {
        client_free(client);
    }
}

static struct client *wait_over(struct list *head, uint64_t now_ms)
{
    if (list_empty(head)) {
        return NULL;
    }
    struct client *client = list_entry(head->next, struct client, wait_link);
    return client->wait_due <= now_ms ? client : NULL;
}

void clients_tick(struct gateway *gateway, uint64_t now_ms)
{
    struct client *client;
    while ((client = wait_over(&gateway->heads, now_ms))) {
        if (client->request) {
            refuse(client, 408, "Request Timeout", "", "the request head took too long");
            client->wait_due = now_ms + LINGER_MS;
            list_append(&gateway->lingers, &client->wait_link);
        } else {
            client_close(client); /* never said a word */
        }
    }
    while ((client = wait_over(&gateway->lingers, now_ms))) {
        client_close(client);
    }
}

void clients_destroy_all(struct gateway *gateway)
{
    struct client *client;
    list_each(client, &gateway->clients, link, struct client)
    {
        client_close(client);
        client_free(client);
    }
}
