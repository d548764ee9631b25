/* members - see members.h. */
#include "chattui/model/members.h"

#include <stdlib.h>
#include <string.h>

void members_clear(struct members *ms) {
    ms->n = 0;
    ms->total = 0;
}

void members_free(struct members *ms) {
    free(ms->list);
    memset(ms, 0, sizeof *ms);
}

static bool is_member(const struct members *ms, const struct person *p) {
    for (size_t i = 0; i < ms->n; i++)
        if (ms->list[i] == p)
            return true;
    return false;
}

bool members_add(struct members *ms, struct person *p) {
    if (!p || is_member(ms, p) || ms->n >= MEMBERS_MAX)
        return false;
    if (ms->n == ms->cap) {
        size_t cap = ms->cap ? ms->cap * 2 : 16;
        struct person **list = realloc(ms->list, cap * sizeof *list);
        if (!list)
            return false;
        ms->list = list;
        ms->cap = cap;
    }
    ms->list[ms->n++] = p;
    return true;
}

bool members_remove(struct members *ms, const struct person *p) {
    for (size_t i = 0; i < ms->n; i++)
        if (ms->list[i] == p) {
            ms->n--;
            memmove(ms->list + i, ms->list + i + 1, (ms->n - i) * sizeof *ms->list);
            return true;
        }
    return false;
}

static int member_order(const void *a, const void *b) {
    const struct person *x = *(struct person *const *)a, *y = *(struct person *const *)b;
    if (x->online != y->online)
        return x->online ? -1 : 1;
    int order = name_order(x->name, y->name);
    return order ? order : uuid_cmp(&x->uuid, &y->uuid);
}

void members_sort(struct members *ms) {
    if (ms->n > 1)
        qsort(ms->list, ms->n, sizeof *ms->list, member_order);
}

size_t members_online(const struct members *ms) {
    size_t n = 0;
    while (n < ms->n && ms->list[n]->online)
        n++;
    return n;
}
