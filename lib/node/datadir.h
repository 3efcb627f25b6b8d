/* The data directory: whose it is, the node's name, and where its Unix sockets are.
 *
 *      DIR/lock        locked while a roomd uses the directory; holds its process id
 *      DIR/node-id     the node's name, made once
 *      DIR/redis/      the embedded Redis: append-only file and log
 *      DIR/redis.sock  and DIR/worker-N.sock, DIR/worker-Nb.sock: sockets
 *      DIR/sockets     a link to where the sockets are, if DIR is too long a path for them
 */
#ifndef NODE_DATADIR_H
#define NODE_DATADIR_H

#include "base/buf.h"
#include "base/err.h"

#define NODE_ID_MAX 64

struct datadir {
    char *path;    /* owned; absolute, without links */
    char *sockets; /* owned; the directory of the sockets */
    int lock_fd;   /* whoever has it open keeps the lock: the embedded Redis inherits it, so that no
                      second one is started on its files while it is still dying */
    char node_id[NODE_ID_MAX + 1];
};

/* Makes (mode 0700), locks and reads it. On failure `why` gets a line for people and `out` is left
 * alone. Waits a little for children of a roomd that was killed. */
enum err datadir_open(const char *path, struct datadir *out, struct buf *why) NODISCARD;
/* The path of one thing in it; the caller frees it. */
char *datadir_path(const struct datadir *dir, const char *name);
char *datadir_socket(const struct datadir *dir, const char *name);
/* Removes the sockets and gives up the lock. Zeroed is fine. */
void datadir_close(struct datadir *dir);

#endif
