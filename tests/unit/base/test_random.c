/* Random ids and names. */
#include "base/random.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <ctype.h>
#include <stdbool.h>
#include <string.h>

Test(random, ids_are_of_url_safe_characters_and_differ)
{
    char first[RANDOM_ID_LEN + 1], second[RANDOM_ID_LEN + 1];
    random_id(first);
    random_id(second);
    cr_assert(eq(sz, strlen(first), RANDOM_ID_LEN));
    for (size_t i = 0; i < RANDOM_ID_LEN; i++) {
        bool fine = isalnum((unsigned char)first[i]) || first[i] == '-' || first[i] == '_';
        cr_assert(fine, "%s", first);
    }
    cr_assert(ne(int, strcmp(first, second), 0));
}

Test(random, names_start_with_a_letter)
{
    for (int i = 0; i < 200; i++) {
        char name[11];
        random_name(name, 10);
        cr_assert(eq(sz, strlen(name), 10));
        cr_assert(ne(int, islower((unsigned char)name[0]), 0), "%s", name);
        cr_assert(strpbrk(name, "ilo1") == NULL, "%s", name);
    }
}
