/* Asking a Redis Cluster who has which slots: its masters in turn, or, as long as none is
 * connected, the servers that the URL names. Once in a while while all is well, and often while it
 * is not. */
#ifndef STORE_CLUSTER_MAP_H
#define STORE_CLUSTER_MAP_H

#include "store/slots.h"

struct cluster;
struct cluster_map;
struct conn;
struct store;

struct cluster_map *cluster_map_create(struct store *store, struct cluster *cluster);
void cluster_map_destroy(struct cluster_map *map);
/* Something has shown that the map is wrong: asks soon. */
void cluster_map_hurry(struct cluster_map *map);
/* Asks if it is time to. Returns when it wants to be called again. */
uint64_t cluster_map_tick(struct cluster_map *map, uint64_t now_ms);

/* ---- what it needs of cluster.c ---- */

/* Puts the answer into force. */
void cluster_take_map(struct cluster *cluster, const struct slot_range *ranges, size_t count);
/* A connection that is of use, another one for each `index`, and to whom; NULL: there is none. */
struct conn *cluster_any_conn(struct cluster *cluster, size_t index, struct address *who);
/* Whether each slot has a server that answers. */
bool cluster_is_whole(const struct cluster *cluster);

#endif
