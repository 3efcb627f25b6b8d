/* HTTP request heads. */
#include "gateway/request.h"

#include "base/alloc.h"

#include <http_parser.h>
#include <stdlib.h>
#include <strings.h>

enum header {
    HEADER_OTHER,
    HEADER_UPGRADE,
    HEADER_CONNECTION,
    HEADER_KEY,
    HEADER_VERSION,
    HEADERS
};

static const char *const header_names[HEADERS] = {
    [HEADER_UPGRADE] = "upgrade",
    [HEADER_CONNECTION] = "connection",
    [HEADER_KEY] = "sec-websocket-key",
    [HEADER_VERSION] = "sec-websocket-version",
};

struct request {
    http_parser parser;
    size_t head_bytes;
    bool complete;
    bool in_value; /* the last callback was about a value */
    enum header current;
    struct buf url, name;
    struct buf values[HEADERS];
    bool seen[HEADERS];
    char room[URL_NAME_MAX + 1], session[URL_NAME_MAX + 1];
};

static enum header header_of(struct str name)
{
    for (int i = HEADER_UPGRADE; i < HEADERS; i++) {
        if (name.len == strlen(header_names[i]) &&
            strncasecmp(name.ptr, header_names[i], name.len) == 0) {
            return (enum header)i;
        }
    }
    return HEADER_OTHER;
}

static int on_url(http_parser *parser, const char *at, size_t len)
{
    struct request *request = parser->data;
    buf_append(&request->url, at, len);
    return 0;
}

static int on_field(http_parser *parser, const char *at, size_t len)
{
    struct request *request = parser->data;
    if (request->in_value) {
        request->in_value = false;
        buf_clear(&request->name, SIZE_MAX);
    }
    buf_append(&request->name, at, len);
    return 0;
}

static int on_value(http_parser *parser, const char *at, size_t len)
{
    struct request *request = parser->data;
    if (!request->in_value) {
        request->in_value = true;
        request->current = header_of(buf_str(&request->name));
        if (request->seen[request->current]) {
            buf_append_byte(&request->values[request->current], ',');
        }
        request->seen[request->current] = true;
    }
    if (request->current != HEADER_OTHER) {
        buf_append(&request->values[request->current], at, len);
    }
    return 0;
}

static int on_head(http_parser *parser)
{
    struct request *request = parser->data;
    request->complete = true;
    http_parser_pause(parser, 1);
    return 0;
}

static const http_parser_settings settings = {
    .on_url = on_url,
    .on_header_field = on_field,
    .on_header_value = on_value,
    .on_headers_complete = on_head,
};

struct request *request_create(void)
{
    struct request *request = xcalloc(1, sizeof(*request));
    http_parser_init(&request->parser, HTTP_REQUEST);
    request->parser.data = request;
    return request;
}

void request_destroy(struct request *request)
{
    if (!request) {
        return;
    }
    buf_finish(&request->url);
    buf_finish(&request->name);
    for (int i = 0; i < HEADERS; i++) {
        buf_finish(&request->values[i]);
    }
    free(request);
}

enum err request_feed(struct request *request, const void *data, size_t len, size_t *used)
{
    *used = 0;
    if (len == 0) {
        return ERR_AGAIN; /* which http-parser would take for the end of the stream */
    }
    *used = http_parser_execute(&request->parser, &settings, data, len);
    request->head_bytes += *used;
    if (request->head_bytes > REQUEST_HEAD_MAX) {
        return ERR_TOO_LARGE;
    }
    enum http_errno error = HTTP_PARSER_ERRNO(&request->parser);
    if (request->complete) {
        /* Paused in front of the line feed that ends the head. */
        *used += error == HPE_PAUSED && *used < len ? 1 : 0;
        return ERR_OK;
    }
    if (error == HPE_HEADER_OVERFLOW) {
        return ERR_TOO_LARGE;
    }
    return error == HPE_OK ? ERR_AGAIN : ERR_MALFORMED;
}

struct str request_method(const struct request *request)
{
    return str_of(http_method_str(request->parser.method));
}

bool request_is_head(const struct request *request)
{
    return request->parser.method == HTTP_HEAD;
}

bool request_is_get(const struct request *request)
{
    return request->parser.method == HTTP_GET || request_is_head(request);
}

static struct str url_part(const struct request *request, enum http_parser_url_fields part)
{
    struct http_parser_url url;
    struct str text = buf_str(&request->url);
    http_parser_url_init(&url);
    if (http_parser_parse_url(text.ptr, text.len, 0, &url) || !(url.field_set & (1 << part))) {
        return (struct str){0};
    }
    return (struct str){text.ptr + url.field_data[part].off, url.field_data[part].len};
}

struct str request_path(const struct request *request)
{
    return url_part(request, UF_PATH);
}

static struct str header_value(const struct request *request, enum header header)
{
    if (!request->seen[header]) {
        return (struct str){0};
    }
    struct str value = buf_str(&request->values[header]);
    return value.len > 0 ? value : STR("");
}

struct ws_request request_upgrade(const struct request *request)
{
    return (struct ws_request){
        .method = request_method(request),
        .http_major = request->parser.http_major,
        .http_minor = request->parser.http_minor,
        .upgrade = header_value(request, HEADER_UPGRADE),
        .connection = header_value(request, HEADER_CONNECTION),
        .key = header_value(request, HEADER_KEY),
        .version = header_value(request, HEADER_VERSION),
    };
}

enum err request_target(struct request *request, struct connect_target *target, const char **why)
{
    static const struct str prefix = {"/connect/", 9};
    struct str path = request_path(request);
    if (!str_starts(path, prefix)) {
        return ERR_NOT_FOUND;
    }
    struct str room = {path.ptr + prefix.len, path.len - prefix.len};
    if (room.len > 0 && memchr(room.ptr, '/', room.len)) {
        return ERR_NOT_FOUND; /* a slash in a room's name is written %2F */
    }
    struct str query = url_part(request, UF_QUERY);
    *why = url_decode_name(room, false, request->room, &target->room);
    if (!*why && target->room.len == 0) {
        *why = "is empty";
    }
    if (!*why) {
        struct str session = url_query_get(query, STR("sessionId"));
        *why = url_decode_name(session, true, request->session, &target->session);
    }
    target->readonly = str_eq(url_query_get(query, STR("readonly")), STR("1"));
    target->object_readonly = str_eq(url_query_get(query, STR("objectAccess")), STR("read"));
    return *why ? ERR_MALFORMED : ERR_OK;
}
