/* All documents of a room as they were when a view of them was made. */
#include "fixture.h"

#include "room/view.h"

#include <stdio.h>

static struct fixture f;

static void setup(void)
{
    fixture_init(&f);
    connect_session(&f, "a");
    send_push(&f, "a", "'diff':{" PUT_COLORED("n1", "1") "," PUT_COLORED("n2", "2") "}");
    send_push(&f, "a", "'diff':{" PUT_COLORED("n3", "3") "}");
}

static void teardown(void)
{
    fixture_finish(&f);
}

TestSuite(view, .init = setup, .fini = teardown);

static void gives(struct room_view *view, size_t bytes, const char *want)
{
    struct buf diff = {0};
    struct buf text = {0};
    cr_assert(eq(int, room_view_next(view, bytes, &diff), want != NULL));
    if (want) {
        json_write(buf_value(&diff), &text);
        for (size_t i = 0; i < buf_len(&text); i++) {
            buf_head(&text)[i] = buf_head(&text)[i] == '"' ? '\'' : buf_head(&text)[i];
        }
        cr_assert(str_eq(buf_str(&text), str_of(want)), "%.*s", STR_ARG(buf_str(&text)));
    }
    buf_finish(&diff);
    buf_finish(&text);
}

Test(view, is_of_one_moment)
{
    uint32_t members;
    struct room_view *view = room_view_create(f.room, &members);
    cr_assert(eq(u32, members, 3));
    send_push(&f, "a", "'diff':{'n1':['remove'],'n2':['patch',{'n':['put',7]}]}");
    send_push(&f, "a", "'diff':{" PUT_COLORED("n4", "4") "}");
    gives(view, 1 << 20,
          "{" PUT_COLORED("n1", "1") "," PUT_COLORED("n2", "2") "," PUT_COLORED("n3", "3") "}");
    gives(view, 1 << 20, NULL);
    room_view_destroy(view);
}

Test(view, comes_in_parts_of_a_size)
{
    uint32_t members;
    struct room_view *view = room_view_create(f.room, &members);
    gives(view, 1, "{" PUT_COLORED("n1", "1") "}");
    gives(view, 100, "{" PUT_COLORED("n2", "2") "," PUT_COLORED("n3", "3") "}");
    gives(view, 100, NULL);
    room_view_destroy(view);
}

Test(view, can_be_given_up)
{
    uint32_t members;
    struct room_view *view = room_view_create(f.room, &members);
    gives(view, 1, "{" PUT_COLORED("n1", "1") "}");
    room_view_destroy(view);
    room_view_destroy(NULL);
}

/* ---- a view that has parts of an earlier one ---- */

/* Renews it; the numbers of the parts that were kept, and how many members there are. */
static struct room_view *renew(const struct room_view *before, const char *want_kept,
                               uint32_t want_members)
{
    enum { BYTES = 80 }; /* two notes */
    uint32_t members;
    struct buf kept = {0};
    struct buf text = {0};
    struct room_view *view = room_view_renew(f.room, before, BYTES, &kept, &members);
    json_write(buf_value(&kept), &text);
    cr_assert(str_eq(buf_str(&text), str_of(want_kept)), "%.*s", STR_ARG(buf_str(&text)));
    cr_assert(eq(u32, members, want_members));
    buf_finish(&kept);
    buf_finish(&text);
    return view;
}

Test(view, keeps_parts_that_have_not_changed)
{
    uint32_t members;
    send_push(&f, "a", "'diff':{" PUT_COLORED("n4", "4") "," PUT_COLORED("n5", "5") "}");
    struct room_view *first = room_view_create(f.room, &members);
    gives(first, 100, "{" PUT_COLORED("n1", "1") "," PUT_COLORED("n2", "2") "}");
    gives(first, 100, "{" PUT_COLORED("n3", "3") "," PUT_COLORED("n4", "4") "}");
    gives(first, 100, "{" PUT_COLORED("n5", "5") "}");
    send_push(&f, "a", "'diff':{'n3':['patch',{'n':['put',7]}]}");
    struct room_view *second = renew(first, "[0]", 5); /* the last one is small */
    gives(second, 200,
          "{" PUT_COLORED("n4", "4") "," PUT_COLORED("n5", "5") "," PUT_COLORED("n3", "7") "}");
    gives(second, 200, NULL);
    send_push(&f, "a", "'diff':{'n1':['remove']}");
    struct room_view *third = renew(second, "[1]", 4); /* by its place in the second */
    room_view_destroy(second);
    room_view_destroy(first);
    gives(third, 200, "{" PUT_COLORED("n2", "2") "}");
    gives(third, 200, NULL);
    struct room_view *same = renew(third, "[0]", 4);
    gives(same, 200, "{" PUT_COLORED("n2", "2") "}");
    room_view_destroy(third);
    room_view_destroy(same);
}

