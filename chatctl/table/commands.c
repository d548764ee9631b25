/* commands - see commands.h: the table, put together, and what the commands share. */
#include "chatctl/table/commands.h"

#include "chatctl/table/cmd.h"
#include "chatctl/term/signals.h"
#include "common/base/sanitize.h"
#include "common/proto/validate.h"
#include "common/redis/reply.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct command *const GROUPS[] = {CMD_USER,    CMD_SESSION, CMD_CHANNEL, CMD_PURGE,
                                               CMD_MESSAGE, CMD_SEND,    CMD_EXPORT,  CMD_IMPORT,
                                               CMD_NODE,    CMD_FSCK,    CMD_SELF};

const struct command *command_at(size_t i) {
    for (size_t g = 0; g < sizeof GROUPS / sizeof *GROUPS; g++)
        for (const struct command *c = GROUPS[g]; c->verb; c++)
            if (i-- == 0)
                return c;
    return NULL;
}

/* --- Options --- */

static const struct parsed_opt *find_opt(const struct invocation *in, const char *name) {
    const struct parsed_opt *found = NULL;
    for (size_t i = 0; i < in->nparsed; i++) /* the last one counts */
        if (strcmp(in->parsed[i].opt->name, name) == 0)
            found = &in->parsed[i];
    return found;
}

bool given(const struct invocation *in, const char *name) {
    return find_opt(in, name) != NULL;
}

const char *opt_text(const struct invocation *in, const char *name) {
    const struct parsed_opt *p = find_opt(in, name);
    return p ? p->text : NULL;
}

int64_t opt_number(const struct invocation *in, const char *name, int64_t dflt) {
    const struct parsed_opt *p = find_opt(in, name);
    return p ? p->number : dflt;
}

/* --- Talk --- */

#define TALK_MAX 4096

/* Whatever is in it, it may end on a terminal. */
static void talk(const char *before, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));
static void talk(const char *before, const char *fmt, va_list ap) {
    char text[TALK_MAX];
    struct buf safe;
    buf_init(&safe, 4 * TALK_MAX);
    vsnprintf(text, sizeof text, fmt, ap);
    sanitize(&safe, text, strlen(text), true);
    fprintf(stderr, "%s%s\n", before, buf_cstr(&safe));
    buf_free(&safe);
}

void say(const struct invocation *in, const char *fmt, ...) {
    if (in->quiet)
        return;
    va_list ap;
    va_start(ap, fmt);
    talk("", fmt, ap);
    va_end(ap);
}

void complain(const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    talk("chatctl: ", fmt, ap);
    va_end(ap);
}

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

/* What Redis' errors mean to who administers it. */
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
    bool from_store = strncmp(e->detail, "store: ", 7) == 0;
    const char *word = from_store ? e->detail + 7 : e->detail, *meaning = meaning_of(word);
    bool bare =
        e->code == ERR_UNAVAILABLE || e->code == ERR_NOT_AUTHORIZED || e->code == ERR_INTERNAL;
    if (meaning)
        complain("Redis answers %s: %s", word, meaning);
    else if (from_store)
        complain("Redis answers %s; chatctl doctor looks at its settings and permissions", word);
    else if (!bare && *e->detail)
        complain("%s: %s", err_text(e->code), e->detail);
    else
        complain("%s", *e->detail ? e->detail : err_text(e->code));
    return status_of(e->code);
}

enum status confirm(struct invocation *in, const char *what) {
    char answer[16];
    if (in->yes)
        return STATUS_DONE;
    if (!in->interactive) {
        complain("%s Refused without --yes, since nobody can be asked here", what);
        return STATUS_REFUSED;
    }
    complain("%s [y/N]", what);
    if (!fgets(answer, sizeof answer, stdin))
        answer[0] = '\0';
    if (interrupted())
        return STATUS_INTERRUPTED;
    if (strcmp(answer, "y\n") == 0 || strcmp(answer, "yes\n") == 0)
        return STATUS_DONE;
    say(in, "nothing was done");
    return STATUS_REFUSED;
}

