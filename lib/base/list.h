/* Intrusive doubly linked list. The head's comment names its members' link:
 *      struct list sessions; // of struct room_session.link
 * A link is in one list or self-linked; list_remove on a self-linked one does nothing. */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *prev, *next;
};

#define list_entry(node, type, member) ((type *)(void *)((char *)(node)-offsetof(type, member)))

/* The body may remove the current entry, and no other. */
#define list_each(pos, head, member, type)                                                         \
    for (struct list *pos##_node = (head)->next, *pos##_next = pos##_node->next;                   \
         pos##_node != (head) && ((pos) = list_entry(pos##_node, type, member), true);             \
         pos##_node = pos##_next, pos##_next = pos##_node->next)

static inline void list_init(struct list *list)
{
    list->prev = list->next = list;
}

static inline bool list_empty(const struct list *list)
{
    return list->next == list;
}

static inline void list_insert_before(struct list *pos, struct list *node)
{
    node->prev = pos->prev;
    node->next = pos;
    pos->prev->next = node;
    pos->prev = node;
}

static inline void list_append(struct list *head, struct list *node)
{
    list_insert_before(head, node);
}

/* Moves all of `from` behind what `to` has. */
static inline void list_splice(struct list *to, struct list *from)
{
    if (!list_empty(from)) {
        from->next->prev = to->prev;
        to->prev->next = from->next;
        from->prev->next = to;
        to->prev = from->prev;
        list_init(from);
    }
}

static inline void list_remove(struct list *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    list_init(node);
}

#endif
