/* A room snapshot as JSON text, made of the pieces that its owner hands out (link/request.h). Pure.
 * What it says is one object however many pieces it took. */
#ifndef ADMIN_SNAPSHOT_TEXT_H
#define ADMIN_SNAPSHOT_TEXT_H

#include "base/buf.h"
#include "link/request.h"
#include "value/value.h"

enum snapshot_text_place { SNAPSHOT_TEXT_START, SNAPSHOT_TEXT_DOCUMENTS, SNAPSHOT_TEXT_TOMBSTONES };

struct snapshot_text { /* starts zeroed; owns nothing */
    enum snapshot_text_place place;
    bool followed; /* something stands in the list that is open */
};

/* Appends what the next piece adds; that is never nothing. */
void snapshot_text_piece(struct snapshot_text *text, enum link_piece piece, struct value value,
                         struct buf *out);

#endif
