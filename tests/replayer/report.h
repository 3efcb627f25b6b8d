/* What came of the cases: one line per failure, one per reason for skipping, and the sum. */
#ifndef REPLAY_REPORT_H
#define REPLAY_REPORT_H

#include "base/buf.h"
#include "value/value.h"

struct report {
    const char *only; /* pattern (glob) of the names to run; NULL: all */
    bool verbose;
    unsigned passed, failed, skipped;
};

bool report_wants(const struct report *report, struct str name);
void report_pass(struct report *report, const char *path, struct str name);
/* `why` is cut to a readable length unless verbose. */
void report_fail(struct report *report, const char *path, struct str name, const struct buf *why);
/* `count` cases that cannot run, for one reason. */
void report_skip(struct report *report, const char *path, struct str name, unsigned count,
                 const char *why);

/* Appends "LABEL WANTED, got FOUND" as JSON. */
void report_difference(struct buf *why, const char *label, struct value wanted, struct value found);

#endif
