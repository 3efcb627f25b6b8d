/* Validates a value in one pass over its bytes: each node steps over what it accepts. */
#include "base/alloc.h"
#include "base/utf8.h"
#include "schema/content.h"
#include "schema/migrate.h"
#include "schema/url.h"
#include "value/head.h"
#include "value/number.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Work that a value of a given size may cost, in calls of `check`. Alternatives that try the same
 * bytes again, within such that do, could cost any time; ordinary values stay far below. */
enum { WORK_PER_BYTE = 16, WORK_ALWAYS = 4096 };

struct run {
    const struct content *content;
    const struct validators *validators;
    size_t work; /* left */
    uint32_t depth;
    enum { CODE_TRUSTED, CODE_LATER, CODE_NOW } code; /* what is done where a node is code */
    struct schema_job *jobs; /* owned; what is asked later, all at once: a call costs much */
    uint32_t job_count, job_cap;
    bool unavailable; /* some code could not be run */
};

/* Where the accepted value ends; NULL: it is refused. */
static const uint8_t *check(struct run *run, uint32_t at_node, const uint8_t *at);
static const uint8_t *check_first(struct run *run, uint32_t at_node, const uint8_t *at);

/* Steps over what is accepted unseen; that is work too. */
static const uint8_t *skip(struct run *run, const uint8_t *at)
{
    const uint8_t *end = value_end(at);
    size_t work = (size_t)(end - at) / WORK_PER_BYTE;
    run->work = run->work > work ? run->work - work : 0;
    return end;
}

/* Whether all of them return. */
static bool run_jobs(struct run *run, struct schema_job *jobs, uint32_t count)
{
    bool ok = true;
    engine_run(run->content, jobs, count);
    for (uint32_t i = 0; i < count; i++) {
        run->unavailable |= jobs[i].called == SCHEMA_UNAVAILABLE;
        ok = ok && jobs[i].called == SCHEMA_RETURNED;
        buf_finish(&jobs[i].result);
    }
    return ok;
}

static bool call_code(struct run *run, const struct node *node, struct value value)
{
    struct schema_job job = {
        .call = SCHEMA_CALL_CHECK, .function = run->validators->texts[node->b], .value = value};
    switch (run->code) {
    case CODE_TRUSTED:
        return true;
    case CODE_NOW:
        return run_jobs(run, &job, 1);
    case CODE_LATER:
        break;
    }
    if (run->job_count == run->job_cap) {
        run->job_cap = run->job_cap ? run->job_cap * 2 : 8;
        run->jobs = xrealloc(run->jobs, run->job_cap * sizeof(*run->jobs));
    }
    run->jobs[run->job_count++] = job;
    return true;
}

static bool check_absent(struct run *run, uint32_t at_node);

/* The first of two: what comes next depends on the answer. */
static bool first_accepts_absent(struct run *run, uint32_t at_node)
{
    int code = run->code;
    run->code = code == CODE_LATER ? CODE_NOW : code;
    bool accepted = check_absent(run, at_node);
    run->code = code;
    return accepted;
}

/* Of a node whose answer is not ABSENT_REFUSED; ways are short (compile_graph.c). */
static bool check_absent(struct run *run, uint32_t at_node)
{
    for (;;) {
        const struct node *node = &run->validators->nodes[at_node];
        if (node->absent != ABSENT_ASK_CODE) {
            return node->absent == ABSENT_ACCEPTED;
        }
        if (node->kind == NODE_CODE) {
            return (node->a == NODE_NONE || check_absent(run, node->a)) &&
                   call_code(run, node, VALUE_NONE);
        }
        if (node->kind == NODE_OR) {
            if (first_accepts_absent(run, node->a)) {
                return true;
            }
            at_node = node->b;
        } else {
            at_node = node->a; /* nullable, ref */
        }
    }
}

