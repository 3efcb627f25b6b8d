/* Options that mean something together only: those of a cluster. */
#include "base/config_option.h"

/* Enough of those that people write; what a name turns out to be is seen later. */
static bool is_wildcard(const char *host)
{
    return strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0;
}

/* Two ports for each worker: while it is replaced there are two of it. */
static bool ports_fit(const struct config *config)
{
    return config->cluster_listen.port == 0 ||
           config->cluster_listen.port + 2 * config->workers - 1 <= UINT16_MAX;
}

enum err config_check_cluster(const struct config *config, struct buf *why)
{
    bool listens = config->cluster_listen.host[0];
    if (!listens && config->cluster_secret_file) {
        buf_printf(why, "--cluster-secret-file is for nodes with --cluster-listen; give both");
    } else if (!listens && config->advertise) {
        buf_printf(why, "--advertise is for nodes with --cluster-listen; give both");
    } else if (!listens && config->cluster_tls) {
        buf_printf(why, "--cluster-tls is for nodes with --cluster-listen; give both");
    } else if (listens && !config->cluster_secret_file) {
        buf_printf(why, "--cluster-listen needs --cluster-secret-file: a file with the secret that "
                        "all nodes share");
    } else if (listens && !redis_url_is_set(&config->redis)) {
        buf_printf(why, "--cluster-listen needs --redis: the Redis that all nodes share");
    } else if (listens && !config->advertise && is_wildcard(config->cluster_listen.host)) {
        buf_printf(why,
                   "--cluster-listen on %s needs --advertise: the host by which other nodes "
                   "reach this one",
                   config->cluster_listen.host);
    } else if (listens && !ports_fit(config)) {
        buf_printf(why, "--cluster-listen: %u ports from %u on do not fit below 65536",
                   2 * config->workers, config->cluster_listen.port);
    } else {
        return ERR_OK;
    }
    return ERR_USAGE;
}

uint16_t config_cluster_port(const struct config *config, uint32_t slot, bool other)
{
    uint16_t first = config->cluster_listen.port;
    return first ? (uint16_t)(first + slot - 1 + (other ? config->workers : 0)) : 0;
}
