/* Redis URLs. */
#include "base/redis_url.h"

#include "base/alloc.h"
#include "base/number_text.h"
#include "base/url.h"

#include <stdlib.h>

/* NULL where a % is not followed by two hex digits, or the result would hold a NUL. */
static char *percent_decode(struct str text)
{
    char *out = xmalloc(text.len + 1);
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        int c = (unsigned char)text.ptr[i];
        if (c == '%') {
            c = url_decode_byte(text, i);
            i += 2;
        }
        if (c <= 0) {
            free(out);
            return NULL;
        }
        out[len++] = (char)c;
    }
    out[len] = '\0';
    return out;
}

/* user:password, or one of the two alone (":password", "user:"). */
static enum err parse_login(struct str text, struct redis_url *url)
{
    const char *colon = text.len ? memchr(text.ptr, ':', text.len) : NULL;
    if (!colon) {
        return ERR_MALFORMED; /* a lone word: user or password? */
    }
    struct str user = {text.ptr, (size_t)(colon - text.ptr)};
    struct str password = {colon + 1, text.len - user.len - 1};
    if (password.len == 0) {
        return ERR_MALFORMED;
    }
    url->password = percent_decode(password);
    url->user = user.len ? percent_decode(user) : NULL;
    return url->password && (url->user || user.len == 0) ? ERR_OK : ERR_MALFORMED;
}

static enum err parse_host(struct str text, struct redis_url *url)
{
    const char *slash = memchr(text.ptr, '/', text.len);
    if (slash) {
        struct str db = {slash + 1, (size_t)(text.ptr + text.len - slash - 1)};
        text.len = (size_t)(slash - text.ptr);
        uint64_t number = 0;
        if (db.len > 0 && number_parse(db, REDIS_DB_MAX, &number)) {
            return ERR_MALFORMED;
        }
        url->db = (uint32_t)number;
    }
    if (!address_parse(text, &url->address)) {
        return url->address.port > 0 ? ERR_OK : ERR_MALFORMED;
    }
    char *with_port = xasprintf("%.*s:%d", STR_ARG(text), REDIS_PORT);
    enum err err = address_parse(str_of(with_port), &url->address);
    free(with_port);
    return err;
}

static enum err parse_tcp(struct str text, struct redis_url *url)
{
    /* The last @: a password may hold one that somebody forgot to escape. */
    const char *at = text.len ? memrchr(text.ptr, '@', text.len) : NULL;
    if (at) {
        struct str login = {text.ptr, (size_t)(at - text.ptr)};
        enum err err = parse_login(login, url);
        if (err) {
            return err;
        }
        text = (struct str){at + 1, text.len - login.len - 1};
    }
    return text.len ? parse_host(text, url) : ERR_MALFORMED;
}

enum err redis_url_parse(struct str text, struct redis_url *out)
{
    static const struct str tcp = STR("redis://");
    static const struct str local = STR("unix://");
    struct redis_url url = {0};
    enum err err = ERR_MALFORMED;
    if (str_starts(text, tcp)) {
        err = parse_tcp((struct str){text.ptr + tcp.len, text.len - tcp.len}, &url);
    } else if (str_starts(text, local)) {
        struct str path = {text.ptr + local.len, text.len - local.len};
        if (path.len > 1 && path.ptr[0] == '/') {
            url.socket_path = xstrndup(path.ptr, path.len);
            err = ERR_OK;
        }
    }
    if (err) {
        redis_url_finish(&url);
    } else {
        *out = url;
    }
    return err;
}

bool redis_url_is_set(const struct redis_url *url)
{
    return url->socket_path || url->address.host[0];
}

char *redis_url_public(const struct redis_url *url)
{
    if (url->socket_path) {
        return xasprintf("unix://%s", url->socket_path);
    }
    char text[ADDRESS_TEXT_MAX];
    address_format(&url->address, text);
    return url->db ? xasprintf("redis://%s/%u", text, url->db) : xasprintf("redis://%s", text);
}

void redis_url_finish(struct redis_url *url)
{
    free(url->socket_path);
    free(url->user);
    free(url->password);
    *url = (struct redis_url){0};
}
