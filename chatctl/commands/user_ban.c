/* user_ban - keeping users out: ban, unban and kick. */
#include "chatctl/commands/user_commands.h"
#include "chatctl/ops/ask.h"
#include "chatctl/ops/find.h"
#include "chatctl/ops/user.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define REASON_MAX 1000

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
    if (opt_given(in, "for"))
        until = redis_sync_now(in->redis) + opt_number(in, "for", 0);
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
    if (!opt_given(in, "keep-sessions")) {
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
