/* Deep equality up to names of presence ids. */
#include "match.h"

#include "base/alloc.h"
#include "value/pack.h"

#include <stdio.h>
#include <stdlib.h>

void presence_ids_add(struct presence_ids *ids, struct str session, char token[PRESENCE_TOKEN_LEN])
{
    char digits[PRESENCE_TOKEN_LEN + 1];
    snprintf(digits, sizeof(digits), "%0*u", (int)PRESENCE_TOKEN_LEN, ids->count + 1);
    memcpy(token, digits, PRESENCE_TOKEN_LEN);
    ids->items = xrealloc(ids->items, (ids->count + 1) * sizeof(*ids->items));
    struct presence_id *id = &ids->items[ids->count++];
    *id = (struct presence_id){.session = xstrndup(session.ptr, session.len)};
    memcpy(id->token, token, PRESENCE_TOKEN_LEN);
}

void presence_ids_finish(struct presence_ids *ids)
{
    for (unsigned i = 0; i < ids->count; i++) {
        free(ids->items[i].session);
        free(ids->items[i].name);
    }
    free(ids->items);
    free(ids->type);
    *ids = (struct presence_ids){0};
}

static bool is_name(struct str text)
{
    return str_starts(text, STR("$presence:"));
}

/* The session of a name, without the number of a later id. */
static struct str session_of(struct str name)
{
    struct str prefix = STR("$presence:");
    struct str session = {name.ptr + prefix.len, name.len - prefix.len};
    size_t end = session.len;
    while (end > 0 && session.ptr[end - 1] >= '0' && session.ptr[end - 1] <= '9') {
        end--;
    }
    if (end > 0 && end < session.len && session.ptr[end - 1] == '#') {
        session.len = end - 1;
    }
    return session;
}

/* The id that `text` is, by its random part. */
static struct presence_id *find_id(struct presence_ids *ids, struct str text)
{
    if (text.len < PRESENCE_TOKEN_LEN + 1) {
        return NULL;
    }
    struct str type = {text.ptr, text.len - PRESENCE_TOKEN_LEN};
    if (type.ptr[--type.len] != ':' || (ids->type && !str_eq(type, str_of(ids->type)))) {
        return NULL;
    }
    for (unsigned i = 0; i < ids->count; i++) {
        if (memcmp(ids->items[i].token, type.ptr + type.len + 1, PRESENCE_TOKEN_LEN) == 0) {
            return &ids->items[i];
        }
    }
    return NULL;
}

/* Whether the name stands for that id; binds it if neither is bound. */
static bool stands_for(struct presence_ids *ids, struct str name, struct str text)
{
    struct presence_id *id = find_id(ids, text);
    if (!id || !str_eq(session_of(name), str_of(id->session))) {
        return false;
    }
    for (unsigned i = 0; !id->name && i < ids->count; i++) {
        if (ids->items[i].name && str_eq(name, str_of(ids->items[i].name))) {
            return false; /* it stands for another one */
        }
    }
    if (!id->name) {
        id->name = xstrndup(name.ptr, name.len);
    }
    return str_eq(name, str_of(id->name));
}

static void resolve_text(const struct presence_ids *ids, struct str text, struct buf *out)
{
    for (unsigned i = 0; is_name(text) && i < ids->count; i++) {
        const struct presence_id *id = &ids->items[i];
        if (id->name && str_eq(text, str_of(id->name))) {
            struct buf whole = {0};
            buf_printf(&whole, "%s:%.*s", ids->type ? ids->type : "presence",
                       (int)PRESENCE_TOKEN_LEN, id->token);
            pack_str(out, buf_str(&whole));
            buf_finish(&whole);
            return;
        }
    }
    pack_str(out, text);
}

void presence_ids_resolve(const struct presence_ids *ids, struct value value, struct buf *out)
{
    struct value_walk walk;
    struct value item;
    struct str text;
    switch (value_type(value)) {
    case VALUE_ARRAY:
        pack_array(out, value_count(value));
        walk = value_items(value);
        while (value_next_item(&walk, &item)) {
            presence_ids_resolve(ids, item, out);
        }
        break;
    case VALUE_MAP:
        pack_map(out, value_count(value));
        walk = value_members(value);
        while (value_next_member(&walk, &text, &item)) {
            resolve_text(ids, text, out);
            presence_ids_resolve(ids, item, out);
        }
        break;
    case VALUE_STRING:
        value_string(value, &text);
        resolve_text(ids, text, out);
        break;
    case VALUE_ABSENT:
    case VALUE_NIL:
    case VALUE_BOOL:
    case VALUE_NUMBER:
        pack_value(out, value);
        break;
    }
}

static struct value find_member(struct presence_ids *ids, struct value map, struct str key)
{
    struct value_walk walk = value_members(map);
    struct str found;
    struct value member;
    while (value_next_member(&walk, &found, &member)) {
        if (is_name(key) ? stands_for(ids, key, found) : str_eq(key, found)) {
            return member;
        }
    }
    return VALUE_NONE;
}

static bool match_maps(struct presence_ids *ids, struct value wanted, struct value found)
{
    struct value_walk walk = value_members(wanted);
    struct str key;
    struct value member;
    while (value_next_member(&walk, &key, &member)) {
        struct value other = find_member(ids, found, key);
        if (!value_present(other) || !match(ids, member, other)) {
            return false;
        }
    }
    return true;
}

static bool match_arrays(struct presence_ids *ids, struct value wanted, struct value found)
{
    struct value_walk walk_wanted = value_items(wanted);
    struct value_walk walk_found = value_items(found);
    struct value a;
    struct value b;
    while (value_next_item(&walk_wanted, &a) && value_next_item(&walk_found, &b)) {
        if (!match(ids, a, b)) {
            return false;
        }
    }
    return true;
}

bool match(struct presence_ids *ids, struct value wanted, struct value found)
{
    if (value_equal(wanted, found)) {
        return true;
    }
    enum value_type type = value_type(wanted);
    if (type != value_type(found) || value_count(wanted) != value_count(found)) {
        return false;
    }
    struct str name;
    struct str text;
    if (value_string(wanted, &name) && value_string(found, &text)) {
        return is_name(name) && stands_for(ids, name, text);
    }
    return type == VALUE_MAP     ? match_maps(ids, wanted, found)
           : type == VALUE_ARRAY ? match_arrays(ids, wanted, found)
                                 : false;
}
