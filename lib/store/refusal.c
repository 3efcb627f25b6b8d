/* Codes of error replies. */
#include "store/refusal.h"

#include <stdbool.h>

static const struct {
    const char *code;
    enum refusal refusal;
} codes[] = {
    {"FENCED", REFUSAL_FENCED},   {"GAP", REFUSAL_GAP},        {"NOSCRIPT", REFUSAL_SCRIPTS},
    {"READONLY", REFUSAL_SERVER}, {"LOADING", REFUSAL_SERVER}, {"MASTERDOWN", REFUSAL_SERVER},
    {"WRONGTYPE", REFUSAL_KEY},   {"ERR", REFUSAL_KEY},        {"EXECABORT", REFUSAL_ECHO},
};

/* Before Redis 7: "ERR Error running script (...): @user_script:12: -OOM command not allowed". */
static struct str unwrap(struct str error)
{
    static const char mark[] = ": -";
    enum { MARK = sizeof(mark) - 1 };
    const char *at =
        str_starts(error, STR("ERR ")) ? memmem(error.ptr, error.len, mark, MARK) : NULL;
    if (!at) {
        return error;
    }
    at += MARK;
    return (struct str){at, error.len - (size_t)(at - error.ptr)};
}

static bool has_code(struct str error, struct str code)
{
    return str_starts(error, code) && (error.len == code.len || error.ptr[code.len] == ' ');
}

enum refusal refusal_of(struct str error)
{
    error = unwrap(error);
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        if (has_code(error, str_of(codes[i].code))) {
            return codes[i].refusal;
        }
    }
    return REFUSAL_WRITES; /* OOM, MISCONF, NOPERM, NOREPLICAS, CLUSTERDOWN, BUSY, ... */
}
