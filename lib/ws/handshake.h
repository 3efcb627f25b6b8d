/* The server's side of the opening handshake (RFC 6455 4.2). HTTP is parsed elsewhere; this decides
 * from the header values that matter and writes the answer. No extension and no subprotocol is ever
 * negotiated, so what a client offers of these is not looked at. */
#ifndef WS_HANDSHAKE_H
#define WS_HANDSHAKE_H

#include "base/buf.h"

enum ws_handshake {
    WS_HANDSHAKE_OK,            /* answer 101 and speak frames from then on */
    WS_HANDSHAKE_NOT_WEBSOCKET, /* an ordinary request: somebody else's to answer */
    WS_HANDSHAKE_BAD,           /* meant as a handshake and wrong: answer 400 */
    WS_HANDSHAKE_VERSION,       /* a version other than 13: answer 426, which names ours */
};

/* Borrowed values, white space around them allowed; a header that is absent is {NULL, 0}. One that
 * came several times is joined with commas, as HTTP allows for Upgrade and Connection; the others
 * are then refused, being no lists. */
struct ws_request {
    struct str method;
    unsigned http_major, http_minor;
    struct str upgrade;    /* Upgrade */
    struct str connection; /* Connection */
    struct str key;        /* Sec-WebSocket-Key */
    struct str version;    /* Sec-WebSocket-Version */
};

/* RFC 6455 4.2.1. Unless it is OK, *why is set to a phrase for logs and for the answer's body. */
enum ws_handshake ws_handshake_check(const struct ws_request *request, const char **why);

enum { WS_ACCEPT_LEN = 28 };

/* The value of Sec-WebSocket-Accept, NUL-terminated (RFC 6455 4.2.2 item 5.4). */
void ws_accept(struct str key, char out[WS_ACCEPT_LEN + 1]);

/* Appends the whole response with status 101. `key` is that of a request that was OK. */
void ws_write_accept(struct buf *buf, struct str key);

/* Appends the whole response to a BAD or VERSION request; the connection is to be closed after it.
 * `why` becomes its body. */
void ws_write_refusal(struct buf *buf, enum ws_handshake verdict, const char *why);

#endif
