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
    /* Takes the body of a 2xx as it comes, of any length; false: it cannot. NULL: gather it. */
    bool (*take)(void *ctx, struct str bytes);
    void *ctx;
};

struct http_response {
    int status;
    struct buf body; /* the caller's to finish */
};

/* Longest body that is gathered. */
enum { HTTP_CLIENT_BODY_MAX = 64 << 20 };

/* Connects when it is asked for something. ERR_IO: no loop can be made. */
enum err http_client_create(const struct address *server, struct http_client **out) NODISCARD;

/* Any answer is ERR_OK. Else `why` gets a phrase for people, and the error is ERR_TIMEOUT, or
 * ERR_UNAVAILABLE: no connection, or one that ended without an answer, or in the middle of one that
 * is taken as it comes: then the status is there. ERR_IO: it could not be taken; errno says why. */
enum err http_client_ask(struct http_client *client, const struct http_request *request,
                         struct http_response *response, struct buf *why) NODISCARD;

/* NULL is fine. */
void http_client_destroy(struct http_client *client);

#endif
