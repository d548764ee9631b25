/* user_ban - who is kept out: ban, unban, kick, and the sessions one by one. */
#include "chatctl/commands/user_commands.h"
#include "chatctl/ops/ask.h"
#include "chatctl/ops/user.h"
#include "common/base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define EVENT_MAX 512
#define REASON_MAX 1000
#define SESSION_MARK "k."
#define SESSION_SHOWN 12 /* characters of a key's hash: 72 bits tell any two apart */

static const struct column BAN_COLUMNS[] = {{"name", COLUMN_TEXT},         {"uuid", COLUMN_TEXT},
                                            {"banned_until", COLUMN_TIME}, {"reason", COLUMN_TEXT},
                                            {"nodes", COLUMN_NUMBER},      {NULL, COLUMN_TEXT}};

/* --- Banning --- */

static enum status write_ban(struct invocation *in, const struct uuid *user, const char *name,
                             int64_t until_ms, const char *reason) {
    char until[24] = "";
    if (until_ms)
        snprintf(until, sizeof until, "%" PRId64, until_ms);
    struct cmd *c = redis_sync_cmd(in->redis);
    cmd_user_change(c, redis_sync_keys(in->redis), user);
    cmd_user_field(c, "banned", until, strlen(until));
    cmd_user_field(c, "ban-reason", reason, strlen(reason));
    return user_change(in, name);
}

static void print_ban(struct invocation *in, const struct uuid *user, const char *name,
                      int64_t until_ms, const char *reason, int64_t nodes) {
    output_begin(in->out, BAN_COLUMNS, true);
    output_text(in->out, name, strlen(name));
    output_uuid(in->out, user);
    output_time(in->out, until_ms);
    if (*reason)
        output_text(in->out, reason, strlen(reason));
    else
        output_none(in->out);
    output_number(in->out, nodes);
}

enum status user_ban(struct invocation *in) {
    const char *reason = opt_text(in, "reason") ? opt_text(in, "reason") : "";
    int64_t nodes = 0, until = FOR_EVER_MS;
    struct uuid user;
    char name[NAME_MAX_BYTES + 1];
    if (strlen(reason) > REASON_MAX || !utf8_valid(reason, strlen(reason))) {
        complain("--reason: expected text of at most %d bytes", REASON_MAX);
        return STATUS_USAGE;
    }
    if (given(in, "for"))
        until = clock_wall_ms() + opt_number(in, "for", 0);
    enum status status = find_user(in, in->args[0], &user, name);
    if (status)
        return status;
    if (in->dry_run) {
        say(in, "would ban %s", name);
        return STATUS_DONE;
    }
    status = write_ban(in, &user, name, until, reason);
    if (status == STATUS_DONE)
        status = user_put_out(in, &user, CLOSE_BANNED, &nodes);
    if (status == STATUS_DONE)
        print_ban(in, &user, name, until, reason, nodes);
    return status;
}

enum status user_unban(struct invocation *in) {
    struct uuid user;
    char name[NAME_MAX_BYTES + 1];
    enum status status = find_user(in, in->args[0], &user, name);
    if (status)
        return status;
    if (in->dry_run) {
        say(in, "would unban %s", name);
        return STATUS_DONE;
    }
    status = write_ban(in, &user, name, 0, "");
    if (status == STATUS_DONE)
        print_ban(in, &user, name, 0, "", 0);
    return status;
}

/* --- Kicking --- */

static const struct column KICK_COLUMNS[] = {
    {"name", COLUMN_TEXT}, {"uuid", COLUMN_TEXT}, {"nodes", COLUMN_NUMBER}, {NULL, COLUMN_TEXT}};

/* The keys go first, so that a client that comes back at once finds its own gone. */
enum status user_kick(struct invocation *in) {
    struct uuid user;
    char name[NAME_MAX_BYTES + 1];
    const struct redisReply *r;
    int64_t nodes = 0;
    enum status status = find_user(in, in->args[0], &user, name);
    if (status)
        return status;
    if (in->dry_run) {
        say(in, "would kick %s", name);
        return STATUS_DONE;
    }
    if (!given(in, "keep-sessions")) {
        cmd_keys_remove(redis_sync_cmd(in->redis), redis_sync_keys(in->redis), &user);
        status = ask(in, &r);
    }
    if (status == STATUS_DONE)
        status = user_close(in, &user, CLOSE_KICKED, &nodes);
    if (status)
        return status;
    output_begin(in->out, KICK_COLUMNS, true);
    output_text(in->out, name, strlen(name));
    output_uuid(in->out, &user);
    output_number(in->out, nodes);
    return STATUS_DONE;
}

/* --- Sessions --- */

