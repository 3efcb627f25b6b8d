/* A snapshot on its way in: fills empty documents from a room snapshot by SNAP-2..6 (a store
 * snapshot too), in slices. */
#ifndef ROOM_INTAKE_H
#define ROOM_INTAKE_H

#include "base/slice.h"
#include "room/documents.h"

struct intake;

/* `documents` is empty. It and `snapshot`, a map, are borrowed, and nobody touches them until the
 * intake is destroyed. */
struct intake *intake_create(struct documents *documents, struct value snapshot);
/* ERR_AGAIN: there is more to do. ERR_MALFORMED: it has not the form of a snapshot; `documents` may
 * be partly filled and must be finished. Final are all but ERR_AGAIN. */
enum err intake_step(struct intake *intake, struct slice *slice) NODISCARD;
/* The member `schema`; absent if there is none. Once the steps are over. */
struct value intake_schema(const struct intake *intake);
void intake_destroy(struct intake *intake); /* NULL is fine */

#endif
