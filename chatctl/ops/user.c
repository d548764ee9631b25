/* user - see user.h. */
#include "chatctl/ops/user.h"

#include "chatctl/ops/ask.h"

#include <string.h>
#include <time.h>

#define LAPSE_S 15 /* as chatd: until a claimed name that isn't confirmed is free again */
#define EVENT_MAX 512
#define SETTLE_MS 100  /* in which a sign-in that was under way comes to its end */
#define KEYS_MAX 10000 /* as chatd's --max-keys */

void output_uuid(struct output *o, const struct uuid *u) {
    char text[UUID_TEXT + 1];
    uuid_format(u, text);
    output_text(o, text, UUID_TEXT);
}

/* --- Names --- */

enum status new_name_check(const char *text, struct new_name *out) {
    struct err e = {0};
    if (name_check(text, strlen(text), out->text, &out->len, &e))
        return fail(&e);
    if (!name_fold(out->text, out->len, out->folded, &out->folded_len)) {
        complain("out of memory");
        return STATUS_FAILED;
    }
    if (name_reserved(out->folded, out->folded_len)) {
        err_set(&e, ERR_BAD_NAME, "is nobody's name: messages of deleted users bear it");
        return fail(&e);
    }
    return STATUS_DONE;
}

static enum status taken(const struct new_name *n, const char *how) {
    complain("the name '%s' is %s", n->text, how);
    return STATUS_CONFLICT;
}

enum status new_name_look(struct invocation *in, const struct new_name *n, struct uuid *holder) {
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
        return STATUS_DONE;
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

enum status new_name_claim(struct invocation *in, const struct new_name *n,
                           const struct uuid *user) {
    struct uuid holder;
    int64_t claimed = 0;
    enum status status = new_name_look(in, n, &holder);
    if (status)
        return status;
    cmd_name_claim(redis_sync_cmd(in->redis), redis_sync_keys(in->redis), n->folded, n->folded_len,
                   user, uuid_is_nil(&holder) ? NULL : &holder, LAPSE_S);
    if ((status = ask_i64(in, &claimed)))
        return status;
    return claimed ? STATUS_DONE : taken(n, "taken");
}

enum status new_name_confirm(struct invocation *in, const struct new_name *n,
                             const struct uuid *user) {
    int64_t ours = 0;
    cmd_name_confirm(redis_sync_cmd(in->redis), redis_sync_keys(in->redis), n->folded,
                     n->folded_len, user);
    enum status status = ask_i64(in, &ours);
    if (status)
        return status;
    return ours ? STATUS_DONE : taken(n, "taken");
}

enum status name_release(struct invocation *in, const char *name, const struct uuid *user) {
    char folded[NAME_FOLDED_MAX + 1];
    size_t len;
    int64_t released;
    if (!name_fold(name, strlen(name), folded, &len)) {
        complain("out of memory");
        return STATUS_FAILED;
    }
    cmd_name_release(redis_sync_cmd(in->redis), redis_sync_keys(in->redis), folded, len, user);
    return ask_i64(in, &released);
}

/* --- Records --- */

enum status user_change(struct invocation *in, const char *name) {
    int64_t changed = 0;
    enum status status = ask_i64(in, &changed);
    if (status || changed)
        return status;
    complain("user '%s' was deleted meanwhile", name);
    return STATUS_NOT_FOUND;
}

/* --- Telling the nodes --- */

enum status user_close(struct invocation *in, const struct uuid *user, enum close_code code,
                       int64_t *nodes) {
    struct buf b;
    buf_init(&b, EVENT_MAX);
    event_write_close(&b, code);
    cmd_publish_user(redis_sync_cmd(in->redis), redis_sync_keys(in->redis), user, b.data, b.len);
    enum status status = ask_i64(in, nodes);
    buf_free(&b);
    return status;
}

enum status user_recheck(struct invocation *in, const struct uuid *user) {
    struct buf b;
    int64_t nodes;
    buf_init(&b, EVENT_MAX);
    event_write_check(&b);
    cmd_publish_user(redis_sync_cmd(in->redis), redis_sync_keys(in->redis), user, b.data, b.len);
    enum status status = ask_i64(in, &nodes);
    buf_free(&b);
    return status;
}

enum status user_settle(struct invocation *in, const struct uuid *user) {
    const struct timespec moment = {.tv_nsec = SETTLE_MS * 1000000L};
    nanosleep(&moment, NULL);
    return user_recheck(in, user);
}

enum status user_put_out(struct invocation *in, const struct uuid *user, enum close_code code,
                         int64_t *nodes) {
    const struct redisReply *r;
    cmd_keys_remove(redis_sync_cmd(in->redis), redis_sync_keys(in->redis), user);
    enum status status = ask(in, &r);
    if (status == STATUS_DONE)
        status = user_close(in, user, code, nodes);
    return status ? status : user_settle(in, user);
}

enum status user_forget(struct invocation *in, const struct uuid *user) {
    struct buf b;
    int64_t nodes;
    buf_init(&b, EVENT_MAX);
    event_write_forget(&b, user);
    cmd_publish_all(redis_sync_cmd(in->redis), redis_sync_keys(in->redis), b.data, b.len);
    enum status status = ask_i64(in, &nodes);
    buf_free(&b);
    return status;
}

enum status user_revoke_all(struct invocation *in, const struct uuid *user, int64_t *revoked) {
    const struct redisReply *r;
    struct cmd *c = redis_sync_cmd(in->redis);
    char hash[KEY_HASH_TEXT + 1];
    enum status status = STATUS_DONE;
    *revoked = 0;
    for (unsigned i = 0; i < KEYS_MAX && status == STATUS_DONE; i++) {
        const char *s = NULL;
        size_t n = 0, len = 0;
        int64_t removed = 0;
        struct err e;
        cmd_begin(c, "ZRANGE");
        cmd_user_key(c, redis_sync_keys(in->redis), user, USER_KEYS);
        cmd_i64(c, 0);
        cmd_i64(c, 0);
        if ((status = ask(in, &r)))
            break;
        if (reply_array(r, &n, &e) || n == 0 || reply_str(reply_item(r, 0), &s, &len, &e) || !s ||
            len > KEY_HASH_TEXT)
            break;
        memcpy(hash, s, len);
        hash[len] = '\0';
        struct buf b;
        buf_init(&b, EVENT_MAX);
        event_write_key_revoked(&b, hash);
        cmd_key_revoke(c, redis_sync_keys(in->redis), user, hash, b.data, b.len);
        status = ask_i64(in, &removed);
        *revoked += removed;
        buf_free(&b);
    }
    if (status)
        return status;
    cmd_keys_remove(c, redis_sync_keys(in->redis), user); /* and what is no key */
    return ask(in, &r);
}
