/* A borrowed run of bytes, usually text; not NUL-terminated. It lives as long as what it points
 * into. {NULL, 0} is "absent" where a header says so, and compares equal to "". */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct str {
    const char *ptr;
    size_t len;
};

/* For printf: "%.*s", STR_ARG(s). */
#define STR_ARG(s) (int)(s).len, (s).ptr
#define STR(literal) ((struct str){"" literal, sizeof(literal) - 1})

static inline struct str str_of(const char *text)
{
    return (struct str){text, text ? strlen(text) : 0};
}

static inline bool str_eq(struct str a, struct str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool str_starts(struct str s, struct str prefix)
{
    return s.len >= prefix.len && (prefix.len == 0 || memcmp(s.ptr, prefix.ptr, prefix.len) == 0);
}

/* Orders by bytes, shorter first among equals; for sorting. */
static inline int str_cmp(struct str a, struct str b)
{
    size_t min = a.len < b.len ? a.len : b.len;
    int order = min ? memcmp(a.ptr, b.ptr, min) : 0;
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

#endif
