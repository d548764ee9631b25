/* theme - see theme.h. */
#include "chattui/model/theme.h"

#include "chattui/base/pairs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOOK_SIZE 256

static const struct {
    const char *name, *dark, *light, *plain;
} TABLE[] = {
#define X(sym, name, dark, light, plain) {name, dark, light, plain},
    STYLE_TABLE(X)
#undef X
};

/* --- Looks --- */

static const struct {
    const char *name;
    enum look_attrs attr;
} ATTRS[] = {{"bold", LOOK_BOLD},
             {"dim", LOOK_DIM},
             {"italic", LOOK_ITALIC},
             {"underline", LOOK_UNDERLINE},
             {"reverse", LOOK_REVERSE}};

static bool read_color(const char *word, int16_t *out) {
    static const char *const NAMES[] = {"black", "red",     "green", "yellow",
                                        "blue",  "magenta", "cyan",  "white"};
    if (strcmp(word, "default") == 0) {
        *out = -1;
        return true;
    }
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        if (strcmp(word, NAMES[i]) == 0) {
            *out = (int16_t)i;
            return true;
        }
    }
    char *end;
    long n = strtol(word, &end, 10);
    if (*word < '0' || *word > '9' || *end || n > 255)
        return false;
    *out = (int16_t)n;
    return true;
}

static bool read_attr(const char *word, uint8_t *attrs) {
    for (size_t i = 0; i < sizeof ATTRS / sizeof *ATTRS; i++) {
        if (strcmp(word, ATTRS[i].name) == 0) {
            *attrs |= (uint8_t)ATTRS[i].attr;
            return true;
        }
    }
    return false;
}

bool theme_read_look(const char *text, struct look *out) {
    struct look look = {.fg = -1, .bg = -1};
    int16_t *color = &look.fg;
    char words[LOOK_SIZE], *save, *word;
    size_t len = strlen(text);
    if (len >= sizeof words)
        return false;
    memcpy(words, text, len + 1);
    for (word = strtok_r(words, " \t,", &save); word; word = strtok_r(NULL, " \t,", &save)) {
        if (strcmp(word, "on") == 0)
            color = &look.bg;
        else if (!read_attr(word, &look.attrs) && !read_color(word, color))
            return false;
    }
    *out = look;
    return true;
}

/* --- Themes --- */

void theme_fit(struct theme *t, int colors) {
    for (size_t i = 0; i < STYLES; i++) {
        struct look *look = &t->looks[i];
        const char *rich = t->light ? TABLE[i].light : TABLE[i].dark;
        if (!t->own[i] && !theme_read_look(colors >= 256 ? rich : TABLE[i].plain, look))
            *look = (struct look){-1, -1, 0};
        if (look->fg >= colors)
            look->fg = -1;
        if (look->bg >= colors)
            look->bg = -1;
    }
}

bool theme_is_light(const char *setting, const char *colorfgbg) {
    const char *last = colorfgbg ? strrchr(colorfgbg, ';') : NULL;
    if (strcmp(setting, "auto") != 0)
        return strcmp(setting, "light") == 0;
    return last && (strcmp(last, ";7") == 0 || strcmp(last, ";15") == 0);
}

bool theme_set(struct theme *t, const char *name, const char *look, char *why, size_t size) {
    for (size_t i = 0; i < STYLES; i++) {
        if (strcmp(name, TABLE[i].name) != 0)
            continue;
        t->own[i] = theme_read_look(look, &t->looks[i]);
        if (!t->own[i])
            snprintf(why, size,
                     "\"%s\" is no look: words such as bold, underline, red, 203, on blue", look);
        return t->own[i];
    }
    snprintf(why, size, "there is no style \"%s\"", name);
    return false;
}

static bool set_pair(void *arg, const char *name, const char *value, char *why, size_t size) {
    return theme_set(arg, name, value, why, size);
}

bool theme_read(struct theme *t, const char *path, char *why, size_t size) {
    return pairs_read(path, set_pair, t, why, size);
}

enum style theme_nick(const char *name, size_t len) {
    uint32_t hash = 2166136261u; /* FNV-1a */
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ (unsigned char)name[i]) * 16777619u;
    hash ^= hash >> 16; /* the low bits alone are too alike */
    return (enum style)(STYLE_NICK0 + (int)(hash % THEME_NICKS));
}
