/* The parts of a URL, as the basic URL parser of the WHATWG standard finds them, without writing
 * any: only a host and a port can be wrong. */
#include "schema/url.h"

#include "base/buf.h"
#include "schema/url_host.h"

#include <strings.h>

/* Stripped from both ends: control characters and blanks. */
static struct str strip(struct str text)
{
    while (text.len > 0 && (uint8_t)text.ptr[0] <= ' ') {
        text.ptr++;
        text.len--;
    }
    while (text.len > 0 && (uint8_t)text.ptr[text.len - 1] <= ' ') {
        text.len--;
    }
    return text;
}

static bool is_removed(char c)
{
    return c == '\t' || c == '\n' || c == '\r';
}

/* Without tabs and line ends; a copy in `buf` if there are any. */
static struct str clean(struct str text, struct buf *buf)
{
    size_t i = 0;
    text = strip(text);
    while (i < text.len && !is_removed(text.ptr[i])) {
        i++;
    }
    if (i == text.len) {
        return text;
    }
    for (i = 0; i < text.len; i++) {
        if (!is_removed(text.ptr[i])) {
            buf_append_byte(buf, (uint8_t)text.ptr[i]);
        }
    }
    return buf_str(buf);
}

static struct str from(struct str text, size_t at)
{
    return (struct str){text.ptr + at, text.len - at};
}

static bool is_slash(char c)
{
    return c == '/' || c == '\\';
}

static bool is_port(struct str text)
{
    uint32_t port = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9') {
            return false;
        }
        port = port * 10 + (uint32_t)(text.ptr[i] - '0');
        if (port > UINT16_MAX) {
            return false;
        }
    }
    return true;
}

static bool ends_authority(char c, bool special)
{
    return c == '/' || c == '?' || c == '#' || (special && c == '\\');
}

/* "USER@HOST:PORT" up to the path, of a special scheme (http, https) or another. */
static bool authority_valid(struct str text, bool special)
{
    size_t end = 0;
    size_t start = 0; /* of the host */
    for (; end < text.len && !ends_authority(text.ptr[end], special); end++) {
        start = text.ptr[end] == '@' ? end + 1 : start;
    }
    struct str host = {text.ptr + start, end - start};
    bool bracket = false;
    size_t colon = 0;
    for (; colon < host.len && (bracket || host.ptr[colon] != ':'); colon++) {
        bracket = host.ptr[colon] == '[' || (bracket && host.ptr[colon] != ']');
    }
    bool has_port = colon < host.len;
    bool may_be_empty = !special && start == 0 && !has_port;
    struct str name = {host.ptr, colon};
    if (colon == 0) {
        return may_be_empty;
    }
    return url_host_valid(name, special) && (!has_port || is_port(from(host, colon + 1)));
}

/* Against the base of some http URL; the text begins with "/" or ".". */
static bool relative_valid(struct str text)
{
    if (text.len < 2 || !is_slash(text.ptr[0]) || !is_slash(text.ptr[1])) {
        return true;
    }
    size_t at = 0;
    while (at < text.len && is_slash(text.ptr[at])) {
        at++;
    }
    return authority_valid(from(text, at), true);
}

struct scheme {
    const char *name;
    bool special;
    bool kinds[3]; /* by url_kind */
};

static const struct scheme schemes[] = {
    {"http:", true, {true, true, true}},     {"https:", true, {true, true, true}},
    {"mailto:", false, {[URL_LINK] = true}}, {"data:", false, {[URL_SRC] = true}},
    {"asset:", false, {[URL_SRC] = true}},
};

static bool absolute_valid(struct str text, enum url_kind kind)
{
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        const struct scheme *scheme = &schemes[i];
        size_t at = strlen(scheme->name);
        if (!scheme->kinds[kind] || text.len < at || strncasecmp(text.ptr, scheme->name, at) != 0) {
            continue;
        }
        if (scheme->special) {
            while (at < text.len && is_slash(text.ptr[at])) {
                at++;
            }
            return authority_valid(from(text, at), true);
        }
        return !str_starts(from(text, at), STR("//")) || authority_valid(from(text, at + 2), false);
    }
    return false;
}

bool url_valid(struct str text, enum url_kind kind)
{
    if (text.len == 0) {
        return true;
    }
    struct buf buf = {0};
    struct str cleaned = clean(text, &buf);
    bool relative = str_starts(text, STR("/")) || str_starts(text, STR("./"));
    bool valid = relative ? relative_valid(cleaned) : absolute_valid(cleaned, kind);
    buf_finish(&buf);
    return valid;
}
