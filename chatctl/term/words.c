/* words - see words.h. */
#include "chatctl/term/words.h"

#include <stdlib.h>
#include <string.h>

/* Copies what a backslash or quote protects; returns behind it. */
static const char *take_protected(const char *s, char **out, char *open) {
    char quote = *s++;
    if (quote == '\\') {
        if (*s)
            *(*out)++ = *s++;
        return s;
    }
    for (; *s && *s != quote; s++) {
        if (quote == '"' && *s == '\\' && (s[1] == '"' || s[1] == '\\'))
            s++;
        *(*out)++ = *s;
    }
    if (!*s)
        *open = quote;
    return *s ? s + 1 : s;
}

bool words_split(struct words *w, const char *line) {
    size_t len = strlen(line);
    *w = (struct words){.ended = true};
    w->text = malloc(len + 2);
    w->v = calloc(len / 2 + 2, sizeof *w->v);
    if (!w->text || !w->v) {
        words_free(w);
        return false;
    }
    char *out = w->text;
    for (const char *s = line; *s;) {
        s += strspn(s, " \t\r\n");
        if (!*s || *s == '#')
            break;
        w->v[w->n++] = out;
        while (*s && !strchr(" \t\r\n", *s))
            if (strchr("'\"\\", *s))
                s = take_protected(s, &out, &w->open);
            else
                *out++ = *s++;
        w->ended = *s != '\0';
        *out++ = '\0';
    }
    return true;
}

void words_free(struct words *w) {
    free(w->text);
    free(w->v);
    *w = (struct words){0};
}
