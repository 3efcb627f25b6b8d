/* Functions that are not to be called for a while, because they took too long: a second, then two,
 * up to a minute. Private to lib/sandbox. */
#ifndef SANDBOX_BAN_H
#define SANDBOX_BAN_H

#include "base/list.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

/* `bans` is a list of bans. */
bool ban_holds(const struct list *bans, struct str function, uint64_t now_ms);
void ban_add(struct list *bans, struct str function, uint64_t now_ms);
/* It has done well again. */
void ban_lift(struct list *bans, struct str function);
void bans_finish(struct list *bans);

#endif
