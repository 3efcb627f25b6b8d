/* Log lines for operators, on stderr: scope first, a fixed phrase, then keys. Text is logfmt, the
 * other format is one JSON object a line. One line is one write, so processes can share stderr.
 *
 *      log_warn(&conn->log, "send queue full", LOG_U64("bytes", n), LOG_STR("room", room));
 *      2026-01-31T10:00:00.123Z warn  gateway-1 conn=42: send queue full bytes=1048577 room=demo
 *
 * error: someone must act; warn: it recovered; info: processes, nodes, rooms; debug: sessions. No
 * document contents, no tokens. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/err.h"
#include "base/str.h"

#include <stdint.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_OFF };
enum log_format { LOG_TEXT, LOG_JSON };

/* What a line is about besides the process, e.g. {"room", "demo"}; borrowed, may be NULL. */
struct log_scope {
    const char *key;
    struct str value;
};

enum log_kind { LOG_KIND_STR, LOG_KIND_U64, LOG_KIND_I64, LOG_KIND_F64 };

struct log_field {
    const char *key; /* NULL ends the list */
    enum log_kind kind;
    struct str str;
    uint64_t u64;
    double f64;
};

#define LOG_STR(k, s) ((struct log_field){.key = (k), .kind = LOG_KIND_STR, .str = (s)})
#define LOG_TEXTZ(k, s) LOG_STR(k, str_of(s))
#define LOG_U64(k, n) ((struct log_field){.key = (k), .kind = LOG_KIND_U64, .u64 = (uint64_t)(n)})
#define LOG_I64(k, n) ((struct log_field){.key = (k), .kind = LOG_KIND_I64, .u64 = (uint64_t)(n)})
#define LOG_F64(k, n) ((struct log_field){.key = (k), .kind = LOG_KIND_F64, .f64 = (n)})
#define LOG_ERR(e) LOG_TEXTZ("error", err_name(e))

/* Once per process, before threads or lines. `process` is borrowed for good ("worker-2"). */
void log_setup(const char *process, enum log_level level, enum log_format format);
enum log_level log_threshold(void);
/* ERR_USAGE if it is none of debug, info, warn, error, off / text, json. */
enum err log_level_parse(struct str text, enum log_level *out) NODISCARD;
enum err log_format_parse(struct str text, enum log_format *out) NODISCARD;
const char *log_level_name(enum log_level level);
const char *log_format_name(enum log_format format);

void log_write(enum log_level level, const struct log_scope *scope, const char *phrase,
               const struct log_field *fields);

#define log_at(level, scope, phrase, ...)                                                          \
    do {                                                                                           \
        if ((level) >= log_threshold()) {                                                          \
            log_write(level, scope, phrase,                                                        \
                      (const struct log_field[]){__VA_ARGS__ __VA_OPT__(, ){0}});                  \
        }                                                                                          \
    } while (0)
#define log_debug(scope, phrase, ...) log_at(LOG_DEBUG, scope, phrase __VA_OPT__(, ) __VA_ARGS__)
#define log_info(scope, phrase, ...) log_at(LOG_INFO, scope, phrase __VA_OPT__(, ) __VA_ARGS__)
#define log_warn(scope, phrase, ...) log_at(LOG_WARN, scope, phrase __VA_OPT__(, ) __VA_ARGS__)
#define log_error(scope, phrase, ...) log_at(LOG_ERROR, scope, phrase __VA_OPT__(, ) __VA_ARGS__)

/* For what a peer can repeat at will: true at most `burst` times per minute. Zeroed is fresh.
 * `suppressed` then says how many were swallowed before this one. */
struct log_limit {
    uint64_t window_start_ms;
    uint32_t passed;
    uint32_t suppressed;
};
bool log_limit_pass(struct log_limit *limit, uint32_t burst, uint64_t now_ms, uint32_t *suppressed);

#endif
