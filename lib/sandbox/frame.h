/* What a worker and its roomd-script say to each other over a socketpair (proto/script.md): frames
 * of a length, 32 bits big endian, and that many bytes. Pure. */
#ifndef SANDBOX_FRAME_H
#define SANDBOX_FRAME_H

#include "base/err.h"
#include "schema/engine.h"

enum { SANDBOX_FRAME_MAX = 1 << 30 };

/* Begins a frame; returns where, for frame_end. */
size_t frame_begin(struct buf *out);
void frame_end(struct buf *out, size_t start);

/* The first frame in `bytes`: its body, and its whole length in *used; 0: it is not complete.
 * ERR_TOO_LARGE. */
enum err frame_next(const uint8_t *bytes, size_t len, struct str *body, size_t *used) NODISCARD;

/* One job, and one answer. Read from outside: ERR_MALFORMED. What is read points into `body`, but
 * for the result, which is copied. */
void frame_write_job(const struct schema_job *job, struct buf *out);
/* All of it but the value, which is to follow it. */
void frame_begin_job(const struct schema_job *job, struct buf *out);
enum err frame_read_job(struct str body, struct schema_job *job) NODISCARD;
void frame_write_answer(const struct schema_job *job, struct buf *out);
enum err frame_read_answer(struct str body, struct schema_job *job) NODISCARD;
/* How an answer begins: how the job went, and how many bytes of a result follow the *used that are
 * read here. ERR_AGAIN: more of it is needed; ERR_MALFORMED; ERR_TOO_LARGE. */
enum err frame_begin_answer(const uint8_t *bytes, size_t len, enum schema_called *called,
                            size_t *result, size_t *used) NODISCARD;

#endif
