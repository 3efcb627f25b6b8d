/* One connection to one Redis server: commands go out in order and are answered in that order, each
 * exactly once. It knows no commands and does not come back: upstream.h does that.
 *
 * The simulator has a conn.c of its own (tests/simulator), so this is all that the rest of
 * lib/store knows of sockets. */
#ifndef STORE_CONN_H
#define STORE_CONN_H

#include "base/address.h"
#include "base/list.h"

#include <event2/event.h>
#include <hiredis/hiredis.h>

struct conn;
struct tls;

/* Where to. */
struct conn_target {
    const char *socket_path;       /* NULL: by TCP */
    const struct address *address; /* of TCP */
    struct tls *tls;               /* NULL: none */
    struct list *unsent;           /* where it can be flushed; NULL: by itself alone */
};

struct conn_handlers {
    void (*on_open)(void *ctx);
    /* It never opened, or is lost; `why` is for people. All that was under way has been answered.
     * The last call about it, which frees it. */
    void (*on_closed)(void *ctx, const char *why);
};

/* Gets the reply, which is valid during the call; NULL: the connection ended before there was one,
 * and nobody knows what became of the command. */
typedef void (*conn_reply_fn)(void *ctx, const redisReply *reply);

/* Begins to connect; never fails at once. `target` may go when this returns. */
struct conn *conn_create(struct event_base *base, const struct conn_target *target,
                         const struct conn_handlers *handlers, void *ctx);

/* Takes a copy. False, and no answer, if the connection ends already. It may be called before the
 * connection is open. */
bool conn_send(struct conn *conn, int argc, const char *const *argv, const size_t *len,
               conn_reply_fn fn, void *ctx);
/* The same with words that hold no NUL. */
bool conn_send_words(struct conn *conn, int argc, const char *const *argv, conn_reply_fn fn,
                     void *ctx);

/* Sends what these have been given. It is sent without that too, but only from the loop: by whom
 * this is called before he waits, it is sent a turn earlier. */
void conn_flush_all(struct list *unsent);

/* Sends no more, and closes (on_closed, with `why`) when what is under way is answered; what was not
 * sent yet, as the connection was not open, is not. */
void conn_leave(struct conn *conn, const char *why);
/* Closes it now: answers what is under way from inside, and calls no on_closed. NULL is fine. */
void conn_destroy(struct conn *conn);

#endif
