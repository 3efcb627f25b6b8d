/* roomctl ps */
#include "roomctl/internal.h"

static const struct table_column columns[] = {
    {"NAME", false},    {"PID", true},    {"STATE", false}, {"ROOMS", true}, {"SESSIONS", true},
    {"RESTARTS", true}, {"MEMORY", true}, {"SINCE", false}, {"ID", false},   {"REMARKS", false},
};
enum { COLUMNS = sizeof(columns) / sizeof(columns[0]) };

static void add_remarks(struct table *table, struct value process)
{
    struct str part = ctl_text(process, "part", "slot");
    struct str detail = ctl_text(process, "detail", "");
    struct buf text = {0};
    if (!str_eq(part, STR("slot"))) {
        buf_append_str(&text, part);
    }
    if (detail.len > 0) {
        buf_printf(&text, "%s%.*s", buf_len(&text) ? ": " : "", STR_ARG(detail));
    }
    table_add(table, buf_str(&text));
    buf_finish(&text);
}

static void add_process(struct table *table, struct value process)
{
    table_add(table, ctl_text(process, "name", "?"));
    table_add_number(table, process, "pid");
    table_add(table, ctl_text(process, "state", "?"));
    table_add_number(table, process, "rooms");
    table_add_number(table, process, "sessions");
    table_add_number(table, process, "restarts");
    table_add_bytes(table, process, "memory_bytes");
    table_add(table, ctl_text(process, "since", "-"));
    table_add(table, ctl_text(process, "id", "-"));
    add_remarks(table, process);
}

static enum ctl_exit print_table(struct value processes)
{
    struct table table;
    table_init(&table, columns, COLUMNS);
    struct value_walk walk = value_items(processes);
    struct value process;
    while (value_next_item(&walk, &process)) {
        add_process(&table, process);
    }
    struct buf text = {0};
    table_render(&table, &text);
    enum ctl_exit status = ctl_print(&text);
    buf_finish(&text);
    table_finish(&table);
    return status;
}

enum ctl_exit ctl_ps(struct ctl *ctl)
{
    struct ctl_answer answer;
    enum ctl_exit status = ctl_get(ctl, "/v1/processes", &answer);
    if (!status) {
        struct value processes = value_get(answer.value, STR("processes"));
        status = ctl->options.json ? ctl_print_json(processes) : print_table(processes);
    }
    ctl_answer_finish(&answer);
    return status;
}
