/* An HTTP client that waits. */
#include "net/http_client.h"

#include "base/alloc.h"
#include "net/loop.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/http.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define REASON_WAIT_MS 1000

struct http_client {
    struct address server;
    struct event_base *base;
    struct evhttp_connection *connection; /* owned; of the request under way, else NULL */
};

/* What became of one request. */
struct asking {
    struct http_client *client;
    const struct http_request *request;
    struct http_response *response;
    enum err err;
};

enum err http_client_create(const struct address *server, struct http_client **out)
{
    struct event_base *base;
    enum err err = loop_create(&base);
    if (err) {
        return err;
    }
    struct http_client *client = xcalloc(1, sizeof(*client));
    client->server = *server;
    client->base = base;
    *out = client;
    return ERR_OK;
}

static void disconnect(struct http_client *client)
{
    if (client->connection) {
        evhttp_connection_free(client->connection);
        client->connection = NULL;
    }
}

static void on_error(enum evhttp_request_error error, void *ctx)
{
    struct asking *asking = ctx;
    asking->err = error == EVREQ_HTTP_TIMEOUT ? ERR_TIMEOUT : ERR_UNAVAILABLE;
}

static void on_response(struct evhttp_request *request, void *ctx)
{
    struct asking *asking = ctx;
    int status = request ? evhttp_request_get_response_code(request) : 0;
    if (status > 0) {
        struct evbuffer *body = evhttp_request_get_input_buffer(request);
        size_t len = evbuffer_get_length(body);
        asking->err = asking->err == ERR_IO ? ERR_IO : ERR_OK;
        asking->response->status = status;
        evbuffer_remove(body, buf_reserve(&asking->response->body, len), len);
        buf_commit(&asking->response->body, len);
    } else if (!asking->err) {
        asking->err = ERR_UNAVAILABLE;
    }
    event_base_loopbreak(asking->client->base);
}

/* Some of the body is here; what is left in the buffer is thrown away after this. */
static void on_some(struct evhttp_request *request, void *ctx)
{
    struct asking *asking = ctx;
    struct evbuffer *input = evhttp_request_get_input_buffer(request);
    size_t len = evbuffer_get_length(input);
    int status = evhttp_request_get_response_code(request);
    struct str bytes = {(const char *)evbuffer_pullup(input, -1), len};
    asking->response->status = status;
    if (asking->err || len == 0) {
        return;
    }
    if (status < 200 || status >= 300) {
        buf_append_str(&asking->response->body, bytes);
    } else if (!asking->request->take(asking->request->ctx, bytes)) {
        asking->err = ERR_IO;
        event_base_loopbreak(asking->client->base);
    }
}

static enum evhttp_cmd_type command_of(const char *method)
{
    static const struct {
        const char *name;
        enum evhttp_cmd_type command;
    } commands[] = {{"POST", EVHTTP_REQ_POST},
                    {"PUT", EVHTTP_REQ_PUT},
                    {"PATCH", EVHTTP_REQ_PATCH},
                    {"DELETE", EVHTTP_REQ_DELETE}};
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (strcmp(method, commands[i].name) == 0) {
            return commands[i].command;
        }
    }
    return EVHTTP_REQ_GET;
}

static bool send_request(struct http_client *client, const struct http_request *request,
                         struct asking *asking)
{
    client->connection =
        evhttp_connection_base_new(client->base, NULL, client->server.host, client->server.port);
    evhttp_connection_set_timeout(client->connection, (int)request->limit_s);
    struct evhttp_request *sent = evhttp_request_new(on_response, asking);
    evhttp_request_set_error_cb(sent, on_error);
    evhttp_connection_set_max_body_size(client->connection,
                                        request->take ? -1 : HTTP_CLIENT_BODY_MAX);
    if (request->take) {
        evhttp_request_set_chunked_cb(sent, on_some);
    }
    struct evkeyvalq *headers = evhttp_request_get_output_headers(sent);
    char host[ADDRESS_TEXT_MAX];
    evhttp_add_header(headers, "Host", address_format(&client->server, host));
    evhttp_add_header(headers, "Accept", "application/json");
    if (request->body.len > 0) {
        char length[24];
        snprintf(length, sizeof(length), "%zu", request->body.len);
        evhttp_add_header(headers, "Content-Type", "application/json");
        evhttp_add_header(headers, "Content-Length", length); /* evhttp forgets it for PATCH */
        evbuffer_add(evhttp_request_get_output_buffer(sent), request->body.ptr, request->body.len);
    }
    return evhttp_make_request(client->connection, sent, command_of(request->method),
                               request->path) == 0;
}

/* evhttp does not say why there is no connection, or whether there was one, so the system is asked
 * once more. */
static const char *why_no_connection(const struct address *server)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found;
    char port[8];
    snprintf(port, sizeof(port), "%u", server->port);
    int unknown = getaddrinfo(server->host, port, &hints, &found);
    if (unknown) {
        return gai_strerror(unknown);
    }
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int errnum = fd >= 0 && connect(fd, found->ai_addr, found->ai_addrlen) == 0 ? 0 : errno;
    if (errnum == EINPROGRESS) {
        struct pollfd wait = {.fd = fd, .events = POLLOUT};
        socklen_t len = sizeof(errnum);
        poll(&wait, 1, REASON_WAIT_MS);
        getsockopt(fd, SOL_SOCKET, SO_ERROR, &errnum, &len);
    }
    if (fd >= 0) {
        close(fd);
    }
    freeaddrinfo(found);
    return errnum ? strerror(errnum) : "the connection ended without one";
}

static void explain(const struct asking *asking, const struct http_request *request,
                    struct buf *why)
{
    if (asking->err == ERR_TIMEOUT) {
        buf_printf(why, "none within %u s", request->limit_s);
    } else {
        buf_printf(why, "%s", why_no_connection(&asking->client->server));
    }
}

/* Each request has a connection of its own: a server may end one that stands idle, and whether it
 * did so before or after it had read the next request cannot be told from here. */
enum err http_client_ask(struct http_client *client, const struct http_request *request,
                         struct http_response *response, struct buf *why)
{
    *response = (struct http_response){0};
    struct asking asking = {.client = client, .request = request, .response = response};
    if (send_request(client, request, &asking)) {
        event_base_dispatch(client->base);
    } else {
        asking.err = ERR_UNAVAILABLE;
    }
    if (asking.err) {
        explain(&asking, request, why);
    }
    disconnect(client);
    return asking.err;
}

void http_client_destroy(struct http_client *client)
{
    if (client) {
        disconnect(client);
        event_base_free(client->base);
        free(client);
    }
}
