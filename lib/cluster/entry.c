/* Log entries. */
#include "cluster/entry.h"

#include "base/alloc.h"

static const char *const outcome_names[] = {"none", "commit", "rebase"};
enum { OUTCOMES = sizeof(outcome_names) / sizeof(outcome_names[0]) };

/* Copies `len` bytes to *at and moves it on; returns where they are, or NULL if there are none. */
static const void *put(char **at, const void *data, size_t len)
{
    if (!data) {
        return NULL;
    }
    char *copy = *at;
    memcpy(copy, data, len);
    *at += len;
    return copy;
}

struct entry *entry_create(const struct entry *from)
{
    size_t size = from->session.len + from->by.len + from->diff.len + from->schema.len;
    struct entry *entry = xmalloc(sizeof(*entry) + size);
    *entry = *from;
    list_init(&entry->link);
    char *at = (char *)(entry + 1);
    entry->session.ptr = put(&at, from->session.ptr, from->session.len);
    entry->by.ptr = put(&at, from->by.ptr, from->by.len);
    entry->diff.data = put(&at, from->diff.data, from->diff.len);
    entry->schema.data = put(&at, from->schema.data, from->schema.len);
    return entry;
}

size_t entry_bytes(const struct entry *entry)
{
    enum { OVERHEAD = 64 }; /* names, numbers and structure */
    return OVERHEAD + entry->session.len + entry->by.len + entry->diff.len + entry->schema.len;
}

const char *entry_outcome_name(uint32_t outcome)
{
    return outcome < OUTCOMES ? outcome_names[outcome] : outcome_names[0];
}

int entry_outcome_parse(struct str name)
{
    for (int i = 0; i < OUTCOMES; i++) {
        if (str_eq(name, str_of(outcome_names[i]))) {
            return i;
        }
    }
    return -1;
}
