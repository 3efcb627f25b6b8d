/* Hosts of URLs. */
#include "schema/url_host.h"

#include <strings.h>

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* ---- IPv6 ---- */

struct ipv6 {
    const char *at, *end;
    uint32_t pieces;
    bool compressed;
};

static char peek(const struct ipv6 *ipv6)
{
    return ipv6->at < ipv6->end ? *ipv6->at : '\0';
}

/* One of the four numbers: 0 to 255, no leading zero. */
static bool ipv4_piece(struct ipv6 *ipv6)
{
    uint32_t number = 0;
    const char *start = ipv6->at;
    for (; ipv6->at < ipv6->end && is_digit(*ipv6->at); ipv6->at++) {
        if (ipv6->at > start && number == 0) {
            return false;
        }
        number = number * 10 + (uint32_t)(*ipv6->at - '0');
        if (number > 255) {
            return false;
        }
    }
    return ipv6->at > start;
}

/* "1.2.3.4" in the place of the last two pieces. */
static bool ipv4_tail(struct ipv6 *ipv6)
{
    if (ipv6->pieces > 6) {
        return false;
    }
    for (int i = 0; i < 4; i++) {
        if (i > 0 && (ipv6->at == ipv6->end || *ipv6->at++ != '.')) {
            return false;
        }
        if (!ipv4_piece(ipv6)) {
            return false;
        }
    }
    ipv6->pieces += 2;
    return ipv6->at == ipv6->end;
}

/* Up to four hexadecimal digits, and the colon behind them if something follows. */
static bool ipv6_piece(struct ipv6 *ipv6)
{
    const char *start = ipv6->at;
    while (ipv6->at < ipv6->end && ipv6->at - start < 4 && hex_digit(*ipv6->at) >= 0) {
        ipv6->at++;
    }
    if (peek(ipv6) == '.') {
        bool empty = ipv6->at == start;
        ipv6->at = start;
        return !empty && ipv4_tail(ipv6);
    }
    if (ipv6->at < ipv6->end && (*ipv6->at++ != ':' || ipv6->at == ipv6->end)) {
        return false;
    }
    ipv6->pieces++;
    return true;
}

static bool ipv6_valid(struct str text)
{
    struct ipv6 ipv6 = {.at = text.ptr, .end = text.ptr + text.len};
    if (peek(&ipv6) == ':') {
        if (text.len < 2 || text.ptr[1] != ':') {
            return false;
        }
        ipv6.at += 2;
        ipv6.pieces++;
        ipv6.compressed = true;
    }
    while (ipv6.at < ipv6.end) {
        if (ipv6.pieces == 8) {
            return false;
        }
        if (*ipv6.at == ':') {
            if (ipv6.compressed) {
                return false;
            }
            ipv6.at++;
            ipv6.pieces++;
            ipv6.compressed = true;
        } else if (!ipv6_piece(&ipv6)) {
            return false;
        }
    }
    return ipv6.compressed || ipv6.pieces == 8;
}

/* ---- IPv4 ---- */

/* Decimal, octal after a 0, hexadecimal after 0x; "0x" is 0. Beyond 2^32 it only stays there. */
static bool ipv4_number(struct str text, uint64_t *out)
{
    uint64_t radix = 10;
    size_t at = 0;
    *out = 0;
    if (text.len == 0) {
        return false;
    }
    if (text.len >= 2 && text.ptr[0] == '0') {
        radix = (text.ptr[1] | 0x20) == 'x' ? 16 : 8;
        at = radix == 16 ? 2 : 1;
    }
    for (; at < text.len; at++) {
        int digit = hex_digit(text.ptr[at]);
        if (digit < 0 || (uint64_t)digit >= radix) {
            return false;
        }
        *out = *out <= UINT32_MAX ? *out * radix + (uint64_t)digit : *out;
    }
    return true;
}

/* Takes the text up to the next dot, and the dot. */
static struct str next_label(struct str *text)
{
    const char *dot = memchr(text->ptr, '.', text->len);
    struct str label = {text->ptr, dot ? (size_t)(dot - text->ptr) : text->len};
    size_t taken = label.len + (dot ? 1 : 0);
    text->ptr += taken;
    text->len -= taken;
    return label;
}

