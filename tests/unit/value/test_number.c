#include "value/number.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The next of a fixed sequence of random bits (SplitMix64). */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

struct number_case {
    double number;
    char text[32]; /* as JavaScript's String(number) */
};

static const struct number_case spelling_cases[] = {
    {0, "0"},
    {-0.0, "0"},
    {1, "1"},
    {-1, "-1"},
    {10, "10"},
    {1234567890, "1234567890"},
    {-42, "-42"},
    {9007199254740991, "9007199254740991"},
    {9007199254740992, "9007199254740992"},
    {-9007199254740992, "-9007199254740992"},
    {9007199254740994, "9007199254740994"},
    {123456789012345680000.0, "123456789012345680000"},
    {1e20, "100000000000000000000"},
    {1e21, "1e+21"},
    {-1e21, "-1e+21"},
    {1.5e300, "1.5e+300"},
    {1.7976931348623157e308, "1.7976931348623157e+308"},
    {-1.7976931348623157e308, "-1.7976931348623157e+308"},
    {0.5, "0.5"},
    {-20.5, "-20.5"},
    {0.1, "0.1"},
    {0.1 + 0.2, "0.30000000000000004"},
    {1e-6, "0.000001"},
    {1e-7, "1e-7"},
    {1.5e-7, "1.5e-7"},
    {2.2250738585072014e-308, "2.2250738585072014e-308"},
    {5e-324, "5e-324"},
    {-5e-324, "-5e-324"},
    {4.35, "4.35"},
    {1.0 / 3, "0.3333333333333333"},
    {2e-3, "0.002"},
    {2251799813685248.5, "2251799813685248.5"},
    {5e-7, "5e-7"},
};

static void test_spelling(const struct number_case *c)
{
    char text[NUMBER_TEXT_MAX + 1];
    size_t len = number_to_text(c->number, text);
    text[len] = '\0';
    cr_assert(strcmp(text, c->text) == 0, "%s instead of %s", text, c->text);
    cr_assert(number_from_text(text, len) == c->number, "%s does not come back", text);
}

Test(number, spelling)
{
    for (size_t i = 0; i < sizeof(spelling_cases) / sizeof(spelling_cases[0]); i++) {
        test_spelling(&spelling_cases[i]);
    }
}

struct text_case {
    char text[120];
    double number;
};

static const struct text_case reading_cases[] = {
    {"0", 0},
    {"1.0", 1},
    {"1e2", 100},
    {"1E+2", 100},
    {"100e-2", 1},
    {"9007199254740993", 9007199254740992},
    {"9007199254740995", 9007199254740996},
    /* Half way between two doubles, and a little more. */
    {"9007199254740993.0000000000000000000000000000000000000000000000001", 9007199254740994},
    {"123456789012345678901234567890", 123456789012345680000000000000.0},
    {"1e23", 1e23},
    {"8.5e22", 8.5e22},
    {"2.2250738585072011e-308", 2.2250738585072011e-308},
    {"2.2250738585072012e-308", 2.2250738585072014e-308},
    {"4.9406564584124654e-324", 5e-324},
    {"2.4703282292062327e-324", 0},
    {"2.4703282292062328e-324", 5e-324},
    {"1e-400", 0},
    {"1.7976931348623158e308", 1.7976931348623157e308},
    {"1.7976931348623159e308", INFINITY},
    {"1e309", INFINITY},
    {"1e999", INFINITY},
    {"-1e999", -INFINITY},
    {"1e99999999999999999999", INFINITY},
    {"1e-99999999999999999999", 0},
};

static void test_reading(const struct text_case *c)
{
    double number = number_from_text(c->text, strlen(c->text));
    cr_assert(number == c->number, "%s read as %.17g", c->text, number);
}

Test(number, reading)
{
    for (size_t i = 0; i < sizeof(reading_cases) / sizeof(reading_cases[0]); i++) {
        test_reading(&reading_cases[i]);
    }
}

Test(number, negative_zero_has_no_sign)
{
    char text[NUMBER_TEXT_MAX];
    cr_assert(eq(sz, number_to_text(-0.0, text), 1));
    cr_assert(text[0] == '0');
}

Test(number, random_doubles_come_back)
{
    uint64_t state = 1;
    for (int i = 0; i < 20000; i++) {
        uint64_t bits = next_random(&state);
        double number;
        memcpy(&number, &bits, sizeof(number));
        if (!isfinite(number)) {
            continue;
        }
        char text[NUMBER_TEXT_MAX + 1];
        size_t len = number_to_text(number, text);
        cr_assert(len < NUMBER_TEXT_MAX);
        text[len] = '\0';
        double again = number_from_text(text, len);
        cr_assert(memcmp(&again, &number, sizeof(number)) == 0, "%s is not %.17g", text, number);
        /* The C library agrees on what the text means. */
        cr_assert(strtod(text, NULL) == number, "%s", text);
    }
}

Test(number, random_whole_numbers_come_back)
{
    uint64_t state = 2;
    for (int i = 0; i < 20000; i++) {
        uint64_t bits = next_random(&state);
        int64_t whole = (int64_t)(bits >> (11 + bits % 52));
        whole = bits & 1 ? -whole : whole;
        char text[NUMBER_TEXT_MAX + 1];
        char want[NUMBER_TEXT_MAX];
        size_t len = number_to_text((double)whole, text);
        text[len] = '\0';
        snprintf(want, sizeof(want), "%lld", (long long)whole);
        cr_assert(eq(str, text, want));
        cr_assert(number_from_text(text, len) == (double)whole);
    }
}
