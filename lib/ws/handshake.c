/* The opening handshake. */
#include "ws/handshake.h"

#include <assert.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <strings.h>

static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

static struct str trim(struct str text)
{
    while (text.len > 0 && is_space(text.ptr[0])) {
        text.ptr++;
        text.len--;
    }
    while (text.len > 0 && is_space(text.ptr[text.len - 1])) {
        text.len--;
    }
    return text;
}

static bool same_word(struct str a, struct str b)
{
    return a.len == b.len && strncasecmp(a.ptr, b.ptr, a.len) == 0;
}

/* Whether the comma separated list has `word` among its members, in any case. */
static bool list_has(struct str list, struct str word)
{
    while (list.len > 0) {
        const char *comma = memchr(list.ptr, ',', list.len);
        size_t len = comma ? (size_t)(comma - list.ptr) : list.len;
        if (same_word(trim((struct str){list.ptr, len}), word)) {
            return true;
        }
        size_t step = comma ? len + 1 : len;
        list.ptr += step;
        list.len -= step;
    }
    return false;
}

static bool is_base64(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' ||
           c == '/';
}

/* Sixteen bytes in base64 are 22 characters and two of padding. The four bits that the last
 * character has to spare are not looked at: RFC 4648 3.5 leaves that to the decoder. */
static bool is_key(struct str key)
{
    if (key.len != 24 || key.ptr[22] != '=' || key.ptr[23] != '=') {
        return false;
    }
    for (size_t i = 0; i < 22; i++) {
        if (!is_base64(key.ptr[i])) {
            return false;
        }
    }
    return true;
}

/* The first thing wrong with what is meant as a handshake of our version, or NULL. */
static const char *find_fault(const struct ws_request *request)
{
    if (!str_eq(request->method, STR("GET"))) {
        return "the method is not GET";
    }
    if (request->http_major < 1 || (request->http_major == 1 && request->http_minor < 1)) {
        return "HTTP is older than 1.1";
    }
    if (!list_has(request->connection, STR("upgrade"))) {
        return "Connection does not name upgrade";
    }
    if (!request->version.ptr) {
        return "Sec-WebSocket-Version is missing";
    }
    if (!request->key.ptr) {
        return "Sec-WebSocket-Key is missing";
    }
    return is_key(trim(request->key)) ? NULL : "Sec-WebSocket-Key is not 16 bytes in base64";
}

enum ws_handshake ws_handshake_check(const struct ws_request *request, const char **why)
{
    *why = NULL;
    if (!list_has(request->upgrade, STR("websocket"))) {
        if (!request->key.ptr && !request->version.ptr) {
            *why = "not a WebSocket handshake";
            return WS_HANDSHAKE_NOT_WEBSOCKET;
        }
        /* Upgrade and Connection are hop by hop; the other headers pass a proxy that drops them. */
        *why = "Upgrade does not name websocket; a proxy may have removed it";
        return WS_HANDSHAKE_BAD;
    }
    /* Before the rest: another version may have other rules. */
    if (request->version.ptr && !str_eq(trim(request->version), STR("13"))) {
        *why = "the WebSocket version is not 13";
        return WS_HANDSHAKE_VERSION;
    }
    *why = find_fault(request);
    return *why ? WS_HANDSHAKE_BAD : WS_HANDSHAKE_OK;
}

void ws_accept(struct str key, char out[WS_ACCEPT_LEN + 1])
{
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"; /* RFC 6455 1.3 */
    unsigned char text[24 + sizeof(guid) - 1];
    unsigned char digest[SHA_DIGEST_LENGTH];
    key = trim(key);
    assert(is_key(key));
    memcpy(text, key.ptr, 24);
    memcpy(text + 24, guid, sizeof(guid) - 1);
    SHA1(text, sizeof(text), digest);
    int len = EVP_EncodeBlock((unsigned char *)out, digest, sizeof(digest));
    assert(len == WS_ACCEPT_LEN);
}

void ws_write_accept(struct buf *buf, struct str key)
{
    char accept[WS_ACCEPT_LEN + 1];
    ws_accept(key, accept);
    buf_printf(buf,
               "HTTP/1.1 101 Switching Protocols\r\n"
               "Upgrade: websocket\r\n"
               "Connection: Upgrade\r\n"
               "Sec-WebSocket-Accept: %s\r\n"
               "\r\n",
               accept);
}

void ws_write_refusal(struct buf *buf, enum ws_handshake verdict, const char *why)
{
    assert(verdict == WS_HANDSHAKE_BAD || verdict == WS_HANDSHAKE_VERSION);
    /* RFC 9110 15.5.22: a 426 says what to upgrade to; RFC 6455 4.4: and in which version. */
    const char *head = verdict == WS_HANDSHAKE_VERSION ? "HTTP/1.1 426 Upgrade Required\r\n"
                                                         "Upgrade: websocket\r\n"
                                                         "Sec-WebSocket-Version: 13\r\n"
                                                         "Connection: Upgrade, close\r\n"
                                                       : "HTTP/1.1 400 Bad Request\r\n"
                                                         "Connection: close\r\n";
    buf_printf(buf,
               "%s"
               "Content-Type: text/plain\r\n"
               "Content-Length: %zu\r\n"
               "\r\n"
               "%s\n",
               head, strlen(why) + 1, why);
}
