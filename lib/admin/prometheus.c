/* Prometheus text. */
#include "admin/prometheus.h"

#include <inttypes.h>
#include <math.h>

struct rendering {
    const struct admin_process *processes;
    size_t count;
    struct buf *out;
};

static void append_head(struct buf *out, const char *name, const char *type, const char *help)
{
    buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void append_number(struct buf *out, double number)
{
    bool whole = fabs(number) < 1e15 && floor(number) == number;
    buf_printf(out, whole ? "%.0f" : "%.15g", number);
}

static void append_labels(struct buf *out, const struct admin_process *process)
{
    buf_printf(out, "process=\"%s\",role=\"%s\"", process->name, metric_role_name(process->role));
}

static void append_sample(struct buf *out, const char *name, const struct admin_process *process,
                          double value)
{
    buf_printf(out, "%s{", name);
    append_labels(out, process);
    buf_printf(out, "} ");
    append_number(out, value);
    buf_append_byte(out, '\n');
}

/* ---- what roomd counts ---- */

static void render_metric(const struct rendering *r, enum metric metric)
{
    const struct metric_info *info = &metric_infos[metric];
    append_head(r->out, info->name, info->kind == METRIC_COUNTER ? "counter" : "gauge", info->help);
    for (size_t i = 0; i < r->count; i++) {
        const struct admin_process *process = &r->processes[i];
        if ((info->roles & process->role) && process->metrics && process->has_slot) {
            append_sample(r->out, info->name, process, process->metrics->values[metric]);
        }
    }
}

static void append_histogram(struct buf *out, const char *name, const struct admin_process *process,
                             const struct histogram *histogram)
{
    uint64_t total = 0; /* Prometheus' buckets count all that is below their bound */
    for (size_t i = 0; i <= METRICS_BOUNDS; i++) {
        total += histogram->counts[i];
        buf_printf(out, "%s_bucket{", name);
        append_labels(out, process);
        if (i < METRICS_BOUNDS) {
            buf_printf(out, ",le=\"%g\"} %" PRIu64 "\n", metrics_bounds[i], total);
        } else {
            buf_printf(out, ",le=\"+Inf\"} %" PRIu64 "\n", total);
        }
    }
    buf_printf(out, "%s_sum{", name);
    append_labels(out, process);
    buf_printf(out, "} ");
    append_number(out, histogram->sum);
    buf_printf(out, "\n%s_count{", name);
    append_labels(out, process);
    buf_printf(out, "} %" PRIu64 "\n", total);
}

static void render_histogram(const struct rendering *r, enum metric_histogram which)
{
    const struct metric_info *info = &histogram_infos[which];
    append_head(r->out, info->name, "histogram", info->help);
    for (size_t i = 0; i < r->count; i++) {
        const struct admin_process *process = &r->processes[i];
        if ((info->roles & process->role) && process->metrics && process->has_slot) {
            append_histogram(r->out, info->name, process, &process->metrics->histograms[which]);
        }
    }
}

/* ---- what is known of any process ---- */

static double value_up(const struct admin_process *process)
{
    return process->up;
}

static double value_restarts(const struct admin_process *process)
{
    return process->restarts;
}

static double value_resident(const struct admin_process *process)
{
    return process->usage ? (double)process->usage->resident_bytes : NAN;
}

static double value_cpu(const struct admin_process *process)
{
    return process->usage ? process->usage->cpu_seconds : NAN;
}

static double value_fds(const struct admin_process *process)
{
    return process->usage ? (double)process->usage->open_fds : NAN;
}

static double value_start(const struct admin_process *process)
{
    return process->usage ? process->usage->start_time : NAN;
}

struct process_family {
    const char *name, *type, *help;
    double (*value)(const struct admin_process *process); /* NAN: not known */
};

static const struct process_family process_families[] = {
    {"roomd_process_up", "gauge", "Whether the process runs and answers.", value_up},
    {"roomd_process_restarts_total", "counter", "Times the process was started again.",
     value_restarts},
    {"roomd_process_resident_bytes", "gauge", "Memory that is in RAM.", value_resident},
    {"roomd_process_cpu_seconds_total", "counter", "CPU time, user and system.", value_cpu},
    {"roomd_process_open_fds", "gauge", "Open file descriptors.", value_fds},
    {"roomd_process_start_time_seconds", "gauge", "When it started, in seconds since 1970.",
     value_start},
};

static void render_process_family(const struct rendering *r, const struct process_family *family)
{
    append_head(r->out, family->name, family->type, family->help);
    for (size_t i = 0; i < r->count; i++) {
        double value = family->value(&r->processes[i]);
        if (!isnan(value) && r->processes[i].has_slot) {
            append_sample(r->out, family->name, &r->processes[i], value);
        }
    }
}

void prometheus_render(const struct admin_process *processes, size_t count, struct buf *out)
{
    struct rendering r = {processes, count, out};
    append_head(out, "roomd_build_info", "gauge", "Always 1; the labels say what runs here.");
    buf_printf(out, "roomd_build_info{version=\"%s\"} 1\n", ROOMD_VERSION);
    for (size_t i = 0; i < sizeof(process_families) / sizeof(process_families[0]); i++) {
        render_process_family(&r, &process_families[i]);
    }
    for (size_t i = 0; i < METRIC_COUNT; i++) {
        render_metric(&r, (enum metric)i);
    }
    for (size_t i = 0; i < HISTOGRAM_COUNT; i++) {
        render_histogram(&r, (enum metric_histogram)i);
    }
}
