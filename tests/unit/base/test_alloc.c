/* Memory that was freed is given back to the system, but not at every opportunity. */
#include "base/alloc.h"
#include "base/procfs.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCKS = 100000, SIZE = 1000, KEPT = 50 };

static void *blocks[BLOCKS];

/* A crowd comes and leaves; what stays keeps the allocator from giving the rest back by itself. */
static void crowd(void)
{
    for (int i = 0; i < BLOCKS; i++) {
        if (!blocks[i]) {
            blocks[i] = xmalloc(SIZE);
            memset(blocks[i], 1, SIZE);
        }
    }
    for (int i = 0; i < BLOCKS; i++) {
        if (i % KEPT) {
            free(blocks[i]);
            blocks[i] = NULL;
        }
    }
}

Test(alloc, what_a_crowd_leaves_behind_is_given_back)
{
    if (alloc_bytes() == 0) {
        cr_skip("the C library does not say what is allocated");
    }
    crowd();
    uint64_t resident = process_resident_bytes();
    cr_assert(gt(u64, resident, (uint64_t)BLOCKS * SIZE));
    alloc_trim(1);
    cr_assert(lt(u64, process_resident_bytes(), resident / 4));

    crowd();
    alloc_trim(ALLOC_TRIM_MS);
    cr_assert(gt(u64, process_resident_bytes(), (uint64_t)BLOCKS * SIZE), "too soon to look again");
    alloc_trim(ALLOC_TRIM_MS + 1);
    cr_assert(lt(u64, process_resident_bytes(), resident / 4));
    for (int i = 0; i < BLOCKS; i++) {
        free(blocks[i]);
    }
}
