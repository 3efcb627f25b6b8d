/* A roomd-worker with bugs: each room whose name begins with one of these words triggers its own,
 * as soon as the worker is at work on it. Linked with --wrap=mark_enter; else it is the real one.
 */
#include "base/mark.h"
#include "worker/worker.h"

#include <stdlib.h>

void __real_mark_enter(struct str room);
void __wrap_mark_enter(struct str room);

void __wrap_mark_enter(struct str room)
{
    __real_mark_enter(room);
    if (str_starts(room, STR("abort"))) {
        abort();
    }
    if (str_starts(room, STR("exit"))) {
        _Exit(7);
    }
    if (str_starts(room, STR("hang"))) {
        for (volatile int spins = 0;; spins = !spins) {
        }
    }
}

int main(int argc, char **argv)
{
    struct config config;
    int status = config_load_main(&config, CONFIG_WORKER, argc, argv);
    if (status < 0) {
        log_setup(config.process, config.log_level, config.log_format);
        status = worker_run(&config);
    }
    config_finish(&config);
    return status;
}
