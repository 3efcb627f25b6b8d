/* The Lua scripts of proto/lua, built in. */
#ifndef STORE_SCRIPTS_H
#define STORE_SCRIPTS_H

#include <stddef.h>

extern const unsigned char script_fence[];
extern const size_t script_fence_len;

/* By enum store_script. */
extern const struct script_text {
    const unsigned char *text;
    const size_t *len;
} script_texts[];

#endif
