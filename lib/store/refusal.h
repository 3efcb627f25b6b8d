/* What an error reply of Redis means for what comes next. Pure. */
#ifndef STORE_REFUSAL_H
#define STORE_REFUSAL_H

#include "base/str.h"

enum refusal {
    REFUSAL_FENCED,  /* our scripts: a newer claim exists */
    REFUSAL_GAP,     /* our scripts: it does not fit behind what is stored */
    REFUSAL_SCRIPTS, /* the scripts are gone (SCRIPT FLUSH): they must be loaded again */
    REFUSAL_SERVER,  /* this server is not to be talked to now: a replica, or still loading */
    REFUSAL_WRITES,  /* no write is taken: memory or disk is full, a permission misses, ... */
    REFUSAL_KEY,     /* about that key: of another type, or with fields that make no sense */
    REFUSAL_ECHO,    /* of a transaction, one of whose commands was answered with the reason */
};

/* By the code an error begins with. Older servers put what a script met into an error of its own.
 */
enum refusal refusal_of(struct str error);

#endif