/* The object has accepted what is there. Few objects have fields of this kind. */
static bool check_absent_fields(struct run *run, const struct names *names, struct value object)
{
    for (uint32_t i = 0; names->count > 0 && i <= names->mask; i++) {
        const struct name *name = &names->slots[i];
        if (name->text.ptr && run->validators->nodes[name->number].absent == ABSENT_ASK_CODE &&
            !value_present(value_get(object, name->text)) && !check_absent(run, name->number)) {
            return false;
        }
    }
    return true;
}

/* JavaScript's arrays are objects whose members are their items: none is a field by name. */
static const uint8_t *check_array_as_object(struct run *run, const struct node *node,
                                            const uint8_t *at, uint32_t count)
{
    bool ok =
        node->b == 0 && (node->flag || count == 0) &&
        (!node->asks || check_absent_fields(run, &run->validators->names[node->a], VALUE_NONE));
    return ok ? value_end(at) : NULL;
}

static const uint8_t *check_object(struct run *run, const struct node *node, const uint8_t *start)
{
    struct head head = head_read(start);
    if (head.type != VALUE_MAP) {
        return head.type == VALUE_ARRAY ? check_array_as_object(run, node, start, head.count)
                                        : NULL;
    }
    const struct names *names = &run->validators->names[node->a];
    const uint8_t *at = start + head.size;
    uint32_t required = 0; /* no member is there twice, so counting is enough */
    for (uint32_t left = head.count; left > 0; left--) {
        struct head key = head_read(at);
        uint32_t field = names_find(names, head_str(at, &key));
        at += key.size + key.count;
        if (field == NAMES_NONE) {
            if (!node->flag) {
                return NULL;
            }
            at = skip(run, at);
            continue;
        }
        required += run->validators->nodes[field].absent == ABSENT_REFUSED;
        at = check(run, field, at);
        if (!at) {
            return NULL;
        }
    }
    if (required < node->b) {
        return NULL;
    }
    struct value object = {start, (size_t)(at - start)};
    return !node->asks || check_absent_fields(run, names, object) ? at : NULL;
}

static const uint8_t *check_items(struct run *run, uint32_t item, const uint8_t *at)
{
    struct head head = head_read(at);
    if (head.type != VALUE_ARRAY) {
        return NULL;
    }
    at += head.size;
    for (uint32_t left = head.count; left > 0 && at; left--) {
        at = check(run, item, at);
    }
    return at;
}

/* The names of an array's members are its indexes, as strings. */
static bool check_index(struct run *run, uint32_t node, uint32_t index)
{
    char text[16];
    int len = snprintf(text + 1, sizeof(text) - 1, "%u", index);
    text[0] = (char)(0xa0 | len);
    return check_first(run, node, (const uint8_t *)text) != NULL; /* now: the text goes */
}

static const uint8_t *check_dict(struct run *run, const struct node *node, const uint8_t *at)
{
    struct head head = head_read(at);
    if (head.type != VALUE_MAP && head.type != VALUE_ARRAY) {
        return NULL;
    }
    at += head.size;
    for (uint32_t i = 0; i < head.count && at; i++) {
        if (head.type == VALUE_MAP) {
            at = check(run, node->a, at);
        } else if (!check_index(run, node->a, i)) {
            return NULL;
        }
        at = at ? check(run, node->b, at) : NULL;
    }
    return at;
}

/* The variant that the object's member names; NODE_NONE: it is refused. */
static uint32_t variant_of(const struct run *run, const struct node *node, const uint8_t *at)
{
    const struct names *names = &run->validators->names[node->a];
    struct value object = {at, 1}; /* where it ends is not asked */
    struct value key = value_get(object, run->validators->texts[node->b]);
    struct str text;
    double number;
    if (value_string(key, &text)) {
        uint32_t variant = names_find(names, text);
        /* Where numbers are wanted, their text will do in JavaScript, but no other. */
        return variant == NAMES_NONE && !node->flag ? node->c : variant;
    }
    if (!node->flag || !value_number(key, &number) || !isfinite(number)) {
        return NODE_NONE;
    }
    char digits[NUMBER_TEXT_MAX];
    uint32_t variant = names_find(names, (struct str){digits, number_to_text(number, digits)});
    return variant == NAMES_NONE ? node->c : variant;
}

