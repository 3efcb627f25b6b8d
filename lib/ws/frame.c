/* Frames from server to client, and masks. */
#include "ws/frame.h"

#include "base/utf8.h"

#include <assert.h>

size_t ws_frame_header(uint8_t out[WS_HEADER_MAX], enum ws_opcode opcode, bool fin, uint64_t len)
{
    assert(opcode < WS_OP_CLOSE || (fin && len <= WS_CONTROL_MAX));
    assert(len <= INT64_MAX);
    out[0] = (uint8_t)((fin ? 0x80 : 0) | opcode);
    if (len <= 125) {
        out[1] = (uint8_t)len;
        return 2;
    }
    size_t width = len <= UINT16_MAX ? 2 : 8;
    out[1] = width == 2 ? 126 : 127;
    for (size_t i = 0; i < width; i++) {
        out[2 + i] = (uint8_t)(len >> (8 * (width - 1 - i)));
    }
    return 2 + width;
}

void ws_write_header(struct buf *buf, enum ws_opcode opcode, bool fin, uint64_t len)
{
    buf_commit(buf, ws_frame_header(buf_reserve(buf, WS_HEADER_MAX), opcode, fin, len));
}

void ws_write_frame(struct buf *buf, enum ws_opcode opcode, bool fin, const void *data, size_t len)
{
    ws_write_header(buf, opcode, fin, len);
    buf_append(buf, data, len);
}

static void write_reason(struct buf *buf, struct str reason)
{
    while (reason.len > 0) {
        struct str head = {reason.ptr, reason.len < 3 ? reason.len : 3};
        if (wtf8_first_surrogate(head)) {
            buf_append_str(buf, STR("\xef\xbf\xbd")); /* as long as what it stands for */
        } else {
            head.len = 1;
            buf_append_str(buf, head);
        }
        reason.ptr += head.len;
        reason.len -= head.len;
    }
}

void ws_write_close(struct buf *buf, uint16_t code, struct str reason)
{
    if (code == WS_CODE_NONE) {
        assert(reason.len == 0);
        ws_write_header(buf, WS_OP_CLOSE, true, 0);
        return;
    }
    assert(ws_code_valid(code));
    reason.len = utf8_cut(reason, WS_REASON_MAX);
    ws_write_header(buf, WS_OP_CLOSE, true, 2 + reason.len);
    buf_append_byte(buf, (uint8_t)(code >> 8));
    buf_append_byte(buf, (uint8_t)code);
    write_reason(buf, reason);
}

bool ws_code_valid(uint16_t code)
{
    if (code >= 1000 && code <= 1014) {
        return code < 1004 || code > 1006;
    }
    return code >= 3000 && code <= 4999;
}

void ws_mask(uint8_t *data, size_t len, const uint8_t mask[4], size_t offset)
{
    uint8_t turned[8]; /* twice the mask, beginning where `offset` left it */
    for (size_t i = 0; i < sizeof(turned); i++) {
        turned[i] = mask[(offset + i) % 4];
    }
    uint64_t word;
    memcpy(&word, turned, sizeof(word));
    size_t i = 0;
    for (; len - i >= sizeof(word); i += sizeof(word)) {
        uint64_t bytes;
        memcpy(&bytes, data + i, sizeof(bytes));
        bytes ^= word;
        memcpy(data + i, &bytes, sizeof(bytes));
    }
    for (size_t k = 0; i < len; i++, k++) {
        data[i] ^= turned[k];
    }
}
