/* JSON objects, field by field. */
#include "admin/fields.h"

#include "base/utf8.h"
#include "value/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

/* What is written next follows something if the text does not end with an opening bracket or with
 * the colon of its own name. */
static void separate(struct buf *out)
{
    if (buf_len(out) > 0) {
        uint8_t last = buf_head(out)[buf_len(out) - 1];
        if (last != '{' && last != '[' && last != ':') {
            buf_append_byte(out, ',');
        }
    }
}

void fields_open(struct buf *out, char bracket)
{
    separate(out);
    buf_append_byte(out, (uint8_t)bracket);
}

void fields_close(struct buf *out, char bracket)
{
    buf_append_byte(out, (uint8_t)bracket);
}

void fields_name(struct buf *out, const char *name)
{
    separate(out);
    buf_printf(out, "\"%s\":", name);
}

void fields_str(struct buf *out, const char *name, struct str value)
{
    fields_name(out, name);
    if (value.ptr && wtf8_valid((const uint8_t *)value.ptr, value.len)) {
        json_write_string(value, out);
    } else {
        buf_append_str(out, STR("null"));
    }
}

void fields_text(struct buf *out, const char *name, const char *value)
{
    fields_str(out, name, str_of(value));
}

void fields_u64(struct buf *out, const char *name, uint64_t value)
{
    fields_name(out, name);
    buf_printf(out, "%" PRIu64, value);
}

void fields_bool(struct buf *out, const char *name, bool value)
{
    fields_name(out, name);
    buf_printf(out, "%s", value ? "true" : "false");
}

void fields_null(struct buf *out, const char *name)
{
    fields_str(out, name, (struct str){0});
}

void fields_decimal(struct buf *out, const char *name, double value)
{
    fields_name(out, name);
    buf_printf(out, "%.3f", value);
}

void fields_time(struct buf *out, const char *name, uint64_t unix_ms)
{
    if (unix_ms == 0) {
        fields_null(out, name);
        return;
    }
    time_t seconds = (time_t)(unix_ms / 1000);
    struct tm tm;
    char text[32];
    gmtime_r(&seconds, &tm);
    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
    fields_name(out, name);
    buf_printf(out, "\"%s.%03" PRIu64 "Z\"", text, unix_ms % 1000);
}
