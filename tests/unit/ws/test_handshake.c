#include "ws/handshake.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>

#define KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define ABSENT "\x01" /* the header was not sent */

struct request_case {
    char name[56];
    char method[8];
    unsigned major, minor;
    char upgrade[32];
    char connection[40];
    char key[64];
    char version[16];
    int want; /* enum ws_handshake */
};

static struct str header(const char *value)
{
    return strcmp(value, ABSENT) == 0 ? (struct str){NULL, 0} : str_of(value);
}

/* Short names keep a case on one line. */
enum { OK = WS_HANDSHAKE_OK, NOT = WS_HANDSHAKE_NOT_WEBSOCKET };
enum { BAD = WS_HANDSHAKE_BAD, VERSION = WS_HANDSHAKE_VERSION };

ParameterizedTestParameters(handshake, check)
{
    static struct request_case cases[] = {
        {"as browsers send it", "GET", 1, 1, "websocket", "Upgrade", KEY, "13", OK},
        {"any case", "GET", 1, 1, "WebSocket", "uPGRADE", KEY, "13", OK},
        {"as Firefox sends it", "GET", 1, 1, "websocket", "keep-alive, Upgrade", KEY, "13", OK},
        {"white space and empty members", "GET", 1, 1, " websocket\t", ",\t upgrade ,,", KEY, "13",
         OK},
        {"white space around key and version", "GET", 1, 1, "websocket", "Upgrade", " " KEY " ",
         " 13\t", OK},
        {"one of several protocols", "GET", 1, 1, "h2c, websocket", "Upgrade", KEY, "13", OK},
        {"a later HTTP", "GET", 2, 0, "websocket", "Upgrade", KEY, "13", OK},
        {"spare bits in the key's last character", "GET", 1, 1, "websocket", "Upgrade",
         "AAAAAAAAAAAAAAAAAAAAA/==", "13", OK},

        {"a plain request", "GET", 1, 1, ABSENT, ABSENT, ABSENT, ABSENT, NOT},
        {"a plain post", "POST", 1, 1, ABSENT, "keep-alive", ABSENT, ABSENT, NOT},
        {"an upgrade to something else", "GET", 1, 1, "h2c", "Upgrade", ABSENT, ABSENT, NOT},
        {"an empty Upgrade", "GET", 1, 1, "", "Upgrade", ABSENT, ABSENT, NOT},
        {"a word that only begins so", "GET", 1, 1, "websockets", "Upgrade", ABSENT, ABSENT, NOT},

        {"Upgrade lost on the way", "GET", 1, 1, ABSENT, "close", KEY, "13", BAD},
        {"only the version is left", "GET", 1, 1, ABSENT, ABSENT, ABSENT, "13", BAD},
        {"not GET", "POST", 1, 1, "websocket", "Upgrade", KEY, "13", BAD},
        {"method in lower case", "get", 1, 1, "websocket", "Upgrade", KEY, "13", BAD},
        {"HTTP/1.0", "GET", 1, 0, "websocket", "Upgrade", KEY, "13", BAD},
        {"HTTP/0.9", "GET", 0, 9, "websocket", "Upgrade", KEY, "13", BAD},
        {"no Connection", "GET", 1, 1, "websocket", ABSENT, KEY, "13", BAD},
        {"Connection without upgrade", "GET", 1, 1, "websocket", "keep-alive", KEY, "13", BAD},
        {"Connection with a longer word", "GET", 1, 1, "websocket", "upgrades, xupgrade", KEY, "13",
         BAD},
        {"no key", "GET", 1, 1, "websocket", "Upgrade", ABSENT, "13", BAD},
        {"an empty key", "GET", 1, 1, "websocket", "Upgrade", "", "13", BAD},
        {"a key of 15 bytes", "GET", 1, 1, "websocket", "Upgrade", "AAAAAAAAAAAAAAAAAAAA", "13",
         BAD},
        {"a key of 17 bytes", "GET", 1, 1, "websocket", "Upgrade", "AAAAAAAAAAAAAAAAAAAAAAA=", "13",
         BAD},
        {"a key of 18 bytes", "GET", 1, 1, "websocket", "Upgrade", "AAAAAAAAAAAAAAAAAAAAAAAA", "13",
         BAD},
        {"a key without padding", "GET", 1, 1, "websocket", "Upgrade", "AAAAAAAAAAAAAAAAAAAAAA",
         "13", BAD},
        {"a key that is no base64", "GET", 1, 1, "websocket", "Upgrade",
         "AAAAAAAAAA-AAAAAAAAAAA==", "13", BAD},
        {"padding inside the key", "GET", 1, 1, "websocket", "Upgrade",
         "AAAAAAAAAA=AAAAAAAAAAA==", "13", BAD},
        {"two keys", "GET", 1, 1, "websocket", "Upgrade", KEY "," KEY, "13", BAD},
        {"no version", "GET", 1, 1, "websocket", "Upgrade", KEY, ABSENT, BAD},

        {"an old version", "GET", 1, 1, "websocket", "Upgrade", KEY, "8", VERSION},
        {"a new version with other rules", "POST", 1, 1, "websocket", "Upgrade", ABSENT, "14",
         VERSION},
        {"several versions", "GET", 1, 1, "websocket", "Upgrade", KEY, "13, 8", VERSION},
        {"an empty version", "GET", 1, 1, "websocket", "Upgrade", KEY, "", VERSION},
        {"a version with a leading zero", "GET", 1, 1, "websocket", "Upgrade", KEY, "013", VERSION},
    };
    return cr_make_param_array(struct request_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct request_case *c, handshake, check)
{
    struct ws_request request = {
        .method = str_of(c->method),
        .http_major = c->major,
        .http_minor = c->minor,
        .upgrade = header(c->upgrade),
        .connection = header(c->connection),
        .key = header(c->key),
        .version = header(c->version),
    };
    const char *why = "unset";
    cr_assert(eq(int, ws_handshake_check(&request, &why), c->want), "%s", c->name);
    cr_assert(eq(int, why == NULL, c->want == WS_HANDSHAKE_OK), "%s", c->name);
}

Test(handshake, accept_is_that_of_the_rfc)
{
    char accept[WS_ACCEPT_LEN + 1];
    ws_accept(STR(KEY), accept); /* RFC 6455 1.3 */
    cr_assert(zero(int, strcmp(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")));
    ws_accept(STR("  " KEY "\t"), accept);
    cr_assert(zero(int, strcmp(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")));
    ws_accept(STR("x3JJHMbDL1EzLkh9GBhXDw=="), accept);
    cr_assert(zero(int, strcmp(accept, "HSmrc0sMlYUkAGmm5OPpG2HaGWk=")));
}

Test(handshake, the_response_is_complete_and_goes_behind_what_is_queued)
{
    struct buf buf = {0};
    buf_append_str(&buf, STR("queued"));
    ws_write_accept(&buf, STR(KEY));
    cr_assert(str_eq(buf_str(&buf), STR("queued"
                                        "HTTP/1.1 101 Switching Protocols\r\n"
                                        "Upgrade: websocket\r\n"
                                        "Connection: Upgrade\r\n"
                                        "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
                                        "\r\n")));
    buf_finish(&buf);
}

Test(handshake, refusals_say_why_and_the_version_that_is_spoken)
{
    struct buf buf = {0};
    ws_write_refusal(&buf, WS_HANDSHAKE_BAD, "no key");
    cr_assert(str_eq(buf_str(&buf), STR("HTTP/1.1 400 Bad Request\r\n"
                                        "Connection: close\r\n"
                                        "Content-Type: text/plain\r\n"
                                        "Content-Length: 7\r\n"
                                        "\r\n"
                                        "no key\n")));
    buf_clear(&buf, 1000);
    ws_write_refusal(&buf, WS_HANDSHAKE_VERSION, "not 13");
    cr_assert(str_eq(buf_str(&buf), STR("HTTP/1.1 426 Upgrade Required\r\n"
                                        "Upgrade: websocket\r\n"
                                        "Sec-WebSocket-Version: 13\r\n"
                                        "Connection: Upgrade, close\r\n"
                                        "Content-Type: text/plain\r\n"
                                        "Content-Length: 7\r\n"
                                        "\r\n"
                                        "not 13\n")));
    buf_finish(&buf);
}
