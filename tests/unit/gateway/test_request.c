#include "gateway/request.h"

#include "base/alloc.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>
#include <stdlib.h>

/* Feeds pieces of `step` bytes, each in memory of its own size; returns what the last one gave and
 * how much of all was the head's. */
static enum err feed(struct request *request, struct str bytes, size_t step, size_t *used)
{
    enum err err = ERR_AGAIN;
    *used = 0;
    for (size_t at = 0; at < bytes.len && err == ERR_AGAIN; at += step) {
        size_t len = bytes.len - at < step ? bytes.len - at : step;
        char *piece = xmemdup(bytes.ptr + at, len);
        size_t n = SIZE_MAX;
        err = request_feed(request, piece, len, &n);
        cr_assert(le(sz, n, len));
        cr_assert(err != ERR_AGAIN || n == len, "all of it is taken while more is wanted");
        *used += n;
        free(piece);
    }
    return err;
}

#define HEAD "GET /connect/demo?sessionId=a HTTP/1.1\r\nHost: x\r\n"

struct head_case {
    char name[48];
    char bytes[240];
    enum err want;
    char method[8], path[40], upgrade[24], connection[48], key[40], version[8];
};

ParameterizedTestParameters(request, heads)
{
    static struct head_case cases[] = {
        {"a handshake",
         HEAD "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: abc=\r\n"
              "Sec-WebSocket-Version: 13\r\n\r\n",
         ERR_OK, "GET", "/connect/demo", "websocket", "Upgrade", "abc=", "13"},
        {"names in any case",
         "GET / HTTP/1.1\r\nUPGRADE: a\r\nconnection: b\r\nsec-websocket-KEY: c\r\n\r\n", ERR_OK,
         "GET", "/", "a", "b", "c", "-"},
        {"no headers", "GET / HTTP/1.1\r\n\r\n", ERR_OK, "GET", "/", "-", "-", "-", "-"},
        {"HEAD", "HEAD /x HTTP/1.1\r\n\r\n", ERR_OK, "HEAD", "/x", "-", "-", "-", "-"},
        {"POST", "POST /x HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", ERR_OK, "POST", "/x", "-", "-",
         "-", "-"},
        {"HTTP/1.0", "GET / HTTP/1.0\r\n\r\n", ERR_OK, "GET", "/", "-", "-", "-", "-"},
        {"an absolute address", "GET http://example.com:80/connect/x?y#z HTTP/1.1\r\n\r\n", ERR_OK,
         "GET", "/connect/x", "-", "-", "-", "-"},
        {"an authority", "CONNECT example.com:443 HTTP/1.1\r\n\r\n", ERR_OK, "CONNECT", "", "-",
         "-", "-", "-"},
        {"the whole server", "OPTIONS * HTTP/1.1\r\n\r\n", ERR_OK, "OPTIONS", "*", "-", "-", "-",
         "-"},
        {"a header that comes twice", "GET / HTTP/1.1\r\nUpgrade: a\r\nX: y\r\nUpgrade: b\r\n\r\n",
         ERR_OK, "GET", "/", "a,b", "-", "-", "-"},
        {"an empty header is there", "GET / HTTP/1.1\r\nUpgrade:\r\nConnection: b\r\n\r\n", ERR_OK,
         "GET", "/", "", "b", "-", "-"},
        {"empty and again", "GET / HTTP/1.1\r\nUpgrade: \r\nUpgrade: b\r\n\r\n", ERR_OK, "GET", "/",
         ",b", "-", "-", "-"},
        {"a name that begins like ours", "GET / HTTP/1.1\r\nUpgrades: a\r\nUpgrad: b\r\n\r\n",
         ERR_OK, "GET", "/", "-", "-", "-", "-"},
        {"a fold", "GET / HTTP/1.1\r\nUpgrade: a\r\n b\r\n\r\n", ERR_OK, "GET", "/", "a b", "-",
         "-", "-"},
        {"blanks around a value", "GET / HTTP/1.1\r\nUpgrade: \t a b \r\n\r\n", ERR_OK, "GET", "/",
         "a b ", "-", "-", "-"},
        {"what comes behind is another's", "GET / HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\n", ERR_OK,
         "GET", "/", "-", "-", "-", "-"},
        {"frames behind the head",
         "GET / HTTP/1.1\r\nUpgrade: w\r\nConnection: upgrade\r\n\r\n\x81", ERR_OK, "GET", "/", "w",
         "upgrade", "-", "-"},
        {"line feeds alone", "GET / HTTP/1.1\nUpgrade: a\n\n", ERR_OK, "GET", "/", "a", "-", "-",
         "-"},
        {"not all there", "GET / HTTP/1.1\r\nUpgrade: a\r\n", ERR_AGAIN, "", "", "", "", "", ""},
        {"not HTTP", "hello\r\n\r\n", ERR_MALFORMED, "", "", "", "", "", ""},
        {"a TLS hello", "\x16\x03\x01\x02", ERR_MALFORMED, "", "", "", "", "", ""},
        {"an answer", "HTTP/1.1 200 OK\r\n\r\n", ERR_MALFORMED, "", "", "", "", "", ""},
        {"a blank before the colon is another name", "GET / HTTP/1.1\r\nUpgrade : a\r\n\r\n",
         ERR_OK, "GET", "/", "-", "-", "-", "-"},
        {"a control character", "GET / HTTP/1.1\r\nUpgrade: a\x01\r\n\r\n", ERR_MALFORMED, "", "",
         "", "", "", ""},
        {"two lengths", "GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
         ERR_MALFORMED, "", "", "", "", "", ""},
    };
    return cr_make_param_array(struct head_case, cases, sizeof(cases) / sizeof(cases[0]));
}

