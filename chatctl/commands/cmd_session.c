/* cmd_session - session list and revoke: the access keys of a user, one by one. */
#include "chatctl/ops/ask.h"
#include "chatctl/ops/find.h"
#include "chatctl/ops/user.h"
#include "chatctl/table/commands.h"
#include "common/redis/event.h"

#include <stdio.h>
#include <string.h>

#define SESSION_MARK "k."
#define SESSION_SHOWN 12 /* characters of a key's hash: 72 bits tell any two apart */

/* --- session list --- */

static const struct column SESSION_COLUMNS[] = {
    {"session", COLUMN_TEXT}, {"expires", COLUMN_TIME}, {NULL, COLUMN_TEXT}};

/* "k." and the beginning of the hash: marked, since a hash may begin with a dash. */
static void session_name(const char *hash, size_t len, char out[SESSION_SHOWN + 3]) {
    snprintf(out, SESSION_SHOWN + 3, SESSION_MARK "%.*s",
             (int)(len < SESSION_SHOWN ? len : SESSION_SHOWN), hash);
}

static enum status session_list(struct invocation *in) {
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
            reply_i64(reply_item(r, i + 1), 0, &expires, &e) ||
            expires <= redis_sync_now(in->redis))
            continue;
        session_name(hash, len, shown);
        output_text(in->out, shown, strlen(shown));
        output_time(in->out, expires);
    }
    return STATUS_DONE;
}

/* --- session revoke --- */

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

static enum status session_revoke(struct invocation *in) {
    struct uuid user;
    char name[NAME_MAX_BYTES + 1];
    int64_t revoked = 0;
    bool all = opt_given(in, "all");
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

/* --- The table --- */

static const struct param USER[] = {{"USER", VALUE_USER, false, false}, {0}};
static const struct param USER_AND_SESSIONS[] = {
    {"USER", VALUE_USER, false, false}, {"SESSION", VALUE_TEXT, true, true}, {0}};

static const struct opt REVOKE_OPTS[] = {
    {"all", 0, VALUE_NONE, NULL, NULL, "all sessions of the user"}, {0}};

const struct command CMD_SESSION[] = {
    {"session", "list", USER, NULL, "list a user's sessions",
     "A session is an access key, which a sign-in gives. What is shown is a part of its hash.\n"
     "\nExample:\n  chatctl session list alice",
     false, session_list},
    {"session", "revoke", USER_AND_SESSIONS, REVOKE_OPTS, "end sessions of a user",
     "Connections that use one are signed out on every node.\n"
     "\nExamples:\n  chatctl session revoke alice k.3fK9vX_2aQ\n  chatctl session revoke alice "
     "--all",
     false, session_revoke},
    {0},
};
