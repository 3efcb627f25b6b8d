/* Schema files as text, and what is in them. */
#include "schema/file.h"

#include "schema/content.h"
#include "schema/reader.h"
#include "value/json.h"
#include "value/pack.h"

enum { FORMAT = 1 };

static void report_syntax(struct str text, size_t at, enum err err, struct buf *why)
{
    uint32_t line = 1;
    size_t start = 0;
    for (size_t i = 0; i < at; i++) {
        if (text.ptr[i] == '\n') {
            line++;
            start = i + 1;
        }
    }
    buf_printf(why, "line %u, column %zu: ", line, at - start + 1);
    if (err == ERR_TOO_DEEP) {
        buf_printf(why, "nested deeper than %d levels", VALUE_MAX_DEPTH);
    } else if (err == ERR_TOO_LARGE) {
        buf_append_str(why, STR("too much that is nested too deep"));
    } else {
        buf_append_str(why, at == text.len ? STR("the JSON ends here too early")
                                           : STR("this is not JSON"));
    }
}

static enum err parse_text(struct str text, struct buf *content, struct buf *why)
{
    if (text.len > SCHEMA_FILE_MAX) {
        buf_printf(why, "larger than %d bytes", SCHEMA_FILE_MAX);
        return ERR_TOO_LARGE;
    }
    size_t at = 0;
    enum err err = json_parse_where(text, content, &at);
    if (err) {
        report_syntax(text, at, err, why);
    }
    return err;
}

static enum err check_version(struct value content, struct buf *why)
{
    const struct place *place = PLACE_MEMBER(NULL, STR("roomdSchema"));
    double version;
    if (!read_map(why, NULL, content)) {
        return ERR_MALFORMED;
    }
    if (!value_number(value_get(content, STR("roomdSchema")), &version)) {
        reader_fail(why, place, "is missing: this is no schema file of roomd");
        return ERR_MALFORMED;
    }
    if (version != FORMAT) {
        reader_fail(why, place, "%g is not the version that is known, %d", version, FORMAT);
        return ERR_VERSION;
    }
    return ERR_OK;
}

enum err schema_parse(struct str text, struct schema_engine *engine, struct schema **out,
                      struct buf *why)
{
    struct buf content = {0};
    enum err err = parse_text(text, &content, why);
    if (!err) {
        err = check_version(buf_value(&content), why);
    }
    if (!err) {
        err = schema_compile(buf_value(&content), engine, out, why);
    }
    buf_finish(&content);
    return err;
}

enum err schema_find_code(struct str text, struct buf *code, struct buf *why)
{
    struct buf content = {0};
    enum err err = parse_text(text, &content, why);
    if (!err) {
        err = check_version(buf_value(&content), why);
    }
    struct value found = err ? VALUE_NONE : value_get(buf_value(&content), STR("code"));
    struct str source;
    if (value_present(found)) {
        if (read_string(why, PLACE_MEMBER(NULL, STR("code")), found, &source)) {
            buf_append_str(code, source);
        } else {
            err = ERR_MALFORMED;
        }
    }
    buf_finish(&content);
    return err;
}

typedef void (*visit_fn)(void *arg, struct str function, enum schema_call call);

static void visit_function(const struct function *function, enum schema_call call, visit_fn visit,
                           void *arg)
{
    if (function->kind == FUNCTION_CODE) {
        visit(arg, function->name, call);
    }
}

void schema_functions(const struct schema *schema, visit_fn visit, void *arg)
{
    static const enum schema_call calls[] = {[MIGRATION_RECORD] = SCHEMA_CALL_MIGRATE,
                                             [MIGRATION_STORE] = SCHEMA_CALL_STORE,
                                             [MIGRATION_STORAGE] = SCHEMA_CALL_STORAGE};
    const struct content *content = schema->content;
    for (uint32_t i = 0; content && i < content->validators.node_count; i++) {
        const struct node *node = &content->validators.nodes[i];
        if (node->kind == NODE_CODE) {
            visit(arg, content->validators.texts[node->b], SCHEMA_CALL_CHECK);
        }
    }
    for (uint32_t i = 0; content && i < content->migration_count; i++) {
        const struct migration *migration = &content->migrations[i];
        if (migration->filter.kind == FILTER_CODE) {
            visit(arg, migration->filter.name, SCHEMA_CALL_TEST);
        }
        visit_function(&migration->up, calls[migration->scope], visit, arg);
        visit_function(&migration->down, calls[migration->scope], visit, arg);
    }
}

static bool has_code(const struct migration *migration)
{
    return migration->filter.kind == FILTER_CODE || migration->up.kind == FUNCTION_CODE ||
           migration->down.kind == FUNCTION_CODE;
}

void schema_summarize(const struct schema *schema, struct schema_summary *summary)
{
    const struct content *content = schema->content;
    *summary = (struct schema_summary){0};
    if (!content) {
        summary->sequences = value_count(value_get(schema_serialized(schema), STR("sequences")));
        return;
    }
    summary->types = content->type_count;
    for (uint32_t i = 0; i < content->type_count; i++) {
        summary->documents += content->types[i].scope == SCHEMA_DOCUMENT;
        summary->object_types += content->types[i].object;
    }
    summary->validators = content->validators.node_count;
    summary->code_validators = content->validators.code_count;
    summary->sequences = content->sequence_count;
    summary->migrations = content->migration_count;
    for (uint32_t i = 0; i < content->migration_count; i++) {
        summary->code_migrations += has_code(&content->migrations[i]);
    }
    summary->code_bytes = (uint32_t)content->code.len;
}
