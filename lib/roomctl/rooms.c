/* roomctl rooms */
#include "base/alloc.h"
#include "base/map.h"
#include "base/url.h"
#include "roomctl/internal.h"
#include "roomctl/table.h"
#include "value/pack.h"

#include <stdlib.h>

enum { PAGE = 500 };

struct listed {
    size_t at; /* where its value is in room_list.values */
    size_t name_len;
    char name[];
};

/* All rooms wanted, each once: Redis may show one twice while it grows its table. */
struct room_list {
    struct buf values;      /* objects, one behind the other */
    struct listed **listed; /* owned, each and all; in order of coming, then by name */
    size_t count, cap;
    struct map by_name;
};

static struct str listed_key(const void *entry)
{
    const struct listed *listed = entry;
    return (struct str){listed->name, listed->name_len};
}

static void list_add(struct room_list *list, struct value room)
{
    struct str name = ctl_text(room, "id", "");
    if (map_get(&list->by_name, name)) {
        return;
    }
    if (list->count == list->cap) {
        list->cap = list->cap ? list->cap * 2 : 64;
        list->listed = xrealloc(list->listed, list->cap * sizeof(struct listed *));
    }
    struct listed *listed = xmalloc(sizeof(*listed) + name.len);
    listed->at = buf_len(&list->values);
    listed->name_len = name.len;
    if (name.len > 0) {
        memcpy(listed->name, name.ptr, name.len);
    }
    pack_value(&list->values, room);
    map_put(&list->by_name, listed);
    list->listed[list->count++] = listed;
}

static struct value list_get(const struct room_list *list, size_t index)
{
    return value_at(buf_head(&list->values) + list->listed[index]->at);
}

static void list_finish(struct room_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->listed[i]);
    }
    free(list->listed);
    map_finish(&list->by_name);
    buf_finish(&list->values);
}

static int by_name(const void *a, const void *b)
{
    return str_cmp(listed_key(*(struct listed *const *)a), listed_key(*(struct listed *const *)b));
}

/* ---- asking ---- */

/* Reads one page; *cursor is where the next one begins, empty after the last. */
static enum ctl_exit read_page(struct ctl *ctl, struct room_list *list, const char *query,
                               struct buf *cursor)
{
    struct buf path = {0};
    struct ctl_answer answer;
    buf_printf(&path, "/v1/rooms?limit=%d%s", PAGE, query);
    if (buf_len(cursor) > 0) {
        buf_printf(&path, "&cursor=");
        url_encode_name(buf_str(cursor), &path);
    }
    buf_append_byte(&path, '\0');
    enum ctl_exit status = ctl_get(ctl, (const char *)buf_head(&path), &answer);
    buf_clear(cursor, SIZE_MAX);
    if (!status) {
        struct value_walk walk = value_items(value_get(answer.value, STR("rooms")));
        struct value room;
        while (value_next_item(&walk, &room)) {
            list_add(list, room);
        }
        buf_append_str(cursor, ctl_text(answer.value, "cursor", ""));
    }
    ctl_answer_finish(&answer);
    buf_finish(&path);
    return status;
}

static enum ctl_exit read_all(struct ctl *ctl, struct room_list *list, const char *query)
{
    struct buf cursor = {0};
    enum ctl_exit status;
    do {
        status = read_page(ctl, list, query, &cursor);
    } while (!status && buf_len(&cursor) > 0);
    buf_finish(&cursor);
    if (!status && list->count > 0) {
        qsort(list->listed, list->count, sizeof(struct listed *), by_name);
    }
    return status;
}

static void add_filter(struct buf *query, const char *name, const char *value)
{
    if (value) {
        buf_printf(query, "&%s=", name);
        url_encode_name(str_of(value), query);
    }
}

/* Those that the options want. */
static enum ctl_exit read_wanted(struct ctl *ctl, struct room_list *list)
{
    struct buf query = {0};
    add_filter(&query, "worker", ctl->options.worker);
    add_filter(&query, "node", ctl->options.node);
    buf_append_byte(&query, '\0');
    enum ctl_exit status = read_all(ctl, list, (const char *)buf_head(&query));
    buf_finish(&query);
    return status;
}

