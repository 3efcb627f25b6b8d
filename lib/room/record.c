/* One state of one record. */
#include "room/record.h"

#include "base/alloc.h"
#include "value/head.h"

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
    struct value id = value_get(value, STR("id"));
    struct value type = value_get(value, STR("typeName"));
    assert(value_type(id) == VALUE_STRING && value_type(type) == VALUE_STRING);
    struct record *record = xmalloc(sizeof(*record) + value.len);
    *record = (struct record){
        .clock = clock,
        .refs = 1,
        .len = (uint32_t)value.len,
        .id_at = (uint32_t)(id.data - value.data),
        .type_at = (uint32_t)(type.data - value.data),
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

static struct str string_at(const uint8_t *at)
{
    struct head head = head_read(at);
    return head_str(at, &head);
}

struct str record_id(const struct record *record)
{
    return string_at(record->data + record->id_at);
}

struct str record_type(const struct record *record)
{
    return string_at(record->data + record->type_at);
}

struct str record_key(const void *record)
{
    return record_id(record);
}
