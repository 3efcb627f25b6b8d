/* Counting and printing. */
#include "report.h"

#include "base/utf8.h"
#include "value/json.h"

#include <fnmatch.h>
#include <stdio.h>

enum { WHY_MAX = 700, WHY_VERBOSE_MAX = 100000 };

bool report_wants(const struct report *report, struct str name)
{
    char text[256];
    snprintf(text, sizeof(text), "%.*s", STR_ARG(name));
    return !report->only || fnmatch(report->only, text, 0) == 0;
}

void report_pass(struct report *report, const char *path, struct str name)
{
    report->passed++;
    if (report->verbose) {
        printf("ok %s: %.*s\n", path, STR_ARG(name));
    }
}

void report_fail(struct report *report, const char *path, struct str name, const struct buf *why)
{
    report->failed++;
    struct str text = buf_str(why);
    size_t max = report->verbose ? WHY_VERBOSE_MAX : WHY_MAX;
    printf("FAILED %s: %.*s: %.*s%s\n", path, STR_ARG(name), (int)utf8_cut(text, max),
           text.ptr ? text.ptr : "", text.len > max ? "..." : "");
}

void report_skip(struct report *report, const char *path, struct str name, unsigned count,
                 const char *why)
{
    report->skipped += count;
    printf("skipped %s: %.*s: %s\n", path, STR_ARG(name), why);
}

void report_difference(struct buf *why, const char *label, struct value wanted, struct value found)
{
    buf_append_str(why, str_of(label));
    buf_append_str(why, STR(" "));
    json_write(wanted, why);
    buf_append_str(why, STR(", got "));
    json_write(found, why);
}
