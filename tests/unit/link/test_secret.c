/* Secrets: RFC 5869's vector, and what a file may hold. */
#include "link/secret.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>

/* RFC 5869 A.1; of its output, which is 42 bytes long, the first 32. */
Test(secret, derives_as_the_standard_says)
{
    static const uint8_t prk[] = {0x07, 0x77, 0x09, 0x36, 0x2c, 0x2e, 0x32, 0xdf, 0x0d, 0xdc, 0x3f,
                                  0x0d, 0xc4, 0x7b, 0xba, 0x63, 0x90, 0xb6, 0xc7, 0x3b, 0xb5, 0x0f,
                                  0x9c, 0x31, 0x22, 0xec, 0x84, 0x4a, 0xd7, 0xc2, 0xb3, 0xe5};
    static const uint8_t okm[] = {0x3c, 0xb2, 0x5f, 0x25, 0xfa, 0xac, 0xd5, 0x7a, 0x90, 0x43, 0x4f,
                                  0x64, 0xd0, 0x36, 0x2f, 0x2a, 0x2d, 0x2d, 0x0a, 0x90, 0xcf, 0x1a,
                                  0x5a, 0x4c, 0x5d, 0xb0, 0x2d, 0x56, 0xec, 0xc4, 0xc5, 0xbf};
    char input[22];
    memset(input, 0x0b, sizeof(input));
    struct str salt = STR("\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c");
    struct str info = STR("\xf0\xf1\xf2\xf3\xf4\xf5\xf6\xf7\xf8\xf9");
    struct secret secret;
    uint8_t key[SECRET_KEY_LEN];
    secret_extract(salt, (struct str){input, sizeof(input)}, &secret);
    cr_assert(eq(int, memcmp(secret.prk, prk, sizeof(prk)), 0));
    secret_expand(&secret, STR(""), info, key);
    cr_assert(eq(int, memcmp(key, okm, sizeof(okm)), 0));
    secret_expand(&secret, STR("\xf0\xf1\xf2"), STR("\xf3\xf4\xf5\xf6\xf7\xf8\xf9"), key);
    cr_assert(eq(int, memcmp(key, okm, sizeof(okm)), 0));
}

#define A "0123456789abcdef0123456789abcdef"
#define B "fedcba9876543210fedcba9876543210"

struct file_case {
    char name[40];
    char text[140];
    unsigned count; /* 0: refused */
};

ParameterizedTestParameters(secret, file)
{
    static struct file_case cases[] = {
        {"one", A "\n", 1},
        {"without an end of line", A, 1},
        {"two", A "\n" B "\n", 2},
        {"blank lines and ends of other systems", "\r\n  " A " \r\n\n\t" B "\r\n\n", 2},
        {"three", A "\n" B "\n" A "\n", 0},
        {"one that is too short", "0123456789abcdef0123456789abcde\n", 0},
        {"a second that is too short", A "\nsecond\n", 0},
        {"none", "\n \n", 0},
        {"nothing", "", 0},
    };
    return cr_make_param_array(struct file_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct file_case *c, secret, file)
{
    struct secrets secrets = {.count = 77};
    struct buf why = {0};
    enum err err = secrets_parse(str_of(c->text), &secrets, &why);
    cr_assert(eq(int, err, c->count ? ERR_OK : ERR_MALFORMED), "%s", c->name);
    cr_assert(eq(uint, secrets.count, c->count ? c->count : 77), "%s", c->name);
    cr_assert(eq(int, buf_len(&why) > 0, !c->count), "%s", c->name);
    bool tells = buf_len(&why) > 0 && memmem(buf_head(&why), buf_len(&why), "0123", 4);
    cr_assert(not(tells), "%s", c->name);
    buf_finish(&why);
}

Test(secret, does_not_depend_on_blanks_around_it)
{
    struct secrets plain, padded;
    struct buf why = {0};
    cr_assert(eq(int, secrets_parse(STR(A), &plain, &why), ERR_OK));
    cr_assert(eq(int, secrets_parse(STR(" " A "\r\n"), &padded, &why), ERR_OK));
    cr_assert(eq(int, memcmp(&plain.of[0], &padded.of[0], sizeof(plain.of[0])), 0));
    buf_finish(&why);
}
