/* One message or data event in the encodings clients read, each rendered at most once however many
 * receive it. Pure. */
#ifndef EDGE_RENDERED_H
#define EDGE_RENDERED_H

#include "base/blob.h"
#include "value/value.h"

enum encoding { ENCODING_JSON, ENCODING_MSGPACK, ENCODINGS };

struct rendered {
    struct value source;           /* borrowed */
    struct blob *blobs[ENCODINGS]; /* owned references, NULL until asked for */
};

static inline struct rendered rendered_of(struct value source)
{
    return (struct rendered){.source = source};
}

/* The bytes in one encoding; borrowed from `rendered`. */
struct blob *rendered_get(struct rendered *rendered, enum encoding encoding);
void rendered_finish(struct rendered *rendered);

/* What goes around several data events to make one `data` message (protocol 5.2), and the bytes
 * between two of them. `out` has room for ENVELOPE_MAX bytes; returns how many. */
enum { ENVELOPE_MAX = 32 };
size_t envelope_head(enum encoding encoding, uint32_t events, uint8_t out[ENVELOPE_MAX]);
size_t envelope_tail(enum encoding encoding, uint8_t out[ENVELOPE_MAX]);
/* Bytes between events: "," in JSON, nothing in msgpack. */
size_t envelope_gap(enum encoding encoding);

#endif
