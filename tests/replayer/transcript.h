/* Transcripts: scripted sessions of a room, with all that happened. */
#ifndef REPLAY_TRANSCRIPT_H
#define REPLAY_TRANSCRIPT_H

#include "report.h"

bool transcript_recognise(struct value root);
/* One case. A transcript that needs what the library does not offer is replayed up to the step that
 * does, and counted as skipped if all was well until there. */
void transcript_replay(struct report *report, const char *path, struct value root);

#endif
