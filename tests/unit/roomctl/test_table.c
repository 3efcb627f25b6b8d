/* Tables for people. */
#include "roomctl/table.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

static void check(const struct buf *got, const char *want)
{
    cr_assert(str_eq(buf_str(got), str_of(want)), "got\n%.*s\nwant\n%s", STR_ARG(buf_str(got)),
              want);
}

Test(table, aligns_text_left_and_numbers_right)
{
    static const struct table_column columns[] = {{"NAME", false}, {"N", true}, {"WHY", false}};
    struct table table;
    struct buf text = {0};
    table_init(&table, columns, 3);
    table_render(&table, &text);
    check(&text, "NAME  N  WHY\n");
    table_add(&table, STR("\xc3\xa4\xc3\xb6"));
    table_add(&table, STR("1000"));
    table_add(&table, STR(""));
    table_add(&table, STR("longer"));
    table_add(&table, STR("1"));
    table_add(&table, STR("because"));
    buf_clear(&text, 0);
    table_render(&table, &text);
    check(&text, "NAME       N  WHY\n"
                 "\xc3\xa4\xc3\xb6      1000\n"
                 "longer     1  because\n");
    buf_finish(&text);
    table_finish(&table);
}

Test(table, shows_nothing_that_a_terminal_obeys)
{
    static const struct table_column columns[] = {{"X", false}};
    struct table table;
    struct buf text = {0};
    table_init(&table, columns, 1);
    table_add(&table, STR("a\x1b[2J\nb\x7f\xc2\x9b"
                          "31m\xc2\xa0"));
    table_add(&table, STR("\xc2"));
    table_render(&table, &text);
    check(&text, "X\na?[2J?b??31m\xc2\xa0\n\xc2\n");
    buf_finish(&text);
    table_finish(&table);
}

Test(table, bytes_for_people)
{
    static const struct {
        double bytes;
        const char *want;
    } cases[] = {{0, "0"},        {1023, "1023"}, {1024, "1.0k"},           {1536, "1.5k"},
                 {12e6, "11.4M"}, {5e9, "4.7G"},  {1e30, "867361737988.4E"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[16];
        table_bytes(cases[i].bytes, text);
        cr_assert(zero(int, strcmp(text, cases[i].want)), "%s", text);
    }
}
