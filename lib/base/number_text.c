/* Whole numbers as people write them. */
#include "base/number_text.h"

enum err number_parse(struct str text, uint64_t max, uint64_t *out)
{
    uint64_t number = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9') {
            return ERR_MALFORMED;
        }
        uint64_t digit = (uint64_t)(text.ptr[i] - '0');
        if (digit > max || number > (max - digit) / 10) {
            return ERR_TOO_LARGE;
        }
        number = number * 10 + digit;
    }
    if (text.len == 0) {
        return ERR_MALFORMED;
    }
    *out = number;
    return ERR_OK;
}

enum err size_parse(struct str text, uint64_t max, uint64_t *out)
{
    uint64_t unit = 1;
    if (text.len > 0) {
        char last = text.ptr[text.len - 1];
        if (last == 'k' || last == 'K') {
            unit = 1024;
        } else if (last == 'm' || last == 'M') {
            unit = 1024 * 1024;
        }
    }
    text.len -= unit > 1;
    uint64_t number;
    enum err err = number_parse(text, max / unit, &number);
    if (!err) {
        *out = number * unit;
    }
    return err;
}
