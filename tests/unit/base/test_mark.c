/* The page that says whose room it was: what is written, and what is told apart after a death.
 * Deaths are real ones, of forked children. */
#include "base/mark.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* What a child does with its mark; each ends with its death or with status 0. By number, because a
 * parameter cannot be a pointer. */
enum deed { NOTHING, ABORT, FAULT, RAISE, OVERFLOW, WAIT, LEAVE_AND_ABORT };

static void do_nothing(void)
{
    mark_enter(STR("r"));
    mark_leave();
}

static void do_abort(void)
{
    mark_enter(STR("r"));
    abort();
}

static void do_fault(void)
{
    mark_enter(STR("r"));
    volatile char *page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                               0); /* no guess at an address */
    page[0] = 1;
}

static void do_raise(void)
{
    mark_enter(STR("r"));
    raise(SIGFPE);
}

static void do_overflow(void)
{
    volatile char room_taken[64 * 1024];
    room_taken[0] = 0;
    mark_enter(STR("r"));
    if (room_taken[0] == 0) {
        do_overflow();
    }
    room_taken[1] = 1;
}

static void do_wait(void)
{
    mark_enter(STR("r"));
    for (;;) {
        pause();
    }
}

static void do_leave_and_abort(void)
{
    mark_enter(STR("r"));
    mark_leave();
    abort();
}

static void (*const deeds[])(void) = {
    [NOTHING] = do_nothing,
    [ABORT] = do_abort,
    [FAULT] = do_fault,
    [RAISE] = do_raise,
    [OVERFLOW] = do_overflow,
    [WAIT] = do_wait,
    [LEAVE_AND_ABORT] = do_leave_and_abort,
};

/* Runs the deed in a child, sends it a signal if that is not 0 once it is marked, and reads what is
 * left. Returns waitpid's status. */
static int run(enum deed deed, int number, struct mark_view *view)
{
    struct mark_page *page;
    int fd;
    cr_assert(eq(int, mark_page_create(&page, &fd), ERR_OK));
    pid_t pid = fork();
    if (pid == 0) {
        struct rlimit no_core = {0};
        setrlimit(RLIMIT_CORE, &no_core);
        for (int i = 1; i < NSIG; i++) { /* Criterion's and a sanitizer's: these deaths are meant */
            signal(i, SIG_DFL);
        }
        if (mark_open(fd)) {
            _exit(9);
        }
        deeds[deed]();
        _exit(0);
    }
    close(fd);
    for (view->room_len = 0; number && view->room_len == 0;) {
        mark_page_read(page, view);
    }
    if (number) {
        kill(pid, number);
    }
    int status;
    waitpid(pid, &status, 0);
    mark_page_read(page, view);
    mark_page_destroy(page);
    return status;
}

struct death_case {
    char name[48];
    enum deed deed;
    int kill_with; /* 0: dies by itself */
    int signal;    /* it is to die of */
    int noted;
    bool inside;
    bool marked;
};

ParameterizedTestParameters(mark, death)
{
    static struct death_case cases[] = {
        {"abort is its own", ABORT, 0, SIGABRT, SIGABRT, true, true},
        {"so is a fault", FAULT, 0, SIGSEGV, SIGSEGV, true, true},
        {"so is a signal to itself", RAISE, 0, SIGFPE, SIGFPE, true, true},
        {"a stack that is full leaves room to say so", OVERFLOW, 0, SIGSEGV, SIGSEGV, true, true},
        {"another's SIGSEGV is not", WAIT, SIGSEGV, SIGSEGV, SIGSEGV, false, true},
        {"nor another's SIGABRT", WAIT, SIGABRT, SIGABRT, SIGABRT, false, true},
        {"SIGKILL is not noted", WAIT, SIGKILL, SIGKILL, 0, false, true},
        {"SIGTERM is not noted", WAIT, SIGTERM, SIGTERM, 0, false, true},
        {"a death in no room", LEAVE_AND_ABORT, 0, SIGABRT, SIGABRT, true, false},
    };
    return cr_make_param_array(struct death_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct death_case *c, mark, death)
{
    struct mark_view view;
    int status = run(c->deed, c->kill_with, &view);
    bool by_signal = WIFSIGNALED(status);
    cr_assert(by_signal, "%s", c->name);
    cr_assert(eq(int, WTERMSIG(status), c->signal), "%s", c->name);
    cr_assert(eq(int, view.signal, c->noted), "%s", c->name);
    cr_assert(eq(int, view.inside, c->inside), "%s", c->name);
    bool marked = view.room_len == 1 && view.room[0] == 'r';
    cr_assert(eq(int, marked, c->marked), "%s", c->name);
}

Test(mark, is_cleared_on_leaving_and_every_step_is_counted)
{
    struct mark_view view;
    cr_assert(eq(int, run(NOTHING, 0, &view), 0));
    cr_assert(eq(sz, view.room_len, 0));
    cr_assert(eq(u64, view.steps, 2));
    cr_assert(eq(int, view.signal, 0));
}

Test(mark, a_room_replaces_the_one_before_and_a_name_too_long_is_none)
{
    struct mark_page *page;
    struct mark_view view;
    int fd;
    cr_assert(eq(int, mark_page_create(&page, &fd), ERR_OK));
    cr_assert(eq(int, mark_open(fd), ERR_OK));
    mark_enter(STR("a longer name"));
    mark_enter(STR("b"));
    mark_page_read(page, &view);
    cr_assert(str_eq(mark_view_room(&view), STR("b")));
    char name[MARK_ROOM_MAX + 1];
    memset(name, 'x', sizeof(name));
    mark_enter((struct str){name, MARK_ROOM_MAX});
    mark_page_read(page, &view);
    cr_assert(str_eq(mark_view_room(&view), (struct str){name, MARK_ROOM_MAX}));
    mark_enter((struct str){name, MARK_ROOM_MAX + 1});
    mark_page_read(page, &view);
    cr_assert(eq(sz, view.room_len, 0));
    mark_page_destroy(page);
}

Test(mark, without_a_page_nothing_happens)
{
    mark_enter(STR("r"));
    mark_leave();
    int fds[2];
    cr_assert(eq(int, pipe(fds), 0));
    cr_assert(eq(int, mark_open(fds[0]), ERR_IO));
    mark_enter(STR("r"));
    close(fds[1]);
}
