/* urls.json: pairs of a text and what `new URL` of Node said about it (urls.js). */
#include "schema/url.h"

#include "value/json.h"
#include "value/pack.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <stdio.h>

static void read_table(struct buf *table)
{
    struct buf text = {0};
    FILE *file = fopen(URLS, "rb");
    cr_assert(file != NULL, URLS);
    size_t got;
    do {
        enum { STEP = 65536 };
        got = fread(buf_reserve(&text, STEP), 1, STEP, file);
        buf_commit(&text, got);
    } while (got > 0);
    fclose(file);
    cr_assert(eq(int, json_parse(buf_str(&text), table), ERR_OK));
    buf_finish(&text);
}

Test(url, as_node_says)
{
    static const enum url_kind kinds[] = {URL_LINK, URL_SRC, URL_HTTP};
    struct buf table = {0};
    read_table(&table);
    struct value_walk walk = value_items(buf_value(&table));
    struct value item;
    unsigned count = 0;
    for (; value_next_item(&walk, &item); count++) {
        struct str text = {0};
        uint64_t bits = 0;
        cr_assert(value_string(value_item(item, 0), &text));
        cr_assert(value_u64(value_item(item, 1), &bits));
        for (int i = 0; i < 3; i++) {
            cr_assert(eq(int, url_valid(text, kinds[i]), (bits >> i) & 1), "%.*s as kind %d",
                      STR_ARG(text), i);
        }
    }
    cr_assert(gt(uint, count, 400));
    buf_finish(&table);
}

/* What a standard has since revision 33, and this Node has not. */
Test(url, domains_that_punycode_need_not_have_spelled)
{
    cr_assert(not(url_valid(STR("http://xn--a-/"), URL_HTTP)));
    cr_assert(not(url_valid(STR("http://a.xn--a-b-.com/"), URL_HTTP)));
}

/* RFC 5893, rule 1: in a domain with right-to-left labels none begins with a digit. */
Test(url, the_bidi_rule_holds_for_all_labels)
{
    cr_assert(url_valid(STR("http://a.com/\xd7\x90"), URL_HTTP));
    cr_assert(not(url_valid(STR("http://1\xd7\x90/"), URL_HTTP)));
}

/* Punycode takes quadratic time, so that domains have a bound. */
Test(url, endless_domains_are_refused)
{
    struct buf text = {0};
    buf_append_str(&text, STR("http://"));
    for (int i = 0; i < 100000; i++) {
        buf_append_str(&text, STR("\xc3\xa4"));
    }
    cr_assert(not(url_valid(buf_str(&text), URL_HTTP)));
    buf_finish(&text);
}
