/* "MOVED 3999 127.0.0.1:6381" and its like. */
#include "store/redirect.h"

#include "base/number_text.h"

#include <stdio.h>

/* The next word of *text, without the blank behind it. */
static struct str word(struct str *text)
{
    const char *blank = text->len ? memchr(text->ptr, ' ', text->len) : NULL;
    size_t len = blank ? (size_t)(blank - text->ptr) : text->len;
    struct str taken = {text->ptr, len};
    size_t used = blank ? len + 1 : len;
    *text = (struct str){text->ptr + used, text->len - used};
    return taken;
}

/* HOST:PORT as servers write it: an IPv6 address has no brackets, an unknown host is "" or "?". */
static bool read_to(struct str text, struct address *out)
{
    const char *colon = text.len ? memrchr(text.ptr, ':', text.len) : NULL;
    uint64_t port;
    if (!colon) {
        return false;
    }
    struct str host = {text.ptr, (size_t)(colon - text.ptr)};
    struct str port_text = {colon + 1, text.len - host.len - 1};
    if (number_parse(port_text, UINT16_MAX, &port) || port == 0 || host.len > ADDRESS_HOST_MAX) {
        return false;
    }
    *out = (struct address){.port = (uint16_t)port};
    if (!str_eq(host, STR("?"))) {
        snprintf(out->host, sizeof(out->host), "%.*s", STR_ARG(host));
    }
    return true;
}

struct redirect redirect_read(struct str error)
{
    struct str code = word(&error);
    if (str_eq(code, STR("TRYAGAIN")) || str_eq(code, STR("CLUSTERDOWN"))) {
        return (struct redirect){.kind = REDIRECT_WAIT};
    }
    bool moved = str_eq(code, STR("MOVED"));
    enum { SLOT_MAX = 16383 };
    uint64_t slot;
    struct redirect redirect = {.kind = moved ? REDIRECT_MOVED : REDIRECT_ASK};
    if ((!moved && !str_eq(code, STR("ASK"))) || number_parse(word(&error), SLOT_MAX, &slot) ||
        !read_to(word(&error), &redirect.to)) {
        return (struct redirect){.kind = REDIRECT_NONE};
    }
    redirect.slot = (uint16_t)slot;
    return redirect;
}