/* --- Users and channels by name --- */

static enum status no_user(const char *text) {
    complain("no user '%.200s'", text);
    return STATUS_NOT_FOUND;
}

/* The uuid behind a name; nil if nobody has it. */
static enum status holder_of(struct invocation *in, const char *text, struct uuid *out) {
    char name[NAME_MAX_BYTES + 1], folded[NAME_FOLDED_MAX + 1];
    size_t len, folded_len;
    struct err e;
    memset(out, 0, sizeof *out);
    if (name_check(text, strlen(text), name, &len, &e) ||
        !name_fold(name, len, folded, &folded_len))
        return STATUS_DONE; /* no user can be called that */
    cmd_name_get(redis_sync_cmd(in->redis), redis_sync_keys(in->redis), folded, folded_len);
    const struct redisReply *r = redis_sync_do(in->redis, &e);
    if (!r || reply_uuid(r, out, &e))
        return fail(&e);
    return STATUS_DONE;
}

enum status find_user(struct invocation *in, const char *text, struct uuid *out, char *name) {
    if (!uuid_read(text, strlen(text), out)) {
        enum status status = holder_of(in, text, out);
        if (status)
            return status;
    }
    if (uuid_is_nil(out))
        return no_user(text);
    const char *s;
    size_t len;
    struct err e;
    cmd_user_name(redis_sync_cmd(in->redis), redis_sync_keys(in->redis), out);
    const struct redisReply *r = redis_sync_do(in->redis, &e);
    if (!r || reply_str(r, &s, &len, &e))
        return fail(&e);
    if (!s || len == 0 || len > NAME_MAX_BYTES)
        return no_user(text);
    if (name) {
        memcpy(name, s, len);
        name[len] = '\0';
    }
    return STATUS_DONE;
}

enum status find_channel(struct invocation *in, const char *text, struct channel_id *out) {
    char side[NAME_FOLDED_MAX + 1];
    struct uuid users[2];
    if (channel_parse(text, strlen(text), out))
        return STATUS_DONE;
    const char *comma = strchr(text, ',');
    if (!comma || strchr(comma + 1, ',') || (size_t)(comma - text) >= sizeof side) {
        complain("no channel '%.200s'; it is public, or two users: alice,bob", text);
        return STATUS_NOT_FOUND;
    }
    snprintf(side, sizeof side, "%.*s", (int)(comma - text), text);
    const char *const sides[] = {side, comma + 1};
    for (size_t i = 0; i < 2; i++) {
        if (uuid_read(sides[i], strlen(sides[i]), &users[i]))
            continue; /* also of a user who is gone: the channel stays */
        enum status status = find_user(in, sides[i], &users[i], NULL);
        if (status)
            return status;
    }
    *out = channel_dm(&users[0], &users[1]);
    return STATUS_DONE;
}

const char *channel_name(struct invocation *in, const struct channel_id *ch, char *out,
                         size_t size) {
    if (ch->kind == CHANNEL_PUBLIC) {
        snprintf(out, size, "public");
        return out;
    }
    const struct uuid *const sides[] = {&ch->low, &ch->high};
    size_t at = 0;
    for (size_t i = 0; i < 2; i++) {
        char text[UUID_TEXT + 1];
        const char *s = NULL;
        size_t len = 0;
        struct err e;
        cmd_user_name(redis_sync_cmd(in->redis), redis_sync_keys(in->redis), sides[i]);
        const struct redisReply *r = redis_sync_do(in->redis, &e);
        if (!r || reply_str(r, &s, &len, &e) || !s || len == 0 || len > NAME_MAX_BYTES) {
            uuid_format(sides[i], text);
            s = text;
            len = UUID_TEXT;
        }
        int n = snprintf(out + at, size - at, "%s%.*s", i ? "," : "", (int)len, s);
        at += n > 0 && (size_t)n < size - at ? (size_t)n : size - at - 1;
    }
    return out;
}
