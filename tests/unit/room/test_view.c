/* All documents of a room as they were when a view of them was made. */
#include "fixture.h"

#include "room/view.h"

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
