/* bench_load: many clients of a sync server on one thread; see --help, and tests/bench/README.md
 * for what the figures mean. */
#include "base/alloc.h"
#include "base/clock.h"
#include "beat.h"
#include "joins.h"
#include "load.h"
#include "options.h"
#include "report.h"

#include <limits.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>

enum {
    EVENTS = 512,
    GRAIN_US = 500,      /* what is due within that is done together */
    PING_US = 5000000,   /* as often as tldraw's client does when it has nothing else to say */
    SLOW_TICKS = 10,     /* reads of a slow reader in a second */
    AGAIN_US = 100000,   /* between tries to connect */
    CONNECT_S = 300,     /* for all to be ready */
    AUDIT_US = 20000000, /* for all rooms to be looked at */
};

static volatile sig_atomic_t outage; /* SIGUSR1 has come, and nobody has looked yet */

struct run {
    struct load load;
    struct beat moves, pings;
    struct joins joins;
    uint64_t slow_due_us;
    uint64_t begin_due_us; /* when those that have no socket are looked through again */
};

uint64_t load_renew_now(struct load *load)
{
    load->now_us = clock_us() - load->began_us;
    return load->now_us;
}

void load_trouble(struct load *load, const struct client *client, const char *what, unsigned code)
{
    if (!load->failure[0]) {
        snprintf(load->failure, sizeof(load->failure), "%s-%u in state %d: %s %u",
                 client->room->name, client->number, client->state, what, code);
    }
}

/* ---- one turn of the loop ---- */

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static void wait_for_events(struct run *run)
{
    struct load *load = &run->load;
    struct epoll_event events[EVENTS];
    uint64_t due = smaller(beat_due(&run->moves), beat_due(&run->pings));
    due = smaller(due, smaller(run->slow_due_us, run->begin_due_us));
    uint64_t now = load_renew_now(load);
    uint64_t wait = due > now + GRAIN_US ? due - now : GRAIN_US;
    wait = smaller(wait, AGAIN_US);
    struct timespec timeout = {.tv_nsec = (long)wait * 1000};
    int count = epoll_pwait2(load->epoll, events, EVENTS, &timeout, NULL);
    load_renew_now(load);
    for (int i = 0; i < count; i++) {
        client_on_events(events[i].data.ptr, events[i].events);
    }
}

static void read_slowly(struct run *run)
{
    struct load *load = &run->load;
    const struct options *options = &load->options;
    if (load->now_us < run->slow_due_us) {
        return;
    }
    run->slow_due_us = load->now_us + 1000000 / SLOW_TICKS;
    for (size_t i = 0; i < load->client_count; i++) {
        if (load->clients[i].kind == CLIENT_SLOW && load->clients[i].state == CLIENT_READY) {
            client_read_some(&load->clients[i], options->reader_bytes / SLOW_TICKS + 1);
        }
    }
}

static void on_outage(int number)
{
    (void)number;
    outage = 1;
}

/* All movers push at once, and from now on each one's answer is waited for. */
static void begin_outage(struct run *run)
{
    struct load *load = &run->load;
    outage = 0;
    load->outage_us = load_renew_now(load);
    load->recovering = 0;
    for (size_t i = 0; i < run->moves.count; i++) {
        struct client *client = run->moves.who[i];
        client->recovered = false;
        if (client->state == CLIENT_READY) {
            load->recovering++;
            client_move(client);
        }
    }
}

static void turn(struct run *run)
{
    if (outage) {
        begin_outage(run);
    }
    wait_for_events(run);
    beat_run(&run->moves, &run->load.stats.lateness);
    beat_run(&run->pings, NULL);
    read_slowly(run);
    joins_step(&run->joins);
}

static void turn_until(struct run *run, uint64_t us)
{
    while (run->load.now_us < us) {
        turn(run);
    }
}

/* ---- the phases ---- */

