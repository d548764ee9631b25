/* fsck_users - names, records and what belongs to users: see fsck.h. */
#include "chatctl/commands/fsck.h"
#include "chatctl/ops/ask.h"
#include "chatctl/ops/user.h"
#include "chatctl/ops/username.h"
#include "common/proto/validate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- Names --- */

static enum status check_claim(struct fsck *f, const struct key *k, const struct uuid *u) {
    int64_t record_ttl = 0;
    if (k->ttl < 0)
        return STATUS_DONE;
    cmd_user_ttl(f->c, f->ks, u);
    enum status st = ask_i64(f->in, &record_ttl);
    if (st != STATUS_DONE || record_ttl != -1)
        return st;
    cmd_name_confirm(f->c, f->ks, k->name.tail, k->name.tail_len, u);
    return fsck_found_key(f, "half-claimed name", k, "its user is complete", true);
}

enum status fsck_check_name(struct fsck *f, const struct key *k) {
    const char *s, *name;
    size_t len, folded_len = 0;
    struct uuid u;
    char folded[NAME_FOLDED_MAX + 1];
    fsck_key_command(f, "GET", k);
    enum status st = fsck_ask_str(f, &s, &len);
    if (st != STATUS_DONE || !s)
        return st;
    if (!uuid_read(s, len, &u)) {
        fsck_key_command(f, "UNLINK", k);
        return fsck_found_key(f, "name without a user", k, "its value is no uuid", true);
    }
    cmd_user_name(f->c, f->ks, &u);
    if ((st = fsck_ask_str(f, &name, &len)))
        return st;
    if (!name && k->ttl >= 0) /* a sign-up under way, or one that will lapse */
        return STATUS_DONE;
    bool exists = false; /* a record without a name is said of the record */
    if (!name && ((st = fsck_user_exists(f, &u, &exists)) || exists))
        return st;
    bool same = name && name_fold(name, len, folded, &folded_len) &&
                folded_len == k->name.tail_len && memcmp(folded, k->name.tail, folded_len) == 0;
    if (same)
        return check_claim(f, k, &u);
    if (k->ttl >= 0) /* a renaming under way, or one that will lapse */
        return STATUS_DONE;
    cmd_name_release(f->c, f->ks, k->name.tail, k->name.tail_len, &u);
    return fsck_found_key(f, name ? "name of another" : "name pointing nowhere", k,
                          name ? "its user has another name" : "there is no such user", true);
}

/* --- Users --- */

/* `stored`: the name as a sign-up would have stored it. */
static bool is_usable(const char *name, size_t len, char stored[NAME_MAX_BYTES + 1], size_t *n) {
    char folded[NAME_FOLDED_MAX + 1];
    size_t folded_len;
    struct err e = {0};
    return !name_check(name, len, stored, n, &e) && name_fold(stored, *n, folded, &folded_len) &&
           !name_is_of_deleted(folded, folded_len);
}

static bool is_as_stored(const char *name, size_t len) {
    char stored[NAME_MAX_BYTES + 1];
    size_t n;
    return is_usable(name, len, stored, &n) && n == len && memcmp(stored, name, n) == 0;
}

/* Users of earlier versions have none there yet: that is no problem, and mended in passing. */
static enum status index_name(struct fsck *f, const char *folded, size_t len,
                              const struct uuid *user) {
    int64_t added;
    if (!f->fix || f->in->dry_run)
        return STATUS_DONE;
    cmd_name_index(f->c, f->ks, folded, len, user);
    return ask_i64(f->in, &added);
}

static enum status check_user_name(struct fsck *f, const struct key *k, const char *name,
                                   size_t len) {
    char folded[NAME_FOLDED_MAX + 1];
    size_t folded_len;
    const char *s;
    struct uuid holder;
    if (!name_fold(name, len, folded, &folded_len))
        return fsck_found_key(f, "user without a name", k, "the name can't be folded", false);
    cmd_name_get(f->c, f->ks, folded, folded_len);
    enum status st = fsck_ask_str(f, &s, &len);
    if (st != STATUS_DONE)
        return st;
    if (s && uuid_read(s, len, &holder) && uuid_eq(&holder, &k->name.uuid))
        return index_name(f, folded, folded_len, &k->name.uuid);
    if (s)
        return fsck_found_key(f, "name of another", k, "another user holds this user's name",
                              false);
    cmd_name_confirm(f->c, f->ks, folded, folded_len, &k->name.uuid);
    st = fsck_found_key(f, "user without a name", k, "the name leads to nobody", true);
    return st ? st : index_name(f, folded, folded_len, &k->name.uuid);
}

static enum status check_indexed(struct fsck *f, const struct key *k, int64_t created) {
    const char *s;
    size_t len;
    cmd_begin(f->c, "ZSCORE");
    cmd_global_key(f->c, f->ks, KEY_USERS);
    cmd_uuid(f->c, &k->name.uuid);
    enum status st = fsck_ask_str(f, &s, &len);
    if (st != STATUS_DONE || s)
        return st;
    cmd_user_index(f->c, f->ks, &k->name.uuid, created);
    return fsck_found_key(f, "user not in the list", k, "", true);
}

