/* The page that a worker and its supervisor share. */
#include "base/mark.h"

#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

#define MARK_VERSION 1
#define SIGNAL_STACK (64 * 1024)

/* Other versions of us read it: fields may be appended, and MARK_VERSION grows if one changes. */
struct mark_page {
    _Atomic uint32_t version;
    _Atomic uint32_t signal;
    _Atomic uint32_t inside;
    _Atomic uint32_t room_len; /* 0: no mark; written last */
    _Atomic uint64_t steps;
    char room[MARK_ROOM_MAX];
};

static const int deadly[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGSYS};
enum { DEADLY = sizeof(deadly) / sizeof(deadly[0]) };

static struct mark_page *own;           /* NULL: nobody looks */
static struct sigaction before[DEADLY]; /* what the signals did until then */

/* ---- the worker's side ---- */

void mark_enter(struct str room)
{
    if (!own) {
        return;
    }
    mark_leave();
    if (room.len <= MARK_ROOM_MAX) {
        memcpy(own->room, room.ptr, room.len);
        atomic_store_explicit(&own->room_len, (uint32_t)room.len, memory_order_release);
    }
}

void mark_leave(void)
{
    if (own) {
        /* One writer: a locked addition would be for nothing. */
        uint64_t steps = atomic_load_explicit(&own->steps, memory_order_relaxed);
        atomic_store_explicit(&own->room_len, 0, memory_order_relaxed);
        atomic_store_explicit(&own->steps, steps + 1, memory_order_release);
    }
}

static void restore(int number)
{
    for (int i = 0; i < DEADLY; i++) {
        if (deadly[i] == number) {
            sigaction(number, &before[i], NULL);
        }
    }
}

/* Only what is async-signal-safe. */
static void on_deadly(int number, siginfo_t *info, void *context)
{
    (void)context;
    /* The kernel's codes are positive; who sent it otherwise is in si_pid, and abort() is us. */
    bool fault = info->si_code > 0;
    atomic_store(&own->inside, fault || info->si_pid == getpid());
    atomic_store(&own->signal, (uint32_t)number);
    restore(number);
    /* A faulting instruction faults again when we return, in the place that a core should show.
     * Others have to be sent again; they arrive on return. */
    if (!fault || number == SIGABRT || number == SIGSYS) {
        raise(number);
    }
}

static bool catch_signals(void)
{
    void *memory = mmap(NULL, SIGNAL_STACK, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    stack_t stack = {.ss_sp = memory, .ss_size = SIGNAL_STACK};
    if (memory == MAP_FAILED || sigaltstack(&stack, NULL)) {
        return false;
    }
    struct sigaction action = {.sa_sigaction = on_deadly, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    sigemptyset(&action.sa_mask);
    for (int i = 0; i < DEADLY; i++) {
        if (sigaction(deadly[i], &action, &before[i])) {
            return false;
        }
    }
    return true;
}

static struct mark_page *map(int fd)
{
    void *page = mmap(NULL, sizeof(*own), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    return page == MAP_FAILED ? NULL : page;
}

enum err mark_open(int fd)
{
    struct mark_page *page = map(fd);
    close(fd);
    if (!page) {
        return ERR_IO;
    }
    if (atomic_load(&page->version) != MARK_VERSION) {
        munmap(page, sizeof(*page));
        return ERR_VERSION;
    }
    own = page;
    return catch_signals() ? ERR_OK : ERR_IO;
}

/* ---- the supervisor's side ---- */

enum err mark_page_create(struct mark_page **out, int *fd)
{
    int memory = memfd_create("mark", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (memory < 0) {
        return ERR_IO;
    }
    /* Sealed, so that no child can cut it off under our feet. */
    bool made = ftruncate(memory, sizeof(struct mark_page)) == 0 &&
                fcntl(memory, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0;
    struct mark_page *page = made ? map(memory) : NULL;
    if (!page) {
        close(memory);
        return ERR_IO;
    }
    atomic_store(&page->version, MARK_VERSION);
    *out = page;
    *fd = memory;
    return ERR_OK;
}

void mark_page_read(const struct mark_page *page, struct mark_view *view)
{
    uint32_t len = atomic_load_explicit(&page->room_len, memory_order_acquire);
    *view = (struct mark_view){
        .room_len = len <= MARK_ROOM_MAX ? len : 0,
        .steps = atomic_load(&page->steps),
        .signal = (int)atomic_load(&page->signal),
        .inside = atomic_load(&page->inside),
    };
    memcpy(view->room, page->room, view->room_len);
}

void mark_page_destroy(struct mark_page *page)
{
    if (page) {
        munmap(page, sizeof(*page));
    }
}
