/* A table for people: aligned columns, two blanks between them. Pure. */
#ifndef ROOMCTL_TABLE_H
#define ROOMCTL_TABLE_H

#include "base/buf.h"

enum { TABLE_COLUMNS_MAX = 12 };

struct table_column {
    const char *title;
    bool right; /* aligned, as numbers are */
};

struct table {                          /* starts with table_init */
    const struct table_column *columns; /* borrowed */
    size_t column_count;
    size_t widths[TABLE_COLUMNS_MAX];
    size_t next;      /* column of the next cell */
    struct buf cells; /* texts, each with a NUL behind it */
};

void table_init(struct table *table, const struct table_column *columns, size_t count);
/* The next cell, row by row. Control characters are shown as '?': a terminal would obey them. */
void table_add(struct table *table, struct str text);
void table_render(const struct table *table, struct buf *out);
void table_finish(struct table *table);

/* "512", "3.1k", "12.0M": bytes in units of 1024, for people. */
void table_bytes(double bytes, char out[16]);

#endif
