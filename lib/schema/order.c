/* The order in which migrations are applied (spec schema-and-migrations 2): as the file gives it,
 * or worked out as tldraw does. */
#include "schema/order.h"

#include "base/alloc.h"
#include "schema/compile.h"

#include <stdlib.h>

/* ---- comparing ids as ICU's root collation does ---- */

/* ASCII's printable characters in the order of their primary weights; letters are equal in both
 * cases there. Control characters weigh nothing. */
static const char collation[] = " _-,;:!?.'\"()[]{}@*/\\&#%`^+<=>|~$0123456789";

enum { WEIGHT_NOTHING = 0, WEIGHT_LETTERS = 64, WEIGHT_OTHERS = 128 };

static uint32_t primary(uint8_t c)
{
    if (c >= 0x80) {
        return WEIGHT_OTHERS + c; /* behind all letters, by bytes: a guess, as ids are ASCII */
    }
    uint8_t lower = c | 0x20;
    if (lower >= 'a' && lower <= 'z') {
        return WEIGHT_LETTERS + (uint32_t)(lower - 'a');
    }
    const char *at = c ? strchr(collation, c) : NULL;
    return at ? (uint32_t)(at - collation) + 1 : WEIGHT_NOTHING;
}

static size_t skip_nothing(struct str text, size_t at)
{
    while (at < text.len && primary((uint8_t)text.ptr[at]) == WEIGHT_NOTHING) {
        at++;
    }
    return at;
}

int order_compare_ids(struct str a, struct str b)
{
    int tertiary = 0; /* lower case first, where nothing else differs */
    size_t i = skip_nothing(a, 0);
    size_t j = skip_nothing(b, 0);
    while (i < a.len && j < b.len) {
        uint8_t c = (uint8_t)a.ptr[i];
        uint8_t d = (uint8_t)b.ptr[j];
        if (primary(c) != primary(d)) {
            return primary(c) < primary(d) ? -1 : 1;
        }
        if (tertiary == 0 && c != d) {
            tertiary = c > d ? -1 : 1;
        }
        i = skip_nothing(a, i + 1);
        j = skip_nothing(b, j + 1);
    }
    if (i < a.len || j < b.len) {
        return i < a.len ? 1 : -1;
    }
    return tertiary;
}

/* ---- working it out ---- */

/* Who waits for whom: an edge per migration and one it depends on, once however often it says so.
 */
struct dependent {
    uint32_t migration;
    uint32_t next; /* edge of the same migration waited for; 0: none, else number + 1 */
};

struct sort {
    const struct content *content;
    struct dependent *edges; /* owned, like the others */
    uint32_t edge_count;
    uint32_t *first_edge; /* by migration */
    uint32_t *waits_for;  /* number of edges that lead to it */
    uint64_t *score;      /* dependents, and 100 more for each that names it */
    uint32_t *ready;
    uint32_t ready_count;
};

/* Whether `migration` has come to depend on `on` by an edge already: its are the newest. */
static bool is_known(const struct sort *sort, uint32_t migration, uint32_t on)
{
    uint32_t edge = sort->first_edge[on];
    return edge && sort->edges[edge - 1].migration == migration;
}

static void add_edge(struct sort *sort, uint32_t migration, uint32_t on)
{
    sort->edges[sort->edge_count] = (struct dependent){migration, sort->first_edge[on]};
    sort->first_edge[on] = ++sort->edge_count;
    sort->waits_for[migration]++;
    sort->score[on]++;
}

static void add_edges(struct sort *sort, uint32_t at)
{
    enum { EXPLICIT = 100 };
    const struct migration *migration = &sort->content->migrations[at];
    for (uint32_t i = 0; i < migration->depends_count; i++) {
        if (!is_known(sort, at, migration->depends[i])) {
            add_edge(sort, at, migration->depends[i]);
            sort->score[migration->depends[i]] += EXPLICIT;
        }
    }
    if (!migration->first && !is_known(sort, at, at - 1)) {
        add_edge(sort, at, at - 1);
    }
}

/* All that depend on a migration that is ready are still to come, so scores do not change. */
static uint32_t take_best(struct sort *sort)
{
    uint32_t best = 0;
    for (uint32_t i = 1; i < sort->ready_count; i++) {
        uint32_t a = sort->ready[i];
        uint32_t b = sort->ready[best];
        if (sort->score[a] > sort->score[b] ||
            (sort->score[a] == sort->score[b] &&
             order_compare_ids(sort->content->migrations[a].id, sort->content->migrations[b].id) <
                 0)) {
            best = i;
        }
    }
    uint32_t taken = sort->ready[best];
    sort->ready[best] = sort->ready[--sort->ready_count];
    return taken;
}

