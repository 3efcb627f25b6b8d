/* The processes of a node as JSON (proto/admin.md). Pure. */
#ifndef ADMIN_PROCESSES_H
#define ADMIN_PROCESSES_H

#include "admin/process.h"
#include "base/buf.h"

/* Appends {"processes":[...]}, in the order given. */
void processes_render(const struct admin_process *processes, size_t count, struct buf *out);

#endif
