/* Metrics of all processes of a node as Prometheus text (exposition format 0.0.4). Pure. */
#ifndef ADMIN_PROMETHEUS_H
#define ADMIN_PROMETHEUS_H

#include "admin/process.h"
#include "base/buf.h"

#define PROMETHEUS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* Appends every family once, with its help and type, and in it a line for each process that has
 * it by its role and whose value is known. Of a slot that has two processes only its owner. */
void prometheus_render(const struct admin_process *processes, size_t count, struct buf *out);

#endif
