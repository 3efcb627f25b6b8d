/* A child's end of the channel to its supervisor (proto/control.md). Questions for metrics are
 * answered in here, from the process' own table.
 *
 *      control = control_create(base, config.control_fd, &handlers, worker);
 *      control_report(control, CONTROL_READY, true, "");
 */
#ifndef NET_CONTROL_H
#define NET_CONTROL_H

#include "net/control_frame.h"

struct control;
struct event_base;

struct control_handlers {
    /* The node ends: finish what is at hand and exit with 0 within this time, of which
     * `spread_ms` are for closing connections one after the other; more than once: hurry. */
    void (*on_stop)(void *ctx, uint64_t deadline_ms, uint64_t spread_ms);
    /* Hand over what you have to others that go on, `away`: to those of other nodes only, and exit
     * with 0 within this time; an on_stop may follow. NULL: the same as on_stop. */
    void (*on_drain)(void *ctx, uint64_t deadline_ms, bool away);
    /* On: give your rooms away, `away`: to workers of other nodes only, take no new ones, and stay;
     * a gateway: say that nobody new is to be sent here, and serve who comes all the same. Off:
     * take part again. NULL: no. */
    void (*on_draining)(void *ctx, bool on, bool away);
    /* Give this room to that worker, and answer with control_answer_move. NULL: no. */
    void (*on_move)(void *ctx, uint64_t request, const struct control_move *move);
    /* Read files that may have changed, as the cluster's secret, again. NULL: there are none. */
    void (*on_reload)(void *ctx);
    /* The supervisor is gone, and nobody may outlive it. NULL: exit at once, with a log line. */
    void (*on_lost)(void *ctx);
};

/* Takes `fd` over. With -1 there is no supervisor and everything below does nothing. All handlers
 * may call control_destroy. `handlers` is borrowed for as long as the control lives. */
struct control *control_create(struct event_base *base, int fd,
                               const struct control_handlers *handlers, void *ctx);

/* Says how this process is; `store_ok` is whether it can make changes durable, `why` a phrase for
 * people about what is not as it should be. Sent when something changed, so call it freely. */
void control_report(struct control *control, enum control_state state, bool store_ok,
                    const char *why);

/* What became of a move; `epoch` is 0 unless it was done. */
void control_answer_move(struct control *control, uint64_t request, enum control_outcome outcome,
                         uint64_t epoch);

/* NULL is fine. */
void control_destroy(struct control *control);

#endif
