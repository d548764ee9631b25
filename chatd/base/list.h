/* list - doubly linked lists of what is in them: a list has `first` and `last`, and an element a
 * field with `prev` and `next`, so that it can be in several. */
#ifndef CHATD_BASE_LIST_H
#define CHATD_BASE_LIST_H

/* Nothing happens to one that isn't in the list and whose field is zeroed. */
#define LIST_REMOVE(list, s, field)                                                                \
    do {                                                                                           \
        if ((s)->field.prev)                                                                       \
            (s)->field.prev->field.next = (s)->field.next;                                         \
        else if ((list)->first == (s))                                                             \
            (list)->first = (s)->field.next;                                                       \
        if ((s)->field.next)                                                                       \
            (s)->field.next->field.prev = (s)->field.prev;                                         \
        else if ((list)->last == (s))                                                              \
            (list)->last = (s)->field.prev;                                                        \
        (s)->field.prev = (s)->field.next = NULL;                                                  \
    } while (0)

#define LIST_APPEND(list, s, field)                                                                \
    do {                                                                                           \
        (s)->field.next = NULL;                                                                    \
        (s)->field.prev = (list)->last;                                                            \
        if ((list)->last)                                                                          \
            (list)->last->field.next = (s);                                                        \
        else                                                                                       \
            (list)->first = (s);                                                                   \
        (list)->last = (s);                                                                        \
    } while (0)

#endif
