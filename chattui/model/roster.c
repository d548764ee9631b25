/* roster - see roster.h. Persons live until roster_free: others point at them. */
#include "chattui/model/roster.h"

#include "chattui/base/text.h"
#include "common/proto/validate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* --- Names --- */

static unsigned char fold_byte(char c) {
    return (unsigned char)text_lower((unsigned char)c);
}

int name_order(const char *a, const char *b) {
    size_t i = 0;
    while (a[i] && fold_byte(a[i]) == fold_byte(b[i]))
        i++;
    int order = fold_byte(a[i]) - fold_byte(b[i]);
    return order ? order : strcmp(a, b);
}

static bool begins_ascii(const char *name, const char *s, size_t len) {
    for (size_t i = 0; i < len; i++)
        if (!name[i] || fold_byte(name[i]) != fold_byte(s[i]))
            return false;
    return true;
}

/* Both as the protocol compares names; false: one can't be. */
static bool fold_both(const char *a, size_t a_len, const char *b, size_t b_len,
                      char folded[2][NAME_FOLDED_MAX + 1], size_t len[2]) {
    return name_fold(a, a_len, folded[0], &len[0]) && name_fold(b, b_len, folded[1], &len[1]);
}

bool name_begins(const char *name, const char *s, size_t len) {
    char folded[2][NAME_FOLDED_MAX + 1];
    size_t n[2];
    return begins_ascii(name, s, len) ||
           (fold_both(name, strlen(name), s, len, folded, n) && n[1] > 0 && n[1] <= n[0] &&
            memcmp(folded[0], folded[1], n[1]) == 0);
}

static bool is_same_name(const char *a, const char *b) {
    char folded[2][NAME_FOLDED_MAX + 1];
    size_t n[2];
    return fold_both(a, strlen(a), b, strlen(b), folded, n) && n[0] == n[1] &&
           memcmp(folded[0], folded[1], n[0]) == 0;
}

/* --- Everybody --- */

bool roster_init(struct roster *r) {
    memset(r, 0, sizeof *r);
    return table_init(&r->by_uuid);
}

void roster_free(struct roster *r) {
    for (size_t i = 0; i < r->n; i++) {
        free(r->by_name[i]->name);
        free(r->by_name[i]);
    }
    free(r->by_name);
    table_free(&r->by_uuid);
    memset(r, 0, sizeof *r);
}

struct person *roster_get(const struct roster *r, const struct uuid *uuid) {
    struct table_node *n = table_find(&r->by_uuid, uuid, sizeof *uuid);
    return n ? container_of(n, struct person, node) : NULL;
}

/* The index at which a name is, or belongs. Equal names (of different people) lie next to each
 * other. */
static size_t seek_name(const struct roster *r, const char *name) {
    size_t lo = 0, hi = r->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (name_order(r->by_name[mid]->name, name) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static void enter_name(struct roster *r, struct person *p) {
    size_t i = seek_name(r, p->name);
    memmove(r->by_name + i + 1, r->by_name + i, (r->n - i) * sizeof *r->by_name);
    r->by_name[i] = p;
    r->n++;
}

static void leave_name(struct roster *r, const struct person *p) {
    size_t i = seek_name(r, p->name);
    while (i < r->n && r->by_name[i] != p)
        i++;
    if (i == r->n)
        return;
    r->n--;
    memmove(r->by_name + i, r->by_name + i + 1, (r->n - i) * sizeof *r->by_name);
}

static bool roster_grow(struct roster *r) {
    if (r->n >= ROSTER_MAX)
        return false;
    if (r->n < r->cap)
        return true;
    size_t cap = r->cap ? r->cap * 2 : 64;
    struct person **list = realloc(r->by_name, cap * sizeof *list);
    if (!list)
        return false;
    r->by_name = list;
    r->cap = cap;
    return true;
}

static struct person *add_person(struct roster *r, const struct uuid *uuid, char *name) {
    struct person *p = roster_grow(r) ? calloc(1, sizeof *p) : NULL;
    if (!p) {
        free(name);
        return NULL;
    }
    p->uuid = *uuid;
    p->name = name;
    table_add(&r->by_uuid, &p->node, &p->uuid, sizeof p->uuid);
    enter_name(r, p);
    return p;
}

struct person *roster_put(struct roster *r, const struct uuid *uuid, const char *name, size_t len) {
    struct person *p = roster_get(r, uuid);
    if (len > NAME_MAX_BYTES)
        len = NAME_MAX_BYTES;
    if (p && (len == 0 || (strlen(p->name) == len && memcmp(p->name, name, len) == 0)))
        return p;
    char *copy = strndup(name, len);
    if (!copy)
        return p;
    if (!p)
        return add_person(r, uuid, copy);
    leave_name(r, p);
    free(p->name);
    p->name = copy;
    enter_name(r, p);
    return p;
}

struct person *roster_find(const struct roster *r, const char *name, size_t len) {
    char text[NAME_MAX_BYTES + 1];
    if (len == 0 || len > NAME_MAX_BYTES)
        return NULL;
    memcpy(text, name, len);
    text[len] = '\0';
    size_t i = seek_name(r, text);
    if (i < r->n && strcmp(r->by_name[i]->name, text) == 0)
        return r->by_name[i];
    struct person *found = NULL; /* others that differ in case lie around the place */
    while (i > 0 && strcasecmp(r->by_name[i - 1]->name, text) == 0)
        i--;
    for (; i < r->n && strcasecmp(r->by_name[i]->name, text) == 0; i++) {
        if (found)
            return NULL;
        found = r->by_name[i];
    }
    for (size_t k = 0; !found && k < r->n; k++) /* by the protocol no two are the same then */
        if (is_same_name(r->by_name[k]->name, text))
            found = r->by_name[k];
    return found;
}

const char *roster_name(const struct roster *r, const struct uuid *uuid, char spare[16]) {
    const struct person *p = roster_get(r, uuid);
    if (p && *p->name)
        return p->name;
    char text[UUID_TEXT + 1];
    uuid_format(uuid, text);
    snprintf(spare, 16, "%.8s", text);
    return spare;
}

void roster_spoke(struct roster *r, struct person *p) {
    p->spoke = ++r->clock;
}
