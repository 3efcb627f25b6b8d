/* Any bytes as JSON text. What parses must be canonical, be written as text that means the same,
 * and read the same everywhere. */
#include "value/check.h"
#include "value/json.h"
#include "value/pack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An assertion that names the rule and is there in every build. */
#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            __builtin_trap();                                                                      \
        }                                                                                          \
    } while (0)

/* Infinity is written as null, so that its value does not come back. */
static bool has_infinity(const struct buf *value)
{
    static const uint8_t plus[9] = {0xcb, 0x7f, 0xf0};
    static const uint8_t minus[9] = {0xcb, 0xff, 0xf0};
    return memmem(buf_head(value), buf_len(value), plus, sizeof(plus)) ||
           memmem(buf_head(value), buf_len(value), minus, sizeof(minus));
}

static void check_value(const struct buf *packed)
{
    struct value value;
    MUST(value_check(buf_head(packed), buf_len(packed), &value) == ERR_OK);
    struct buf again = {0};
    MUST(value_normalize(value.data, value.len, &again) == ERR_OK);
    MUST(str_eq(buf_str(packed), buf_str(&again)));

    struct buf text = {0};
    json_write(value, &text);
    buf_truncate(&again, 0);
    MUST(json_parse(buf_str(&text), &again) == ERR_OK);
    MUST(has_infinity(packed) || str_eq(buf_str(packed), buf_str(&again)));

    struct buf text_again = {0};
    json_write(buf_value(&again), &text_again);
    MUST(str_eq(buf_str(&text), buf_str(&text_again)));
    buf_finish(&text_again);
    buf_finish(&text);
    buf_finish(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = {(const char *)data, size};
    struct buf packed = {0};
    if (json_parse(text, &packed) == ERR_OK) {
        check_value(&packed);
        /* Behind something else, so that places are not positions by luck. */
        struct buf behind = {0};
        buf_append_str(&behind, STR("before"));
        MUST(json_parse(text, &behind) == ERR_OK);
        buf_consume(&behind, 6);
        MUST(str_eq(buf_str(&packed), buf_str(&behind)));
        buf_finish(&behind);
    } else {
        MUST(buf_len(&packed) == 0);
    }
    buf_finish(&packed);
    return 0;
}
