/* Sequences of migrations, and the rules that hold between them (spec schema-and-migrations 1). */
#include "schema/compile.h"

#include "base/alloc.h"

#include <stdio.h>
#include <stdlib.h>

/* Ids that the next migration of the sequence depends on too. */
struct pending {
    struct value *lists; /* owned; arrays of ids */
    uint32_t count, cap;
};

static bool check_ids(struct compiler *compiler, const struct place *place, struct value ids)
{
    if (!value_present(ids)) {
        return true;
    }
    if (!read_array(compiler->why, place, ids)) {
        return false;
    }
    struct value_walk walk = value_items(ids);
    struct value item;
    struct str id;
    for (uint32_t i = 0; value_next_item(&walk, &item); i++) {
        if (!read_string(compiler->why, PLACE_ITEM(place, i), item, &id)) {
            return false;
        }
    }
    return true;
}

/* Ids have numbers only when all migrations are there: till then each is where its text starts in
 * the content, counted from the content's start. */
static void take_depends(struct compiler *compiler, struct pending *pending, struct value own,
                         struct migration *migration)
{
    struct content *content = compiler->content;
    uint32_t count = value_count(own);
    for (uint32_t i = 0; i < pending->count; i++) {
        count += value_count(pending->lists[i]);
    }
    migration->depends = arena_alloc(&content->arena, (count + (size_t)1) * sizeof(uint32_t));
    for (uint32_t i = 0; i <= pending->count; i++) {
        struct value_walk walk = value_items(i < pending->count ? pending->lists[i] : own);
        struct value item;
        while (value_next_item(&walk, &item)) {
            migration->depends[migration->depends_count++] =
                (uint32_t)(item.data - buf_head(&content->bytes));
        }
    }
    pending->count = 0;
}

/* A standalone dependsOn. */
static bool is_standalone(struct value value)
{
    return value_type(value) == VALUE_MAP && !value_present(value_get(value, STR("id"))) &&
           value_present(value_get(value, STR("dependsOn"))) && value_count(value) == 1;
}

static bool compile_migration_scope(struct compiler *compiler, const struct place *place,
                                    struct value value, enum migration_scope *out)
{
    static const char *const names[] = {"record", "store", "storage"};
    struct str name;
    if (!read_string(compiler->why, place, value, &name)) {
        return false;
    }
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (str_eq(name, str_of(names[i]))) {
            *out = (enum migration_scope)i;
            return true;
        }
    }
    return reader_fail(compiler->why, place, "\"%.*s\" is no scope", STR_ARG(reader_cut(name)));
}

static bool check_migration_id(struct compiler *compiler, const struct place *place,
                               const struct sequence *sequence, struct str id)
{
    char number[16];
    int len = snprintf(number, sizeof(number), "/%u", sequence->count + 1);
    struct str tail = {number, (size_t)len};
    if (id.len == sequence->id.len + tail.len && str_starts(id, sequence->id) &&
        memcmp(id.ptr + sequence->id.len, tail.ptr, tail.len) == 0) {
        return true;
    }
    struct str shown = reader_cut(sequence->id);
    return reader_fail(compiler->why, place, "is not \"%.*s%s\"", STR_ARG(shown), number);
}

static bool compile_functions(struct compiler *compiler, const struct place *place,
                              struct value value, struct migration *migration)
{
    struct value filter = value_get(value, STR("filter"));
    if (migration->scope != MIGRATION_RECORD && value_present(filter)) {
        return reader_fail(compiler->why, PLACE_MEMBER(place, STR("filter")),
                           "only migrations of records have one");
    }
    const struct place *up = PLACE_MEMBER(place, STR("up"));
    const struct place *down = PLACE_MEMBER(place, STR("down"));
    if (!compile_filter(compiler, PLACE_MEMBER(place, STR("filter")), filter, &migration->filter) ||
        !compile_function(compiler, up, value_get(value, STR("up")), migration->scope,
                          &migration->up) ||
        !compile_function(compiler, down, value_get(value, STR("down")), migration->scope,
                          &migration->down)) {
        return false;
    }
    if (migration->up.kind == FUNCTION_NONE) {
        return reader_fail(compiler->why, up, "is missing");
    }
    return migration->scope == MIGRATION_RECORD || migration->down.kind == FUNCTION_NONE ||
           reader_fail(compiler->why, down, "only migrations of records have one");
}

static bool compile_migration(struct compiler *compiler, const struct place *place,
                              struct value value, const struct sequence *sequence,
                              struct migration *migration)
{
    static const char *const known[] = {"id", "scope", "dependsOn", "filter", "up", "down", NULL};
    return read_members(compiler->why, place, value, known) &&
           read_string(compiler->why, PLACE_MEMBER(place, STR("id")), value_get(value, STR("id")),
                       &migration->id) &&
           check_migration_id(compiler, PLACE_MEMBER(place, STR("id")), sequence, migration->id) &&
           compile_migration_scope(compiler, PLACE_MEMBER(place, STR("scope")),
                                   value_get(value, STR("scope")), &migration->scope) &&
           compile_functions(compiler, place, value, migration);
}

static bool compile_migrations(struct compiler *compiler, const struct place *place,
                               struct value list, struct sequence *sequence,
                               struct pending *pending)
{
    struct content *content = compiler->content;
    struct value_walk walk = value_items(list);
    struct value value;
    for (uint32_t i = 0; value_next_item(&walk, &value); i++) {
        const struct place *inside = PLACE_ITEM(place, i);
        struct value depends = value_get(value, STR("dependsOn"));
        if (!check_ids(compiler, PLACE_MEMBER(inside, STR("dependsOn")), depends)) {
            return false;
        }
        if (is_standalone(value)) {
            pending->lists = compile_room(pending->lists, pending->count, &pending->cap,
                                          sizeof(*pending->lists));
            pending->lists[pending->count++] = depends;
            continue;
        }
        struct migration *migration = &content->migrations[content->migration_count];
        *migration = (struct migration){.first = sequence->count == 0};
        if (!compile_migration(compiler, inside, value, sequence, migration)) {
            return false;
        }
        take_depends(compiler, pending, depends, migration);
        content->migration_count++;
        sequence->count++;
    }
    return true;
}

