/* Keys, and the journal of their changes. */
#include "simulator/redis_data.h"

#include "base/alloc.h"

#include <stdlib.h>

enum undo_kind {
    UNDO_CREATE,
    UNDO_REMOVE,
    UNDO_FIELD,
    UNDO_STRING,
    UNDO_ENTRY,
    UNDO_TRIM,
    UNDO_EXPIRE
};

struct data_undo {
    uint64_t change, command; /* their numbers */
    struct data_key *key;
    struct str name, value; /* of a field as it was; without value: it was not there */
    uint64_t expire_ms;
    struct data_entry *entries; /* of a stream as it was, */
    uint32_t entry_count, entry_cap;
    enum undo_kind kind;
};

static struct str key_name(const void *entry)
{
    return ((const struct data_key *)entry)->name;
}

void data_begin(struct data *data)
{
    *data = (struct data){0};
    map_init(&data->keys, key_name);
}

void data_end(struct data *data)
{
    map_finish(&data->keys);
    free(data->journal);
    arena_finish(&data->memory);
}

struct str data_copy(struct data *data, struct str text)
{
    char *copy = arena_alloc(&data->memory, text.len + 1);
    if (text.len > 0) {
        memcpy(copy, text.ptr, text.len);
    }
    copy[text.len] = '\0';
    return (struct str){copy, text.len};
}

static struct data_undo *note(struct data *data, struct data_key *key, enum undo_kind kind)
{
    if (data->journal_count == data->journal_cap) {
        data->journal_cap = data->journal_cap ? data->journal_cap * 2 : 64;
        data->journal = xrealloc(data->journal, data->journal_cap * sizeof(*data->journal));
    }
    struct data_undo *undo = &data->journal[data->journal_count++];
    *undo = (struct data_undo){
        .change = ++data->changes, .command = data->command, .key = key, .kind = kind};
    return undo;
}

struct data_key *data_find(struct data *data, struct str name, uint64_t now_ms)
{
    struct data_key *key = map_get(&data->keys, name);
    if (key && key->expire_ms && key->expire_ms <= now_ms) {
        data_remove(data, key);
        return NULL;
    }
    return key;
}

struct data_key *data_make(struct data *data, struct str name, enum data_type type, uint64_t now_ms)
{
    struct data_key *key = data_find(data, name, now_ms);
    if (key) {
        return key->type == type ? key : NULL;
    }
    key = arena_alloc(&data->memory, sizeof(*key));
    *key = (struct data_key){.name = data_copy(data, name), .type = type};
    note(data, key, UNDO_CREATE);
    map_put(&data->keys, key);
    return key;
}

void data_remove(struct data *data, struct data_key *key)
{
    note(data, key, UNDO_REMOVE);
    map_remove(&data->keys, key->name);
}

void data_remove_all(struct data *data)
{
    struct data_key *key;
    for (uint32_t pos = 0; (key = map_next(&data->keys, &pos)); pos = 0) {
        data_remove(data, key);
    }
}

struct data_field *data_field(const struct data_key *key, struct str name)
{
    for (uint32_t i = 0; i < key->field_count; i++) {
        if (str_eq(key->fields[i].name, name)) {
            return &key->fields[i];
        }
    }
    return NULL;
}

static void *grown(struct data *data, void *items, uint32_t count, uint32_t *cap, size_t size)
{
    if (count < *cap) {
        return items;
    }
    *cap = *cap ? *cap * 2 : 8;
    void *more = arena_alloc(&data->memory, *cap * size);
    if (count > 0) {
        memcpy(more, items, count * size);
    }
    return more;
}

static void put_field(struct data *data, struct data_key *key, struct str name, struct str value)
{
    struct data_field *field = data_field(key, name);
    if (!field) {
        key->fields =
            grown(data, key->fields, key->field_count, &key->field_cap, sizeof(*key->fields));
        field = &key->fields[key->field_count++];
        field->name = name;
    }
    field->value = value;
}

