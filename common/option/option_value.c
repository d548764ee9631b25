/* option_value - option_set: the one parser of values, which flag, environment and file end in, so
 * that they take and refuse the same with the same words. No message repeats a value: it may hold a
 * password. */
#include "common/option/option.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* From small to large; of two with one factor the later is the one to show. */
struct unit {
    const char *suffix;
    uint64_t factor;
};
static const struct unit PLAIN[] = {{"", 1}, {NULL, 0}};
static const struct unit SIZES[] = {
    {"", 1}, {"k", 1 << 10}, {"M", 1 << 20}, {"G", 1 << 30}, {NULL, 0}};
static const struct unit TIMES[] = {{"ms", 1},      {"", 1000},      {"s", 1000}, {"m", 60000},
                                    {"h", 3600000}, {"d", 86400000}, {NULL, 0}};

static const struct unit *units_of(enum option_type type) {
    if (type == OPTION_SIZE)
        return SIZES;
    return type == OPTION_DURATION ? TIMES : PLAIN;
}

static bool parse_amount(enum option_type type, const char *text, uint64_t *out) {
    uint64_t v = 0;
    const char *p = text;
    for (; *p >= '0' && *p <= '9'; p++)
        if (__builtin_mul_overflow(v, 10, &v) ||
            __builtin_add_overflow(v, (uint64_t)(*p - '0'), &v))
            return false;
    if (p == text)
        return false;
    for (const struct unit *u = units_of(type); u->suffix; u++)
        if (!strcasecmp(p, u->suffix))
            return !__builtin_mul_overflow(v, u->factor, out);
    return false;
}

static void show_amount(enum option_type type, uint64_t v, char out[32]) {
    const struct unit *best = units_of(type);
    for (const struct unit *u = best; v && u->suffix; u++)
        if (v % u->factor == 0)
            best = u;
    snprintf(out, 32, "%llu%s", (unsigned long long)(v / best->factor), best->suffix);
}

static bool set_amount(const struct option_def *d, uint64_t *field, const char *text, char *why,
                       size_t size) {
    uint64_t v;
    if (parse_amount(d->type, text, &v) && v >= d->min && v <= d->max) {
        *field = v;
        return true;
    }
    const char *what = "a number";
    if (d->type == OPTION_SIZE)
        what = "a size such as 4096, 64k or 16M,";
    else if (d->type == OPTION_DURATION)
        what = "a time such as 500ms, 10s or 5m,";
    char min[32], max[32];
    show_amount(d->type, d->min, min);
    show_amount(d->type, d->max, max);
    snprintf(why, size, "expected %s from %s to %s", what, min, max);
    return false;
}

static bool set_bool(bool *field, const char *text, char *why, size_t size) {
    static const char *const words[] = {"no", "yes", "false", "true", "off", "on", "0", "1"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (!strcasecmp(text, words[i])) {
            *field = i % 2;
            return true;
        }
    snprintf(why, size, "expected yes or no");
    return false;
}

static bool set_text(char **field, const char *text, char *why, size_t size) {
    char *s = strdup(text);
    if (!s) {
        snprintf(why, size, "out of memory");
        return false;
    }
    free(*field);
    *field = s;
    return true;
}

static bool is_choice(const char *choices, const char *text) {
    size_t len = strlen(text);
    for (const char *c = choices; c; c = strchr(c, '|') ? strchr(c, '|') + 1 : NULL)
        if (strcspn(c, "|") == len && !strncmp(c, text, len))
            return true;
    return false;
}

bool option_set(const struct option_def *d, void *settings, const char *text, char *why,
                size_t size) {
    void *field = (char *)settings + d->offset;
    switch (d->type) {
    case OPTION_BOOL:
        return set_bool(field, text, why, size);
    case OPTION_NUM:
    case OPTION_SIZE:
    case OPTION_DURATION:
        return set_amount(d, field, text, why, size);
    case OPTION_CHOICE:
        if (!is_choice(d->choices, text)) {
            snprintf(why, size, "expected one of %s", d->choices);
            return false;
        }
        return set_text(field, text, why, size);
    case OPTION_STR:
        break;
    }
    return set_text(field, text, why, size);
}

static size_t field_size(const struct option_def *d) {
    if (d->type == OPTION_STR || d->type == OPTION_CHOICE)
        return sizeof(char *);
    return d->type == OPTION_BOOL ? sizeof(bool) : sizeof(uint64_t);
}

bool option_differs(const struct option_def *d, const void *a, const void *b) {
    const void *x = (const char *)a + d->offset, *y = (const char *)b + d->offset;
    if (d->type != OPTION_STR && d->type != OPTION_CHOICE)
        return memcmp(x, y, field_size(d)) != 0;
    const char *s = *(char *const *)x, *t = *(char *const *)y;
    return !s || !t ? s != t : strcmp(s, t) != 0;
}

void option_swap(const struct option_def *d, void *a, void *b) {
    char kept[sizeof(uint64_t)], *x = (char *)a + d->offset, *y = (char *)b + d->offset;
    size_t n = field_size(d);
    memcpy(kept, x, n);
    memcpy(x, y, n);
    memcpy(y, kept, n);
}

void option_free(const struct option_program *p, void *settings) {
    for (const struct option_def *d = p->options; d->name; d++)
        if (d->type == OPTION_STR || d->type == OPTION_CHOICE) {
            char **field = (char **)(void *)((char *)settings + d->offset);
            free(*field);
            *field = NULL;
        }
}
