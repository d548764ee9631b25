/* status - see status.h. */
#include "chatctl/table/status.h"

#include "chatctl/term/talk.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

static enum status status_of(enum err_code code) {
    switch (code) {
    case ERR_OK:
        return STATUS_DONE;
    case ERR_BAD_FIELD:
    case ERR_BAD_NAME:
    case ERR_TOO_LARGE:
        return STATUS_USAGE;
    case ERR_NOT_FOUND:
        return STATUS_NOT_FOUND;
    case ERR_NAME_TAKEN:
    case ERR_UUID_TAKEN:
        return STATUS_CONFLICT;
    case ERR_UNAVAILABLE:
    case ERR_NOT_AUTHORIZED: /* Redis doesn't let us in */
        return STATUS_UNAVAILABLE;
    default:
        return STATUS_FAILED;
    }
}

/* Redis' errors, in the words of an administrator. */
static const struct {
    const char *word, *meaning;
} MEANINGS[] = {
    {"NOPERM", "it does not permit this to its user; chatctl doctor lists what is missing"},
    {"WRONGTYPE", "a key under the prefix is of another type than ours; chatctl fsck names it"},
    {"OOM",
     "its memory is full (maxmemory). channel purge --grace 0 makes room: what it removes can't be "
     "brought back"},
    {"READONLY", "it is a replica, which takes no writes: name the master"},
    {"LOADING", "it is reading its data in after a start; try again"},
    {"BUSY", "a script runs in it for long; try again"},
    {"MISCONF", "it can't write to its disk, and takes no writes until it can"},
    {"NOREPLICAS", "fewer replicas are connected than it demands (min-replicas-to-write)"},
    {"MASTERDOWN", "it is a replica that has lost its master"},
    {"CLUSTERDOWN", "a part of the cluster is down"},
};

static const char *meaning_of(const char *word) {
    for (size_t i = 0; i < sizeof MEANINGS / sizeof *MEANINGS; i++)
        if (strcmp(MEANINGS[i].word, word) == 0)
            return MEANINGS[i].meaning;
    return NULL;
}

enum status fail(const struct err *e) {
    bool from_redis = strncmp(e->detail, "store: ", 7) == 0;
    const char *word = from_redis ? e->detail + 7 : e->detail, *meaning = meaning_of(word);
    bool bare =
        e->code == ERR_UNAVAILABLE || e->code == ERR_NOT_AUTHORIZED || e->code == ERR_INTERNAL;
    if (meaning)
        complain("Redis answers %s: %s", word, meaning);
    else if (from_redis)
        complain("Redis answers %s; chatctl doctor looks at its settings and permissions", word);
    else if (!bare && *e->detail)
        complain("%s: %s", err_text(e->code), e->detail);
    else
        complain("%s", *e->detail ? e->detail : err_text(e->code));
    return status_of(e->code);
}

enum status status_no_memory(void) {
    return fail(&(struct err){.code = ERR_INTERNAL, .detail = "out of memory"});
}

enum status status_stopped(const char *what, uint64_t done) {
    complain("interrupted: %llu %s", (unsigned long long)done, what);
    return STATUS_INTERRUPTED;
}
