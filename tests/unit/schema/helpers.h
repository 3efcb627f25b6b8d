/* What the tests of schemas from files share: JSON with single quotes, and an engine whose
 * functions are written here in C. */
#ifndef TEST_SCHEMA_HELPERS_H
#define TEST_SCHEMA_HELPERS_H

#include "base/buf.h"
#include "schema/engine.h"
#include "schema/file.h"
#include "schema/path.h"

/* Parses JSON in which ' stands for ", into `buf`. */
struct value parse(const char *json, struct buf *buf);

/* The schema of that content; fails the test, with the reason, if it cannot be compiled. */
struct schema *compile(const char *json, struct schema_engine *engine);
/* Why it cannot be compiled, into `why`; fails the test if it can. */
void compile_error(const char *json, struct buf *why);

/* Functions:
 *   ok        returns the value as it is
 *   throws    throws "on purpose"
 *   slow      is stopped at a limit
 *   stamp     sets `stamp` to true
 *   replace   returns {"replaced": true} with the record's id and typeName
 *   isBlue    returns whether `color` is "blue"
 *   junk      returns bytes that are no value
 *   sweep     of a store or storage: deletes what has `dead`, stamps all others */
struct fake_engine {
    struct schema_engine engine;
    unsigned runs, jobs; /* since it was made */
    bool down;           /* does not run: its jobs stay as they are */
};
void fake_engine_init(struct fake_engine *fake);

#endif
