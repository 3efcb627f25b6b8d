/* Collecting items. */
#include "items.h"

#include "base/alloc.h"
#include "value/pack.h"

#include <stdlib.h>

void items_add(struct items *items, enum item_kind kind, unsigned step, const char *lane,
               struct str label, struct value value)
{
    if (items->count == items->cap) {
        items->cap = items->cap ? 2 * items->cap : 64;
        items->items = xrealloc(items->items, items->cap * sizeof(*items->items));
    }
    struct item *item = &items->items[items->count++];
    *item = (struct item){.kind = kind, .step = step};
    item->lane = xasprintf("%s%.*s", lane, STR_ARG(label));
    pack_value(&item->value, value);
}

void items_finish(struct items *items)
{
    for (unsigned i = 0; i < items->count; i++) {
        free(items->items[i].lane);
        buf_finish(&items->items[i].value);
    }
    free(items->items);
    *items = (struct items){0};
}

static void add_packed(struct items *items, enum item_kind kind, unsigned step, const char *lane,
                       struct str label, struct buf *value)
{
    items_add(items, kind, step, lane, label, buf_value(value));
    buf_finish(value);
}

void items_close(struct items *items, unsigned step, struct str label, int code, struct str reason)
{
    struct buf value = {0};
    pack_map(&value, 2);
    pack_str(&value, STR("code"));
    if (code) {
        pack_u64(&value, (uint64_t)code);
    } else {
        pack_nil(&value);
    }
    pack_str(&value, STR("reason"));
    if (reason.ptr) {
        pack_str(&value, reason);
    } else {
        pack_nil(&value);
    }
    add_packed(items, ITEM_CLOSE, step, "socket ", label, &value);
}

void items_removed(struct items *items, unsigned step, struct str session, uint64_t remaining)
{
    struct buf value = {0};
    pack_map(&value, 2);
    pack_str(&value, STR("session_removed"));
    pack_str(&value, session);
    pack_str(&value, STR("remaining"));
    pack_u64(&value, remaining);
    add_packed(items, ITEM_HOST, step, "host: sessions", STR(""), &value);
}

void items_became_empty(struct items *items, unsigned step)
{
    struct buf value = {0};
    pack_str(&value, STR("room_became_empty"));
    add_packed(items, ITEM_HOST, step, "host: sessions", STR(""), &value);
}

void items_changed(struct items *items, unsigned step, uint64_t clock)
{
    struct buf value = {0};
    pack_u64(&value, clock);
    add_packed(items, ITEM_HOST, step, "host: document clock", STR(""), &value);
}

void items_session_snapshot(struct items *items, unsigned step, struct str session,
                            struct value snapshot)
{
    struct buf value = {0};
    pack_map(&value, 1);
    pack_member(&value, session, snapshot);
    add_packed(items, ITEM_HOST, step, "host: session snapshots", STR(""), &value);
}

static struct str text_of(struct value map, struct str name)
{
    struct str text = STR("");
    value_string(value_get(map, name), &text);
    return text;
}

static uint64_t number_of(struct value map, struct str name)
{
    uint64_t number = 0;
    value_u64(value_get(map, name), &number);
    return number;
}

void items_message(struct items *items, unsigned step, struct str label, struct value message)
{
    struct str type = text_of(message, STR("type"));
    if (str_eq(type, STR("data"))) {
        struct value_walk walk = value_items(value_get(message, STR("data")));
        struct value event;
        while (value_next_item(&walk, &event)) {
            items_add(items, ITEM_EVENT, step, "socket ", label, event);
        }
        return;
    }
    enum item_kind kind = str_eq(type, STR("pong")) ? ITEM_PONG : ITEM_MESSAGE;
    items_add(items, kind, step, "socket ", label, message);
}

static void expect_event(struct items *items, unsigned step, struct value entry)
{
    struct str event = text_of(entry, STR("event"));
    if (str_eq(event, STR("session_removed"))) {
        items_removed(items, step, text_of(entry, STR("session")),
                      number_of(entry, STR("remaining")));
    } else if (str_eq(event, STR("room_became_empty"))) {
        items_became_empty(items, step);
    } else if (str_eq(event, STR("document_changed"))) {
        items_changed(items, step, number_of(entry, STR("documentClock")));
    } else if (str_eq(event, STR("session_snapshot"))) {
        items_session_snapshot(items, step, text_of(entry, STR("session")),
                               value_get(entry, STR("snapshot")));
    } else {
        items_add(items, ITEM_HOST, step, "host: ", event, entry);
    }
}

void items_expect(struct items *items, unsigned step, struct value entry)
{
    struct str socket = text_of(entry, STR("socket"));
    struct value message = value_get(entry, STR("message"));
    struct value close = value_get(entry, STR("close"));
    if (value_present(message)) {
        items_message(items, step, socket, message);
    } else if (value_present(close)) {
        struct str reason = {0};
        value_string(value_get(close, STR("reason")), &reason);
        items_close(items, step, socket, (int)number_of(close, STR("code")), reason);
    } else {
        expect_event(items, step, entry);
    }
}
