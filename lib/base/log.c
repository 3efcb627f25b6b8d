/* Log lines on stderr. */
#include "base/log.h"

#include "base/buf.h"
#include "base/utf8.h"

#include <inttypes.h>
#include <math.h>
#include <time.h>
#include <unistd.h>

static const char *const level_names[] = {"debug", "info", "warn", "error", "off"};
static const char *const format_names[] = {"text", "json"};

static struct {
    const char *process;
    enum log_level level;
    enum log_format format;
} setup = {"roomd", LOG_INFO, LOG_TEXT};

void log_setup(const char *process, enum log_level level, enum log_format format)
{
    setup.process = process;
    setup.level = level;
    setup.format = format;
}

enum log_level log_threshold(void)
{
    return setup.level;
}

const char *log_level_name(enum log_level level)
{
    return level_names[level];
}

const char *log_format_name(enum log_format format)
{
    return format_names[format];
}

enum err log_level_parse(struct str text, enum log_level *out)
{
    for (size_t i = 0; i < sizeof(level_names) / sizeof(level_names[0]); i++) {
        if (str_eq(text, str_of(level_names[i]))) {
            *out = (enum log_level)i;
            return ERR_OK;
        }
    }
    return ERR_USAGE;
}

enum err log_format_parse(struct str text, enum log_format *out)
{
    for (size_t i = 0; i < sizeof(format_names) / sizeof(format_names[0]); i++) {
        if (str_eq(text, str_of(format_names[i]))) {
            *out = (enum log_format)i;
            return ERR_OK;
        }
    }
    return ERR_USAGE;
}

static void append_time(struct buf *line)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    struct tm tm;
    gmtime_r(&now.tv_sec, &tm);
    buf_printf(line, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900, tm.tm_mon + 1,
               tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (int)(now.tv_nsec / 1000000));
}

/* Byte length of the well-formed character at the front, or 0. */
static size_t char_len(struct str text)
{
    uint8_t first = (uint8_t)text.ptr[0];
    size_t len = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    return len <= text.len && utf8_valid((const uint8_t *)text.ptr, len) ? len : 0;
}

static void append_char(struct buf *line, const char *at, size_t len)
{
    uint8_t first = (uint8_t)at[0];
    if (len == 0) {
        buf_append_str(line, STR("\\ufffd"));
    } else if (first < 0x20 || first == 0x7f) {
        buf_printf(line, "\\u%04x", first);
    } else if (first == 0xc2 && (uint8_t)at[1] < 0xa0) {
        buf_printf(line, "\\u%04x", (uint8_t)at[1]); /* a C1 control, which terminals obey */
    } else {
        if (first == '"' || first == '\\') {
            buf_append_byte(line, '\\');
        }
        buf_append(line, at, len);
    }
}

/* Quoted with JSON's escapes; outside text is kept out of the line's structure this way. What is
 * not UTF-8 becomes U+FFFD, so that a line is always JSON. */
static void append_quoted(struct buf *line, struct str text)
{
    buf_append_byte(line, '"');
    for (size_t i = 0; i < text.len;) {
        size_t len = char_len((struct str){text.ptr + i, text.len - i});
        append_char(line, text.ptr + i, len);
        i += len ? len : 1;
    }
    buf_append_byte(line, '"');
}

static bool is_plain(struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c <= ' ' || c == '"' || c == '=' || c == '\\' || c >= 0x7f) {
            return false;
        }
    }
    return text.len > 0;
}

static void append_value(struct buf *line, const struct log_field *field)
{
    switch (field->kind) {
    case LOG_KIND_STR:
        if (setup.format == LOG_TEXT && is_plain(field->str)) {
            buf_append_str(line, field->str);
        } else {
            append_quoted(line, field->str);
        }
        break;
    case LOG_KIND_U64:
        buf_printf(line, "%" PRIu64, field->u64);
        break;
    case LOG_KIND_I64:
        buf_printf(line, "%" PRId64, (int64_t)field->u64);
        break;
    case LOG_KIND_F64:
        if (setup.format == LOG_JSON && !isfinite(field->f64)) {
            buf_append_str(line, STR("null")); /* JSON has no other word for it */
        } else {
            buf_printf(line, "%.6g", field->f64);
        }
        break;
    }
}

static void append_text(struct buf *line, enum log_level level, const struct log_scope *scope,
                        const char *phrase, const struct log_field *fields)
{
    append_time(line);
    buf_printf(line, " %-5s %s", level_names[level], setup.process);
    if (scope && scope->key) {
        struct log_field field = LOG_STR(scope->key, scope->value);
        buf_printf(line, " %s=", field.key);
        append_value(line, &field);
    }
    buf_printf(line, ": %s", phrase);
    for (; fields->key; fields++) {
        buf_printf(line, " %s=", fields->key);
        append_value(line, fields);
    }
}

static void append_json(struct buf *line, enum log_level level, const struct log_scope *scope,
                        const char *phrase, const struct log_field *fields)
{
    buf_printf(line, "{\"time\":\"");
    append_time(line);
    buf_printf(line, "\",\"level\":\"%s\",\"process\":", level_names[level]);
    append_quoted(line, str_of(setup.process));
    buf_printf(line, ",\"message\":");
    append_quoted(line, str_of(phrase));
    if (scope && scope->key) {
        buf_printf(line, ",\"%s\":", scope->key);
        append_quoted(line, scope->value);
    }
    for (; fields->key; fields++) {
        buf_printf(line, ",\"%s\":", fields->key);
        append_value(line, fields);
    }
    buf_append_byte(line, '}');
}

void log_write(enum log_level level, const struct log_scope *scope, const char *phrase,
               const struct log_field *fields)
{
    struct buf line = {0};
    if (setup.format == LOG_JSON) {
        append_json(&line, level, scope, phrase, fields);
    } else {
        append_text(&line, level, scope, phrase, fields);
    }
    buf_append_byte(&line, '\n');
    /* A log that cannot be written has nowhere to complain. */
    ssize_t ignored = write(STDERR_FILENO, buf_head(&line), buf_len(&line));
    (void)ignored;
    buf_finish(&line);
}

bool log_limit_pass(struct log_limit *limit, uint32_t burst, uint64_t now_ms, uint32_t *suppressed)
{
    if (limit->window_start_ms == 0 || now_ms - limit->window_start_ms >= 60000) {
        *limit = (struct log_limit){.window_start_ms = now_ms ? now_ms : 1,
                                    .suppressed = limit->suppressed};
    }
    if (limit->passed >= burst) {
        limit->suppressed++;
        return false;
    }
    limit->passed++;
    *suppressed = limit->suppressed;
    limit->suppressed = 0;
    return true;
}
