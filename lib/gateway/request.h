/* The head of one HTTP request, read in pieces of any size (RFC 9112), and what a client of ours
 * asks for with it. Pure; libhttp-parser does the grammar. */
#ifndef GATEWAY_REQUEST_H
#define GATEWAY_REQUEST_H

#include "base/buf.h"
#include "base/err.h"
#include "base/url.h"
#include "ws/handshake.h"

enum { REQUEST_HEAD_MAX = 16 << 10, REQUEST_ID_MAX = URL_NAME_MAX };

struct request;

struct request *request_create(void);
void request_destroy(struct request *request);

/* ERR_AGAIN: goes on. ERR_OK: the head is complete and *used bytes of `data` were its. Else
 * ERR_MALFORMED or ERR_TOO_LARGE. */
enum err request_feed(struct request *request, const void *data, size_t len,
                      size_t *used) NODISCARD;

/* Of a complete head; views into the request. */
struct str request_path(const struct request *request); /* as sent, without query */
struct str request_method(const struct request *request);
bool request_is_get(const struct request *request); /* GET or HEAD */
bool request_is_head(const struct request *request);
struct ws_request request_upgrade(const struct request *request);

/* What `/connect/{room}?sessionId=..&readonly=1` asks for. */
struct connect_target {
    struct str room;
    struct str session; /* empty: one is to be made up */
    bool readonly;
    bool object_readonly; /* objectAccess=read */
};

/* ERR_NOT_FOUND: another path. ERR_MALFORMED: a room or session id that is empty, longer than
 * REQUEST_ID_MAX bytes, not UTF-8, has a control character or a bad %XX; *why says which. */
enum err request_target(struct request *request, struct connect_target *target,
                        const char **why) NODISCARD;

#endif