/* "-" means absent, which is not the same as empty. */
static void check_header(const struct head_case *c, struct str got, const char *want)
{
    if (strcmp(want, "-") == 0) {
        cr_assert(zero(ptr, (void *)(uintptr_t)got.ptr), "%s", c->name);
    } else {
        cr_assert(got.ptr != NULL && str_eq(got, str_of(want)), "%s: '%.*s' instead of '%s'",
                  c->name, STR_ARG(got), want);
    }
}

ParameterizedTest(struct head_case *c, request, heads)
{
    struct str bytes = str_of(c->bytes);
    const char *end = strstr(c->bytes, "\r\n\r\n");
    size_t head = end ? (size_t)(end - c->bytes) + 4 : bytes.len;
    for (size_t step = bytes.len; step > 0; step /= 2) {
        struct request *request = request_create();
        size_t used;
        cr_assert(eq(int, feed(request, bytes, step, &used), c->want), "%s", c->name);
        if (c->want == ERR_OK) {
            cr_assert(eq(sz, used, head), "%s: up to the empty line and not beyond", c->name);
            struct ws_request ws = request_upgrade(request);
            struct str path = request_path(request);
            cr_assert(str_eq(path, str_of(c->path)), "%s: %.*s", c->name, STR_ARG(path));
            cr_assert(str_eq(request_method(request), str_of(c->method)), "%s", c->name);
            cr_assert(str_eq(ws.method, str_of(c->method)), "%s", c->name);
            check_header(c, ws.upgrade, c->upgrade);
            check_header(c, ws.connection, c->connection);
            check_header(c, ws.key, c->key);
            check_header(c, ws.version, c->version);
        }
        request_destroy(request);
    }
}

Test(request, tells_get_from_head)
{
    struct request *request = request_create();
    size_t used;
    cr_assert(zero(int, feed(request, STR("HEAD / HTTP/1.0\r\n\r\n"), 5, &used)));
    cr_assert(request_is_head(request) && request_is_get(request));
    cr_assert(eq(uint, request_upgrade(request).http_minor, 0));
    request_destroy(request);
    request = request_create();
    cr_assert(zero(int, feed(request, STR("GET / HTTP/1.1\r\n\r\n"), 5, &used)));
    cr_assert(request_is_get(request) && !request_is_head(request));
    cr_assert(eq(uint, request_upgrade(request).http_minor, 1));
    request_destroy(request);
    request = request_create();
    cr_assert(zero(int, feed(request, STR("PUT / HTTP/1.1\r\n\r\n"), 5, &used)));
    cr_assert(not(request_is_head(request) || request_is_get(request)));
    request_destroy(request);
    request_destroy(NULL);
}

