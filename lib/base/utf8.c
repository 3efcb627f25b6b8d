/* UTF-8 and WTF-8. */
#include "base/utf8.h"

/* Starts a sequence; false if `byte` cannot start one (RFC 3629 4). */
static bool lead(struct utf8_check *check, uint8_t byte)
{
    check->low = 0x80;
    check->high = 0xbf;
    if (byte >= 0xc2 && byte <= 0xdf) {
        check->need = 1;
    } else if (byte >= 0xe0 && byte <= 0xef) {
        check->need = 2;
        if (byte == 0xe0) {
            check->low = 0xa0;
        } else if (byte == 0xed) {
            check->high = 0x9f;
        }
    } else if (byte >= 0xf0 && byte <= 0xf4) {
        check->need = 3;
        if (byte == 0xf0) {
            check->low = 0x90;
        } else if (byte == 0xf4) {
            check->high = 0x8f;
        }
    } else {
        return false;
    }
    return true;
}

static size_t ascii_run(const uint8_t *data, size_t len)
{
    size_t i = 0;
    while (len - i >= 8) {
        uint64_t word;
        memcpy(&word, data + i, 8);
        if (word & 0x8080808080808080u) {
            break;
        }
        i += 8;
    }
    while (i < len && data[i] < 0x80) {
        i++;
    }
    return i;
}

bool utf8_check_feed(struct utf8_check *check, const uint8_t *data, size_t len)
{
    size_t i = 0;
    while (i < len) {
        if (check->need == 0) {
            i += ascii_run(data + i, len - i);
            if (i < len && !lead(check, data[i++])) {
                return false;
            }
            continue;
        }
        if (data[i] < check->low || data[i] > check->high) {
            return false;
        }
        check->low = 0x80;
        check->high = 0xbf;
        check->need--;
        i++;
    }
    return true;
}

bool utf8_check_complete(const struct utf8_check *check)
{
    return check->need == 0;
}

bool utf8_valid(const uint8_t *data, size_t len)
{
    struct utf8_check check = {0};
    return utf8_check_feed(&check, data, len) && utf8_check_complete(&check);
}

/* The surrogate spelled by three bytes, or 0. */
static uint32_t surrogate_at(const uint8_t *at)
{
    if (at[0] != 0xed || at[1] < 0xa0 || at[1] > 0xbf || (at[2] & 0xc0) != 0x80) {
        return 0;
    }
    return 0xd000u | (uint32_t)(at[1] & 0x3f) << 6 | (at[2] & 0x3f);
}

static bool is_high(uint32_t cp)
{
    return cp >= 0xd800 && cp < 0xdc00;
}

bool wtf8_valid(const uint8_t *data, size_t len)
{
    struct utf8_check check = {0};
    size_t i = 0;
    bool after_high = false;
    while (i < len) {
        if (data[i] == 0xed && check.need == 0 && len - i >= 3) {
            uint32_t half = surrogate_at(data + i);
            if (half) {
                if (after_high && !is_high(half)) {
                    return false; /* a pair spelled as two halves */
                }
                after_high = is_high(half);
                i += 3;
                continue;
            }
        }
        size_t run = 1;
        if (check.need == 0 && data[i] < 0x80) {
            run = ascii_run(data + i, len - i);
        }
        if (!utf8_check_feed(&check, data + i, run)) {
            return false;
        }
        after_high = false;
        i += run;
    }
    return utf8_check_complete(&check);
}

size_t wtf8_utf16_len(struct str text)
{
    /* Every sequence is one unit, those of four bytes are two. */
    size_t units = 0;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t byte = (uint8_t)text.ptr[i];
        units += (size_t)((byte & 0xc0) != 0x80) + (size_t)(byte >= 0xf0);
    }
    return units;
}

uint32_t wtf8_last_surrogate(struct str text)
{
    return text.len < 3 ? 0 : surrogate_at((const uint8_t *)text.ptr + text.len - 3);
}

uint32_t wtf8_first_surrogate(struct str text)
{
    return text.len < 3 ? 0 : surrogate_at((const uint8_t *)text.ptr);
}

size_t wtf8_encode(uint32_t cp, uint8_t out[4])
{
    if (cp < 0x80) {
        out[0] = (uint8_t)cp;
        return 1;
    }
    if (cp < 0x800) {
        out[0] = (uint8_t)(0xc0 | cp >> 6);
        out[1] = (uint8_t)(0x80 | (cp & 0x3f));
        return 2;
    }
    if (cp < 0x10000) {
        out[0] = (uint8_t)(0xe0 | cp >> 12);
        out[1] = (uint8_t)(0x80 | (cp >> 6 & 0x3f));
        out[2] = (uint8_t)(0x80 | (cp & 0x3f));
        return 3;
    }
    out[0] = (uint8_t)(0xf0 | cp >> 18);
    out[1] = (uint8_t)(0x80 | (cp >> 12 & 0x3f));
    out[2] = (uint8_t)(0x80 | (cp >> 6 & 0x3f));
    out[3] = (uint8_t)(0x80 | (cp & 0x3f));
    return 4;
}

size_t utf8_cut(struct str text, size_t max)
{
    if (text.len <= max) {
        return text.len;
    }
    while (max > 0 && ((uint8_t)text.ptr[max] & 0xc0) == 0x80) {
        max--;
    }
    return max;
}
