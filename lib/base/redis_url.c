/* Redis URLs. */
#include "base/redis_url.h"

#include "base/alloc.h"
#include "base/number_text.h"
#include "base/url.h"

#include <stdlib.h>

static const struct scheme {
    const char *name; /* as it is written; the first of a kind is the one that is shown */
    enum redis_kind kind;
    bool tls;
} schemes[] = {
    {"redis://", REDIS_SERVER, false},
    {"rediss://", REDIS_SERVER, true},
    {"sentinel://", REDIS_SENTINEL, false},
    {"redis-sentinel://", REDIS_SENTINEL, false},
    {"rediss-sentinel://", REDIS_SENTINEL, true},
    {"redis-cluster://", REDIS_CLUSTER, false},
    {"rediss-cluster://", REDIS_CLUSTER, true},
};
enum { SCHEMES = sizeof(schemes) / sizeof(schemes[0]) };

/* Takes what is in front of the first `mark` off *text; all of it if there is none. */
static struct str take_until(struct str *text, char mark)
{
    const char *at = text->len ? memchr(text->ptr, mark, text->len) : NULL;
    size_t len = at ? (size_t)(at - text->ptr) : text->len;
    size_t used = at ? len + 1 : len;
    struct str taken = {text->ptr, len};
    *text = (struct str){text->ptr + used, text->len - used};
    return taken;
}

static enum err bad(struct buf *why, const char *what)
{
    buf_printf(why, "%s", what);
    return ERR_MALFORMED;
}

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

/* user:password, or :password. */
static enum err parse_login(struct str text, struct redis_url *url, struct buf *why)
{
    struct str password = text;
    struct str user = take_until(&password, ':');
    if (user.len == text.len) {
        return bad(why, "a lone word before @: is it user: or :password?");
    }
    if (password.len == 0) {
        return bad(why, "the password before @ is empty");
    }
    url->password = percent_decode(password);
    url->user = user.len ? percent_decode(user) : NULL;
    return url->password && (url->user || user.len == 0)
               ? ERR_OK
               : bad(why, "a % before @ that two hex digits do not follow (% itself is %25)");
}

static enum err parse_host(struct str text, int port, struct address *out, struct buf *why)
{
    struct address address = {.port = 0};
    if (address_parse(text, &address)) {
        char *with_port = xasprintf("%.*s:%d", STR_ARG(text), port);
        (void)!address_parse(str_of(with_port), &address);
        free(with_port);
    }
    if (address.port == 0) {
        buf_printf(why, "\"%.*s\" is no host or host:port", STR_ARG(text));
        return ERR_MALFORMED;
    }
    *out = address;
    return ERR_OK;
}

static enum err parse_hosts(struct str text, struct redis_url *url, struct buf *why)
{
    int port = url->kind == REDIS_SENTINEL ? REDIS_SENTINEL_PORT : REDIS_PORT;
    url->hosts = xcalloc(REDIS_HOSTS_MAX, sizeof(*url->hosts));
    if (text.len == 0) {
        return bad(why, "there is no host in it");
    }
    while (text.len > 0) {
        if (url->host_count == (url->kind == REDIS_SERVER ? 1 : REDIS_HOSTS_MAX)) {
            return bad(why, url->kind == REDIS_SERVER
                                ? "several hosts are for sentinel:// and redis-cluster://"
                                : "more than 32 hosts");
        }
        enum err err = parse_host(take_until(&text, ','), port, &url->hosts[url->host_count], why);
        if (err) {
            return err;
        }
        url->host_count++;
    }
    return ERR_OK;
}

/* [MASTER][/DB] */
static enum err parse_path(struct str text, struct redis_url *url, struct buf *why)
{
    if (url->kind == REDIS_SENTINEL) {
        struct str master = take_until(&text, '/');
        url->master = percent_decode(master);
        if (!url->master || master.len == 0) {
            return bad(why, "behind the sentinels stands the master's name: sentinel://a,b/NAME");
        }
    }
    uint64_t number = 0;
    if (text.len > 0 && number_parse(text, REDIS_DB_MAX, &number)) {
        return bad(why, "the database is a number from 0 to 65535");
    }
    if (number > 0 && url->kind == REDIS_CLUSTER) {
        return bad(why, "a cluster has no other database than 0");
    }
    url->db = (uint32_t)number;
    return ERR_OK;
}

/* ---- the query ---- */

static const struct param {
    const char *name;
    size_t offset;
    bool for_tls;
} params[] = {
    {"cacert", offsetof(struct redis_url, cacert), true},
    {"cert", offsetof(struct redis_url, cert), true},
    {"key", offsetof(struct redis_url, key), true},
    {"sni", offsetof(struct redis_url, sni), true},
    {"sentinel_user", offsetof(struct redis_url, sentinel_user), false},
    {"sentinel_password", offsetof(struct redis_url, sentinel_password), false},
};
enum { PARAMS = sizeof(params) / sizeof(params[0]) };