static const struct column SESSION_COLUMNS[] = {
    {"session", COLUMN_TEXT}, {"expires", COLUMN_TIME}, {NULL, COLUMN_TEXT}};

/* "k." and the beginning of the hash: marked, since a hash may begin with a dash. */
static void session_name(const char *hash, size_t len, char out[SESSION_SHOWN + 3]) {
    snprintf(out, SESSION_SHOWN + 3, SESSION_MARK "%.*s",
             (int)(len < SESSION_SHOWN ? len : SESSION_SHOWN), hash);
}

enum status session_list(struct invocation *in) {
    struct uuid user;
    const struct redisReply *r;
    size_t n;
    struct err e = {0};
    enum status status = find_user(in, in->args[0], &user, NULL);
    if (status)
        return status;
    cmd_keys_list(redis_sync_cmd(in->redis), redis_sync_keys(in->redis), &user);
    if ((status = ask(in, &r)))
        return status;
    if (reply_array(r, &n, &e))
        return fail(&e);
    output_begin(in->out, SESSION_COLUMNS, false);
    output_page(in->out);
    for (size_t i = 0; i + 1 < n; i += 2) {
        const char *hash;
        size_t len;
        int64_t expires;
        char shown[SESSION_SHOWN + 3];
        if (reply_str(reply_item(r, i), &hash, &len, &e) || !hash ||
            reply_i64(reply_item(r, i + 1), 0, &expires, &e) || expires <= clock_wall_ms())
            continue;
        session_name(hash, len, shown);
        output_text(in->out, shown, strlen(shown));
        output_time(in->out, expires);
    }
    return STATUS_DONE;
}

/* The whole hash of the session that is named; STATUS_CONFLICT when two begin so. */
static enum status find_session(struct invocation *in, const struct uuid *user, const char *text,
                                char hash[KEY_HASH_TEXT + 1]) {
    const struct redisReply *r;
    const char *begin = strncmp(text, SESSION_MARK, 2) == 0 ? text + 2 : text;
    size_t n, found = 0;
    struct err e = {0};
    cmd_keys_list(redis_sync_cmd(in->redis), redis_sync_keys(in->redis), user);
    enum status status = ask(in, &r);
    if (status)
        return status;
    if (reply_array(r, &n, &e))
        return fail(&e);
    for (size_t i = 0; *begin && i + 1 < n; i += 2) {
        const char *s;
        size_t len;
        if (reply_str(reply_item(r, i), &s, &len, &e) || !s || len != KEY_HASH_TEXT ||
            strncmp(s, begin, strlen(begin)) != 0)
            continue;
        memcpy(hash, s, len);
        hash[len] = '\0';
        found++;
    }
    if (found == 1)
        return STATUS_DONE;
    complain(found ? "more than one session begins with '%.60s'" : "no session '%.60s'", text);
    return found ? STATUS_CONFLICT : STATUS_NOT_FOUND;
}

static enum status revoke_one(struct invocation *in, const struct uuid *user, const char *text,
                              int64_t *revoked) {
    char hash[KEY_HASH_TEXT + 1];
    int64_t removed = 0;
    struct buf b;
    enum status status = find_session(in, user, text, hash);
    if (status || in->dry_run)
        return status;
    buf_init(&b, EVENT_MAX);
    event_write_key_revoked(&b, hash);
    cmd_key_revoke(redis_sync_cmd(in->redis), redis_sync_keys(in->redis), user, hash, b.data,
                   b.len);
    status = ask_i64(in, &removed);
    buf_free(&b);
    *revoked += removed;
    return status;
}

static const struct column REVOKE_COLUMNS[] = {
    {"name", COLUMN_TEXT}, {"uuid", COLUMN_TEXT}, {"revoked", COLUMN_NUMBER}, {NULL, COLUMN_TEXT}};

enum status session_revoke(struct invocation *in) {
    struct uuid user;
    char name[NAME_MAX_BYTES + 1];
    int64_t revoked = 0;
    bool all = given(in, "all");
    if (all == (in->nargs > 1)) {
        complain(all ? "--all or sessions, not both" : "which sessions? Name them, or --all");
        return STATUS_USAGE;
    }
    enum status status = find_user(in, in->args[0], &user, name);
    if (status == STATUS_DONE && all && !in->dry_run)
        status = user_revoke_all(in, &user, &revoked);
    for (size_t i = 1; status == STATUS_DONE && i < in->nargs; i++)
        status = revoke_one(in, &user, in->args[i], &revoked);
    if (status)
        return status;
    output_begin(in->out, REVOKE_COLUMNS, true);
    output_text(in->out, name, strlen(name));
    output_uuid(in->out, &user);
    output_number(in->out, revoked);
    return STATUS_DONE;
}
