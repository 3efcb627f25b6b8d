/* Tables. */
#include "roomctl/table.h"

#include <assert.h>
#include <stdio.h>

void table_init(struct table *table, const struct table_column *columns, size_t count)
{
    assert(count <= TABLE_COLUMNS_MAX);
    *table = (struct table){.columns = columns, .column_count = count};
    for (size_t i = 0; i < count; i++) {
        table->widths[i] = strlen(columns[i].title);
    }
}

/* Of a character whose first byte is `c`: whether a terminal would take it for an order. U+0080 to
 * U+009F, C2 80 to C2 9F, are orders too. */
static bool is_control(struct str text, size_t at)
{
    unsigned char c = (unsigned char)text.ptr[at];
    unsigned char next = at + 1 < text.len ? (unsigned char)text.ptr[at + 1] : 0;
    return c < 0x20 || c == 0x7f || (c == 0xc2 && next >= 0x80 && next < 0xa0);
}

void table_add(struct table *table, struct str text)
{
    size_t width = 0;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        bool control = is_control(text, i);
        width += (c & 0xc0) != 0x80; /* one for each character, about what it takes */
        buf_append_byte(&table->cells, control ? '?' : c);
        i += control && c == 0xc2;
    }
    buf_append_byte(&table->cells, '\0');
    size_t *widest = &table->widths[table->next];
    *widest = width > *widest ? width : *widest;
    table->next = (table->next + 1) % table->column_count;
}

static size_t width_of(const char *text)
{
    size_t width = 0;
    for (; *text; text++) {
        width += ((unsigned char)*text & 0xc0) != 0x80;
    }
    return width;
}

static void pad(struct buf *out, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        buf_append_byte(out, ' ');
    }
}

static void render_cell(const struct table *table, size_t column, const char *text, struct buf *out)
{
    size_t room = table->widths[column] - width_of(text);
    bool right = table->columns[column].right;
    pad(out, right ? room : 0);
    buf_append_str(out, str_of(text));
    if (column + 1 < table->column_count) {
        pad(out, right ? 2 : room + 2);
        return;
    }
    while (buf_len(out) > 0 && buf_head(out)[buf_len(out) - 1] == ' ') {
        buf_truncate(out, buf_len(out) - 1); /* of cells that are empty at the end */
    }
    buf_append_byte(out, '\n');
}

void table_render(const struct table *table, struct buf *out)
{
    for (size_t i = 0; i < table->column_count; i++) {
        render_cell(table, i, table->columns[i].title, out);
    }
    struct str cells = buf_str(&table->cells);
    size_t column = 0;
    for (size_t at = 0; at < cells.len; at += strlen(cells.ptr + at) + 1) {
        render_cell(table, column, cells.ptr + at, out);
        column = (column + 1) % table->column_count;
    }
}

void table_finish(struct table *table)
{
    buf_finish(&table->cells);
}

void table_bytes(double bytes, char out[16])
{
    static const char units[] = " kMGTPE";
    size_t unit = 0;
    while (bytes >= 1024 && units[unit + 1]) {
        bytes /= 1024;
        unit++;
    }
    snprintf(out, 16, unit ? "%.1f%c" : "%.0f", bytes, units[unit]);
}
