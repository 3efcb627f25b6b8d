/* The list of processes. */
#include "admin/processes.h"

#include "admin/fields.h"

/* What it counts, where that means something for its role and it has said. */
static void figure(struct buf *out, const char *name, const struct admin_process *process,
                   enum metric metric)
{
    if (process->metrics && (metric_infos[metric].roles & process->role)) {
        fields_u64(out, name, (uint64_t)process->metrics->values[metric]);
    } else {
        fields_null(out, name);
    }
}

static void text_or_null(struct buf *out, const char *name, const char *text)
{
    fields_text(out, name, text && text[0] ? text : NULL);
}

static void render_usage(const struct process_usage *usage, struct buf *out)
{
    if (usage) {
        fields_time(out, "started", (uint64_t)(usage->start_time * 1000));
        fields_u64(out, "memory_bytes", usage->resident_bytes);
        fields_decimal(out, "cpu_seconds", usage->cpu_seconds);
    } else {
        fields_null(out, "started");
        fields_null(out, "memory_bytes");
        fields_null(out, "cpu_seconds");
    }
}

static void render_process(const struct admin_process *process, struct buf *out)
{
    fields_open(out, '{');
    fields_text(out, "role", metric_role_name(process->role));
    fields_text(out, "name", process->name);
    text_or_null(out, "id", process->id);
    if (process->pid > 0) {
        fields_u64(out, "pid", (uint64_t)process->pid);
    } else {
        fields_null(out, "pid");
    }
    fields_text(out, "state", process->state);
    fields_text(out, "part", process->part);
    fields_time(out, "since", process->since_unix_ms);
    figure(out, "rooms", process, METRIC_ROOMS);
    figure(out, "sessions", process,
           process->role == ROLE_GATEWAY ? METRIC_CONNECTIONS : METRIC_SESSIONS);
    fields_u64(out, "restarts", process->restarts);
    render_usage(process->usage, out);
    text_or_null(out, "version", process->version);
    text_or_null(out, "detail", process->detail);
    fields_close(out, '}');
}

void processes_render(const struct admin_process *processes, size_t count, struct buf *out)
{
    fields_open(out, '{');
    fields_name(out, "processes");
    fields_open(out, '[');
    for (size_t i = 0; i < count; i++) {
        render_process(&processes[i], out);
    }
    fields_close(out, ']');
    fields_close(out, '}');
}
