/* Workers and nodes as JSON. */
#include "admin/members.h"

#include "admin/fields.h"

static void str_or_null(struct buf *out, const char *name, struct str value)
{
    fields_str(out, name, value.len > 0 ? value : (struct str){0});
}

void worker_render(const struct admin_worker *worker, struct buf *out)
{
    fields_open(out, '{');
    fields_str(out, "id", worker->id);
    fields_text(out, "worker", worker->slot);
    fields_str(out, "node", worker->node);
    fields_u64(out, "pid", worker->pid);
    fields_u64(out, "rooms", worker->rooms);
    fields_u64(out, "sessions", worker->sessions);
    fields_u64(out, "cpu", worker->cpu);
    fields_u64(out, "weight", worker->weight);
    fields_u64(out, "points", worker->points);
    fields_u64(out, "load", worker->load);
    fields_bool(out, "draining", worker->draining);
    fields_bool(out, "in_reach", worker->in_reach);
    str_or_null(out, "version", worker->version);
    str_or_null(out, "seen", worker->seen);
    fields_close(out, '}');
}

void node_render(const struct admin_node *node, struct buf *out)
{
    fields_open(out, '{');
    fields_str(out, "id", node->id);
    fields_bool(out, "own", node->own);
    fields_u64(out, "workers", node->workers);
    fields_u64(out, "taking", node->taking);
    fields_u64(out, "rooms", node->rooms);
    fields_u64(out, "sessions", node->sessions);
    fields_u64(out, "cpu", node->cpu);
    fields_u64(out, "weight", node->weight);
    fields_u64(out, "load", node->load);
    fields_bool(out, "draining", node->draining);
    str_or_null(out, "draining_since", node->draining_since);
    str_or_null(out, "version", node->version);
    fields_close(out, '}');
}
