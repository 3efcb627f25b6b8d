/* The file that --cluster-secret-file names. */
#ifndef PEER_SECRET_FILE_H
#define PEER_SECRET_FILE_H

#include "link/secret.h"

/* ERR_USAGE: it is not there, others can read it, or what is in it is no secret; `why` gets a line
 * for people, which begins with the path. */
enum err secret_file_read(const char *path, struct secrets *out, struct buf *why) NODISCARD;

#endif
