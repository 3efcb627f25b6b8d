/* roomd-worker: owns rooms. Started by roomd. */
#include "worker/worker.h"

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
