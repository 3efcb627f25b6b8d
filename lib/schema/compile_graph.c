/* Validators as a graph: what can be said once all nodes are there.
 *
 * Some nodes test the same value as the node they lead to (optional, nullable, or, union, ref,
 * code). A way along such edges must end: otherwise validating would not. */
#include "schema/compile.h"

#include "base/alloc.h"

#include <stdlib.h>

/* How long such a way may be. Where the walk through a value calls itself for it - the first of an
 * `or`, the `inner` of a code - it counts more, so that its stack is bounded: levels of the value
 * times ways. */
enum { WEIGHT_MAX = 64, WEIGHT_CALL = 8 };

struct graph {
    struct compiler *compiler;
    struct validators *validators;
    struct place place; /* where the way began */
    uint8_t *weights; /* of the heaviest way from the node; 0: not known, BUSY: being worked out */
};

enum { BUSY = 255 };

struct edges {
    uint32_t to[2];
    uint32_t weight[2];
    uint32_t count;
};

static struct edges edges_of(const struct node *node)
{
    switch (node->kind) {
    case NODE_OPTIONAL:
    case NODE_NULLABLE:
    case NODE_REF:
        return (struct edges){{node->a}, {1}, 1};
    case NODE_OR:
        return (struct edges){{node->a, node->b}, {WEIGHT_CALL, 1}, 2};
    case NODE_CODE:
        return (struct edges){{node->a}, {WEIGHT_CALL}, node->a != NODE_NONE};
    default:
        return (struct edges){0};
    }
}

static uint8_t absent_or(uint8_t a, uint8_t b)
{
    return a == ABSENT_ACCEPTED || b == ABSENT_ACCEPTED ? ABSENT_ACCEPTED
           : a == ABSENT_REFUSED                        ? b
                                                        : a;
}

/* Of a node, by what it leads to, which is known. */
static uint8_t absent_of(const struct validators *validators, const struct node *node)
{
    switch (node->kind) {
    case NODE_ANY:
    case NODE_OPTIONAL:
        return ABSENT_ACCEPTED;
    case NODE_NULLABLE:
    case NODE_REF:
        return validators->nodes[node->a].absent;
    case NODE_OR:
        return absent_or(validators->nodes[node->a].absent, validators->nodes[node->b].absent);
    case NODE_CODE:
        return node->a == NODE_NONE || validators->nodes[node->a].absent != ABSENT_REFUSED
                   ? ABSENT_ASK_CODE
                   : ABSENT_REFUSED;
    default:
        return ABSENT_REFUSED;
    }
}

static bool weigh(struct graph *graph, uint32_t at, uint32_t depth, uint32_t *weight);

/* One edge, and the heaviest way so far. */
static bool weigh_edge(struct graph *graph, uint32_t to, uint32_t edge, uint32_t depth,
                       uint32_t *heaviest)
{
    uint32_t weight;
    if (!weigh(graph, to, depth + edge, &weight)) {
        return false;
    }
    *heaviest = weight + edge > *heaviest ? weight + edge : *heaviest;
    return true;
}

static bool weigh_variants(struct graph *graph, const struct node *node, uint32_t depth,
                           uint32_t *heaviest)
{
    const struct names *names = &graph->validators->names[node->a];
    for (uint32_t i = 0; names->count > 0 && i <= names->mask; i++) {
        if (names->slots[i].text.ptr &&
            !weigh_edge(graph, names->slots[i].number, 1, depth, heaviest)) {
            return false;
        }
    }
    return node->c == NODE_NONE || weigh_edge(graph, node->c, 1, depth, heaviest);
}

static bool weigh(struct graph *graph, uint32_t at, uint32_t depth, uint32_t *weight)
{
    struct node *node = &graph->validators->nodes[at];
    if (graph->weights[at] == BUSY) {
        return reader_fail(graph->compiler->why, &graph->place,
                           "contains itself, and not below an array, object or dict");
    }
    if (graph->weights[at] > 0) {
        *weight = graph->weights[at];
    } else {
        graph->weights[at] = BUSY;
        uint32_t heaviest = 1;
        struct edges edges = edges_of(node);
        for (uint32_t i = 0; depth <= WEIGHT_MAX && i < edges.count; i++) {
            if (!weigh_edge(graph, edges.to[i], edges.weight[i], depth, &heaviest)) {
                return false;
            }
        }
        if (depth <= WEIGHT_MAX && node->kind == NODE_UNION &&
            !weigh_variants(graph, node, depth, &heaviest)) {
            return false;
        }
        *weight = heaviest;
        node->absent = absent_of(graph->validators, node);
        graph->weights[at] = (uint8_t)(heaviest <= WEIGHT_MAX ? heaviest : WEIGHT_MAX);
    }
    if (depth + *weight > WEIGHT_MAX) {
        return reader_fail(graph->compiler->why, &graph->place,
                           "too many validators (optional, nullable, "
                           "or, union, ref, code) for one value");
    }
    return true;
}

static void count_required(const struct validators *validators, struct node *object)
{
    const struct names *names = &validators->names[object->a];
    for (uint32_t i = 0; names->count > 0 && i <= names->mask; i++) {
        if (names->slots[i].text.ptr) {
            uint8_t absent = validators->nodes[names->slots[i].number].absent;
            object->b += absent == ABSENT_REFUSED;
            object->asks = object->asks || absent == ABSENT_ASK_CODE;
        }
    }
}

/* Definitions first: what contains itself is one of them, and gets named. */
static bool weigh_all(struct graph *graph)
{
    struct compiler *compiler = graph->compiler;
    const struct place *place = PLACE_MEMBER(NULL, STR("definitions"));
    uint32_t weight;
    for (uint32_t i = 0; i < compiler->definitions.count; i++) {
        graph->place = (struct place){place, compiler->definition_list[i].text, 0};
        if (!weigh(graph, compiler->definition_nodes[i], 0, &weight)) {
            return false;
        }
    }
    graph->place = (struct place){NULL, STR("types"), 0};
    for (uint32_t i = 0; i < graph->validators->node_count; i++) {
        if (!weigh(graph, i, 0, &weight)) {
            return false;
        }
    }
    return true;
}

bool compile_graph(struct compiler *compiler)
{
    struct validators *validators = &compiler->content->validators;
    for (uint32_t i = 0; i < validators->node_count; i++) {
        if (validators->nodes[i].kind == NODE_REF) {
            validators->nodes[i].a = compiler->definition_nodes[validators->nodes[i].a];
        }
    }
    struct graph graph = {
        compiler, validators, {0}, xcalloc(validators->node_count + (size_t)1, 1)};
    bool ok = weigh_all(&graph);
    free(graph.weights);
    for (uint32_t i = 0; ok && i < validators->node_count; i++) {
        if (validators->nodes[i].kind == NODE_OBJECT) {
            count_required(validators, &validators->nodes[i]);
        }
    }
    return ok;
}
