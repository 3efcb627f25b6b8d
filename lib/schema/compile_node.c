/* Appending to the lists of a content's validators. */
#include "schema/compile.h"

#include "base/alloc.h"

void *compile_room(void *items, uint32_t count, uint32_t *cap, size_t size)
{
    if (count < *cap) {
        return items;
    }
    *cap = *cap ? *cap * 2 : 16;
    return xrealloc(items, *cap * size);
}

bool compile_node(struct compiler *compiler, const struct place *place, struct node node,
                  uint32_t *out)
{
    struct validators *to = &compiler->content->validators;
    if (to->node_count == SCHEMA_MAX_NODES) {
        return reader_fail(compiler->why, place, "more than %u validators", SCHEMA_MAX_NODES);
    }
    to->nodes = compile_room(to->nodes, to->node_count, &to->node_cap, sizeof(*to->nodes));
    *out = to->node_count;
    to->nodes[to->node_count++] = node;
    to->code_count += node.kind == NODE_CODE;
    return true;
}

uint32_t compile_text(struct compiler *compiler, struct str text)
{
    struct validators *to = &compiler->content->validators;
    to->texts = compile_room(to->texts, to->text_count, &to->text_cap, sizeof(*to->texts));
    to->texts[to->text_count] = text;
    return to->text_count++;
}

uint32_t compile_value(struct compiler *compiler, struct value value)
{
    struct validators *to = &compiler->content->validators;
    to->values = compile_room(to->values, to->value_count, &to->value_cap, sizeof(*to->values));
    to->values[to->value_count] = value;
    return to->value_count++;
}

bool compile_names(struct compiler *compiler, const struct place *place, const struct name *list,
                   uint32_t count, uint32_t *out)
{
    struct validators *to = &compiler->content->validators;
    struct str twice;
    if (count > SCHEMA_MAX_NAMES - compiler->name_count) {
        return reader_fail(compiler->why, place, "more than %d names in all", SCHEMA_MAX_NAMES);
    }
    compiler->name_count += count;
    to->names = compile_room(to->names, to->names_count, &to->names_cap, sizeof(*to->names));
    if (!names_make(&to->names[to->names_count], list, count, &compiler->content->arena, &twice)) {
        return reader_fail(compiler->why, place, "the same twice");
    }
    *out = to->names_count++;
    return true;
}
