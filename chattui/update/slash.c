/* slash - see slash.h. */
#include "chattui/update/slash.h"

#include <string.h>

static const struct slash_def TABLE[] = {
#define X(name, args, help, least, most, first, second, words)                                     \
    {#name, args, help, least, most, {SLASH_##first, SLASH_##second}, words},
    SLASH_TABLE(X)
#undef X
};

const struct slash_def *slash_at(size_t i) {
    return i < sizeof TABLE / sizeof *TABLE ? &TABLE[i] : NULL;
}

const struct slash_def *slash_find(const char *name, size_t len) {
    const struct slash_def *d;
    for (size_t i = 0; (d = slash_at(i)); i++)
        if (strlen(d->name) == len && memcmp(d->name, name, len) == 0)
            return d;
    return NULL;
}