static uint32_t run(struct sort *sort, uint32_t *order)
{
    uint32_t done = 0;
    for (uint32_t i = 0; i < sort->content->migration_count; i++) {
        if (sort->waits_for[i] == 0) {
            sort->ready[sort->ready_count++] = i;
        }
    }
    while (sort->ready_count > 0) {
        uint32_t taken = take_best(sort);
        order[done++] = taken;
        for (uint32_t edge = sort->first_edge[taken]; edge; edge = sort->edges[edge - 1].next) {
            uint32_t dependent = sort->edges[edge - 1].migration;
            if (--sort->waits_for[dependent] == 0) {
                sort->ready[sort->ready_count++] = dependent;
            }
        }
    }
    return done;
}

static bool work_out(struct compiler *compiler)
{
    const struct content *content = compiler->content;
    size_t count = content->migration_count + (size_t)1;
    size_t edges = count;
    for (uint32_t i = 0; i < content->migration_count; i++) {
        edges += content->migrations[i].depends_count;
    }
    struct sort sort = {.content = content,
                        .edges = xcalloc(edges, sizeof(*sort.edges)),
                        .first_edge = xcalloc(count, sizeof(uint32_t)),
                        .waits_for = xcalloc(count, sizeof(uint32_t)),
                        .score = xcalloc(count, sizeof(uint64_t)),
                        .ready = xcalloc(count, sizeof(uint32_t))};
    for (uint32_t i = 0; i < content->migration_count; i++) {
        add_edges(&sort, i);
    }
    bool ok = run(&sort, content->order) == content->migration_count;
    for (uint32_t i = 0; !ok && i < content->migration_count; i++) {
        if (sort.waits_for[i] > 0) {
            reader_fail(compiler->why, PLACE_MEMBER(NULL, STR("sequences")),
                        "\"%.*s\" depends on itself, by way of others or at once",
                        STR_ARG(reader_cut(content->migrations[i].id)));
            break;
        }
    }
    free(sort.edges);
    free(sort.first_edge);
    free(sort.waits_for);
    free(sort.score);
    free(sort.ready);
    return ok;
}

/* ---- as given ---- */

static bool comes_before(struct compiler *compiler, const struct place *place,
                         const uint32_t *position, uint32_t first, uint32_t second)
{
    const struct migration *migrations = compiler->content->migrations;
    if (position[first] < position[second]) {
        return true;
    }
    struct str a = reader_cut(migrations[second].id);
    struct str b = reader_cut(migrations[first].id);
    return reader_fail(compiler->why, place, "\"%.*s\" comes before \"%.*s\", on which it depends",
                       STR_ARG(a), STR_ARG(b));
}

static bool check_given(struct compiler *compiler, const struct place *place,
                        const uint32_t *position)
{
    const struct content *content = compiler->content;
    for (uint32_t i = 0; i < content->migration_count; i++) {
        const struct migration *migration = &content->migrations[i];
        if (!migration->first && !comes_before(compiler, place, position, i - 1, i)) {
            return false;
        }
        for (uint32_t on = 0; on < migration->depends_count; on++) {
            if (!comes_before(compiler, place, position, migration->depends[on], i)) {
                return false;
            }
        }
    }
    return true;
}

static bool read_given(struct compiler *compiler, const struct place *place, struct value order,
                       uint32_t *position)
{
    const struct content *content = compiler->content;
    struct value_walk walk = value_items(order);
    struct value item;
    for (uint32_t i = 0; value_next_item(&walk, &item); i++) {
        struct str id;
        const struct place *inside = PLACE_ITEM(place, i);
        if (!read_string(compiler->why, inside, item, &id)) {
            return false;
        }
        uint32_t at = names_find(&content->migration_names, id);
        if (at == NAMES_NONE || position[at] != UINT32_MAX) {
            return reader_fail(compiler->why, inside,
                               at == NAMES_NONE ? "there is no \"%.*s\"" : "\"%.*s\" again",
                               STR_ARG(reader_cut(id)));
        }
        position[at] = i;
        content->order[i] = at;
    }
    return true;
}

static bool take_given(struct compiler *compiler, struct value order)
{
    const struct place *place = PLACE_MEMBER(NULL, STR("order"));
    uint32_t count = compiler->content->migration_count;
    if (!read_array(compiler->why, place, order)) {
        return false;
    }
    if (value_count(order) != count) {
        return reader_fail(compiler->why, place, "names %u migrations, and there are %u",
                           value_count(order), count);
    }
    uint32_t *position = xmalloc((count + (size_t)1) * sizeof(*position));
    memset(position, 0xff, count * sizeof(*position));
    bool ok =
        read_given(compiler, place, order, position) && check_given(compiler, place, position);
    free(position);
    return ok;
}

bool compile_order(struct compiler *compiler, struct value order)
{
    struct content *content = compiler->content;
    content->order = arena_alloc(&content->arena,
                                 (content->migration_count + (size_t)1) * sizeof(*content->order));
    return value_present(order) ? take_given(compiler, order) : work_out(compiler);
}