Test(request, nothing_is_no_end)
{
    struct request *request = request_create();
    size_t used = 9;
    cr_assert(eq(int, request_feed(request, "", 0, &used), ERR_AGAIN));
    cr_assert(zero(sz, used));
    cr_assert(zero(int, feed(request, STR("GET / HTTP/1.1\r\n\r\n"), 1, &used)));
    request_destroy(request);
}

/* A head of exactly `len` bytes. */
static void write_head(struct buf *head, size_t len, bool in_url)
{
    static const struct str start = {"GET /", 5};
    static const struct str middle = {" HTTP/1.1\r\nX: ", 14};
    static const struct str end = {"\r\n\r\n", 4};
    size_t fill = len - start.len - middle.len - end.len;
    buf_append_str(head, start);
    for (size_t i = 0; in_url && i < fill; i++) {
        buf_append_byte(head, 'u');
    }
    buf_append_str(head, middle);
    for (size_t i = 0; !in_url && i < fill; i++) {
        buf_append_byte(head, 'v');
    }
    buf_append_str(head, end);
}

Test(request, heads_are_bounded)
{
    static const size_t steps[] = {1, 7, 4096, 64 << 10};
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        for (int in_url = 0; in_url < 2; in_url++) {
            struct buf head = {0};
            struct request *request = request_create();
            size_t used;
            write_head(&head, REQUEST_HEAD_MAX, in_url);
            cr_assert(zero(int, feed(request, buf_str(&head), steps[i], &used)));
            request_destroy(request);
            buf_finish(&head);
            request = request_create();
            write_head(&head, REQUEST_HEAD_MAX + 2, in_url);
            cr_assert(eq(int, feed(request, buf_str(&head), steps[i], &used), ERR_TOO_LARGE));
            request_destroy(request);
            buf_finish(&head);
        }
    }
}

struct target_case {
    char name[40];
    char url[120];
    enum err want;
    char room[40], session[40];
    bool readonly;
    char why[32];
    bool object_readonly;
};

