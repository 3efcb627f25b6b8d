/* Which migrations lie between two schemas (spec schema-and-migrations 3 and 6). */
#include "schema/path.h"

#include "base/alloc.h"
#include "schema/migrate.h"
#include "schema/serialized.h"
#include "schema/steps.h"
#include "value/pack.h"

#include <stdio.h>
#include <stdlib.h>

/* The version that another schema names for one of our sequences. */
static void versions_of(const struct content *content, struct value sequences,
                        struct value *versions)
{
    struct value_walk walk = value_members(sequences);
    struct str name;
    struct value version;
    while (value_next_member(&walk, &name, &version)) {
        uint32_t at = names_find(&content->sequence_names, name);
        if (at != NAMES_NONE) {
            versions[at] = version;
        }
    }
}

/* The number of migrations that are behind them. False: they are at none that we know. */
static bool since(const struct sequence *sequence, struct value version, uint32_t *done)
{
    double number;
    *done = 0;
    if (!value_number(version, &number)) {
        if (sequence->retroactive) {
            return true;
        }
        if (!value_present(version)) {
            *done = sequence->count; /* left out */
            return true;
        }
        /* JavaScript looks for "ID/VERSION", in which "2" is as good as 2. */
        struct str text;
        char digits[16];
        for (uint32_t i = 1; value_string(version, &text) && i <= sequence->count; i++) {
            int len = snprintf(digits, sizeof(digits), "%u", i);
            if (str_eq(text, (struct str){digits, (size_t)len})) {
                *done = i;
                return true;
            }
        }
        return false;
    }
    if (number != 0 && !(number >= 1 && number <= sequence->count && number == (uint32_t)number)) {
        return false;
    }
    *done = (uint32_t)number;
    return true;
}

/* Marks the migrations that are to be applied. */
static bool mark_needed(const struct content *content, const struct value *versions, bool *needed,
                        uint32_t *count)
{
    *count = 0;
    for (uint32_t i = 0; i < content->sequence_count; i++) {
        const struct sequence *sequence = &content->sequences[i];
        uint32_t done;
        if (!since(sequence, versions[i], &done)) {
            return false;
        }
        for (; done < sequence->count; done++) {
            needed[sequence->first + done] = true;
            (*count)++;
        }
    }
    return true;
}

static struct schema_path *path_create(const struct schema *schema, const bool *needed,
                                       uint32_t count)
{
    const struct content *content = schema->content;
    struct schema_path *path = xcalloc(1, sizeof(*path) + count * sizeof(path->migrations[0]));
    path->refs = 1;
    /* Counting references does not change what the schema is. */
    path->schema = schema_ref((struct schema *)(uintptr_t)schema);
    path->records_only = true;
    path->reversible = true;
    for (uint32_t i = 0; i < content->migration_count; i++) {
        const struct migration *migration = &content->migrations[content->order[i]];
        if (needed[content->order[i]]) {
            path->records_only = path->records_only && migration->scope == MIGRATION_RECORD;
            path->reversible = path->reversible && migration->down.kind != FUNCTION_NONE;
            path->migrations[path->count++] = content->order[i];
        }
    }
    return path;
}

/* False: the list cannot be worked out. */
static bool path_make(const struct schema *schema, struct value sequences,
                      struct schema_path **path)
{
    const struct content *content = schema->content;
    struct value *versions = xcalloc(content->sequence_count + (size_t)1, sizeof(*versions));
    bool *needed = xcalloc(content->migration_count + (size_t)1, sizeof(*needed));
    uint32_t count;
    versions_of(content, sequences, versions);
    bool ok = mark_needed(content, versions, needed, &count);
    if (ok && count > 0) {
        *path = path_create(schema, needed, count);
    }
    free(versions);
    free(needed);
    return ok;
}

/* Who is behind, where the list cannot be worked out (SCH-2). Version 1 has no numbers to compare.
 */
static enum schema_match who_is_behind(const struct schema *schema, struct value serialized,
                                       struct value sequences)
{
    struct value ours = value_get(schema_serialized(schema), STR("sequences"));
    double version;
    if (!value_number(value_get(serialized, STR("schemaVersion")), &version) || version != 2) {
        return SCHEMA_CLIENT_TOO_OLD;
    }
    enum schema_match match = schema_compare(ours, sequences);
    return match == SCHEMA_SERVED ? SCHEMA_CLIENT_TOO_OLD : match;
}

