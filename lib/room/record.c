/* One state of one record. */
#include "room/record.h"

#include "base/alloc.h"

#include <assert.h>
#include <stdlib.h>

bool record_identity(struct value value, struct str *id, struct str *type)
{
    return value_string(value_get(value, STR("id")), id) &&
           value_string(value_get(value, STR("typeName")), type);
}

struct record *record_create(struct value value, uint64_t clock)
{
    assert(value.len <= UINT32_MAX);
    struct str id = {0};
    struct str type = {0};
    bool whole = record_identity(value, &id, &type);
    assert(whole);
    struct record *record = xmalloc(sizeof(*record) + value.len);
    const char *base = (const char *)value.data;
    *record = (struct record){
        .clock = clock,
        .refs = 1,
        .len = (uint32_t)value.len,
        .id_at = (uint32_t)(id.ptr - base),
        .id_len = (uint32_t)id.len,
        .type_at = (uint32_t)(type.ptr - base),
        .type_len = (uint32_t)type.len,
    };
    list_init(&record->link);
    memcpy(record->data, value.data, value.len);
    return record;
}

struct record *record_ref(struct record *record)
{
    record->refs++;
    return record;
}

void record_unref(struct record *record)
{
    if (record && --record->refs == 0) {
        free(record);
    }
}

struct str record_id(const struct record *record)
{
    return (struct str){(const char *)record->data + record->id_at, record->id_len};
}

struct str record_type(const struct record *record)
{
    return (struct str){(const char *)record->data + record->type_at, record->type_len};
}

struct str record_key(const void *record)
{
    return record_id(record);
}
