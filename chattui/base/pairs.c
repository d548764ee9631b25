/* pairs - see pairs.h. */
#include "chattui/base/pairs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* The text without spaces at its ends. */
static char *trim(char *s) {
    s += strspn(s, " \t");
    for (size_t n = strlen(s); n && strchr(" \t", s[n - 1]); n--)
        s[n - 1] = '\0';
    return s;
}

static bool read_line(char *line, pair_fn *fn, void *arg, char *why, size_t size) {
    line[strcspn(line, "#\r\n")] = '\0';
    char *name = trim(line), *value = strchr(name, '=');
    if (!*name)
        return true;
    if (!value) {
        snprintf(why, size, "a line is `name = value`");
        return false;
    }
    *value++ = '\0';
    return fn(arg, trim(name), trim(value), why, size);
}

bool pairs_read(const char *path, pair_fn *fn, void *arg, char *why, size_t size) {
    char line[PAIRS_LINE], reason[2 * PAIRS_LINE];
    bool ok = true;
    FILE *f = fopen(path, "re");
    if (!f) {
        snprintf(why, size, "%s: %s", path, strerror(errno));
        return false;
    }
    for (unsigned n = 1; ok && fgets(line, sizeof line, f); n++)
        if (!(ok = read_line(line, fn, arg, reason, sizeof reason)))
            snprintf(why, size, "%s:%u: %s", path, n, reason);
    if (ok && ferror(f)) {
        snprintf(why, size, "%s: %s", path, strerror(errno));
        ok = false;
    }
    fclose(f);
    return ok;
}
