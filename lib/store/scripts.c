/* Which script is which. */
#include "store/scripts.h"

#include "store/internal.h"

#define SCRIPT(name)                                                                               \
    extern const unsigned char script_##name[];                                                    \
    extern const size_t script_##name##_len
SCRIPT(claim);
SCRIPT(append);
SCRIPT(snapshot);
SCRIPT(stage);
SCRIPT(hand);
SCRIPT(show);

const struct script_text script_texts[] = {
    [SCRIPT_CLAIM] = {script_claim, &script_claim_len},
    [SCRIPT_APPEND] = {script_append, &script_append_len},
    [SCRIPT_SNAPSHOT] = {script_snapshot, &script_snapshot_len},
    [SCRIPT_STAGE] = {script_stage, &script_stage_len},
    [SCRIPT_HAND] = {script_hand, &script_hand_len},
    [SCRIPT_SHOW] = {script_show, &script_show_len},
};