static bool check_sequence_id(struct compiler *compiler, const struct place *place, struct str id)
{
    if (id.len == 0) {
        return reader_fail(compiler->why, place, "is empty");
    }
    return !memchr(id.ptr, '/', id.len) || reader_fail(compiler->why, place, "has a \"/\" in it");
}

static bool compile_sequence(struct compiler *compiler, const struct place *place,
                             struct value value, struct sequence *sequence)
{
    static const char *const known[] = {"sequenceId", "retroactive", "migrations", NULL};
    const struct place *id = PLACE_MEMBER(place, STR("sequenceId"));
    const struct place *inside = PLACE_MEMBER(place, STR("migrations"));
    struct value list = value_get(value, STR("migrations"));
    sequence->first = compiler->content->migration_count;
    if (!read_members(compiler->why, place, value, known) ||
        !read_string(compiler->why, id, value_get(value, STR("sequenceId")), &sequence->id) ||
        !check_sequence_id(compiler, id, sequence->id) ||
        !read_flag(compiler->why, PLACE_MEMBER(place, STR("retroactive")),
                   value_get(value, STR("retroactive")), &sequence->retroactive) ||
        !read_array(compiler->why, inside, list)) {
        return false;
    }
    struct pending pending = {0};
    bool ok = compile_migrations(compiler, inside, list, sequence, &pending);
    free(pending.lists);
    return ok;
}

/* The texts of `depends` to numbers. */
static bool resolve_depends(struct compiler *compiler, struct migration *migration)
{
    struct content *content = compiler->content;
    for (uint32_t i = 0; i < migration->depends_count; i++) {
        struct str id = {0};
        value_string(value_at(buf_head(&content->bytes) + migration->depends[i]), &id);
        migration->depends[i] = names_find(&content->migration_names, id);
        if (migration->depends[i] == NAMES_NONE) {
            return reader_fail(compiler->why, PLACE_MEMBER(NULL, migration->id),
                               "depends on \"%.*s\", which there is not", STR_ARG(reader_cut(id)));
        }
    }
    return true;
}

static bool name_migrations(struct compiler *compiler)
{
    struct content *content = compiler->content;
    struct name *list = xcalloc(content->migration_count + (size_t)1, sizeof(*list));
    for (uint32_t i = 0; i < content->migration_count; i++) {
        list[i] = (struct name){content->migrations[i].id, i};
    }
    /* No id is there twice, as no sequence is. */
    struct str twice;
    bool ok = names_make(&content->migration_names, list, content->migration_count, &content->arena,
                         &twice);
    free(list);
    for (uint32_t i = 0; ok && i < content->migration_count; i++) {
        ok = resolve_depends(compiler, &content->migrations[i]);
    }
    return ok;
}

/* A bound on how many migrations there are, to make room for them. */
static bool count_migrations(struct compiler *compiler, const struct place *place,
                             struct value sequences, size_t *out)
{
    struct value_walk walk = value_items(sequences);
    struct value sequence;
    *out = 0;
    while (value_next_item(&walk, &sequence)) {
        *out += value_count(value_get(sequence, STR("migrations")));
    }
    return *out <= SCHEMA_MAX_MIGRATIONS ||
           reader_fail(compiler->why, place, "more than %d migrations", SCHEMA_MAX_MIGRATIONS);
}

static bool name_sequences(struct compiler *compiler, const struct place *place)
{
    struct content *content = compiler->content;
    struct name *list = xcalloc(content->sequence_count + (size_t)1, sizeof(*list));
    for (uint32_t i = 0; i < content->sequence_count; i++) {
        list[i] = (struct name){content->sequences[i].id, i};
    }
    struct str twice;
    bool ok =
        names_make(&content->sequence_names, list, content->sequence_count, &content->arena,
                   &twice) ||
        reader_fail(compiler->why, place, "\"%.*s\" is there twice", STR_ARG(reader_cut(twice)));
    free(list);
    return ok;
}

bool compile_sequences(struct compiler *compiler, struct value sequences)
{
    const struct place *place = PLACE_MEMBER(NULL, STR("sequences"));
    struct content *content = compiler->content;
    size_t room;
    if (!read_array(compiler->why, place, sequences) ||
        !count_migrations(compiler, place, sequences, &room)) {
        return false;
    }
    uint32_t count = value_count(sequences);
    if (count > SCHEMA_MAX_SEQUENCES) {
        return reader_fail(compiler->why, place, "more than %d sequences", SCHEMA_MAX_SEQUENCES);
    }
    content->sequences =
        arena_alloc(&content->arena, (count + (size_t)1) * sizeof(*content->sequences));
    content->migrations =
        arena_alloc(&content->arena, (room + (size_t)1) * sizeof(*content->migrations));
    struct value_walk walk = value_items(sequences);
    struct value value;
    for (uint32_t i = 0; value_next_item(&walk, &value); i++) {
        content->sequences[i] = (struct sequence){0};
        content->sequence_count++;
        if (!compile_sequence(compiler, PLACE_ITEM(place, i), value, &content->sequences[i])) {
            return false;
        }
    }
    return name_sequences(compiler, place) && name_migrations(compiler);
}
