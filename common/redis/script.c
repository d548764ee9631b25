/* script - see script.h. The bodies come from script_bodies.h, which the build writes. */
#include "common/redis/script.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "script_bodies.h" /* static const char BODY_<file>[], SHA_<file>[] */

struct row {
    const char *name, *body, *sha;
    size_t len;
};

static const struct row ROWS[] = {
#define X(sym, file) {#file, BODY_##file, SHA_##file, sizeof BODY_##file - 1},
    SCRIPT_TABLE(X)
#undef X
};

const char *script_name(enum script s) {
    return ROWS[s].name;
}

const char *script_body(enum script s, size_t *len) {
    *len = ROWS[s].len;
    return ROWS[s].body;
}

const char *script_sha(enum script s) {
    return ROWS[s].sha;
}

static const char *find_line(const char *body, unsigned long number) {
    while (body && --number > 0) {
        body = strchr(body, '\n');
        body = body ? body + 1 : NULL;
    }
    return body;
}

/* The command that is called in this line; "" if that can't be seen. */
static void find_command(const char *line, char *out, size_t size) {
    static const char call[] = "call('";
    const char *at = line ? strstr(line, call) : NULL;
    *out = '\0';
    if (!at || at > line + strcspn(line, "\n"))
        return;
    at += sizeof call - 1;
    snprintf(out, size, "%.*s in ", (int)strcspn(at, "'\n"), at);
}

/* What the head of the script's own file calls its keys. */
static const char *find_keys(const struct row *row, int *len) {
    static const char head[] = "\n-- KEYS  ";
    char title[64];
    snprintf(title, sizeof title, "-- %s:", row->name);
    const char *own = strstr(row->body, title), *at = own ? strstr(own, head) : NULL;
    at = at ? at + sizeof head - 1 : "";
    *len = (int)strcspn(at, "\n");
    return at;
}

bool script_blame(const char *error, char *out, size_t size) {
    static const char before[] = " script: ", behind[] = ", on @user_script:";
    const char *line = strstr(error, behind);
    const char *sha = line && line - error >= SCRIPT_SHA ? line - SCRIPT_SHA : NULL;
    size_t head = sizeof before - 1;
    char command[48];
    if (!sha || (size_t)(sha - error) < head || memcmp(sha - head, before, head) != 0)
        return false;
    for (size_t i = 0; i < SCRIPTS; i++) {
        if (strncmp(ROWS[i].sha, sha, SCRIPT_SHA) != 0)
            continue;
        int len;
        const char *keys = find_keys(&ROWS[i], &len);
        find_command(find_line(ROWS[i].body, strtoul(line + sizeof behind - 1, NULL, 10)), command,
                     sizeof command);
        snprintf(out, size, "%s%s (%.*s)", command, ROWS[i].name, len, keys);
        return true;
    }
    return false;
}
