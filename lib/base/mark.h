/* Which room a worker is at work on, in one page that it shares with its supervisor: whoever picks
 * up the pieces can say whose room it was, and whether the worker fell or was pushed.
 *
 *      worker                                  supervisor
 *      mark_open(fd)                           page = mark_page_create(&fd), hands fd on
 *      mark_enter(room) ... mark_leave()       mark_page_read(page, &view)
 *
 * A mark is a few stores and no system call. Marks do not nest: entering a room replaces the one
 * before, leaving clears it. The layout is in proto/control.md: the two may be of different
 * versions. */
#ifndef BASE_MARK_H
#define BASE_MARK_H

#include "base/err.h"
#include "base/str.h"

#include <stdint.h>

#define MARK_ROOM_MAX 256 /* bytes; a room with a longer name is not marked */

/* ---- the worker's side: one page a process ---- */

/* Takes `fd` over and catches the signals that end a process for a fault of its own (SIGSEGV,
 * SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGSYS), on a stack of their own: they are noted and then take
 * their course, so that core, status and a sanitizer's report stay what they were. Before this, and
 * after an error, marks cost nothing and do nothing. */
enum err mark_open(int fd) NODISCARD;
void mark_enter(struct str room);
void mark_leave(void);

/* ---- the supervisor's side ---- */

struct mark_page;

struct mark_view {
    char room[MARK_ROOM_MAX];
    size_t room_len; /* 0: at work on none */
    uint64_t steps;  /* grows with each mark_enter and mark_leave */
    int signal;      /* the deadly one that was caught; 0: none */
    bool inside;     /* the process itself was its cause: a fault, abort, raise */
};

/* `*fd` is closed on exec and the caller's. */
enum err mark_page_create(struct mark_page **page, int *fd) NODISCARD;
/* The name is sure to be whole only when the worker is dead. */
void mark_page_read(const struct mark_page *page, struct mark_view *view);
/* NULL is fine. */
void mark_page_destroy(struct mark_page *page);

static inline struct str mark_view_room(const struct mark_view *view)
{
    return (struct str){view->room, view->room_len};
}

#endif
