/* Names in URLs. */
#include "base/url.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>

struct name_case {
    char from[40];
    bool form;
    char want[40];
    char why[32]; /* empty: it is fine */
};

ParameterizedTestParameters(url, decode)
{
    static struct name_case cases[] = {
        {"plain", false, "plain", ""},
        {"", false, "", ""},
        {"a%2Fb%2f%20%25", false, "a/b/ %", ""},
        {"a+b", false, "a+b", ""},
        {"a+b", true, "a b", ""},
        {"%C3%A4\xc3\xa4", false, "\xc3\xa4\xc3\xa4", ""},
        {"%", false, "", "has a malformed %XX"},
        {"a%4", false, "", "has a malformed %XX"},
        {"%4g", false, "", "has a malformed %XX"},
        {"%00", false, "", "has a control character"},
        {"%7f", false, "", "has a control character"},
        {"a\tb", false, "", "has a control character"},
        {"%ff", false, "", "is not UTF-8"},
        {"%ed%a0%80", false, "", "is not UTF-8"},
    };
    return cr_make_param_array(struct name_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct name_case *c, url, decode)
{
    char text[URL_NAME_MAX + 1];
    struct str name = {0};
    const char *why = url_decode_name(str_of(c->from), c->form, text, &name);
    cr_assert(eq(int, why != NULL, c->why[0] != '\0'), "%s", c->from);
    if (why) {
        cr_assert(zero(int, strcmp(why, c->why)), "%s: %s", c->from, why);
    } else {
        cr_assert(str_eq(name, str_of(c->want)), "%s: %.*s", c->from, STR_ARG(name));
    }
}

Test(url, a_name_has_at_most_256_bytes)
{
    char long_name[URL_NAME_MAX + 1];
    char text[URL_NAME_MAX + 1];
    struct str name;
    memset(long_name, 'x', sizeof(long_name));
    struct str fits = {long_name, URL_NAME_MAX}, does_not = {long_name, URL_NAME_MAX + 1};
    cr_assert(url_decode_name(fits, false, text, &name) == NULL);
    cr_assert(eq(sz, name.len, URL_NAME_MAX));
    cr_assert(url_decode_name(does_not, false, text, &name) != NULL);
}

Test(url, what_is_encoded_comes_back)
{
    struct buf encoded = {0};
    char text[URL_NAME_MAX + 1];
    struct str name;
    struct str odd = STR("a/b?c#d%2F{}\"\\ +&=~-_.\xe2\x98\x83");
    url_encode_name(odd, &encoded);
    cr_assert(
        str_starts(buf_str(&encoded), STR("a%2Fb%3Fc%23d%252F%7B%7D%22%5C%20%2B%26%3D~-_.%E2")));
    for (int form = 0; form < 2; form++) {
        cr_assert(url_decode_name(buf_str(&encoded), form, text, &name) == NULL);
        cr_assert(str_eq(name, odd));
    }
    buf_finish(&encoded);
}

Test(url, a_parameter_is_found_by_its_whole_name)
{
    struct str query = STR("ab=1&a=2&a=3&empty=&flag&c=%26");
    cr_assert(str_eq(url_query_get(query, STR("a")), STR("2")));
    cr_assert(str_eq(url_query_get(query, STR("c")), STR("%26")));
    cr_assert(url_query_get(query, STR("empty")).ptr != NULL);
    cr_assert(zero(sz, url_query_get(query, STR("empty")).len));
    cr_assert(url_query_get(query, STR("flag")).ptr == NULL);
    cr_assert(url_query_get((struct str){0}, STR("a")).ptr == NULL);
}
