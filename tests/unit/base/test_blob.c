#include "base/blob.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

Test(blob, holds_a_copy_of_its_bytes)
{
    char source[] = "hello";
    struct blob *blob = blob_create(source, 5);
    memset(source, 'x', 5);
    cr_assert(eq(u32, blob->len, 5));
    cr_assert(zero(int, memcmp(blob->data, "hello", 5)));
    blob_unref(blob);
}

Test(blob, lives_until_its_last_reference_goes)
{
    struct blob *blob = blob_create("a", 1);
    cr_assert(eq(ptr, blob_ref(blob), blob));
    cr_assert(eq(u32, blob->refs, 2));
    blob_unref(blob);
    cr_assert(eq(u32, blob->refs, 1));
    cr_assert(eq(u8, blob->data[0], 'a'));
    blob_unref(blob);
}

Test(blob, may_be_empty)
{
    struct blob *blob = blob_create(NULL, 0);
    cr_assert(eq(u32, blob->len, 0));
    blob_unref(blob);
}

Test(blob, unref_of_nothing_is_nothing)
{
    blob_unref(NULL);
}

Test(blob, is_counted_until_it_is_freed)
{
    size_t sum = 0;
    size_t other = 0;
    struct blob *blob = blob_create("12345", 5);
    blob_count(blob, &sum);
    blob_count(blob_ref(blob), &sum);
    blob_count(blob, &other);
    cr_assert(eq(sz, sum, sizeof(struct blob) + 5));
    cr_assert(zero(sz, other));
    blob_unref(blob);
    cr_assert(eq(sz, sum, sizeof(struct blob) + 5));
    blob_unref(blob);
    cr_assert(zero(sz, sum));
}
