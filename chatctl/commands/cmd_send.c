/* cmd_send - message send: through append.lua, as chatd does it, so that order, numbers and the
 * safety of a retry are the same, and connected clients get it at once.
 *
 * Of stdin, a line is a message, or a JSON object if it is one with "message": then "UUID" makes
 * the line safe to send again (for ten minutes), and "channel" and "as" stand in for what the
 * command line says. Without a user, it is the server that speaks: the nil UUID, which no user can
 * have.
 */
#include "chatctl/ops/ask.h"
#include "chatctl/ops/find.h"
#include "chatctl/table/commands.h"
#include "common/proto/json.h"
#include "common/proto/validate.h"
#include "common/redis/event.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#define REMEMBER_S 600
#define NODE "0000000000000000" /* no chatd has this id: all of them deliver it */
#define TRIES 3

static const struct column COLUMNS[] = {
    {"seq", COLUMN_NUMBER}, {"uuid", COLUMN_TEXT}, {"repeat", COLUMN_BOOL}, {NULL, COLUMN_TEXT}};

struct sender {
    struct uuid uuid;
    char name[NAME_MAX_BYTES + 1];
};

struct sending {
    struct channel_id channel;
    struct sender as;
    uint64_t sent;
    unsigned line; /* of stdin; 0: the text is an argument */
};

static enum status complain_at(const struct sending *s, const char *text) {
    if (s->line)
        complain("line %u: %s", s->line, text);
    else
        complain("%s", text);
    return STATUS_USAGE;
}

/* --- Who, and where --- */

static enum status find_sender(struct invocation *in, const char *name, struct sender *out) {
    *out = (struct sender){.name = NAME_SERVER};
    return name ? find_user(in, name, &out->uuid, out->name) : STATUS_DONE;
}

static enum status check_sender(const struct sending *s, const struct channel_id *ch,
                                const struct sender *as) {
    if (ch->kind == CHANNEL_PUBLIC || uuid_eq(&as->uuid, &ch->low) || uuid_eq(&as->uuid, &ch->high))
        return STATUS_DONE;
    return complain_at(s, "only its two users speak in a private channel: say --as USER");
}

/* A private channel of two who have never talked: they become its members, as by a join. */
static enum status make_members(struct invocation *in, const struct channel_id *ch,
                                const struct uuid *sender) {
    const struct redisReply *r;
    struct cmd *c = redis_sync_cmd(in->redis);
    const struct keyspace *ks = redis_sync_keys(in->redis);
    struct join_args a = {.channel = *ch,
                          .user = *sender,
                          .now_ms = redis_sync_now(in->redis),
                          .spare_epoch = uuid_make(),
                          .event = "",
                          .list_max = 1,
                          .history = redis_sync_history(in->redis)};
    cmd_join(c, ks, &a);
    enum status st = ask(in, &r);
    if (st == STATUS_DONE) {
        cmd_user_channel_add(c, ks, &ch->low, ch, a.now_ms);
        st = ask(in, &r);
    }
    if (st == STATUS_DONE) {
        cmd_user_channel_add(c, ks, &ch->high, ch, a.now_ms);
        st = ask(in, &r);
    }
    return st;
}

/* --- One message --- */

/* A lost answer is asked for again under the same UUID: stored once in any case. */
static enum status append(struct invocation *in, const struct message *m,
                          struct append_result *out) {
    struct cmd *c = redis_sync_cmd(in->redis);
    const struct keyspace *ks = redis_sync_keys(in->redis);
    struct err e = {0};
    for (int i = 0; i < TRIES; i++) {
        struct uuid spare = uuid_make();
        e = (struct err){0};
        cmd_append_begin(c, 1);
        cmd_append_keys(c, ks, m);
        cmd_append_args_begin(c, NODE, &spare, REMEMBER_S, redis_sync_history(in->redis));
        cmd_append_args(c, ks, m, true, NULL);
        const struct redisReply *r = redis_sync_do(in->redis, &e);
        if (r)
            return reply_append(r, 0, out, &e) ? fail(&e) : STATUS_DONE;
    }
    return fail(&e);
}

