/* find - see find.h. */
#include "chatctl/ops/find.h"

#include "chatctl/ops/log.h"
#include "common/proto/validate.h"
#include "common/redis/reply.h"

#include <stdio.h>
#include <string.h>

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
    if (!*text) {
        complain("a user's name is empty");
        return STATUS_USAGE;
    }
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

const char *find_channel_name(struct invocation *in, const struct channel_id *ch, char *out,
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

/* --- A message --- */

struct wanted {
    const struct uuid *uuid;
    uint64_t seq; /* 0: not found */
};

static bool is_other(const struct log_entry *entry, void *arg) {
    struct wanted *wanted = arg;
    if (!entry->good || !uuid_eq(&entry->message.uuid, wanted->uuid))
        return true;
    wanted->seq = entry->message.seq;
    return false;
}

enum status find_message(struct invocation *in, const struct channel_id *ch,
                         const struct uuid *uuid, uint64_t *seq) {
    struct wanted wanted = {.uuid = uuid};
    struct log_range all = {.channel = *ch, .back = true, .up_to = LOG_END};
    enum status st = log_each(in, &all, is_other, &wanted);
    *seq = wanted.seq;
    if (st != STATUS_DONE || wanted.seq)
        return st;
    return interrupted() ? STATUS_INTERRUPTED : STATUS_NOT_FOUND;
}