ParameterizedTestParameters(request, targets)
{
    static struct target_case cases[] = {
        {"room and session", "/connect/demo?sessionId=abc", ERR_OK, "demo", "abc", false, "",
         false},
        {"no session", "/connect/demo", ERR_OK, "demo", "", false, "", false},
        {"an empty session", "/connect/demo?sessionId=", ERR_OK, "demo", "", false, "", false},
        {"read-only", "/connect/demo?readonly=1&sessionId=a", ERR_OK, "demo", "a", true, "", false},
        {"not read-only", "/connect/demo?readonly=0&sessionId=a", ERR_OK, "demo", "a", false, "",
         false},
        {"OBJ-1 objects are read-only", "/connect/demo?objectAccess=read&sessionId=a", ERR_OK,
         "demo", "a", false, "", true},
        {"OBJ-1 or not", "/connect/demo?objectAccess=write", ERR_OK, "demo", "", false, "", false},
        {"other parameters", "/connect/demo?x&&sessionIdx=1&xsessionId=2&sessionId=3&storeId=4",
         ERR_OK, "demo", "3", false, "", false},
        {"the first counts", "/connect/demo?sessionId=1&sessionId=2", ERR_OK, "demo", "1", false,
         "", false},
        {"a question mark in the query", "/connect/demo?sessionId=a?b", ERR_OK, "demo", "a?b",
         false, "", false},
        {"escapes", "/connect/a%20b%2Fc%c3%A9?sessionId=%25+%2b", ERR_OK, "a b/c\xc3\xa9", "% +",
         false, "", false},
        {"a plus in a path is one", "/connect/a+b", ERR_OK, "a+b", "", false, "", false},
        {"raw UTF-8", "/connect/\xc3\xa9", ERR_OK, "\xc3\xa9", "", false, "", false},
        {"an absolute address", "http://host/connect/demo?sessionId=a", ERR_OK, "demo", "a", false,
         "", false},
        {"another path", "/demo", ERR_NOT_FOUND, "", "", false, "", false},
        {"nearly", "/connect", ERR_NOT_FOUND, "", "", false, "", false},
        {"deeper", "/connect/a/b", ERR_NOT_FOUND, "", "", false, "", false},
        {"no room", "/connect/", ERR_MALFORMED, "", "", false, "is empty", false},
        {"a short escape", "/connect/a%2", ERR_MALFORMED, "", "", false, "has a malformed %XX",
         false},
        {"no hex", "/connect/a%zz", ERR_MALFORMED, "", "", false, "has a malformed %XX", false},
        {"a lone percent", "/connect/%", ERR_MALFORMED, "", "", false, "has a malformed %XX",
         false},
        {"NUL", "/connect/a%00b", ERR_MALFORMED, "", "", false, "has a control character", false},
        {"a newline", "/connect/a?sessionId=%0a", ERR_MALFORMED, "", "", false,
         "has a control character", false},
        {"DEL", "/connect/%7f", ERR_MALFORMED, "", "", false, "has a control character", false},
        {"not UTF-8", "/connect/%ff", ERR_MALFORMED, "", "", false, "is not UTF-8", false},
        {"a surrogate", "/connect/%ed%a0%80", ERR_MALFORMED, "", "", false, "is not UTF-8", false},
        {"cut UTF-8", "/connect/a?sessionId=%c3", ERR_MALFORMED, "", "", false, "is not UTF-8",
         false},
    };
    return cr_make_param_array(struct target_case, cases, sizeof(cases) / sizeof(cases[0]));
}

static struct request *request_of(const char *url)
{
    struct buf head = {0};
    struct request *request = request_create();
    size_t used;
    buf_printf(&head, "GET %s HTTP/1.1\r\n\r\n", url);
    cr_assert(zero(int, feed(request, buf_str(&head), buf_len(&head), &used)), "%s", url);
    buf_finish(&head);
    return request;
}

ParameterizedTest(struct target_case *c, request, targets)
{
    struct request *request = request_of(c->url);
    struct connect_target target;
    const char *why = NULL;
    cr_assert(eq(int, request_target(request, &target, &why), c->want), "%s", c->name);
    cr_assert(str_eq(str_of(why), str_of(c->why)), "%s: %s", c->name, why);
    if (c->want == ERR_OK) {
        cr_assert(str_eq(target.room, str_of(c->room)), "%s", c->name);
        cr_assert(str_eq(target.session, str_of(c->session)), "%s", c->name);
        cr_assert(eq(int, target.readonly, c->readonly), "%s", c->name);
        cr_assert(eq(int, target.object_readonly, c->object_readonly), "%s", c->name);
    }
    request_destroy(request);
}

Test(request, ids_are_bounded)
{
    for (int extra = 0; extra < 2; extra++) {
        char url[2000] = "/connect/";
        for (int i = 0; i < REQUEST_ID_MAX - 1 + extra; i++) {
            strcat(url, "r");
        }
        strcat(url, "%41?sessionId=");
        for (int i = 0; i < REQUEST_ID_MAX; i++) {
            strcat(url, "%73");
        }
        struct request *request = request_of(url);
        struct connect_target target;
        const char *why = NULL;
        enum err err = request_target(request, &target, &why);
        if (extra) {
            cr_assert(eq(int, err, ERR_MALFORMED));
            cr_assert(str_eq(str_of(why), STR("is longer than 256 bytes")));
        } else {
            cr_assert(zero(int, err));
            cr_assert(eq(sz, target.room.len, REQUEST_ID_MAX));
            cr_assert(eq(sz, target.session.len, REQUEST_ID_MAX));
        }
        request_destroy(request);
    }
}
