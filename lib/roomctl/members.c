/* roomctl nodes and workers */
#include "roomctl/internal.h"

#include <stdio.h>

/* Thousandths of a core as per cent of one: "12.5%". */
static void add_cpu(struct table *table, struct value object)
{
    char text[32];
    snprintf(text, sizeof(text), "%.1f%%", ctl_number(object, "cpu") / 10);
    table_add(table, str_of(text));
}

/* ---- nodes ---- */

static const struct table_column node_columns[] = {
    {"NODE", false}, {"WORKERS", true}, {"ROOMS", true},    {"SESSIONS", true}, {"CPU", true},
    {"LOAD", true},  {"WEIGHT", true},  {"VERSION", false}, {"REMARKS", false},
};
enum { NODE_COLUMNS = sizeof(node_columns) / sizeof(node_columns[0]) };

static void add_node_remarks(struct table *table, struct value node)
{
    struct buf text = {0};
    struct str since = ctl_text(node, "draining_since", "");
    double workers = ctl_number(node, "workers");
    double taking = ctl_number(node, "taking");
    if (ctl_is_true(node, "draining")) {
        buf_printf(&text, "draining since %.*s", STR_ARG(since));
    }
    if (workers == 0) {
        buf_printf(&text, "%sno live worker", buf_len(&text) ? ", " : "");
    } else if (taking < workers && !ctl_is_true(node, "draining")) {
        buf_printf(&text, "%.0f take no rooms", workers - taking);
    }
    table_add(table, buf_str(&text));
    buf_finish(&text);
}

static void add_node(struct table *table, struct value node)
{
    struct buf name = {0};
    buf_append_str(&name, ctl_text(node, "id", "?"));
    if (ctl_is_true(node, "own")) {
        buf_append_byte(&name, '*');
    }
    table_add(table, buf_str(&name));
    table_add_number(table, node, "workers");
    table_add_number(table, node, "rooms");
    table_add_number(table, node, "sessions");
    add_cpu(table, node);
    table_add_number(table, node, "load");
    table_add_number(table, node, "weight");
    table_add(table, ctl_text(node, "version", "-"));
    add_node_remarks(table, node);
    buf_finish(&name);
}

/* ---- workers ---- */

static const struct table_column worker_columns[] = {
    {"ID", false},    {"NODE", false},    {"NAME", false},    {"PID", true},
    {"ROOMS", true},  {"SESSIONS", true}, {"CPU", true},      {"LOAD", true},
    {"WEIGHT", true}, {"VERSION", false}, {"REMARKS", false},
};
enum { WORKER_COLUMNS = sizeof(worker_columns) / sizeof(worker_columns[0]) };

static void add_worker(struct table *table, struct value worker)
{
    table_add(table, ctl_text(worker, "id", "?"));
    table_add(table, ctl_text(worker, "node", "?"));
    table_add(table, ctl_text(worker, "worker", "-"));
    table_add_number(table, worker, "pid");
    table_add_number(table, worker, "rooms");
    table_add_number(table, worker, "sessions");
    add_cpu(table, worker);
    table_add_number(table, worker, "load");
    table_add_number(table, worker, "weight");
    table_add(table, ctl_text(worker, "version", "-"));
    table_add(table, ctl_is_true(worker, "draining")   ? STR("draining")
                     : ctl_is_true(worker, "in_reach") ? STR("")
                                                       : STR("cannot be reached from here"));
}

/* ---- both ---- */

struct listing {
    const char *path, *name;
    const struct table_column *columns;
    size_t column_count;
    void (*add)(struct table *table, struct value item);
};

static enum ctl_exit print_table(const struct listing *listing, struct value items)
{
    struct table table;
    table_init(&table, listing->columns, listing->column_count);
    struct value_walk walk = value_items(items);
    struct value item;
    while (value_next_item(&walk, &item)) {
        listing->add(&table, item);
    }
    struct buf text = {0};
    table_render(&table, &text);
    enum ctl_exit status = ctl_print(&text);
    buf_finish(&text);
    table_finish(&table);
    return status;
}

static enum ctl_exit list(struct ctl *ctl, const struct listing *listing)
{
    struct ctl_answer answer;
    enum ctl_exit status = ctl_get(ctl, listing->path, &answer);
    if (!status) {
        struct value items = value_get(answer.value, str_of(listing->name));
        status = ctl->options.json ? ctl_print_json(items) : print_table(listing, items);
    }
    ctl_answer_finish(&answer);
    return status;
}

enum ctl_exit ctl_nodes(struct ctl *ctl)
{
    static const struct listing nodes = {"/v1/nodes", "nodes", node_columns, NODE_COLUMNS,
                                         add_node};
    return list(ctl, &nodes);
}

enum ctl_exit ctl_workers(struct ctl *ctl)
{
    static const struct listing workers = {"/v1/workers", "workers", worker_columns, WORKER_COLUMNS,
                                           add_worker};
    return list(ctl, &workers);
}
