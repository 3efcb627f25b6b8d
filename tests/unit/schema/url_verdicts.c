/* For urls.js: reads a JSON array of texts and writes a digit for each, bits 1, 2, 4 of which say
 * whether it is valid as linkUrl, srcUrl, httpUrl. */
#include "schema/url.h"
#include "value/json.h"
#include "value/pack.h"

#include <stdio.h>

int main(void)
{
    struct buf text = {0};
    struct buf list = {0};
    size_t got;
    do {
        enum { STEP = 65536 };
        got = fread(buf_reserve(&text, STEP), 1, STEP, stdin);
        buf_commit(&text, got);
    } while (got > 0);
    if (json_parse(buf_str(&text), &list) != ERR_OK) {
        fprintf(stderr, "not JSON\n");
        return 1;
    }
    struct value_walk walk = value_items(buf_value(&list));
    struct value item;
    while (value_next_item(&walk, &item)) {
        struct str url = STR("");
        value_string(item, &url);
        putchar('0' + url_valid(url, URL_LINK) + 2 * url_valid(url, URL_SRC) +
                4 * url_valid(url, URL_HTTP));
    }
    buf_finish(&text);
    buf_finish(&list);
    return 0;
}
