/* roomd-gateway: owns client connections. Started by roomd. */
#include "gateway/gateway.h"

int main(int argc, char **argv)
{
    struct config config;
    int status = config_load_main(&config, CONFIG_GATEWAY, argc, argv);
    if (status < 0) {
        log_setup(config.process, config.log_level, config.log_format);
        status = gateway_run(&config);
    }
    config_finish(&config);
    return status;
}
