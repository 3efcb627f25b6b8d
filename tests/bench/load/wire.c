/* A client's WebSocket. */
#include "wire.h"

#include <stdlib.h>

void wire_write_request(struct buf *out, const char *path)
{
    /* Any key is as good as another, and nobody here checks what the server makes of it. */
    buf_printf(out,
               "GET %s HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
               "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: YmVuY2htYXJrIGNsaWVudA==\r\n\r\n",
               path);
}

size_t wire_read_answer(struct str input, unsigned *status)
{
    static const char version[] = "HTTP/1.1 ";
    const char *end = input.len > 0 ? memmem(input.ptr, input.len, "\r\n\r\n", 4) : NULL;
    if (!end) {
        return 0;
    }
    bool known = str_starts(input, STR("HTTP/1.1 "));
    *status = known ? (unsigned)strtoul(input.ptr + sizeof(version) - 1, NULL, 10) : 0;
    return (size_t)(end + 4 - input.ptr);
}

void wire_write(struct buf *out, enum ws_opcode opcode, struct str payload)
{
    static const uint8_t mask[4] = {0x5a, 0xa5, 0x3c, 0xc3};
    size_t start = buf_len(out);
    ws_write_header(out, opcode, true, payload.len);
    buf_head(out)[start + 1] |= 0x80;
    buf_append(out, mask, sizeof(mask));
    size_t at = buf_len(out);
    buf_append_str(out, payload);
    ws_mask(buf_head(out) + at, payload.len, mask, 0);
}

/* RFC 6455 5.2. False until the header is there. */
static bool read_header(const uint8_t *data, size_t have, size_t *header, uint64_t *len)
{
    if (have < 2) {
        return false;
    }
    unsigned short_len = data[1] & 0x7f;
    size_t extra = short_len < 126 ? 0 : short_len == 126 ? 2 : 8;
    *header = 2 + extra;
    if (have < *header) {
        return false;
    }
    *len = extra ? 0 : short_len;
    for (size_t i = 0; i < extra; i++) {
        *len = *len << 8 | data[2 + i];
    }
    return true;
}

/* A frame of a message: the only one, or one of several. */
static enum wire_event on_data(struct wire *wire, bool fin, bool first,
                               struct wire_message *message)
{
    if (wire->ended || first) {
        if (!wire->ended && buf_len(&wire->parts) > 0) {
            return WIRE_BROKEN; /* the one before has no end */
        }
        buf_finish(&wire->parts);
        wire->ended = false;
    }
    if (fin && first) {
        return WIRE_MESSAGE;
    }
    buf_append_str(&wire->parts, message->payload);
    if (!fin) {
        return WIRE_OTHER;
    }
    message->payload = buf_str(&wire->parts);
    wire->ended = true;
    return WIRE_MESSAGE;
}

enum wire_event wire_next(struct wire *wire, struct str input, struct wire_message *message)
{
    const uint8_t *data = (const uint8_t *)input.ptr;
    size_t header;
    uint64_t len;
    *message = (struct wire_message){0};
    if (!read_header(data, input.len, &header, &len)) {
        return WIRE_NEED_MORE;
    }
    if ((data[0] & 0x70) || (data[1] & 0x80)) {
        return WIRE_BROKEN; /* an extension, or masked */
    }
    if (input.len - header < len) {
        message->wanted = header + len;
        return WIRE_NEED_MORE;
    }
    message->payload = (struct str){input.ptr + header, len};
    message->used = header + len;
    bool fin = data[0] & 0x80;
    switch (data[0] & 0x0f) {
    case WS_OP_CONTINUATION:
        return on_data(wire, fin, false, message);
    case WS_OP_TEXT:
    case WS_OP_BINARY:
        return on_data(wire, fin, true, message);
    case WS_OP_CLOSE:
        message->code = len >= 2 ? (unsigned)(data[header] << 8 | data[header + 1]) : 0;
        return WIRE_CLOSE;
    case WS_OP_PING:
        return WIRE_PING;
    case WS_OP_PONG:
        return WIRE_OTHER;
    default:
        return WIRE_BROKEN;
    }
}

void wire_finish(struct wire *wire)
{
    buf_finish(&wire->parts);
}
