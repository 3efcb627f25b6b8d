/* msgpack-c allocates what a container announces before it has seen it: five bytes could ask for a
 * hundred gigabytes. So ask this first. */
#ifndef LINK_BOUNDED_H
#define LINK_BOUNDED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether the first msgpack item of `data` lies within it, with no container that announces more
 * than the bytes behind it could hold. Then unpacking it takes memory linear in `len`. */
bool link_bounded(const uint8_t *data, size_t len);

#endif
