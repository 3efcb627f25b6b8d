/* What a server writes after the handshake (RFC 6455 5.2): frames without mask and without
 * extensions. Also the parts of the format that reading needs too: opcodes, close codes, masks. */
#ifndef WS_FRAME_H
#define WS_FRAME_H

#include "base/buf.h"

enum ws_opcode { /* RFC 6455 11.8; 8 and up are control frames */
                 WS_OP_CONTINUATION = 0,
                 WS_OP_TEXT = 1,
                 WS_OP_BINARY = 2,
                 WS_OP_CLOSE = 8,
                 WS_OP_PING = 9,
                 WS_OP_PONG = 10,
};

enum ws_code { /* RFC 6455 7.4.1 and IANA's registry; 3000..4999 belong to applications */
               WS_CODE_NONE = 0, /* no code at all: the close frame has no body */
               WS_CODE_NORMAL = 1000,
               WS_CODE_GOING_AWAY = 1001,
               WS_CODE_PROTOCOL = 1002,
               WS_CODE_UNSUPPORTED = 1003,
               WS_CODE_BAD_TEXT = 1007,
               WS_CODE_POLICY = 1008,
               WS_CODE_TOO_LARGE = 1009,
               WS_CODE_INTERNAL = 1011,
               WS_CODE_RESTART = 1012,
               WS_CODE_TRY_LATER = 1013,
};

enum {
    WS_HEADER_MAX = 10,   /* of a frame without mask */
    WS_CONTROL_MAX = 125, /* payload bytes of a control frame (RFC 6455 5.5) */
    WS_REASON_MAX = 123,  /* bytes of a close reason: a control payload less the code */
};

/* Writes a header for `len` payload bytes in the shortest form and returns its size, 2, 4 or 10.
 * For a payload that many receivers share: send header and payload as two iovecs. Control frames
 * must be final and at most WS_CONTROL_MAX long. */
size_t ws_frame_header(uint8_t out[WS_HEADER_MAX], enum ws_opcode opcode, bool fin, uint64_t len);

/* Appends a header; the caller appends the payload. */
void ws_write_header(struct buf *buf, enum ws_opcode opcode, bool fin, uint64_t len);

/* Appends a whole frame, e.g. a message, or the pong to a ping. */
void ws_write_frame(struct buf *buf, enum ws_opcode opcode, bool fin, const void *data, size_t len);

/* Appends a close frame. `code` is valid as below, or WS_CODE_NONE with an empty reason. The reason
 * is WTF-8, cut at WS_REASON_MAX bytes and a character's boundary; a lone surrogate goes out as
 * U+FFFD, as JavaScript would send it, because RFC 6455 5.5.1 wants UTF-8. */
void ws_write_close(struct buf *buf, uint16_t code, struct str reason);

/* Whether `code` may stand in a close frame, either way (RFC 6455 7.4): not the reserved 1004, not
 * those that only an API reports (1005, 1006, 1015), nothing unassigned. */
bool ws_code_valid(uint16_t code);

/* Masks or unmasks in place (RFC 6455 5.3). `offset` is how many bytes of the frame's payload came
 * before `data`. */
void ws_mask(uint8_t *data, size_t len, const uint8_t mask[4], size_t offset);

#endif
