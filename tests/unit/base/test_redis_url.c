/* Redis URLs. */
#include "base/redis_url.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>
#include <stdlib.h>

static void check_text(const char *got, const char *want)
{
    cr_assert(zero(int, strcmp(got, want)), "got \"%s\", want \"%s\"", got, want);
}

struct url_case {
    char text[80];
    bool good;
    char host[40]; /* the first; "" for a socket */
    uint16_t port;
    char socket[40];
    char user[40];     /* "" for none */
    char password[40]; /* "" for none */
    uint32_t db;
    char shown[60];
};

ParameterizedTestParameters(redis_url, parse)
{
    static struct url_case cases[] = {
        {"redis://host:1", true, "host", 1, "", "", "", 0, "redis://host:1"},
        {"redis://host", true, "host", 6379, "", "", "", 0, "redis://host:6379"},
        {"redis://host/", true, "host", 6379, "", "", "", 0, "redis://host:6379"},
        {"redis://10.0.0.1:7/3", true, "10.0.0.1", 7, "", "", "", 3, "redis://10.0.0.1:7/3"},
        {"redis://[::1]:7", true, "::1", 7, "", "", "", 0, "redis://[::1]:7"},
        {"redis://[::1]", true, "::1", 6379, "", "", "", 0, "redis://[::1]:6379"},
        {"redis://u:p@h:1/2", true, "h", 1, "", "u", "p", 2, "redis://h:1/2"},
        {"redis://:p@h:1", true, "h", 1, "", "", "p", 0, "redis://h:1"},
        {"redis://u:p@q@h:1", true, "h", 1, "", "u", "p@q", 0, "redis://h:1"},
        {"redis://u:a%3a%2Fb%25@h:1", true, "h", 1, "", "u", "a:/b%", 0, "redis://h:1"},
        {"unix:///run/a b.sock", true, "", 0, "/run/a b.sock", "", "", 0, "unix:///run/a b.sock"},
        {"redis://u:a%3@h:1", false, "", 0, "", "", "", 0, ""},
        {"redis://u:a%zz@h:1", false, "", 0, "", "", "", 0, ""},
        {"redis://u:a%00b@h:1", false, "", 0, "", "", "", 0, ""},
        {"redis://u@h:1", false, "", 0, "", "", "", 0, ""},
        {"redis://u:@h:1", false, "", 0, "", "", "", 0, ""},
        {"redis://", false, "", 0, "", "", "", 0, ""},
        {"redis://u:p@", false, "", 0, "", "", "", 0, ""},
        {"redis://h:0", false, "", 0, "", "", "", 0, ""},
        {"redis://h:65536", false, "", 0, "", "", "", 0, ""},
        {"redis://h:1/x", false, "", 0, "", "", "", 0, ""},
        {"redis://::1:1", false, "", 0, "", "", "", 0, ""},
        {"rediss://h:1", true, "h", 1, "", "", "", 0, "rediss://h:1"},
        {"sentinel://u:p@a,b:7/m/3", true, "a", 26379, "", "u", "p", 3,
         "sentinel://a:26379,b:7/m/3"},
        {"redis-sentinel://a/m", true, "a", 26379, "", "", "", 0, "sentinel://a:26379/m"},
        {"rediss-sentinel://a/m", true, "a", 26379, "", "", "", 0, "rediss-sentinel://a:26379/m"},
        {"redis-cluster://:p@a:1,[::1]", true, "a", 1, "", "", "p", 0,
         "redis-cluster://a:1,[::1]:6379"},
        {"rediss-cluster://a/0", true, "a", 6379, "", "", "", 0, "rediss-cluster://a:6379"},
        {"redis-cluster://a/1", false, "", 0, "", "", "", 0, ""},
        {"redis://a,b", false, "", 0, "", "", "", 0, ""},
        {"redis-cluster://a,,b", false, "", 0, "", "", "", 0, ""},
        {"sentinel://a", false, "", 0, "", "", "", 0, ""},
        {"sentinel://a/", false, "", 0, "", "", "", 0, ""},
        {"http://h:1", false, "", 0, "", "", "", 0, ""},
        {"unix://relative", false, "", 0, "", "", "", 0, ""},
        {"unix:///", false, "", 0, "", "", "", 0, ""},
        {"", false, "", 0, "", "", "", 0, ""},
    };
    return cr_make_param_array(struct url_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct url_case *c, redis_url, parse)
{
    struct redis_url url = {0};
    enum err err = redis_url_parse(str_of(c->text), &url, NULL);
    cr_assert(eq(int, err, c->good ? ERR_OK : ERR_MALFORMED), "%s", c->text);
    cr_assert(eq(int, redis_url_is_set(&url), c->good), "%s", c->text);
    if (c->good) {
        check_text(url.host_count ? url.hosts[0].host : "", c->host);
        cr_assert(eq(u16, url.host_count ? url.hosts[0].port : 0, c->port), "%s", c->text);
        cr_assert(str_eq(str_of(url.socket_path), str_of(c->socket)), "%s", c->text);
        cr_assert(str_eq(str_of(url.user), str_of(c->user)), "%s", c->text);
        cr_assert(str_eq(str_of(url.password), str_of(c->password)), "%s", c->text);
        cr_assert(eq(u32, url.db, c->db), "%s", c->text);
        char *shown = redis_url_public(&url);
        check_text(shown, c->shown);
        free(shown);
    }
    redis_url_finish(&url);
}

Test(redis_url, several_hosts_have_an_order)
{
    struct redis_url url;
    cr_assert(zero(int, redis_url_parse(STR("sentinel://a:1,b,[::2]:3/m"), &url, NULL)));
    cr_assert(eq(int, url.kind, REDIS_SENTINEL));
    cr_assert(eq(sz, url.host_count, 3));
    check_text(url.hosts[1].host, "b");
    cr_assert(eq(u16, url.hosts[1].port, REDIS_SENTINEL_PORT));
    check_text(url.hosts[2].host, "::2");
    check_text(url.master, "m");
    redis_url_finish(&url);
}

Test(redis_url, query_is_for_certificates_and_sentinels)
{
    struct redis_url url;
    struct str text = STR("rediss-sentinel://u:p@a/m?cacert=/a%20b.pem&cert=/c&key=/k&sni=redis.lan"
                          "&sentinel_user=s&sentinel_password=x%40y");
    cr_assert(zero(int, redis_url_parse(text, &url, NULL)));
    cr_assert(url.tls);
    check_text(url.cacert, "/a b.pem");
    check_text(url.cert, "/c");
    check_text(url.key, "/k");
    check_text(url.sni, "redis.lan");
    check_text(url.sentinel_user, "s");
    check_text(url.sentinel_password, "x@y");
    char *shown = redis_url_public(&url);
    check_text(shown, "rediss-sentinel://a:26379/m");
    free(shown);
    redis_url_finish(&url);
}

struct wrong_case {
    char text[80];
    char why[60]; /* begins so */
};

ParameterizedTestParameters(redis_url, says_what_is_wrong)
{
    static struct wrong_case cases[] = {
        {"http://h", "it begins with none of redis://, rediss://"},
        {"unix://run/x", "a socket has an absolute path"},
        {"redis://word@h", "a lone word before @"},
        {"redis://u:@h", "the password before @ is empty"},
        {"redis://u:p%@h", "a % before @ that two hex digits"},
        {"redis://", "there is no host in it"},
        {"redis://h:x", "\"h:x\" is no host or host:port"},
        {"redis://h:0", "\"h:0\" is no host or host:port"},
        {"redis://a,b", "several hosts are for sentinel://"},
        {"redis://h/x", "the database is a number"},
        {"sentinel://h", "behind the sentinels stands the master's name"},
        {"redis-cluster://h/2", "a cluster has no other database"},
        {"redis://h?cacert=/x", "cacert is for TLS"},
        {"rediss://h?sentinel_user=x", "sentinel_user is for sentinel://"},
        {"rediss://h?ca=/x", "unknown parameter \"ca\"; there are cacert cert key"},
        {"rediss://h?cacert=", "cacert has no value"},
        {"rediss://h?cert=/x", "cert and key go together"},
        {"sentinel://h/m?sentinel_user=x", "sentinel_user wants sentinel_password"},
    };
    return cr_make_param_array(struct wrong_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct wrong_case *c, redis_url, says_what_is_wrong)
{
    struct redis_url url;
    struct buf why = {0};
    cr_assert(eq(int, redis_url_parse(str_of(c->text), &url, &why), ERR_MALFORMED));
    cr_assert(str_starts(buf_str(&why), str_of(c->why)), "%s: %.*s", c->text,
              STR_ARG(buf_str(&why)));
    buf_finish(&why);
}