static struct str without_last_dot(struct str domain)
{
    if (domain.len > 1 && domain.ptr[domain.len - 1] == '.') {
        domain.len--;
    }
    return domain;
}

/* Then it is an IPv4 address, or wrong. */
static bool ends_in_number(struct str domain)
{
    domain = without_last_dot(domain);
    const char *dot = memrchr(domain.ptr, '.', domain.len);
    const char *start = dot ? dot + 1 : domain.ptr;
    struct str last = {start, (size_t)(domain.ptr + domain.len - start)};
    uint64_t number;
    size_t digits = 0;
    while (digits < last.len && is_digit(last.ptr[digits])) {
        digits++;
    }
    return last.len > 0 && (digits == last.len || ipv4_number(last, &number));
}

static bool ipv4_valid(struct str domain)
{
    struct str rest = without_last_dot(domain);
    uint64_t number = 0;
    uint64_t room = UINT64_C(1) << 32; /* of what the last number may still fill */
    for (int i = 0; rest.len > 0; i++) {
        const char *before = rest.ptr;
        struct str label = next_label(&rest);
        bool last = rest.len == 0 && before + label.len == rest.ptr;
        if (i == 4 || !ipv4_number(label, &number) || (!last && number > 255)) {
            return false;
        }
        if (last) {
            return number < room;
        }
        room >>= 8;
    }
    return false; /* ended with another dot */
}

/* ---- domains ---- */

static bool is_forbidden(char c)
{
    return c == '\0' || c == ' ' || strchr("\t\n\r#/:<>?@[\\]^|", c) != NULL;
}

static bool is_forbidden_in_domain(char c)
{
    return is_forbidden(c) || (uint8_t)c <= 0x1f || c == '%' || c == 0x7f;
}

static bool is_ascii(struct str text)
{
    uint8_t high = 0;
    for (size_t i = 0; i < text.len; i++) {
        high |= (uint8_t)text.ptr[i];
    }
    return high < 0x80;
}

/* Some label begins with "xn--". */
static bool has_punycode(struct str domain)
{
    while (domain.len > 0) {
        struct str label = next_label(&domain);
        if (label.len >= 4 && strncasecmp(label.ptr, "xn--", 4) == 0) {
            return true;
        }
    }
    return false;
}

static bool ascii_domain_valid(struct str domain)
{
    for (size_t i = 0; i < domain.len; i++) {
        if (is_forbidden_in_domain(domain.ptr[i])) {
            return false;
        }
    }
    return domain.len > 0 && (!ends_in_number(domain) || ipv4_valid(domain));
}

static bool domain_valid(struct str domain)
{
    if (is_ascii(domain) && !has_punycode(domain)) {
        return ascii_domain_valid(domain);
    }
    struct buf ascii = {0};
    bool valid = url_domain_to_ascii(domain, &ascii) && ascii_domain_valid(buf_str(&ascii));
    buf_finish(&ascii);
    return valid;
}

static bool opaque_valid(struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (is_forbidden(text.ptr[i])) {
            return false;
        }
    }
    return true;
}

/* The byte that "%XX" at `at` stands for, or -1. */
static int decoded_at(struct str text, size_t at)
{
    if (text.ptr[at] != '%' || at + 2 >= text.len) {
        return -1;
    }
    int high = hex_digit(text.ptr[at + 1]);
    int low = hex_digit(text.ptr[at + 2]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

static void percent_decode(struct str text, struct buf *out)
{
    for (size_t i = 0; i < text.len; i++) {
        int decoded = decoded_at(text, i);
        if (decoded >= 0) {
            buf_append_byte(out, (uint8_t)decoded);
            i += 2;
        } else {
            buf_append_byte(out, (uint8_t)text.ptr[i]);
        }
    }
}

bool url_host_valid(struct str text, bool special)
{
    if (text.ptr[0] == '[') {
        return text.len >= 2 && text.ptr[text.len - 1] == ']' &&
               ipv6_valid((struct str){text.ptr + 1, text.len - 2});
    }
    if (!special) {
        return opaque_valid(text);
    }
    if (!memchr(text.ptr, '%', text.len)) {
        return domain_valid(text);
    }
    struct buf decoded = {0};
    percent_decode(text, &decoded);
    bool valid = domain_valid(buf_str(&decoded));
    buf_finish(&decoded);
    return valid;
}
