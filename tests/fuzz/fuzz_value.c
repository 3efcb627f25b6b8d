/* Any bytes as a client's msgpack, and as a value from one of our own processes. */
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

static void check_normal(const struct buf *normal)
{
    struct value value;
    MUST(value_check(buf_head(normal), buf_len(normal), &value) == ERR_OK);
    struct buf again = {0};
    MUST(value_normalize(value.data, value.len, &again) == ERR_OK);
    MUST(str_eq(buf_str(normal), buf_str(&again)));

    /* As text it is a JSON text. */
    struct buf text = {0};
    json_write(value, &text);
    buf_truncate(&again, 0);
    MUST(json_parse(buf_str(&text), &again) == ERR_OK);
    buf_finish(&text);
    buf_finish(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf normal = {0};
    struct value value;
    enum err normalized = value_normalize(data, size, &normal);
    enum err checked = value_check(data, size, &value);
    if (normalized == ERR_OK) {
        check_normal(&normal);
    } else {
        MUST(buf_len(&normal) == 0);
    }
    if (checked == ERR_OK) {
        /* Inside, values may be deeper and wider than a client may send. */
        MUST(normalized == ERR_OK || normalized == ERR_TOO_DEEP || normalized == ERR_TOO_LARGE);
        MUST(value.data == data && value.len == size);
    }
    if (checked == ERR_OK && normalized == ERR_OK) {
        MUST(str_eq((struct str){(const char *)data, size}, buf_str(&normal)));
    }
    buf_finish(&normal);
    return 0;
}
