/* ask - see ask.h. */
#include "chatctl/ops/ask.h"

enum status ask(struct invocation *in, const struct redisReply **r) {
    struct err e = {0};
    *r = redis_sync_do(in->redis, &e);
    if (*r && in->bears_wrong_type && reply_is_error(*r, "WRONGTYPE"))
        return STATUS_WRONG_TYPE;
    if (!*r || reply_ok(*r, &e))
        return fail(&e);
    return STATUS_DONE;
}

enum status ask_i64(struct invocation *in, int64_t *out) {
    const struct redisReply *r;
    struct err e = {0};
    enum status st = ask(in, &r);
    if (st == STATUS_DONE && reply_i64(r, 0, out, &e))
        return fail(&e);
    return st;
}

enum status ask_position(struct invocation *in, const struct channel_id *ch,
                         struct channel_state *out) {
    const struct redisReply *r;
    struct err e = {0};
    cmd_position(redis_sync_cmd(in->redis), redis_sync_keys(in->redis), ch);
    enum status st = ask(in, &r);
    if (st == STATUS_DONE && reply_position(r, out, &e))
        return fail(&e);
    return st;
}

enum status ask_current_position(struct invocation *in, const struct channel_id *ch,
                                 struct channel_state *out) {
    const struct redisReply *r;
    struct uuid spare = uuid_make();
    enum status st = ask_position(in, ch, out);
    if (st != STATUS_DONE || uuid_is_nil(&out->at.epoch) || in->dry_run)
        return st;
    cmd_renew(redis_sync_cmd(in->redis), redis_sync_keys(in->redis), ch, &spare, NULL,
              redis_sync_history(in->redis));
    st = ask(in, &r);
    return st == STATUS_DONE ? ask_position(in, ch, out) : st;
}

enum status ask_log(struct invocation *in, const struct channel_id *ch, struct log_info *out) {
    struct err e = {0};
    cmd_log_info(redis_sync_cmd(in->redis), redis_sync_keys(in->redis), ch);
    const struct redisReply *r = redis_sync_do(in->redis, &e); /* "no such key" is an answer, too */
    if (r && in->bears_wrong_type && reply_is_error(r, "WRONGTYPE"))
        return STATUS_WRONG_TYPE;
    if (!r || reply_log_info(r, out, &e))
        return fail(&e);
    return STATUS_DONE;
}

enum status ask_schema_claim(struct invocation *in) {
    const struct redisReply *r;
    cmd_schema_claim(redis_sync_cmd(in->redis), redis_sync_keys(in->redis));
    return ask(in, &r);
}

enum status ask_step(struct invocation *in, struct step_result *out, const char *locked) {
    const struct redisReply *r;
    struct err e = {0};
    enum status st = ask(in, &r);
    if (st != STATUS_DONE)
        return st;
    if (reply_step(r, out, &e))
        return fail(&e);
    if (out->state != STEP_LOCKED)
        return STATUS_DONE;
    complain("%s", locked);
    return STATUS_CONFLICT;
}
