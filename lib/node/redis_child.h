/* The embedded Redis: a private redis-server on a Unix socket in the data directory, which writes
 * every change to its append-only file before it answers. */
#ifndef NODE_REDIS_CHILD_H
#define NODE_REDIS_CHILD_H

#include "base/log.h"
#include "node/datadir.h"

/* Makes its directory and gives its arguments: NULL-terminated, without the program's name; the
 * caller frees each and the array. At log level debug it writes its log to our stderr. */
enum err redis_child_args(const struct datadir *dir, enum log_level level, char ***out,
                          struct buf *why) NODISCARD;

/* Where its log is; the caller frees it. */
char *redis_child_log_path(const struct datadir *dir);
/* Its socket; the caller frees it. */
char *redis_child_socket(const struct datadir *dir);

#endif
