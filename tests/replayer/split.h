/* Cuts a message into chunks as clients do (protocol 7.1). */
#ifndef REPLAY_SPLIT_H
#define REPLAY_SPLIT_H

#include "base/buf.h"

#include <stdint.h>

typedef void (*split_fn)(void *ctx, struct str frame);

/* Hands out the frames of `message` (WTF-8) in the order they are sent, for a limit of `max` UTF-16
 * units. A cut never separates the halves of a character. */
void split_message(struct str message, size_t max, split_fn emit, void *ctx);

/* Appends JSON text with every lone surrogate written as an escape: a frame of a recording is a
 * JavaScript string and may hold halves of characters, a frame on a wire is UTF-8 and cannot.
 * Halves that chunks have separated become neighbours again, and so the one character they were. */
void split_escape(struct str text, struct buf *out);

#endif