/* As chatd's append: the index, and the hint for a recipient who isn't there. Neither is worth
 * failing for. */
static enum status tell(struct invocation *in, const struct message *m) {
    const struct redisReply *r;
    struct buf b;
    struct cmd *c = redis_sync_cmd(in->redis);
    cmd_channel_touch(c, redis_sync_keys(in->redis), &m->channel, m->created_ms);
    enum status st = ask(in, &r);
    struct uuid peer = channel_peer(&m->channel, &m->sender);
    if (st != STATUS_DONE || m->channel.kind != CHANNEL_DM || uuid_eq(&peer, &m->sender))
        return st;
    buf_init(&b, 1024);
    event_write_unread(&b, m);
    cmd_publish_user(c, redis_sync_keys(in->redis), &peer, b.data, b.len);
    st = ask(in, &r);
    buf_free(&b);
    return st;
}

static enum status send_one(struct invocation *in, struct sending *s, struct message *m) {
    struct append_result r = {0};
    struct err e = {0};
    char uuid[UUID_TEXT + 1];
    if (!text_valid(m->text, m->text_len))
        return complain_at(s, "not text: UTF-8 without NUL is");
    if (message_check(m->text, m->text_len, &e))
        return complain_at(s, err_text(e.code));
    enum status st = STATUS_DONE;
    if (!in->dry_run && m->channel.kind == CHANNEL_DM)
        st = make_members(in, &m->channel, &m->sender);
    if (!in->dry_run && st == STATUS_DONE && (st = append(in, m, &r)) == STATUS_DONE) {
        m->seq = r.at.seq;
        st = r.repeat ? STATUS_DONE : tell(in, m);
    }
    if (st != STATUS_DONE)
        return st;
    s->sent++;
    uuid_format(&m->uuid, uuid);
    output_number(in->out, (int64_t)m->seq);
    output_text(in->out, uuid, UUID_TEXT);
    output_bool(in->out, r.repeat);
    return STATUS_DONE;
}

static enum status send_text(struct invocation *in, struct sending *s, const char *text, size_t len,
                             const struct uuid *uuid) {
    struct message m = {.uuid = *uuid,
                        .sender = s->as.uuid,
                        .channel = s->channel,
                        .created_ms = redis_sync_now(in->redis),
                        .sender_name = s->as.name,
                        .sender_name_len = strlen(s->as.name),
                        .text = text,
                        .text_len = len};
    return send_one(in, s, &m);
}

/* --- Lines --- */

/* Copies a string member; *out NULL if there is none. False: it is something else. */
static bool copy_member(const struct json *doc, const char *key, char **out) {
    const char *s;
    size_t len;
    *out = NULL;
    enum json_result result = json_str(doc, key, &s, &len);
    if (result == JSON_OK)
        *out = strndup(s, len);
    return result == JSON_ABSENT || *out;
}

static enum status send_object(struct invocation *in, struct sending *s, const struct json *doc) {
    const char *text, *id;
    size_t len, id_len;
    struct uuid uuid = uuid_make();
    char *channel = NULL, *as = NULL;
    struct sending mine = *s;
    enum status st = STATUS_DONE;
    if (json_str(doc, "message", &text, &len) != JSON_OK)
        return complain_at(s, "an object without \"message\"");
    enum json_result result = json_str(doc, "UUID", &id, &id_len);
    if (result == JSON_WRONG || (result == JSON_OK && !uuid_read(id, id_len, &uuid)))
        return complain_at(s, "\"UUID\" is no UUID");
    if (!copy_member(doc, "channel", &channel) || !copy_member(doc, "as", &as))
        st = complain_at(s, "\"channel\" and \"as\" are strings");
    if (st == STATUS_DONE && channel)
        st = find_channel(in, channel, &mine.channel);
    if (st == STATUS_DONE && as)
        st = find_sender(in, as, &mine.as);
    if (st == STATUS_DONE)
        st = check_sender(s, &mine.channel, &mine.as);
    if (st == STATUS_DONE)
        st = send_text(in, &mine, text, len, &uuid);
    s->sent = mine.sent;
    free(channel);
    free(as);
    return st;
}