static bool is_one_of(const struct run *run, const struct node *node, const uint8_t *at,
                      const uint8_t *end)
{
    struct str bytes = {(const char *)at, (size_t)(end - at)};
    return names_find(&run->validators->names[node->a], bytes) != NAMES_NONE;
}

static bool has_prefix(const struct run *run, const struct node *node, struct str text)
{
    for (uint32_t i = 0; i < node->b; i++) {
        if (str_starts(text, run->validators->texts[node->a + i])) {
            return true;
        }
    }
    return false;
}

/* A fractional index: its first character says how long the integer part is (spec
 * schema-and-migrations 7); lengths are in UTF-16 units. */
static bool is_index_key(struct str text)
{
    if (text.len == 0) {
        return false;
    }
    char first = text.ptr[0];
    size_t whole;
    if (first >= 'a' && first <= 'z') {
        whole = (size_t)(first - 'a') + 2;
    } else if (first >= 'A' && first <= 'Z') {
        whole = (size_t)('Z' - first) + 2;
    } else {
        return false;
    }
    size_t len = wtf8_utf16_len(text);
    return len >= whole &&
           !str_eq(text, STR("A"
                             "00000000000000000000000000")) &&
           (len == whole || text.ptr[text.len - 1] != '0');
}

static bool check_number(enum node_kind kind, double number)
{
    if (!isfinite(number)) {
        return false;
    }
    switch (kind) {
    case NODE_POSITIVE_NUMBER:
        return number >= 0;
    case NODE_NONZERO_NUMBER:
        return number > 0;
    case NODE_NONZERO_FINITE_NUMBER:
        return number != 0;
    case NODE_UNIT_INTERVAL:
        return number >= 0 && number <= 1;
    case NODE_INTEGER:
        return number == trunc(number);
    case NODE_POSITIVE_INTEGER:
        return number == trunc(number) && number >= 0;
    case NODE_NONZERO_INTEGER:
        return number == trunc(number) && number > 0;
    default:
        return true;
    }
}

static bool check_text(const struct run *run, const struct node *node, struct str text)
{
    switch ((enum node_kind)node->kind) {
    case NODE_ID_PREFIX:
        return has_prefix(run, node, text);
    case NODE_INDEX_KEY:
        return is_index_key(text);
    case NODE_LINK_URL:
        return url_valid(text, URL_LINK);
    case NODE_SRC_URL:
        return url_valid(text, URL_SRC);
    case NODE_HTTP_URL:
        return url_valid(text, URL_HTTP);
    default:
        return true;
    }
}

/* Nodes that test a scalar, or accept anything of a type. */
static const uint8_t *check_plain(const struct run *run, const struct node *node, const uint8_t *at)
{
    struct head head = head_read(at);
    switch ((enum node_kind)node->kind) {
    case NODE_BOOLEAN:
        return head.type == VALUE_BOOL ? at + head.size : NULL;
    case NODE_LITERAL: {
        struct value want = run->validators->values[node->a];
        const uint8_t *end = value_end(at);
        bool same = (size_t)(end - at) == want.len && memcmp(at, want.data, want.len) == 0;
        return same ? end : NULL;
    }
    case NODE_ENUM: {
        if (head.type == VALUE_MAP || head.type == VALUE_ARRAY) {
            return NULL;
        }
        const uint8_t *end = value_end(at);
        return is_one_of(run, node, at, end) ? end : NULL;
    }
    case NODE_ARRAY:
        return head.type == VALUE_ARRAY ? value_end(at) : NULL;
    case NODE_UNKNOWN_OBJECT:
        return head.type == VALUE_ARRAY || head.type == VALUE_MAP ? value_end(at) : NULL;
    case NODE_STRING:
    case NODE_ID_PREFIX:
    case NODE_INDEX_KEY:
    case NODE_LINK_URL:
    case NODE_SRC_URL:
    case NODE_HTTP_URL:
        return head.type == VALUE_STRING && check_text(run, node, head_str(at, &head))
                   ? at + head.size + head.count
                   : NULL;
    default:
        return head.type == VALUE_NUMBER && check_number(node->kind, head_number(at))
                   ? at + head.size
                   : NULL;
    }
}