/* Whether it begins when somebody says so, and not with the others. */
static bool comes_later(const struct client *client)
{
    return client->kind == CLIENT_JOINER || client->kind == CLIENT_AUDITOR;
}

/* Begins those that have no socket, as many at a time as may be. */
static void begin_some(struct run *run, size_t *from)
{
    struct load *load = &run->load;
    size_t under_way = load->in_state[CLIENT_UPGRADING] + load->in_state[CLIENT_JOINING] +
                       load->in_state[CLIENT_PREPARING];
    if (*from == load->client_count && load->now_us >= run->begin_due_us) {
        *from = 0;
        run->begin_due_us = load->now_us + AGAIN_US;
    }
    while (*from < load->client_count && under_way < load->options.connecting) {
        struct client *client = &load->clients[(*from)++];
        if (client->state == CLIENT_IDLE && !comes_later(client)) {
            client_begin(client);
            under_way++;
        }
    }
}

/* False if it takes too long. */
static bool connect_all(struct run *run)
{
    struct load *load = &run->load;
    size_t from = 0;
    size_t wanted = load->client_count - run->joins.count;
    wanted -= load->options.audit ? load->options.rooms : 0;
    while (load->in_state[CLIENT_READY] + load->in_state[CLIENT_CLOSED] < wanted) {
        if (load->now_us > (uint64_t)CONNECT_S * 1000000) {
            fprintf(stderr, "bench_load: only %zu of %zu clients are ready: %s\n",
                    load->in_state[CLIENT_READY], wanted, load->failure);
            return false;
        }
        begin_some(run, &from);
        turn(run);
    }
    run->begin_due_us = UINT64_MAX;
    return true;
}