Test(view, keeps_what_was_handed_out_of_one_that_was_not_all)
{
    uint32_t members;
    struct room_view *first = room_view_create(f.room, &members);
    gives(first, 100, "{" PUT_COLORED("n1", "1") "," PUT_COLORED("n2", "2") "}");
    struct room_view *second = renew(first, "[0]", 3);
    room_view_destroy(first);
    gives(second, 100, "{" PUT_COLORED("n3", "3") "}");
    gives(second, 100, NULL);
    room_view_destroy(second);
}

/* A view as somebody has it who was given its parts. */
struct given {
    struct room_view *view;
    struct buf parts[128];
    uint32_t count;
};

static void take_next(struct given *given, uint32_t parts)
{
    enum { BYTES = 150 };
    while (parts-- > 0 && room_view_next(given->view, BYTES, &given->parts[given->count])) {
        cr_assert(lt(u32, ++given->count, 128));
    }
}

static void give_up(struct given *given)
{
    for (uint32_t i = 0; i < given->count; i++) {
        buf_finish(&given->parts[i]);
    }
    room_view_destroy(given->view);
    *given = (struct given){0};
}

static void take_over(struct given *given, const struct given *before, struct value kept)
{
    struct value_walk walk = value_items(kept);
    struct value item;
    uint64_t number;
    while (value_next_item(&walk, &item)) {
        cr_assert(value_u64(item, &number) && number < before->count);
        struct value part = buf_value(&before->parts[number]);
        buf_append(&given->parts[given->count++], part.data, part.len);
    }
}

/* All documents, each once, as the room has them. */
static void is_all(const struct given *given, uint32_t members)
{
    const struct documents *documents = room_documents(f.room);
    uint32_t count = 0;
    for (uint32_t i = 0; i < given->count; i++) {
        struct value_walk walk = value_members(buf_value(&given->parts[i]));
        struct str id;
        struct value op;
        while (value_next_member(&walk, &id, &op)) {
            const struct record *record = documents_get(documents, id);
            cr_assert(record && value_equal(value_item(op, 1), record_value(record)), "%.*s",
                      STR_ARG(id));
            count++;
        }
    }
    cr_assert(eq(u32, count, members));
    cr_assert(eq(u32, count, documents->records.count));
}

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525 + 1013904223;
    return *state >> 8;
}

static void change_some(uint32_t *state)
{
    for (uint32_t left = next_random(state) % 6; left > 0; left--) {
        char push[160];
        unsigned id = next_random(state) % 60;
        if (next_random(state) % 3 == 0) {
            snprintf(push, sizeof(push), "'diff':{'m%u':['remove']}", id);
        } else {
            snprintf(push, sizeof(push),
                     "'diff':{'m%u':['put',{'id':'m%u','typeName':'note','color':'red','n':%u}]}",
                     id, id, (unsigned)(next_random(state) % 1000));
        }
        send_push(&f, "a", push);
    }
}

Test(view, with_parts_of_others_is_all_there_is)
{
    uint32_t state = 1;
    struct given last = {0};
    uint32_t kept_parts = 0;
    for (int round = 0; round < 400; round++) {
        struct buf kept = {0};
        struct given next = {0};
        uint32_t members;
        change_some(&state);
        if (last.view) {
            next.view = room_view_renew(f.room, last.view, 150, &kept, &members);
            take_over(&next, &last, buf_value(&kept));
            kept_parts += next.count;
        } else {
            next.view = room_view_create(f.room, &members);
        }
        give_up(&last);
        buf_finish(&kept);
        bool all = next_random(&state) % 4 > 0;
        take_next(&next, all ? UINT32_MAX : next_random(&state) % 5);
        if (all) {
            is_all(&next, members);
        }
        last = next;
    }
    give_up(&last);
    cr_assert(gt(u32, kept_parts, 400));
}
