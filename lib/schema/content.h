/* What a schema file has become: tables that answer without reading it again. All texts and values
 * are views into `bytes`, all tables are in `arena`. Immutable once compiled. Private to
 * lib/schema.
 */
#ifndef SCHEMA_CONTENT_H
#define SCHEMA_CONTENT_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/list.h"
#include "schema/engine.h"
#include "schema/file.h"
#include "schema/names.h"
#include "schema/schema.h"

/* ---- validators ---- */

enum node_kind {
    NODE_ANY,
    NODE_JSON_VALUE,
    NODE_STRING,
    NODE_BOOLEAN,
    NODE_NUMBER,
    NODE_POSITIVE_NUMBER,
    NODE_NONZERO_NUMBER,
    NODE_NONZERO_FINITE_NUMBER,
    NODE_UNIT_INTERVAL,
    NODE_INTEGER,
    NODE_POSITIVE_INTEGER,
    NODE_NONZERO_INTEGER,
    NODE_LITERAL, /* a: of values */
    NODE_ENUM,    /* a: of names, whose texts are msgpack */
    NODE_ARRAY,
    NODE_ARRAY_OF, /* a: node */
    NODE_UNKNOWN_OBJECT,
    NODE_OBJECT,   /* a: of names, to nodes; b: how many fields must be there; flag: allowUnknown */
    NODE_DICT,     /* a, b: nodes */
    NODE_UNION,    /* a: of names, to nodes; b: of texts, the key; c: node or NODE_NONE;
                      flag: numberKeys */
    NODE_OPTIONAL, /* a: node */
    NODE_NULLABLE, /* a: node */
    NODE_OR,       /* a, b: nodes */
    NODE_ID_PREFIX, /* a, b: of texts, first and number */
    NODE_INDEX_KEY,
    NODE_LINK_URL,
    NODE_SRC_URL,
    NODE_HTTP_URL,
    NODE_REF,  /* a: node; while compiling: a definition's number */
    NODE_CODE, /* a: node or NODE_NONE; b: of texts, the function */
};

#define NODE_NONE UINT32_MAX

/* Whether a node accepts an absent value. */
enum node_absent { ABSENT_REFUSED, ABSENT_ACCEPTED, ABSENT_ASK_CODE };

struct node {
    uint8_t kind;   /* enum node_kind */
    uint8_t absent; /* enum node_absent */
    bool flag;
    bool asks; /* an object: some field's `absent` is ABSENT_ASK_CODE */
    uint32_t a, b, c;
};

struct validators {
    struct node *nodes; /* owned, like the other lists here */
    struct names *names;
    struct value *values;
    struct str *texts;
    uint32_t node_count, node_cap;
    uint32_t names_count, names_cap;
    uint32_t value_count, value_cap;
    uint32_t text_count, text_cap;
    uint32_t code_count;
};

struct type {
    struct str name;
    enum schema_scope scope;
    bool object;   /* governed by object access */
    uint32_t node; /* NODE_NONE: everything is valid */
};

/* ---- migrations ---- */

enum step_op {
    STEP_SET,
    STEP_DEFAULT,
    STEP_DELETE,
    STEP_RENAME,
    STEP_MAP_VALUE,
    STEP_SCALE,
    STEP_FAIL,
    STEP_REMOVE_WHERE,
    STEP_PUT_RECORD,
    STEP_UPDATE_WHERE,
};

struct member_path {
    struct str *names;
    uint32_t count; /* at least 1 */
};

struct steps {
    struct step *list;
    uint32_t count;
};

struct step {
    enum step_op op;
    struct member_path path, to; /* `to` of a rename only */
    struct value value;          /* to set; the pairs; the record; what must match, or absent */
    double factor;
    bool only_if_missing;
    struct steps steps; /* of an updateWhere */
};

enum function_kind { FUNCTION_NONE, FUNCTION_STEPS, FUNCTION_CODE };

struct function {
    enum function_kind kind;
    struct steps steps;
    struct str name; /* in the code */
};

enum filter_kind { FILTER_NONE, FILTER_MATCH, FILTER_CODE };

struct filter {
    enum filter_kind kind;
    struct value match; /* members that must be equal */
    struct str name;    /* in the code */
};

enum migration_scope { MIGRATION_RECORD, MIGRATION_STORE, MIGRATION_STORAGE };

struct migration {
    struct str id;
    enum migration_scope scope;
    struct filter filter;
    struct function up, down;
    uint32_t *depends; /* numbers of migrations, without the one before it in its sequence */
    uint32_t depends_count;
    bool first; /* of its sequence */
};

struct sequence {
    struct str id;
    bool retroactive;
    uint32_t first, count; /* of migrations; `count` is its version */
};

struct content {
    struct schema_engine *engine; /* borrowed; may be NULL */
    struct buf bytes;
    struct arena arena;
    struct str code;

    struct type *types;
    uint32_t type_count;
    struct names type_names;
    struct str presence_type; /* {NULL, 0}: none */

    struct validators validators;

    struct sequence *sequences;
    uint32_t sequence_count;
    struct names sequence_names;
    struct migration *migrations;
    uint32_t migration_count;
    struct names migration_names;
    uint32_t *order; /* numbers of migrations */
};

/* Compiles a copy of `content`. NULL, and `why`, if something is wrong. */
struct content *content_create(struct value content, struct schema_engine *engine, struct buf *why);
void content_destroy(struct content *content);

/* Whether the value is accepted; `trust_code` takes code validators to accept what `inner` does. */
enum schema_valid content_validate(const struct content *content, uint32_t node, struct value value,
                                   bool trust_code);

/* ---- a schema of either kind ---- */

struct schema {
    uint32_t refs;
    struct list adopted_link; /* in open.c's list if it is open */
    struct content *content;  /* owned; NULL: the schema is open */
    bool is_tldraw;           /* open: names the sequences of tldraw's document and page */
    struct buf serialized;
    struct buf earliest;
    struct buf default_documents;
};

/* Packs `earliest` from `serialized`. */
void schema_pack_earliest(struct schema *schema);

/* Without migrations at hand, clients whose versions differ cannot be served; which side is behind
 * follows from the numbers as in SCH-2. Both are the `sequences` of serialized schemas. */
enum schema_match schema_compare(struct value ours, struct value theirs);

#endif
