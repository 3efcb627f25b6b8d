/* Golden vectors: single calls with their results. Each kind of case has a file of its own and is
 * named in the table of vectors.c. */
#ifndef REPLAY_VECTORS_H
#define REPLAY_VECTORS_H

#include "report.h"

struct vector_kind {
    const char *name;
    /* Whether a case is of this kind, by its members. */
    bool (*is)(struct value one);
    /* Runs it. `file` is what the case is in. False, and the reason appended to `why`, if the
     * result is another. */
    bool (*run)(struct value file, struct value one, struct buf *why);
};

/* vector_diff.c */
extern const struct vector_kind vector_diff;
extern const struct vector_kind vector_apply;
extern const struct vector_kind vector_isequal;
/* vector_chunk.c */
extern const struct vector_kind vector_split;
extern const struct vector_kind vector_assemble;
/* vector_prune.c */
extern const struct vector_kind vector_prune;
/* vector_migrate.c */
extern const struct vector_kind vector_migrate;
/* vector_validate.c */
extern const struct vector_kind vector_validate;

/* Whether the file is a list of cases. */
bool vectors_recognise(struct value root);
/* Whether it is a schema as data: something to run cases against, not itself a case. */
bool vectors_is_schema_data(struct value root);
void vectors_replay(struct report *report, const char *path, struct value root);

/* The string member, or "". */
struct str member_text(struct value map, const char *name);
bool member_is_text(struct value map, const char *name, const char *text);

#endif
