/* tests/sim: runs many seeds, or one to look at. */
#include "base/log.h"
#include "simulator/redis.h"
#include "simulator/scenario.h"
#include "simulator/world.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char help[] =
    "sim [--seeds N] [--from SEED] [--seconds S] [--jobs N]    many runs\n"
    "sim --seed SEED                                           one, with all that happens in it\n"
    "\n"
    "Gateways, workers and the store run as they are, on a simulated network, Redis and clock;\n"
    "people draw, things break, and everything is checked. A run follows from its seed alone.\n"
    "\n"
    "  --seeds N     so many seeds (20000)\n"
    "  --from SEED   beginning with that one (1)\n"
    "  --seconds S   no more after that time\n"
    "  --jobs N      processes (one per core)\n"
    "  --find        succeed only if something is found: for builds with a planted bug\n"
    "\n"
    "The status is 1 if a run has violated a rule; its seed and its end are printed.\n";

struct options {
    uint64_t seeds, from, seed, seconds;
    int jobs;
    bool one, find;
};

/* What a job tells its parent. */
struct result {
    struct scenario_counts counts;
    uint64_t runs, failed_seed;
    bool failed;
    char why[512];
};

static int run_one(uint64_t seed)
{
    struct scenario_counts counts = {0};
    log_setup("sim", LOG_DEBUG, LOG_TEXT);
    trace_on(true);
    redis_lua_begin();
    scenario_run(seed, &counts);
    redis_lua_end();
    const char *why = violation();
    printf("seed %" PRIu64 ": %s\n", seed, why ? why : "all is well");
    return why != NULL;
}

static uint64_t now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec;
}

/* `current` is where the parent finds the seed of a run that never returned. */
static void run_job(const struct options *options, int job, _Atomic uint64_t *current, int out)
{
    struct result result = {0};
    uint64_t end = options->from + options->seeds;
    uint64_t deadline = now_s() + options->seconds;
    log_setup("sim", LOG_OFF, LOG_TEXT);
    redis_lua_begin();
    for (uint64_t seed = options->from + (uint64_t)job; seed < end && !result.failed;
         seed += (uint64_t)options->jobs) {
        if (options->seconds && now_s() >= deadline) {
            break;
        }
        *current = seed;
        scenario_run(seed, &result.counts);
        result.runs++;
        if (violation()) {
            result.failed = true;
            result.failed_seed = seed;
            snprintf(result.why, sizeof(result.why), "%s", violation());
        }
    }
    *current = 0;
    redis_lua_end();
    if (write(out, &result, sizeof(result)) != sizeof(result)) {
        exit(2);
    }
}

static void add(struct scenario_counts *sum, const struct scenario_counts *more)
{
    sum->faults += more->faults;
    sum->acked += more->acked;
    sum->entries += more->entries;
    sum->resumes += more->resumes;
    sum->closes += more->closes;
    if (more->longest_wait_us > sum->longest_wait_us) {
        sum->longest_wait_us = more->longest_wait_us;
    }
}

/* The last lines of the failed run's trace. */
static void show(const char *program, uint64_t seed)
{
    char command[512];
    snprintf(command, sizeof(command), "'%s' --seed %" PRIu64 " | tail -n 120", program, seed);
    fflush(stdout);
    if (system(command) != 0) {
        printf("the trace could not be shown\n");
    }
}

/* A run in which something aborted has failed like any other. */
static void blame_the_dead(const _Atomic uint64_t *seeds, int jobs, struct result *first)
{
    for (int job = 0; job < jobs; job++) {
        uint64_t seed = seeds[job];
        if (seed && (!first->failed || seed < first->failed_seed)) {
            *first = (struct result){.failed = true, .failed_seed = seed, .why = "the run died"};
        }
    }
}

static int run_many(const char *program, const struct options *options)
{
    int pipes[2];
    uint64_t runs = 0;
    struct scenario_counts counts = {0};
    struct result first = {0};
    uint64_t started = now_s();
    size_t seeds_size = (size_t)options->jobs * sizeof(_Atomic uint64_t);
    _Atomic uint64_t *seeds =
        mmap(NULL, seeds_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (seeds == MAP_FAILED || pipe(pipes)) {
        return 2;
    }
    for (int job = 0; job < options->jobs; job++) {
        fflush(stdout);
        if (fork() == 0) {
            run_job(options, job, &seeds[job], pipes[1]);
            exit(0);
        }
    }
    close(pipes[1]);
    struct result result;
    int answers = 0;
    while (read(pipes[0], &result, sizeof(result)) == sizeof(result)) {
        answers++;
        runs += result.runs;
        add(&counts, &result.counts);
        if (result.failed && (!first.failed || result.failed_seed < first.failed_seed)) {
            first = result;
        }
    }
    int died = options->jobs - answers;
    for (int status; wait(&status) > 0;) {
    }
    blame_the_dead(seeds, options->jobs, &first);
    munmap(seeds, seeds_size);
    if (first.failed && !options->find) {
        show(program, first.failed_seed);
    }
    printf("%" PRIu64 " seeds, %" PRIu64 " faults, %" PRIu64 " acknowledged changes, %" PRIu64
           " log entries, %" PRIu64 " resumes, %" PRIu64 " sockets closed, longest wait %" PRIu64
           " ms, in %" PRIu64 " s\n",
           runs, counts.faults, counts.acked, counts.entries, counts.resumes, counts.closes,
           counts.longest_wait_us / 1000, now_s() - started);
    if (first.failed) {
        printf("seed %" PRIu64 ": %s\n", first.failed_seed, first.why);
        printf("to see all of it: %s --seed %" PRIu64 "\n", program, first.failed_seed);
    }
    if (died) {
        printf("%d of %d jobs died\n", died, options->jobs);
    }
    bool bad = died > 0 || first.failed;
    return options->find ? !first.failed : bad;
}

int main(int argc, char **argv)
{
    static const struct option longs[] = {
        {"seeds", required_argument, NULL, 'n'}, {"from", required_argument, NULL, 'f'},
        {"seed", required_argument, NULL, 's'},  {"seconds", required_argument, NULL, 't'},
        {"jobs", required_argument, NULL, 'j'},  {"find", no_argument, NULL, 'F'},
        {"help", no_argument, NULL, 'h'},        {0},
    };
    struct options options = {
        .seeds = 20000, .from = 1, .jobs = (int)sysconf(_SC_NPROCESSORS_ONLN)};
    int option;
    while ((option = getopt_long(argc, argv, "", longs, NULL)) != -1) {
        uint64_t number = optarg ? strtoull(optarg, NULL, 10) : 0;
        switch (option) {
        case 'n':
            options.seeds = number;
            break;
        case 'f':
            options.from = number;
            break;
        case 's':
            options.seed = number;
            options.one = true;
            break;
        case 't':
            options.seconds = number;
            break;
        case 'j':
            options.jobs = number ? (int)number : 1;
            break;
        case 'F':
            options.find = true;
            break;
        case 'h':
            fputs(help, stdout);
            return 0;
        default:
            fputs(help, stderr);
            return 2;
        }
    }
    return options.one ? run_one(options.seed) : run_many(argv[0], &options);
}
