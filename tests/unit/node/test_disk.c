/* Room on the disk. */
#include "node/disk.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

Test(disk, is_full_before_nothing_fits_any_more)
{
    cr_assert(disk_is_full(0));
    cr_assert(disk_is_full(DISK_FULL_BYTES - 1));
    cr_assert(not(disk_is_full(DISK_FULL_BYTES)));
}

Test(disk, that_cannot_be_asked_is_not_called_full)
{
    cr_assert(lt(u64, disk_free_bytes("/"), UINT64_MAX));
    cr_assert(not(disk_is_full(disk_free_bytes("/nonexistent"))));
}
