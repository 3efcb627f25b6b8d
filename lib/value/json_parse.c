/* JSON text to canonical msgpack in one pass and without recursion.
 *
 * A container's count is known at its end only: a header of one byte is reserved, and for those few
 * that need a longer one a splice is noted, applied at the end of the text. */
#include "value/json.h"

#include "base/utf8.h"
#include "value/check.h"
#include "value/keys.h"
#include "value/number.h"
#include "value/packer.h"
#include "value/scan.h"
#include "value/splice.h"

/* An open array or object. */
struct frame {
    size_t header;    /* its place in the output, from buf_head */
    size_t first_key; /* where its names start among the parse's keys */
    uint32_t count;   /* items or members so far, with the one being read */
    bool map;
};

struct parse {
    const uint8_t *at, *end;
    struct buf *out;
    uint64_t work;
    struct keys keys;
    struct splices splices;
    uint32_t depth;
    struct frame frames[VALUE_MAX_DEPTH];
};

static inline void skip_blanks(struct parse *parse)
{
    const uint8_t *at = parse->at;
    while (at < parse->end && *at <= ' ' &&
           (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t')) {
        at++;
    }
    parse->at = at;
}

/* The next byte that is no blank, not consumed; 0 at the end of the text. */
static inline uint8_t peek(struct parse *parse)
{
    skip_blanks(parse);
    return parse->at < parse->end ? *parse->at : 0;
}

static bool hex4(const uint8_t *at, uint32_t *out)
{
    uint32_t number = 0;
    for (int i = 0; i < 4; i++) {
        uint8_t digit = (uint8_t)(at[i] - '0');
        uint8_t letter = (uint8_t)((at[i] | 0x20) - 'a');
        if (digit > 9 && letter > 5) {
            return false;
        }
        number = number << 4 | (uint32_t)(digit <= 9 ? digit : letter + 10);
    }
    *out = number;
    return true;
}

/* At the `u`. Two escapes that are the halves of one character are read together. */
static bool read_unicode(struct parse *parse, uint32_t *out)
{
    const uint8_t *at = parse->at;
    if (parse->end - at < 5 || !hex4(at + 1, out)) {
        return false;
    }
    parse->at += 5;
    uint32_t low;
    if (*out >= 0xd800 && *out < 0xdc00 && parse->end - at >= 11 && at[5] == '\\' && at[6] == 'u' &&
        hex4(at + 7, &low) && low >= 0xdc00 && low < 0xe000) {
        *out = 0x10000 + ((*out - 0xd800) << 10) + (low - 0xdc00);
        parse->at += 6;
    }
    return true;
}

/* At a backslash. */
static bool read_escape(struct parse *parse)
{
    uint32_t cp;
    if (parse->end - ++parse->at < 1) {
        return false;
    }
    switch (*parse->at) {
    case '"':
    case '\\':
    case '/':
        cp = *parse->at;
        break;
    case 'b':
        cp = '\b';
        break;
    case 'f':
        cp = '\f';
        break;
    case 'n':
        cp = '\n';
        break;
    case 'r':
        cp = '\r';
        break;
    case 't':
        cp = '\t';
        break;
    case 'u':
        if (!read_unicode(parse, &cp)) {
            return false;
        }
        buf_commit(parse->out, wtf8_encode(cp, packer_room(parse->out, 4)));
        return true;
    default:
        return false;
    }
    parse->at++;
    *packer_room(parse->out, 1) = (uint8_t)cp;
    buf_commit(parse->out, 1);
    return true;
}

/* Escapes are ASCII, so each run between them is whole characters. */
static bool valid_run(const uint8_t *at, const uint8_t *end, bool ascii)
{
    return ascii || utf8_valid(at, (size_t)(end - at));
}

/* At the first backslash of a literal whose text starts at `run`. The length is known at its end,
 * so the text is written behind the longest header and moved once. */
static bool read_escaped(struct parse *parse, const uint8_t *run, bool ascii, size_t *len)
{
    enum { HEADER = 5 };
    struct buf *out = parse->out;
    size_t start = buf_len(out);
    packer_room(out, HEADER);
    buf_commit(out, HEADER);
    for (;;) {
        if (parse->at == parse->end || *parse->at < 0x20 || !valid_run(run, parse->at, ascii)) {
            return false;
        }
        packer_append(out, run, (size_t)(parse->at - run));
        if (*parse->at == '"') {
            break;
        }
        if (!read_escape(parse)) {
            return false;
        }
        run = parse->at;
        ascii = true;
        parse->at = scan_plain(run, parse->end, parse->end, &ascii);
    }
    parse->at++;
    *len = buf_len(out) - start - HEADER;
    buf_truncate(out, start);
    msgpack_pack_str(out, *len);
    size_t body = buf_len(out);
    uint8_t *data = buf_head(out);
    memmove(data + body, data + start + HEADER, *len);
    buf_commit(out, *len);
    return true;
}

/* At the opening quote. The text's bytes are then the last *len of the output. */
static inline bool read_string(struct parse *parse, size_t *len)
{
    const uint8_t *start = parse->at + 1;
    bool ascii = true;
    const uint8_t *stop = scan_plain(start, parse->end, parse->end, &ascii);
    parse->at = stop;
    if (stop == parse->end || *stop == '\\') {
        return stop != parse->end && read_escaped(parse, start, ascii, len);
    }
    if (*stop != '"' || !valid_run(start, stop, ascii)) {
        return false;
    }
    parse->at++;
    *len = (size_t)(stop - start);
    msgpack_pack_str(parse->out, *len);
    packer_append(parse->out, start, *len);
    return true;
}

static inline bool is_digit(const struct parse *parse)
{
    return parse->at < parse->end && (uint8_t)(*parse->at - '0') <= 9;
}

/* A number's digits without the point, and where the point belongs: digits * 10^exponent. */
struct decimal {
    uint64_t digits;
    int64_t exponent;
    uint32_t count; /* of digits; those beyond the 19th are not in `digits` */
};

static inline void read_digits(struct parse *parse, struct decimal *decimal)
{
    while (is_digit(parse)) {
        if (decimal->count < 19) {
            decimal->digits = decimal->digits * 10 + (uint64_t)(*parse->at - '0');
        }
        decimal->count++;
        parse->at++;
    }
}

static bool read_exponent(struct parse *parse, struct decimal *decimal)
{
    parse->at++;
    bool negative = false;
    if (parse->at < parse->end && (*parse->at == '+' || *parse->at == '-')) {
        negative = *parse->at++ == '-';
    }
    if (!is_digit(parse)) {
        return false;
    }
    int64_t exponent = 0;
    for (; is_digit(parse); parse->at++) {
        /* Beyond any double's range it only has to stay there. */
        if (exponent < 100000) {
            exponent = exponent * 10 + (*parse->at - '0');
        }
    }
    decimal->exponent += negative ? -exponent : exponent;
    return true;
}

/* Two doubles that are exact, and one operation: correctly rounded (Clinger 1990). */
static bool exact_number(const struct decimal *decimal, double *out)
{
    static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                    1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                    1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    if (decimal->count > 19 || decimal->digits > PACKER_MAX_WHOLE || decimal->exponent > 22 ||
        decimal->exponent < -22) {
        return false;
    }
    double digits = (double)decimal->digits;
    *out = decimal->exponent < 0 ? digits / powers[-decimal->exponent]
                                 : digits * powers[decimal->exponent];
    return true;
}

/* At a minus or a digit. */
static bool read_number(struct parse *parse)
{
    const uint8_t *start = parse->at;
    struct decimal decimal = {0};
    bool negative = *start == '-';
    parse->at += negative;
    if (!is_digit(parse)) {
        return false;
    }
    if (*parse->at == '0') {
        parse->at++;
    } else {
        read_digits(parse, &decimal);
    }
    if (parse->at < parse->end && *parse->at == '.') {
        parse->at++;
        uint32_t before = decimal.count;
        read_digits(parse, &decimal);
        if (decimal.count == before) {
            return false;
        }
        decimal.exponent = -(int64_t)(decimal.count - before);
    }
    if (parse->at < parse->end && (*parse->at | 0x20) == 'e' && !read_exponent(parse, &decimal)) {
        return false;
    }
    double number;
    if (exact_number(&decimal, &number)) {
        number = negative ? -number : number;
    } else {
        number = number_from_text((const char *)start, (size_t)(parse->at - start));
    }
    packer_number(parse->out, number);
    return true;
}

static bool read_word(struct parse *parse, struct str word)
{
    if ((size_t)(parse->end - parse->at) < word.len || memcmp(parse->at, word.ptr, word.len) != 0) {
        return false;
    }
    parse->at += word.len;
    return true;
}

static bool read_scalar(struct parse *parse, uint8_t first)
{
    size_t len;
    switch (first) {
    case '"':
        return read_string(parse, &len);
    case 'n':
        msgpack_pack_nil(parse->out);
        return read_word(parse, STR("null"));
    case 't':
        msgpack_pack_true(parse->out);
        return read_word(parse, STR("true"));
    case 'f':
        msgpack_pack_false(parse->out);
        return read_word(parse, STR("false"));
    default:
        return (first == '-' || (uint8_t)(first - '0') <= 9) && read_number(parse);
    }
}

/* A member's name and the colon. */
static bool read_key(struct parse *parse)
{
    size_t len;
    if (peek(parse) != '"' || !read_string(parse, &len)) {
        return false;
    }
    size_t at = buf_len(parse->out) - len;
    keys_push(&parse->keys, buf_head(parse->out) + at, len, at);
    if (peek(parse) != ':') {
        return false;
    }
    parse->at++;
    return true;
}

/* At a bracket. */
static enum err open_container(struct parse *parse, bool map)
{
    if (parse->depth == VALUE_MAX_DEPTH) {
        return ERR_TOO_DEEP;
    }
    parse->at++;
    parse->frames[parse->depth++] =
        (struct frame){.header = buf_len(parse->out), .first_key = parse->keys.count, .map = map};
    packer_room(parse->out, 1);
    buf_commit(parse->out, 1);
    return ERR_OK;
}

/* At the bracket that ends the innermost container. */
static enum err close_container(struct parse *parse)
{
    const struct frame *frame = &parse->frames[parse->depth - 1];
    parse->at++;
    parse->work += (uint64_t)frame->count * parse->depth;
    parse->depth--;
    if (parse->work > VALUE_MAX_WORK) {
        return ERR_TOO_LARGE;
    }
    size_t at = frame->header;
    if (frame->map && !keys_distinct(&parse->keys, frame->first_key, buf_head(parse->out))) {
        splices_repeats(&parse->splices, parse->out, &parse->keys, frame->first_key, at, at + 1);
    } else {
        splices_header(&parse->splices, parse->out, at, at + 1, frame->map, frame->count);
    }
    keys_drop(&parse->keys, frame->first_key);
    return ERR_OK;
}

/* After a value: up to where the next one starts, ending the containers that end here. *more is
 * false when the outermost value is complete. */
static enum err next_value(struct parse *parse, bool *more)
{
    while (parse->depth > 0) {
        struct frame *frame = &parse->frames[parse->depth - 1];
        uint8_t c = peek(parse);
        if (c == ',') {
            parse->at++;
            frame->count++;
            return frame->map && !read_key(parse) ? ERR_MALFORMED : ERR_OK;
        }
        if (c != (frame->map ? '}' : ']')) {
            return ERR_MALFORMED;
        }
        enum err err = close_container(parse);
        if (err) {
            return err;
        }
    }
    *more = false;
    return ERR_OK;
}

/* At a value. A scalar is read whole, of a container the start: up to its first value, or all of it
 * if it is empty. *open tells that a value must follow at once. */
static enum err read_value(struct parse *parse, bool *open)
{
    uint8_t first = peek(parse);
    *open = false;
    if (first != '{' && first != '[') {
        return read_scalar(parse, first) ? ERR_OK : ERR_MALFORMED;
    }
    bool map = first == '{';
    enum err err = open_container(parse, map);
    if (err) {
        return err;
    }
    if (peek(parse) == (map ? '}' : ']')) {
        return close_container(parse);
    }
    parse->frames[parse->depth - 1].count = 1;
    *open = true;
    return map && !read_key(parse) ? ERR_MALFORMED : ERR_OK;
}

static enum err read_text(struct parse *parse)
{
    bool more = true;
    while (more) {
        bool open;
        enum err err = read_value(parse, &open);
        if (!err && !open) {
            err = next_value(parse, &more);
        }
        if (err) {
            return err;
        }
    }
    skip_blanks(parse);
    return parse->at == parse->end ? ERR_OK : ERR_MALFORMED;
}

enum err json_parse(struct str text, struct buf *out)
{
    size_t where;
    return json_parse_where(text, out, &where);
}

enum err json_parse_where(struct str text, struct buf *out, size_t *where)
{
    *where = 0;
    if (text.len > JSON_MAX_TEXT) {
        return ERR_TOO_LARGE;
    }
    /* Field by field: the frames are big, and few are used. */
    struct parse parse;
    parse.at = (const uint8_t *)text.ptr;
    parse.end = parse.at + text.len;
    parse.out = out;
    parse.work = 0;
    parse.splices = (struct splices){0};
    parse.depth = 0;
    keys_init(&parse.keys);

    size_t start = buf_len(out);
    /* Text is mostly longer than its msgpack. */
    buf_reserve(out, text.len);
    enum err err = read_text(&parse);
    *where = (size_t)(parse.at - (const uint8_t *)text.ptr);
    if (err) {
        buf_truncate(out, start);
    } else {
        splices_apply(&parse.splices, out, start);
    }
    splices_finish(&parse.splices);
    keys_finish(&parse.keys);
    return err;
}