static enum status send_line(struct invocation *in, struct sending *s, const char *line,
                             size_t len) {
    struct err e = {0};
    struct uuid uuid = uuid_make();
    if (len == 0)
        return STATUS_DONE;
    struct json *doc = *line == '{' ? json_parse(line, len, 0, &e) : NULL;
    if (!doc) { /* "{" may begin a message, too */
        enum status st = check_sender(s, &s->channel, &s->as);
        return st == STATUS_DONE ? send_text(in, s, line, len, &uuid) : st;
    }
    enum status st = send_object(in, s, doc);
    json_free(doc);
    return st;
}

static enum status send_stdin(struct invocation *in, struct sending *s) {
    char *line = NULL;
    size_t room = 0;
    ssize_t len;
    enum status st = STATUS_DONE;
    errno = 0;
    while (st == STATUS_DONE && !interrupted() && (len = getline(&line, &room, stdin)) >= 0) {
        s->line++;
        if (len > 0 && line[len - 1] == '\n')
            len--;
        st = send_line(in, s, line, (size_t)len);
    }
    free(line);
    if (st == STATUS_DONE && interrupted())
        return status_stopped("messages are sent", s->sent);
    if (st == STATUS_DONE && ferror(stdin)) {
        complain("stdin: %s", strerror(errno));
        return STATUS_FAILED;
    }
    if (st != STATUS_DONE)
        complain("stopped at line %u: %" PRIu64 " messages are sent", s->line, s->sent);
    return st;
}

/* --- message send --- */

static enum status send_argument(struct invocation *in, struct sending *s) {
    struct uuid uuid = uuid_make();
    const char *text = opt_text(in, "uuid");
    if (text && !uuid_read(text, strlen(text), &uuid))
        return complain_at(s, "--uuid is no UUID");
    enum status st = check_sender(s, &s->channel, &s->as);
    return st == STATUS_DONE ? send_text(in, s, in->args[1], strlen(in->args[1]), &uuid) : st;
}

static enum status message_send(struct invocation *in) {
    struct sending s = {.line = 0};
    bool from_stdin = in->nargs < 2 || strcmp(in->args[1], "-") == 0;
    enum status st = find_channel(in, in->args[0], &s.channel);
    if (st == STATUS_DONE)
        st = find_sender(in, opt_text(in, "as"), &s.as);
    if (st == STATUS_DONE && !in->dry_run)
        st = ask_schema_claim(in);
    if (st != STATUS_DONE)
        return st;
    output_begin(in->out, COLUMNS, false);
    return from_stdin ? send_stdin(in, &s) : send_argument(in, &s);
}

static const struct param SEND[] = {
    {"CHANNEL", VALUE_CHANNEL, false, false}, {"TEXT", VALUE_TEXT, true, false}, {0}};
static const struct opt SEND_OPTS[] = {
    {"as", 0, VALUE_USER, "USER", NULL, "who says it; default: the server itself"},
    {"uuid", 0, VALUE_TEXT, "UUID", NULL, "of the message: sent again, it is stored once"},
    {0}};

const struct command CMD_SEND[] = {
    {"message", "send", SEND, SEND_OPTS, "send messages",
     "Without TEXT, or with -, reads stdin: a line is a message, or a JSON object\n"
     "{\"message\":…,\"UUID\"?:…,\"channel\"?:…,\"as\"?:…}. A message with a UUID of its own is "
     "stored once,\n"
     "however often it is sent within ten minutes.\n\n"
     "Examples:\n  chatctl message send public 'The server restarts at six.'\n"
     "  uptime | chatctl message send public --as alice\n",
     false, message_send},
    {0}};
