/* Reads what a client sends after the handshake (RFC 6455 5 to 8), in pieces of any size. It knows
 * no socket: bytes in, one event at a time out. Every rule of the RFC is enforced at the first byte
 * that breaks it, so the events of a stream are the same however it is cut.
 *
 *      for (;;) {
 *          enum ws_event event = ws_parser_next(&parser, data, len, &consumed, &message);
 *          data += consumed, len -= consumed;
 *          if (event == WS_NEED_MORE) {
 *              break; // all of `data` is used up: the buffer can serve another connection
 *          }
 *          ... one message, ping, close ...
 *      }
 *
 * Payloads are unmasked where they lie. A message that came in one frame, all of it in `data`, is
 * handed out as a view into `data`; only what is cut by a frame's or by the input's end is gathered
 * in memory of the parser, which is gone again when the message is. */
#ifndef WS_PARSER_H
#define WS_PARSER_H

#include "base/buf.h"
#include "base/utf8.h"

enum ws_event {
    WS_NEED_MORE, /* no event; all bytes are consumed */
    WS_TEXT,      /* a whole message; strict UTF-8 */
    WS_BINARY,    /* a whole message */
    WS_PING,      /* answer with a pong of the same payload; may come amid a message's fragments */
    WS_PONG,
    WS_CLOSE, /* answer with a close frame of this code, unless one was sent; the last event */
    WS_FAIL,  /* the peer broke a rule: send a close frame of this code; the last event */
};

struct ws_message {
    const uint8_t *data; /* never NULL; borrowed until the next call and while the input lives */
    size_t len;          /* at most WS_CONTROL_MAX for ping, pong and close */
    uint16_t code;       /* CLOSE: the peer's, WS_CODE_NONE if it gave none; FAIL: ours to send */
    const char *why;     /* FAIL: a fixed phrase for the log; else NULL */
};

/* Embedded in its connection: 64 bytes, and no others while no message is under way. */
struct ws_parser {
    struct buf partial;   /* owned: the message under way, then a control frame's first bytes */
    uint32_t max_len;     /* of one message */
    uint32_t message_len; /* bytes in `partial` from finished frames of the message under way */
    uint32_t frame_got;   /* payload bytes so far of the current frame */
    uint8_t header[14];   /* of the current frame, as far as it came */
    uint8_t header_len;
    uint8_t state;   /* enum state in parser.c */
    uint8_t message; /* opcode of the message under way; WS_OP_CONTINUATION if none is */
    struct utf8_check utf8;
};

/* `max_len` bounds one message, all its fragments together, in bytes. What is longer fails with
 * 1009 as soon as a header announces it. */
void ws_parser_init(struct ws_parser *parser, uint32_t max_len);

/* Reads up to the next event. `data` is changed, up to *consumed and not beyond. *out is written
 * always, and means something unless WS_NEED_MORE is returned. A call frees what the event before
 * it borrowed from the parser, so go on until WS_NEED_MORE, also with `len` 0. After WS_CLOSE and
 * WS_FAIL all input is swallowed unread (RFC 6455 5.5.1). */
enum ws_event ws_parser_next(struct ws_parser *parser, uint8_t *data, size_t len, size_t *consumed,
                             struct ws_message *out);

/* Bytes of memory held beyond the struct. They follow what arrived (less than twice that, or 64),
 * never what a header announces. */
size_t ws_parser_bytes(const struct ws_parser *parser);

void ws_parser_finish(struct ws_parser *parser);

#endif