static enum err parse_param(struct str name, struct str value, struct redis_url *url,
                            struct buf *why)
{
    size_t i = 0;
    while (i < PARAMS && !str_eq(name, str_of(params[i].name))) {
        i++;
    }
    if (i == PARAMS) {
        buf_printf(why, "unknown parameter \"%.*s\"; there are", STR_ARG(name));
        for (i = 0; i < PARAMS; i++) {
            buf_printf(why, " %s", params[i].name);
        }
        return ERR_MALFORMED;
    }
    bool fits = params[i].for_tls ? url->tls : url->kind == REDIS_SENTINEL;
    if (!fits) {
        buf_printf(why, "%s is for %s", params[i].name,
                   params[i].for_tls ? "TLS: rediss:// and its like" : "sentinel://");
        return ERR_MALFORMED;
    }
    char **field = (char **)((char *)url + params[i].offset);
    free(*field);
    *field = value.len ? percent_decode(value) : NULL;
    if (!*field) {
        buf_printf(why, "%s has no value, or a %% that two hex digits do not follow",
                   params[i].name);
        return ERR_MALFORMED;
    }
    return ERR_OK;
}

static enum err parse_query(struct str query, struct redis_url *url, struct buf *why)
{
    while (query.len > 0) {
        struct str value = take_until(&query, '&');
        struct str name = take_until(&value, '=');
        enum err err = parse_param(name, value, url, why);
        if (err) {
            return err;
        }
    }
    if (!url->cert != !url->key) {
        return bad(why, "cert and key go together");
    }
    return url->sentinel_user && !url->sentinel_password
               ? bad(why, "sentinel_user wants sentinel_password")
               : ERR_OK;
}

/* ---- all of it ---- */

static enum err parse_tcp(struct str text, struct redis_url *url, struct buf *why)
{
    /* The last @: a password may hold one that somebody forgot to escape. */
    const char *at = text.len ? memrchr(text.ptr, '@', text.len) : NULL;
    if (at) {
        struct str login = {text.ptr, (size_t)(at - text.ptr)};
        enum err err = parse_login(login, url, why);
        if (err) {
            return err;
        }
        text = (struct str){at + 1, text.len - login.len - 1};
    }
    struct str query = text;
    struct str path = take_until(&query, '?');
    struct str hosts = take_until(&path, '/');
    enum err err = parse_hosts(hosts, url, why);
    if (!err) {
        err = parse_path(path, url, why);
    }
    return err ? err : parse_query(query, url, why);
}

static enum err parse_socket(struct str path, struct redis_url *url, struct buf *why)
{
    if (path.len <= 1 || path.ptr[0] != '/') {
        return bad(why, "a socket has an absolute path: unix:///run/redis.sock");
    }
    url->socket_path = xstrndup(path.ptr, path.len);
    return ERR_OK;
}

static enum err parse(struct str text, struct redis_url *url, struct buf *why)
{
    static const struct str local = STR("unix://");
    if (str_starts(text, local)) {
        return parse_socket((struct str){text.ptr + local.len, text.len - local.len}, url, why);
    }
    for (size_t i = 0; i < SCHEMES; i++) {
        size_t len = strlen(schemes[i].name);
        if (str_starts(text, (struct str){schemes[i].name, len})) {
            url->kind = schemes[i].kind;
            url->tls = schemes[i].tls;
            return parse_tcp((struct str){text.ptr + len, text.len - len}, url, why);
        }
    }
    return bad(why, "it begins with none of redis://, rediss://, unix://, sentinel://,"
                    " rediss-sentinel://, redis-cluster://, rediss-cluster://");
}

enum err redis_url_parse(struct str text, struct redis_url *out, struct buf *why)
{
    struct redis_url url = {0};
    struct buf unheard = {0};
    enum err err = parse(text, &url, why ? why : &unheard);
    if (err) {
        redis_url_finish(&url);
    } else {
        *out = url;
    }
    buf_finish(&unheard);
    return err;
}

bool redis_url_is_set(const struct redis_url *url)
{
    return url->socket_path || url->host_count > 0;
}

char *redis_url_public(const struct redis_url *url)
{
    if (url->socket_path) {
        return xasprintf("unix://%s", url->socket_path);
    }
    struct buf out = {0};
    size_t i = 0;
    while (schemes[i].kind != url->kind || schemes[i].tls != url->tls) {
        i++;
    }
    buf_printf(&out, "%s", schemes[i].name);
    for (i = 0; i < url->host_count; i++) {
        char text[ADDRESS_TEXT_MAX];
        buf_printf(&out, "%s%s", i ? "," : "", address_format(&url->hosts[i], text));
    }
    if (url->master) {
        buf_printf(&out, "/%s", url->master);
    }
    if (url->db) {
        buf_printf(&out, "/%u", url->db);
    }
    buf_append_byte(&out, '\0');
    size_t len;
    return (char *)buf_take(&out, &len);
}

void redis_url_finish(struct redis_url *url)
{
    free(url->hosts);
    free(url->socket_path);
    free(url->user);
    free(url->password);
    free(url->master);
    free(url->sentinel_user);
    free(url->sentinel_password);
    free(url->cacert);
    free(url->cert);
    free(url->key);
    free(url->sni);
    *url = (struct redis_url){0};
}