/* Those that were named, in that order. One that there is not is no reason to keep silent about the
 * others. */
static enum ctl_exit read_named(struct ctl *ctl, struct room_list *list)
{
    enum ctl_exit worst = CTL_OK;
    for (size_t i = 0; i < ctl->options.operand_count && worst != CTL_UNREACHABLE; i++) {
        struct ctl_answer answer;
        char *path = ctl_path("/v1/rooms/", ctl->options.operands[i], "");
        enum ctl_exit status = ctl_get(ctl, path, &answer);
        if (!status) {
            list_add(list, answer.value);
        }
        worst = status ? status : worst;
        ctl_answer_finish(&answer);
        free(path);
    }
    return worst;
}

/* ---- showing ---- */

static const struct table_column columns[] = {
    {"ROOM", false}, {"STATE", false},   {"OWNER", false},   {"EPOCH", true},
    {"CLOCK", true}, {"RECORDS", true},  {"BYTES", true},    {"SESSIONS", true},
    {"LOAD", true},  {"UPDATED", false}, {"REMARKS", false},
};
enum { COLUMNS = sizeof(columns) / sizeof(columns[0]) };

static void add_remarks(struct table *table, struct value room)
{
    struct str until = ctl_text(room, "quarantined_until", "");
    double crashes = ctl_number(room, "crashes");
    struct buf text = {0};
    if (until.len > 0) {
        buf_printf(&text, "until %.*s", STR_ARG(until));
    }
    if (crashes > 0) {
        buf_printf(&text, "%s%.0f workers died in it", buf_len(&text) ? ", " : "", crashes);
    }
    table_add(table, buf_str(&text));
    buf_finish(&text);
}

static enum ctl_exit print_table(const struct room_list *list)
{
    struct table table;
    struct buf text = {0};
    table_init(&table, columns, COLUMNS);
    for (size_t i = 0; i < list->count; i++) {
        struct value room = list_get(list, i);
        table_add(&table, ctl_text(room, "id", "?"));
        table_add(&table, ctl_text(room, "state", "?"));
        table_add(&table, ctl_text(room, "owner", "-"));
        table_add_number(&table, room, "epoch");
        table_add_number(&table, room, "clock");
        table_add_number(&table, room, "records");
        table_add_bytes(&table, room, "bytes");
        table_add_number(&table, room, "sessions");
        table_add_number(&table, room, "load");
        table_add(&table, ctl_text(room, "updated", "-"));
        add_remarks(&table, room);
    }
    table_render(&table, &text);
    enum ctl_exit status = ctl_print(&text);
    buf_finish(&text);
    table_finish(&table);
    return status;
}

static enum ctl_exit print_json(const struct room_list *list)
{
    struct buf array = {0};
    pack_array(&array, (uint32_t)list->count);
    for (size_t i = 0; i < list->count; i++) {
        pack_value(&array, list_get(list, i));
    }
    enum ctl_exit status = ctl_print_json(buf_value(&array));
    buf_finish(&array);
    return status;
}

enum ctl_exit ctl_rooms(struct ctl *ctl)
{
    struct room_list list = {0};
    map_init(&list.by_name, listed_key);
    bool named = ctl->options.operand_count > 0;
    enum ctl_exit status = named ? read_named(ctl, &list) : read_wanted(ctl, &list);
    if (!status || (named && list.count > 0)) {
        enum ctl_exit printed = ctl->options.json ? print_json(&list) : print_table(&list);
        status = status ? status : printed;
    }
    list_finish(&list);
    return status;
}

/* ---- for others ---- */

struct room_list *ctl_list_rooms(struct ctl *ctl, const char *query, enum ctl_exit *status)
{
    struct room_list *list = xcalloc(1, sizeof(*list));
    map_init(&list->by_name, listed_key);
    *status = read_all(ctl, list, query);
    return list;
}

size_t ctl_room_count(const struct room_list *list)
{
    return list->count;
}

struct value ctl_room_at(const struct room_list *list, size_t index)
{
    return list_get(list, index);
}

void ctl_room_list_destroy(struct room_list *list)
{
    if (list) {
        list_finish(list);
        free(list);
    }
}
