/* Starting one of our processes, or another's: its arguments and what it inherits. */
#ifndef NODE_LAUNCH_H
#define NODE_LAUNCH_H

#include "base/buf.h"
#include "base/mark.h"
#include "node/child.h"

struct launched {
    pid_t pid;
    int control_fd;         /* our end, the caller's; -1 if it has none */
    struct mark_page *mark; /* the caller's; NULL if it has none */
};

/* `name` is the slot's, `id` this start's. On failure `out` is left alone and `why` gets a phrase.
 */
enum err launch(const struct child_spec *spec, const char *name, const char *id,
                struct launched *out, struct buf *why) NODISCARD;

#endif
