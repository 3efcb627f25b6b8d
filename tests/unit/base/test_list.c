#include "base/list.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

struct item {
    int number;
    struct list link;
};

/* The numbers in order, as digits. */
static int digits(struct list *head)
{
    int value = 0;
    struct item *item;
    list_each(item, head, link, struct item)
    {
        value = value * 10 + item->number;
    }
    return value;
}

Test(list, keeps_the_order_of_appending)
{
    struct list head;
    struct item items[3] = {{.number = 1}, {.number = 2}, {.number = 3}};
    list_init(&head);
    cr_assert(list_empty(&head));
    for (int i = 0; i < 3; i++) {
        list_append(&head, &items[i].link);
    }
    cr_assert(not(list_empty(&head)));
    cr_assert(eq(int, digits(&head), 123));
    cr_assert(eq(ptr, list_entry(head.next, struct item, link), &items[0]));
}

Test(list, inserts_before_a_member)
{
    struct list head;
    struct item items[3] = {{.number = 1}, {.number = 2}, {.number = 3}};
    list_init(&head);
    list_append(&head, &items[2].link);
    list_insert_before(&items[2].link, &items[0].link);
    list_insert_before(&items[2].link, &items[1].link);
    cr_assert(eq(int, digits(&head), 123));
}

Test(list, removing_twice_does_nothing_more)
{
    struct list head;
    struct item items[2] = {{.number = 1}, {.number = 2}};
    list_init(&head);
    list_append(&head, &items[0].link);
    list_append(&head, &items[1].link);
    list_remove(&items[0].link);
    list_remove(&items[0].link);
    cr_assert(eq(int, digits(&head), 2));
    list_remove(&items[1].link);
    cr_assert(list_empty(&head));
}

Test(list, the_current_entry_may_go_while_iterating)
{
    struct list head;
    struct item items[5];
    struct item *item;
    list_init(&head);
    for (int i = 0; i < 5; i++) {
        items[i].number = i + 1;
        list_append(&head, &items[i].link);
    }
    list_each(item, &head, link, struct item)
    {
        if (item->number % 2 == 1) {
            list_remove(&item->link);
        }
    }
    cr_assert(eq(int, digits(&head), 24));
}
