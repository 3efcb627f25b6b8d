/* How turns of the event loop are kept apart, and for what they are not. */
#include "net/loop.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <unistd.h>

struct pipe_end {
    int fds[2];
    struct event *readable;
    int calls;
};

static void on_readable(evutil_socket_t fd, short what, void *ctx)
{
    struct pipe_end *pipe_end = ctx;
    (void)fd;
    (void)what;
    pipe_end->calls++; /* what has come stays there */
}

/* One that has something to be read. */
static void open_pipe(struct pipe_end *pipe_end, struct event_base *base)
{
    cr_assert(eq(int, pipe(pipe_end->fds), 0));
    cr_assert(eq(int, (int)write(pipe_end->fds[1], "x", 1), 1));
    pipe_end->readable =
        event_new(base, pipe_end->fds[0], EV_READ | EV_PERSIST, on_readable, pipe_end);
    event_add(pipe_end->readable, NULL);
}

static void close_pipe(struct pipe_end *pipe_end)
{
    event_free(pipe_end->readable);
    close(pipe_end->fds[0]);
    close(pipe_end->fds[1]);
}

/* As far apart as can be, at whatever rate. */
static const struct loop_batching far_apart = {.from = -2, .full = -1, .apart_us = 900000};

enum { SAVED_TURNS = 9 }; /* that begin at once after an idle time */

Test(loop, what_is_prompt_makes_a_turn_of_its_own_between_those_that_are_apart)
{
    struct event_base *base;
    struct pipe_end other = {0}, prompt = {0};
    cr_assert(eq(int, loop_create(&base), ERR_OK));
    open_pipe(&other, base);
    for (int i = 0; i < SAVED_TURNS; i++) {
        loop_turn(base, &far_apart, 0);
    }
    cr_assert(eq(int, other.calls, SAVED_TURNS));

    open_pipe(&prompt, base);
    loop_prompt_add(prompt.readable);
    loop_turn(base, &far_apart, 0);
    loop_turn(base, &far_apart, 0);
    cr_assert(eq(int, prompt.calls, 2));
    cr_assert(eq(int, other.calls, SAVED_TURNS));

    loop_prompt_remove(prompt.readable);
    close_pipe(&prompt);
    close_pipe(&other);
    event_base_free(base);
}

static void remove_other(evutil_socket_t fd, short what, void *ctx)
{
    (void)fd;
    (void)what;
    loop_prompt_remove(ctx);
}

/* The store's connections close each other. */
Test(loop, what_is_no_longer_prompt_is_not_called_back_in_the_same_turn)
{
    struct event_base *base;
    struct pipe_end first = {0}, second = {0};
    cr_assert(eq(int, loop_create(&base), ERR_OK));
    open_pipe(&second, base);
    for (int i = 0; i < SAVED_TURNS; i++) {
        loop_turn(base, &far_apart, 0);
    }
    open_pipe(&first, base);
    event_free(first.readable);
    first.readable =
        event_new(base, first.fds[0], EV_READ | EV_PERSIST, remove_other, second.readable);
    event_add(first.readable, NULL);
    loop_prompt_add(first.readable);
    loop_prompt_add(second.readable);
    loop_turn(base, &far_apart, 0);
    cr_assert(eq(int, second.calls, SAVED_TURNS));
    loop_prompt_remove(first.readable);
    close_pipe(&first);
    close_pipe(&second);
    event_base_free(base);
}
