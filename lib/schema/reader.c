/* Reading the content of a schema file. */
#include "schema/reader.h"

#include "base/utf8.h"

#include <stdarg.h>
#include <stdio.h>

enum { SHOWN_NAME = 80, SHOWN_PLACES = 24, SHOWN_MESSAGE = 512 };

struct str reader_cut(struct str text)
{
    return (struct str){text.ptr, utf8_cut(text, SHOWN_NAME)};
}

static void write_place(struct buf *out, const struct place *place)
{
    const struct place *way[SHOWN_PLACES];
    uint32_t count = 0;
    for (; place && count < SHOWN_PLACES; place = place->in) {
        way[count++] = place;
    }
    if (place) {
        buf_append_str(out, STR("..."));
    }
    while (count-- > 0) {
        if (!way[count]->name.ptr) {
            buf_printf(out, "[%u]", way[count]->index);
            continue;
        }
        if (buf_len(out) > 0) {
            buf_append_byte(out, '.');
        }
        buf_append_str(out, reader_cut(way[count]->name));
    }
}

bool reader_fail(struct buf *why, const struct place *place, const char *format, ...)
{
    char text[SHOWN_MESSAGE];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    write_place(why, place);
    if (place) {
        buf_append_str(why, STR(": "));
    }
    buf_append_str(why, str_of(text));
    return false;
}

bool read_map(struct buf *why, const struct place *place, struct value value)
{
    if (value_type(value) == VALUE_MAP) {
        return true;
    }
    return reader_fail(why, place, value_present(value) ? "is not an object" : "is missing");
}

bool read_array(struct buf *why, const struct place *place, struct value value)
{
    if (value_type(value) == VALUE_ARRAY) {
        return true;
    }
    return reader_fail(why, place, value_present(value) ? "is not an array" : "is missing");
}

bool read_string(struct buf *why, const struct place *place, struct value value, struct str *out)
{
    if (value_string(value, out)) {
        return true;
    }
    return reader_fail(why, place, value_present(value) ? "is not a string" : "is missing");
}

bool read_flag(struct buf *why, const struct place *place, struct value value, bool *out)
{
    *out = false;
    if (!value_present(value) || value_bool(value, out)) {
        return true;
    }
    return reader_fail(why, place, "is neither true nor false");
}

bool read_members(struct buf *why, const struct place *place, struct value value,
                  const char *const *known)
{
    if (!read_map(why, place, value)) {
        return false;
    }
    struct value_walk walk = value_members(value);
    struct str name;
    struct value member;
    while (value_next_member(&walk, &name, &member)) {
        size_t i = 0;
        while (known[i] && !str_eq(name, str_of(known[i]))) {
            i++;
        }
        if (!known[i]) {
            return reader_fail(why, PLACE_MEMBER(place, name), "unknown member");
        }
    }
    return true;
}
