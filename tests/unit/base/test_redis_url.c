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
    char host[40]; /* "" for a socket */
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
        {"rediss://h:1", false, "", 0, "", "", "", 0, ""},
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
    enum err err = redis_url_parse(str_of(c->text), &url);
    cr_assert(eq(int, err, c->good ? ERR_OK : ERR_MALFORMED), "%s", c->text);
    cr_assert(eq(int, redis_url_is_set(&url), c->good), "%s", c->text);
    if (c->good) {
        check_text(url.address.host, c->host);
        cr_assert(eq(u16, url.address.port, c->port), "%s", c->text);
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
