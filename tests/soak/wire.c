/* A client's WebSocket. */
#include "wire.h"

#include <stdlib.h>

void wire_write_request(struct buf *out, const char *path)
{
    /* Any key is as good as another, and nobody here checks what the server makes of it. */
    buf_printf(out,
               "GET %s HTTP/1.1\r\nHost: soak\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
               "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: c29ha2luZyB0aGUgcm9vbQ==\r\n\r\n",
               path);
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

enum wire_event wire_read_answer(const struct buf *input, struct wire_message *message)
{
    static const char version[] = "HTTP/1.1 ";
    const char *head = (const char *)buf_head(input);
    size_t len = buf_len(input);
    const char *end = len > 0 ? memmem(head, len, "\r\n\r\n", 4) : NULL;
    if (!end) {
        return WIRE_NEED_MORE;
    }
    if (strncmp(head, version, sizeof(version) - 1) != 0) {
        return WIRE_BROKEN;
    }
    *message = (struct wire_message){.used = (size_t)(end + 4 - head)};
    message->code = (unsigned)strtoul(head + sizeof(version) - 1, NULL, 10);
    return message->code == 101 ? WIRE_ACCEPTED : WIRE_REFUSED;
}

/* RFC 6455 5.2; a server does not mask. False until the header is there. */
static bool read_header(const uint8_t *data, size_t have, size_t *header, uint64_t *len)
{
    static const size_t more[2] = {2, 8};
    if (have < 2) {
        return false;
    }
    size_t extra = data[1] < 126 ? 0 : more[data[1] - 126];
    *header = 2 + extra;
    if (have < *header) {
        return false;
    }
    *len = extra ? 0 : data[1];
    for (size_t i = 0; i < extra; i++) {
        *len = *len << 8 | data[2 + i];
    }
    return true;
}

enum wire_event wire_read_frame(const struct buf *input, struct wire_message *message)
{
    const uint8_t *data = buf_head(input);
    size_t have = buf_len(input);
    size_t header;
    uint64_t len;
    if (have >= 2 && (!(data[0] & 0x80) || data[1] > 127)) {
        return WIRE_BROKEN; /* a fragment, or masked */
    }
    if (!read_header(data, have, &header, &len) || have - header < len) {
        return WIRE_NEED_MORE;
    }
    const uint8_t *payload = data + header;
    *message = (struct wire_message){.used = header + (size_t)len};
    switch (data[0] & 0x0f) {
    case WS_OP_TEXT:
        message->text = (struct str){(const char *)payload, (size_t)len};
        return WIRE_TEXT;
    case WS_OP_CLOSE:
        message->code = len >= 2 ? (unsigned)(payload[0] << 8 | payload[1]) : 0;
        return WIRE_CLOSE;
    default:
        return WIRE_OTHER;
    }
}