/* Goes down into the value. */
static const uint8_t *check_inside(struct run *run, const struct node *node, const uint8_t *at)
{
    if (run->depth == VALUE_MAX_DEPTH_INSIDE) {
        return NULL;
    }
    run->depth++;
    const uint8_t *end = node->kind == NODE_OBJECT     ? check_object(run, node, at)
                         : node->kind == NODE_ARRAY_OF ? check_items(run, node->a, at)
                                                       : check_dict(run, node, at);
    run->depth--;
    return end;
}

static const uint8_t *check_code(struct run *run, const struct node *node, const uint8_t *at)
{
    const uint8_t *end = node->a == NODE_NONE ? skip(run, at) : check(run, node->a, at);
    if (!end || !call_code(run, node, (struct value){at, (size_t)(end - at)})) {
        return NULL;
    }
    return end;
}

/* The first of two: what comes next depends on the answer. */
static const uint8_t *check_first(struct run *run, uint32_t at_node, const uint8_t *at)
{
    int code = run->code;
    run->code = code == CODE_LATER ? CODE_NOW : code;
    const uint8_t *end = check(run, at_node, at);
    run->code = code;
    return end;
}

static const uint8_t *check(struct run *run, uint32_t at_node, const uint8_t *at)
{
    if (run->work == 0) {
        return NULL;
    }
    run->work--;
    for (;;) {
        const struct node *node = &run->validators->nodes[at_node];
        switch ((enum node_kind)node->kind) {
        case NODE_ANY:
        case NODE_JSON_VALUE:
            return skip(run, at);
        case NODE_OBJECT:
        case NODE_ARRAY_OF:
        case NODE_DICT:
            return check_inside(run, node, at);
        case NODE_NULLABLE:
            if (*at == 0xc0) {
                return at + 1;
            }
            at_node = node->a;
            break;
        case NODE_OPTIONAL:
        case NODE_REF:
            at_node = node->a;
            break;
        case NODE_OR: {
            const uint8_t *end = check_first(run, node->a, at);
            if (end) {
                return end;
            }
            at_node = node->b;
            break;
        }
        case NODE_UNION:
            at_node = head_read(at).type == VALUE_MAP ? variant_of(run, node, at) : NODE_NONE;
            if (at_node == NODE_NONE) {
                return NULL;
            }
            break;
        case NODE_CODE:
            return check_code(run, node, at);
        default:
            return check_plain(run, node, at);
        }
    }
}

enum schema_valid content_validate(const struct content *content, uint32_t node, struct value value,
                                   bool trust_code)
{
    struct run run = {.content = content,
                      .validators = &content->validators,
                      .work = WORK_ALWAYS + value.len * WORK_PER_BYTE,
                      .code = trust_code ? CODE_TRUSTED : CODE_LATER};
    if (node == NODE_NONE) {
        return SCHEMA_VALID;
    }
    bool valid =
        value_present(value) ? check(&run, node, value.data) != NULL : check_absent(&run, node);
    valid = valid && run_jobs(&run, run.jobs, run.job_count);
    free(run.jobs);
    return valid ? SCHEMA_VALID : run.unavailable ? SCHEMA_UNDECIDED : SCHEMA_INVALID;
}
