/* roomd, the supervisor of a node. */
#include "base/config.h"
#include "base/map.h"
#include "base/random.h"
#include "node/node.h"

int main(int argc, char **argv)
{
    struct config config;
    int status = config_load_main(&config, CONFIG_ROOMD, argc, argv);
    if (status < 0) {
        map_seed(random_u64());
        log_setup("supervisor", config.log_level, config.log_format);
        status = node_run(&config);
    }
    config_finish(&config);
    return status;
}
