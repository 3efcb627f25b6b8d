/* HTTP for a program that has nothing else to do meanwhile: one server, one request at a time, each
 * waited for. Built on evhttp, with a loop of its own. */
#ifndef NET_HTTP_CLIENT_H
#define NET_HTTP_CLIENT_H

#include "base/address.h"
#include "base/buf.h"

struct http_client;

struct http_request {
    const char *method; /* GET, POST, PUT, PATCH or DELETE */
    const char *path;   /* encoded, with its query */
    struct str body;    /* JSON; empty for none */
    uint32_t limit_s;   /* longest silence */
};

struct http_response {
    int status;
    struct buf body; /* the caller's to finish */
};

/* Longest body that is taken. */
enum { HTTP_CLIENT_BODY_MAX = 64 << 20 };

/* Connects when it is asked for something. ERR_IO: no loop can be made. */
enum err http_client_create(const struct address *server, struct http_client **out) NODISCARD;

/* Any answer is ERR_OK. Else `why` gets a phrase for people, and the error is ERR_TIMEOUT, or
 * ERR_UNAVAILABLE: no connection, or one that ended without an answer. */
enum err http_client_ask(struct http_client *client, const struct http_request *request,
                         struct http_response *response, struct buf *why) NODISCARD;

/* NULL is fine. */
void http_client_destroy(struct http_client *client);

#endif