static uint64_t cpu_us(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 +
           (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

/* What is measured: from `begin` to `end`, which the caller of this program hears of as they are.
 */
static void measure(struct run *run, struct window *window)
{
    struct load *load = &run->load;
    load->stats = (struct stats){0};
    report_event("begin", load);
    window->cpu_us = cpu_us();
    window->us = load_renew_now(load);
    joins_start(&run->joins, load->now_us);
    turn_until(run, window->us + (uint64_t)(load->options.seconds * 1e6));
    while (run->joins.state != JOINS_DONE) {
        turn(run);
    }
    window->cpu_us = cpu_us() - window->cpu_us;
    window->us = load->now_us - window->us;
    report_event("end", load);
}

static bool all_answered(const struct load *load)
{
    for (size_t i = 0; i < load->client_count; i++) {
        if (load->clients[i].heard < load->clients[i].said) {
            return false;
        }
    }
    return true;
}

static void drain(struct run *run)
{
    uint64_t end = run->load.now_us + (uint64_t)(run->load.options.drain * 1e6);
    beat_finish(&run->moves);
    while (!all_answered(&run->load) && run->load.now_us < end) {
        turn(run);
    }
}

/* Sends somebody into each room who looks at what is there. */
static void audit(struct run *run)
{
    struct load *load = &run->load;
    uint64_t end = load->now_us + AUDIT_US;
    size_t first = load->client_count - (load->options.audit ? load->options.rooms : 0);
    for (size_t i = first; i < load->client_count; i++) {
        struct client *client = &load->clients[i];
        while (client->state != CLIENT_CLOSED && load->now_us < end) {
            if (client->state == CLIENT_IDLE) {
                client_begin(client);
            }
            turn(run);
        }
    }
}

static int go(struct run *run)
{
    struct load *load = &run->load;
    struct window window;
    load_renew_now(load);
    beat_start(&run->pings, load->now_us + 1);
    if (!connect_all(run)) {
        return EXIT_FAILURE;
    }
    report_event("ready", load);
    beat_start(&run->moves, load->now_us + 1);
    turn_until(run, load->now_us + (uint64_t)(load->options.warm * 1e6));
    measure(run, &window);
    struct stats stats = load->stats;
    drain(run);
    audit(run);
    report_result(load, &stats, &window);
    return EXIT_SUCCESS;
}

/* ---- who is there ---- */

static void add_client(struct run *run, struct room *room, unsigned number, enum client_kind kind,
                       uint64_t prefill)
{
    struct load *load = &run->load;
    bool moves = kind == CLIENT_MOVER && load->options.rate > 0;
    struct client *client = &load->clients[load->client_count++];
    client->load = load;
    client->room = room;
    client->fd = -1;
    client->kind = (uint8_t)kind;
    client->number = number;
    client->prefill = prefill;
    client->moves_shape = moves && (load->options.shapes || number < load->options.shape_clients);
    load->in_state[CLIENT_IDLE]++;
    if (moves) {
        beat_add(&run->moves, client);
    } else if (!comes_later(client) && !load->options.floor) {
        beat_add(&run->pings, client);
    }
}

/* The k-th client of each room and then the next one of each: the order is that of the moves, so
 * that those of a room are spread evenly too. */
static void add_clients(struct run *run)
{
    struct load *load = &run->load;
    const struct options *options = &load->options;
    enum client_kind reader = options->reader_bytes ? CLIENT_SLOW : CLIENT_READER;
    for (uint64_t k = 0; k < options->clients + options->readers; k++) {
        for (uint64_t j = 0; j < options->rooms; j++) {
            add_client(run, &load->rooms[j], (unsigned)k,
                       k < options->clients ? CLIENT_MOVER : reader, k == 0 ? options->prefill : 0);
        }
    }
    if (options->joins) {
        struct room *room = &load->rooms[options->rooms];
        add_client(run, room, 0, CLIENT_READER, options->join_prefill);
        run->joins.clients = load->clients + load->client_count;
        for (uint64_t k = 0; k < options->joins; k++) {
            add_client(run, room, (unsigned)k + 1, CLIENT_JOINER, 0);
        }
    }
    for (uint64_t j = 0; options->audit && j < options->rooms; j++) {
        unsigned number = (unsigned)(options->clients + options->readers);
        add_client(run, &load->rooms[j], number, CLIENT_AUDITOR, 0);
    }
}

static void set_up(struct run *run)
{
    struct load *load = &run->load;
    const struct options *options = &load->options;
    load->began_us = clock_us();
    load->epoll = epoll_create1(EPOLL_CLOEXEC);
    load->rooms = xcalloc(options->rooms + 1, sizeof(*load->rooms));
    for (uint64_t j = 0; j <= options->rooms; j++) {
        snprintf(load->rooms[j].name, sizeof(load->rooms[j].name), "%s%u", options->prefix,
                 (unsigned)j);
    }
    uint64_t members = options->clients + options->readers + (options->audit ? 1 : 0);
    uint64_t count = options->rooms * members + options->joins + 1;
    load->clients = xcalloc(count, sizeof(*load->clients));
    run->moves.act = client_move;
    run->moves.period_us = options->rate > 0 ? (uint64_t)(1e6 / options->rate) : 0;
    run->pings.act = client_ping;
    run->pings.period_us = PING_US;
    run->joins = (struct joins){.load = load,
                                .count = options->joins,
                                .rounds_left = options->join_rounds,
                                .gap_us = (uint64_t)(options->join_gap * 1e6),
                                .state = JOINS_DONE};
    run->slow_due_us = options->reader_bytes ? 0 : UINT64_MAX;
    add_clients(run);
}

/* Memory that was had once is kept: where clients join by the dozen, giving it back and faulting it
 * in again would be most of what this program does, and what is measured. */
static void keep_memory(void)
{
    mallopt(M_MMAP_THRESHOLD, 32 << 20);
    mallopt(M_TRIM_THRESHOLD, INT_MAX);
}

int main(int argc, char **argv)
{
    keep_memory();
    struct run *run = xcalloc(1, sizeof(*run));
    if (!options_read(argc, argv, &run->load.options)) {
        return 2;
    }
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    signal(SIGUSR1, on_outage);
    set_up(run);
    return go(run);
}
