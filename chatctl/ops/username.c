/* username - see username.h. */
#include "chatctl/ops/username.h"

#include "chatctl/ops/ask.h"
#include "common/proto/validate.h"

#include <string.h>

static enum status refuse_username(const char *why) {
    struct err e = {0};
    err_set(&e, ERR_BAD_NAME, "%s", why);
    return fail(&e);
}

enum status username_read(const char *text, struct username *out) {
    struct err e = {0};
    if (name_check(text, strlen(text), out->text, &out->len, &e))
        return fail(&e);
    if (!name_fold(out->text, out->len, out->folded, &out->folded_len)) {
        complain("out of memory");
        return STATUS_FAILED;
    }
    return name_is_of_deleted(out->folded, out->folded_len)
               ? refuse_username("is nobody's name: messages of deleted users bear it")
               : STATUS_DONE;
}

enum status username_check(const char *text, struct username *out) {
    enum status st = username_read(text, out);
    if (st == STATUS_DONE && name_reserved(out->folded, out->folded_len))
        return refuse_username("is reserved, since it means something else, or looks as if");
    return st;
}

static enum status taken(const struct username *n, const char *how) {
    complain("the name '%s' is %s", n->text, how);
    return STATUS_CONFLICT;
}

/* Nobody seems to have it: was it lost? As chatd traces it. */
static enum status trace(struct invocation *in, const struct username *n) {
    struct cmd *c = redis_sync_cmd(in->redis);
    const struct keyspace *ks = redis_sync_keys(in->redis);
    const struct redisReply *r;
    struct uuid user;
    char folded[NAME_FOLDED_MAX + 1];
    const char *name;
    size_t len;
    struct err e = {0};
    cmd_name_indexed(c, ks, n->folded, n->folded_len);
    enum status status = ask(in, &r);
    if (status)
        return status;
    if (reply_uuid(r, &user, &e))
        return fail(&e);
    if (uuid_is_nil(&user))
        return STATUS_DONE;
    cmd_user_name(c, ks, &user);
    if ((status = ask(in, &r)))
        return status;
    if (reply_str(r, &name, &len, &e))
        return fail(&e);
    bool theirs = name && name_fold(name, len, folded, &len) && len == n->folded_len &&
                  memcmp(folded, n->folded, len) == 0;
    return theirs ? taken(n, "taken (its key was lost: fsck --fix)") : STATUS_DONE;
}

enum status username_look(struct invocation *in, const struct username *n, struct uuid *holder) {
    struct cmd *c = redis_sync_cmd(in->redis);
    const struct keyspace *ks = redis_sync_keys(in->redis);
    const struct redisReply *r;
    const char *name;
    size_t len;
    int64_t ttl = 0;
    struct err e = {0};
    cmd_name_get(c, ks, n->folded, n->folded_len);
    enum status status = ask(in, &r);
    if (status)
        return status;
    if (reply_uuid(r, holder, &e))
        return fail(&e);
    if (uuid_is_nil(holder))
        return trace(in, n);
    cmd_name_ttl(c, ks, n->folded, n->folded_len); /* before the record, as chatd looks */
    if ((status = ask_i64(in, &ttl)))
        return status;
    cmd_user_name(c, ks, holder);
    if ((status = ask(in, &r)))
        return status;
    if (reply_str(r, &name, &len, &e))
        return fail(&e);
    if (name)
        return taken(n, "taken");
    return ttl >= 0 ? taken(n, "being claimed at this moment") : STATUS_DONE;
}

enum status username_claim(struct invocation *in, const struct username *n,
                           const struct uuid *user) {
    struct uuid holder;
    int64_t claimed = 0;
    enum status status = username_look(in, n, &holder);
    if (status)
        return status;
    cmd_name_claim(redis_sync_cmd(in->redis), redis_sync_keys(in->redis), n->folded, n->folded_len,
                   user, uuid_is_nil(&holder) ? NULL : &holder, USERNAME_LAPSE_S);
    if ((status = ask_i64(in, &claimed)))
        return status;
    return claimed ? STATUS_DONE : taken(n, "taken");
}

enum status username_confirm(struct invocation *in, const struct username *n,
                             const struct uuid *user) {
    int64_t ours = 0, added;
    struct cmd *c = redis_sync_cmd(in->redis);
    const struct keyspace *ks = redis_sync_keys(in->redis);
    cmd_name_confirm(c, ks, n->folded, n->folded_len, user);
    enum status status = ask_i64(in, &ours);
    if (status)
        return status;
    if (!ours)
        return taken(n, "taken");
    cmd_name_index(c, ks, n->folded, n->folded_len, user);
    return ask_i64(in, &added);
}

enum status username_release(struct invocation *in, const char *name, const struct uuid *user) {
    char folded[NAME_FOLDED_MAX + 1];
    size_t len;
    int64_t removed, released;
    if (!name_fold(name, strlen(name), folded, &len)) {
        complain("out of memory");
        return STATUS_FAILED;
    }
    struct cmd *c = redis_sync_cmd(in->redis);
    const struct keyspace *ks = redis_sync_keys(in->redis);
    cmd_name_unindex(c, ks, folded, len); /* first: once it is free, it may be another's */
    enum status status = ask_i64(in, &removed);
    if (status)
        return status;
    cmd_name_release(c, ks, folded, len, user);
    return ask_i64(in, &released);
}
