/* Metrics as Prometheus text. */
#include "admin/prometheus.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

/* Renders a node of one process of each role; the worker's figures are given. */
static const char *render(const struct metrics *worker, bool worker_up)
{
    static struct buf out;
    struct metrics own = {0};
    struct process_usage usage = {1000, 1.25, 7, 1700000000.5};
    struct admin_process processes[] = {
        {.name = "supervisor",
         .role = ROLE_SUPERVISOR,
         .up = true,
         .metrics = &own,
         .usage = &usage},
        {.name = "redis", .role = ROLE_REDIS, .up = true, .restarts = 2, .usage = &usage},
        {.name = "worker-1",
         .role = ROLE_WORKER,
         .up = worker_up,
         .restarts = 3,
         .metrics = worker},
        {.name = "gateway-1", .role = ROLE_GATEWAY, .up = true, .metrics = &own, .usage = &usage},
        {.name = "worker-1", .role = ROLE_WORKER, .up = true, .metrics = &own, .usage = &usage},
    };
    for (size_t i = 0; i < 4; i++) {
        processes[i].has_slot = true; /* and the last is on its way out */
    }
    buf_clear(&out, 0);
    prometheus_render(processes, 5, &out);
    buf_append_byte(&out, '\0');
    return (const char *)buf_head(&out);
}

static void check_has(const char *text, const char *line)
{
    cr_assert(strstr(text, line) != NULL, "%s is not in\n%s", line, text);
}

static unsigned occurrences(const char *text, const char *part)
{
    unsigned count = 0;
    for (const char *at = text; (at = strstr(at, part)); at++) {
        count++;
    }
    return count;
}

Test(prometheus, shows_each_process_what_its_role_has)
{
    struct metrics worker = {0};
    worker.values[METRIC_PUSHES] = 12345678901;
    worker.values[METRIC_ROOMS] = 2;
    const char *text = render(&worker, true);
    check_has(text, "# HELP roomd_pushes_total Pushes answered.\n"
                    "# TYPE roomd_pushes_total counter\n"
                    "roomd_pushes_total{process=\"worker-1\",role=\"worker\"} 12345678901\n#");
    check_has(text, "# TYPE roomd_rooms gauge\n"
                    "roomd_rooms{process=\"worker-1\",role=\"worker\"} 2\n#");
    check_has(text, "roomd_process_restarts_total{process=\"redis\",role=\"redis\"} 2\n");
    check_has(text, "roomd_process_cpu_seconds_total{process=\"redis\",role=\"redis\"} 1.25\n");
    check_has(text, "roomd_process_start_time_seconds{process=\"redis\",role=\"redis\"} "
                    "1700000000.5\n");
    check_has(text, "roomd_build_info{version=\"" ROOMD_VERSION "\"} 1\n");
    cr_assert(eq(u32, occurrences(text, "roomd_connections{"), 1));
    cr_assert(eq(u32, occurrences(text, "roomd_store_up{"), 3));
}

Test(prometheus, buckets_count_all_that_is_below_their_bound)
{
    struct metrics worker = {0};
    struct histogram *histogram = &worker.histograms[HISTOGRAM_LOG_APPEND];
    histogram->counts[0] = 1;
    histogram->counts[4] = 2;
    histogram->counts[METRICS_BOUNDS] = 3;
    histogram->sum = 60.5;
    const char *text = render(&worker, true);
#define LABELS "{process=\"worker-1\",role=\"worker\""
    check_has(text, "# TYPE roomd_log_append_seconds histogram\n"
                    "roomd_log_append_seconds_bucket" LABELS ",le=\"5e-05\"} 1\n");
    check_has(text, "_bucket" LABELS ",le=\"0.0005\"} 1\n");
    check_has(text, "_bucket" LABELS ",le=\"0.001\"} 3\n");
    check_has(text, "_bucket" LABELS ",le=\"10\"} 3\n");
    check_has(text, "_bucket" LABELS ",le=\"+Inf\"} 6\n"
                    "roomd_log_append_seconds_sum" LABELS "} 60.5\n"
                    "roomd_log_append_seconds_count" LABELS "} 6\n");
}

Test(prometheus, who_did_not_answer_is_down_and_has_no_figures)
{
    const char *text = render(NULL, false);
    check_has(text, "roomd_process_up{process=\"worker-1\",role=\"worker\"} 0\n");
    check_has(text, "roomd_process_up{process=\"gateway-1\",role=\"gateway\"} 1\n");
    cr_assert(eq(u32, occurrences(text, "roomd_pushes_total{"), 0));
    cr_assert(eq(u32, occurrences(text, "roomd_process_resident_bytes{process=\"worker-1\""), 0));
}

/* promtool's rules: one HELP and TYPE per family, and its lines in one run below them. */
Test(prometheus, every_family_is_one_run_with_one_head)
{
    struct metrics worker = {0};
    const char *text = render(&worker, true);
    char family[128] = "";
    while (*text) {
        size_t len = strcspn(text, "\n");
        if (strncmp(text, "# HELP ", 7) == 0) {
            size_t name = strcspn(text + 7, " ");
            memcpy(family, text + 7, name);
            family[name] = '\0';
            cr_assert(eq(int, strncmp(text + len + 1, "# TYPE ", 7), 0));
        } else if (text[0] != '#') {
            cr_assert(eq(int, strncmp(text, family, strlen(family)), 0), "%.*s", (int)len, text);
        }
        text += len + 1;
    }
}
