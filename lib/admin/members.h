/* Workers and nodes of the cluster as operators see them, and as JSON (proto/admin.md). Pure. */
#ifndef ADMIN_MEMBERS_H
#define ADMIN_MEMBERS_H

#include "base/buf.h"

/* Borrows everything; what is not known is empty or 0. */
struct admin_worker {
    struct str id, node;
    const char *slot; /* its name, if it is of this node; else NULL */
    uint64_t pid, rooms, sessions;
    uint64_t cpu;  /* thousandths of a core */
    uint64_t load; /* points by weight: what rooms are placed by */
    uint64_t points, weight;
    bool draining;
    bool in_reach; /* can be given rooms of this node */
    struct str version, seen;
};

struct admin_node {
    struct str id;
    bool own; /* the one that is asked */
    uint64_t workers, rooms, sessions;
    uint64_t cpu;    /* thousandths of a core, of all its workers together */
    uint64_t load;   /* of its workers, on average */
    uint64_t weight; /* of each of them */
    uint64_t taking; /* workers that take rooms of this node */
    bool draining;
    struct str draining_since; /* a time */
    struct str version;        /* of its workers; several, with commas, while it is upgraded */
};

void worker_render(const struct admin_worker *worker, struct buf *out);
void node_render(const struct admin_node *node, struct buf *out);

#endif