enum schema_match schema_path_from(const struct schema *schema, struct value serialized,
                                   struct schema_path **path)
{
    *path = NULL;
    struct buf theirs = {0};
    enum schema_match match = serialized_upgrade(serialized, &theirs);
    struct value sequences = value_get(buf_value(&theirs), STR("sequences"));
    if (match == SCHEMA_SERVED && !schema->content) {
        match = schema_compare(value_get(schema_serialized(schema), STR("sequences")), sequences);
    } else if (match == SCHEMA_SERVED && !path_make(schema, sequences, path)) {
        match = who_is_behind(schema, serialized, sequences);
    }
    buf_finish(&theirs);
    return match;
}

enum schema_match schema_match(const struct schema *schema, struct value serialized,
                               struct schema_path **path)
{
    enum schema_match match = schema_path_from(schema, serialized, path);
    if (*path && !((*path)->records_only && (*path)->reversible)) {
        schema_path_unref(*path); /* SCH-3 */
        *path = NULL;
        match = SCHEMA_CLIENT_TOO_OLD;
    }
    return match;
}

struct schema_path *schema_path_ref(struct schema_path *path)
{
    path->refs++;
    return path;
}

void schema_path_unref(struct schema_path *path)
{
    if (path && --path->refs == 0) {
        schema_unref(path->schema);
        free(path);
    }
}

bool schema_path_equal(const struct schema_path *a, const struct schema_path *b)
{
    if (!a || !b) {
        return a == b;
    }
    return a->schema == b->schema && a->count == b->count &&
           memcmp(a->migrations, b->migrations, a->count * sizeof(a->migrations[0])) == 0;
}

size_t schema_path_length(const struct schema_path *path)
{
    return path ? path->count : 0;
}

struct str schema_path_id(const struct schema_path *path, size_t at)
{
    return path_migration(path, at)->id;
}

static const struct function *function_of(const struct migration *migration,
                                          enum schema_direction direction)
{
    return direction == SCHEMA_UP ? &migration->up : &migration->down;
}

static bool step_alters(const struct step *step, struct str name)
{
    return (step->path.count > 0 && str_eq(step->path.names[0], name)) ||
           (step->to.count > 0 && str_eq(step->to.names[0], name));
}

/* The i-th migration in that direction. */
static const struct migration *migration_at(const struct schema_path *path,
                                            enum schema_direction direction, size_t i)
{
    return path_migration(path, direction == SCHEMA_UP ? i : path->count - 1 - i);
}

/* Whether steps of the first `end` migrations write to that member of a record. */
static bool may_have_altered(const struct schema_path *path, enum schema_direction direction,
                             size_t end, struct str name)
{
    for (size_t i = 0; i < end; i++) {
        const struct function *function = function_of(migration_at(path, direction, i), direction);
        for (uint32_t step = 0; step < function->steps.count; step++) {
            if (step_alters(&function->steps.list[step], name)) {
                return true;
            }
        }
    }
    return false;
}

/* Whether the filter of the i-th may let the record pass, when those before it, none of which was
 * code, have made of it what they may. */
static bool may_pass(const struct schema_path *path, enum schema_direction direction, size_t i,
                     struct value record)
{
    struct value_walk walk = value_members(migration_at(path, direction, i)->filter.match);
    struct str name;
    struct value wanted;
    while (value_next_member(&walk, &name, &wanted)) {
        if (!value_equal(value_get(record, name), wanted) &&
            !may_have_altered(path, direction, i, name)) {
            return false;
        }
    }
    return true;
}

bool schema_path_needs_engine(const struct schema_path *path, enum schema_direction direction,
                              struct value record)
{
    for (size_t i = 0; path && i < path->count; i++) {
        const struct migration *migration = migration_at(path, direction, i);
        if (migration->filter.kind == FILTER_CODE ||
            (function_of(migration, direction)->kind == FUNCTION_CODE &&
             may_pass(path, direction, i, record))) {
            return true;
        }
    }
    return false;
}
