/* A list of texts. */
#include "schema/ids.h"

#include "base/alloc.h"

#include <stdlib.h>

void ids_add(struct ids *ids, struct str id)
{
    if (ids->count == ids->cap) {
        ids->cap = ids->cap ? ids->cap * 2 : 64;
        ids->ends = xrealloc(ids->ends, ids->cap * sizeof(*ids->ends));
    }
    buf_append_str(&ids->text, id);
    ids->ends[ids->count++] = buf_len(&ids->text);
}

struct str ids_at(const struct ids *ids, size_t at)
{
    size_t start = at > 0 ? ids->ends[at - 1] : 0;
    return (struct str){buf_str(&ids->text).ptr + start, ids->ends[at] - start};
}

void ids_finish(struct ids *ids)
{
    buf_finish(&ids->text);
    free(ids->ends);
    *ids = (struct ids){0};
}