/* A name that no sign-up would take: whose user can't sign in. One that is only spelled in another
 * way (NFC) is spelled as it should be; another gets one that says nothing. */
static enum status rename_user(struct fsck *f, const struct key *k, const char *name, size_t len) {
    static const char *const problem = "name that can't be";
    struct username to;
    char stored[NAME_MAX_BYTES + 1], folded[NAME_FOLDED_MAX + 1], uuid[UUID_TEXT + 1];
    char detail[2 * NAME_MAX_BYTES];
    size_t n;
    enum status st;
    bool respelled = is_usable(name, len, stored, &n);
    uuid_format(&k->name.uuid, uuid);
    if (!respelled)
        snprintf(stored, sizeof stored, "user-%.8s", uuid);
    snprintf(detail, sizeof detail, "'%.*s' becomes %s", (int)(len < NAME_MAX_BYTES ? len : 40),
             name, stored);
    if (!f->fix || f->in->dry_run)
        return fsck_found_key(f, problem, k, detail, false);
    if ((st = username_read(stored, &to)) ||
        (!respelled && ((st = username_claim(f->in, &to, &k->name.uuid)) ||
                        (st = username_confirm(f->in, &to, &k->name.uuid)))))
        return st;
    bool had = !respelled && name_fold(name, len, folded, &n);
    cmd_user_change(f->c, f->ks, &k->name.uuid);
    cmd_user_field(f->c, "name", to.text, to.len);
    if ((st = fsck_found_key(f, problem, k, detail, true)))
        return st;
    if (had) {
        const struct redisReply *r;
        cmd_name_release(f->c, f->ks, folded, n, &k->name.uuid);
        st = ask(f->in, &r);
    }
    return st ? st : user_forget(f->in, &k->name.uuid);
}

/* A record with a name that is too long or no text counts as one without. */
static enum status check_nameless(struct fsck *f, const struct key *k) {
    static char name[1024];
    const char *s;
    size_t len;
    cmd_user_name(f->c, f->ks, &k->name.uuid);
    enum status st = fsck_ask_str(f, &s, &len);
    if (st != STATUS_DONE)
        return st;
    if (!s)
        return fsck_found_key(f, "user without a name", k, "the record has none", false);
    len = len < sizeof name ? len : sizeof name - 1; /* the reply goes with the next command */
    memcpy(name, s, len);
    name[len] = '\0';
    return rename_user(f, k, name, len);
}

enum status fsck_check_record(struct fsck *f, const struct key *k) {
    const struct redisReply *r;
    struct user_record u;
    struct err e = {0};
    char name[NAME_MAX_BYTES + 1];
    if (k->ttl >= 0) /* a sign-up under way, or one that will lapse */
        return STATUS_DONE;
    cmd_user_get(f->c, f->ks, &k->name.uuid);
    enum status st = ask(f->in, &r);
    if (st == STATUS_DONE && reply_user(r, &u, &e))
        st = fail(&e);
    if (st != STATUS_DONE)
        return st;
    if (!u.found)
        return check_nameless(f, k);
    memcpy(name, u.name, u.name_len); /* the reply goes with the next command */
    st = is_as_stored(name, u.name_len) ? check_user_name(f, k, name, u.name_len)
                                        : rename_user(f, k, name, u.name_len);
    return st == STATUS_DONE ? check_indexed(f, k, u.created_ms) : st;
}

enum status fsck_check_orphan(struct fsck *f, const struct key *k) {
    bool exists;
    enum status st = fsck_user_exists(f, &k->name.uuid, &exists);
    if (st != STATUS_DONE || exists)
        return st;
    fsck_key_command(f, "UNLINK", k);
    return fsck_found_key(f, "orphaned key", k, "there is no such user", true);
}

/* Access keys go with the last of them. */
enum status fsck_check_keys(struct fsck *f, const struct key *k) {
    if (k->ttl >= 0)
        return fsck_check_orphan(f, k);
    const struct redisReply *r;
    struct err e = {0};
    size_t n;
    const char *last = NULL;
    fsck_key_command(f, "ZREVRANGE", k);
    cmd_literal(f->c, "0");
    cmd_literal(f->c, "0");
    cmd_literal(f->c, "WITHSCORES");
    enum status st = ask(f->in, &r);
    if (st != STATUS_DONE)
        return st;
    size_t len;
    if (!reply_array(r, &n, &e) && n == 2)
        reply_str(reply_item(r, 1), &last, &len, &e);
    int64_t at_ms = last ? (int64_t)strtod(last, NULL) : 0;
    fsck_key_command(f, "PEXPIREAT", k);
    cmd_i64(f->c, at_ms);
    st = fsck_found_key(f, "never expires", k, "access keys do", at_ms > 0);
    return st == STATUS_DONE ? fsck_check_orphan(f, k) : st;
}