static void drop_field(struct data_key *key, struct str name)
{
    struct data_field *field = data_field(key, name);
    if (field) {
        *field = key->fields[--key->field_count];
    }
}

void data_set_field(struct data *data, struct data_key *key, struct str name, struct str value)
{
    struct data_field *old = data_field(key, name);
    struct data_undo *undo = note(data, key, UNDO_FIELD);
    undo->name = old ? old->name : data_copy(data, name);
    undo->value = old ? old->value : (struct str){0};
    put_field(data, key, undo->name, data_copy(data, value));
}

bool data_remove_field(struct data *data, struct data_key *key, struct str name)
{
    struct data_field *old = data_field(key, name);
    if (!old) {
        return false;
    }
    struct data_undo *undo = note(data, key, UNDO_FIELD);
    undo->name = old->name;
    undo->value = old->value;
    drop_field(key, undo->name);
    if (key->field_count == 0) {
        data_remove(data, key); /* Redis keeps no empty hash */
    }
    return true;
}

void data_set_string(struct data *data, struct data_key *key, struct str value)
{
    note(data, key, UNDO_STRING)->value = key->string;
    key->string = data_copy(data, value);
}

void data_add_entry(struct data *data, struct data_key *key, const struct data_entry *entry)
{
    note(data, key, UNDO_ENTRY);
    key->entries =
        grown(data, key->entries, key->entry_count, &key->entry_cap, sizeof(*key->entries));
    key->entries[key->entry_count++] = *entry;
}

void data_trim(struct data *data, struct data_key *key, uint32_t gone)
{
    struct data_undo *undo = note(data, key, UNDO_TRIM);
    undo->entries = key->entries;
    undo->entry_count = key->entry_count;
    undo->entry_cap = key->entry_cap;
    uint32_t left = key->entry_count - gone;
    key->entry_cap = left + 8;
    key->entries = arena_alloc(&data->memory, key->entry_cap * sizeof(*key->entries));
    memcpy(key->entries, undo->entries + gone, left * sizeof(*key->entries));
    key->entry_count = left;
}

void data_set_expire(struct data *data, struct data_key *key, uint64_t expire_ms)
{
    note(data, key, UNDO_EXPIRE)->expire_ms = key->expire_ms;
    key->expire_ms = expire_ms;
}

static void take_back(struct data *data, const struct data_undo *undo)
{
    struct data_key *key = undo->key;
    switch (undo->kind) {
    case UNDO_CREATE:
        map_remove(&data->keys, key->name);
        break;
    case UNDO_REMOVE:
        map_put(&data->keys, key);
        break;
    case UNDO_FIELD:
        if (undo->value.ptr) {
            put_field(data, key, undo->name, undo->value);
        } else {
            drop_field(key, undo->name);
        }
        break;
    case UNDO_STRING:
        key->string = undo->value;
        break;
    case UNDO_ENTRY:
        key->entry_count--;
        break;
    case UNDO_TRIM:
        key->entries = undo->entries;
        key->entry_count = undo->entry_count;
        key->entry_cap = undo->entry_cap;
        break;
    case UNDO_EXPIRE:
        key->expire_ms = undo->expire_ms;
        break;
    }
}

uint64_t data_rollback(struct data *data, uint64_t changes)
{
    uint64_t command = 0;
    while (data->journal_count > 0) {
        const struct data_undo *last = &data->journal[data->journal_count - 1];
        if (last->change <= changes && last->command != command) {
            break;
        }
        command = last->command;
        changes = last->change - 1 < changes ? last->change - 1 : changes;
        take_back(data, last);
        data->journal_count--;
    }
    return changes;
}

void data_settle(struct data *data, uint64_t changes)
{
    size_t gone = 0;
    while (gone < data->journal_count && data->journal[gone].change <= changes) {
        gone++;
    }
    data->journal_count -= gone;
    if (gone == 0) {
        return;
    }
    memmove(data->journal, data->journal + gone, data->journal_count * sizeof(*data->journal));
}
