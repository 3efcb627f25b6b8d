/* XADD, and nothing else. */
#include "store/events.h"

#include "store/internal.h"

void store_add_event(struct store *store, const struct store_event *event, uint64_t max)
{
    struct store_args args;
    args_init(&args);
    args_add(&args, STR("XADD"));
    args_add(&args, STR("roomd:events"));
    args_add(&args, STR("MAXLEN"));
    args_add(&args, STR("~"));
    args_add_u64(&args, max);
    args_add(&args, STR("*"));
    for (size_t i = 0; i < event->count; i++) {
        args_add(&args, event->fields[i]);
    }
    store_command(store, &args, NULL, NULL);
    args_finish(&args);
}
