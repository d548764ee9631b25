/* recipient - see recipient.h. */
#include "chatd/request/recipient.h"

#include "chatd/daemon/node.h"
#include "common/base/clock.h"
#include "common/redis/reply.h"

struct channel_id recipient_channel(const struct op *op) {
    const struct recipient *to = &op->req.to;
    return to->public ? channel_public() : channel_dm(&op->account->uuid, &to->user);
}

const struct uuid *recipient_shown(const struct op *op) {
    const struct recipient *to = &op->req.to;
    return to->public ? NULL : &to->user;
}

static void recipient_on_name(struct op *op, const struct redisReply *reply) {
    const char *name;
    size_t len;
    struct err e;
    if (reply_str(reply, &name, &len, &e))
        op_fail_as(op, &e);
    else if (!name)
        op_fail(op, ERR_NOT_FOUND, "%s.recipientUUID", request_type(op->req.kind));
    else if (len && len <= NAME_MAX_BYTES)
        names_put(&op->node->names, &op->req.to.user, name, len, clock_mono_ms());
}

void recipient_check(struct op *op) {
    const struct recipient *to = &op->req.to;
    if (to->public || names_get(&op->node->names, &to->user, clock_mono_ms()))
        return;
    cmd_user_name(&op->node->redis.cmd, &op->node->redis.keys, &to->user);
    op_call(op, recipient_on_name);
}
