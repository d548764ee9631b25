/* import_channels - channels, their members, marks and messages. */
#include "chatctl/ops/ask.h"
#include "chatctl/ops/import.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* --- Channels --- */

/* With --merge a channel that has a position keeps it, and its retention. If its epoch is the
 * export's, it is the same history, and may be continued; else the numbers would mean something
 * else, and its messages are left out. */
static enum status merge_channel(struct invocation *in, struct import *m, const struct json *doc,
                                 const struct channel_id *ch, const struct channel_state *state) {
    struct uuid epoch;
    const char *s;
    size_t len;
    struct cmd *c = redis_sync_cmd(in->redis);
    bool same = import_find_field(doc, "meta", "epoch", &s, &len) && uuid_read(s, len, &epoch) &&
                uuid_eq(&epoch, &state->at.epoch);
    if (!same) {
        m->left_out = true;
        complain("%s:%" PRIu64 ": this channel has a history of its own; its messages are left out",
                 m->path, m->line);
        return STATUS_DONE;
    }
    if (!import_find_field(doc, "meta", "seq", &s, &len) || strtoull(s, NULL, 10) <= state->at.seq)
        return STATUS_DONE;
    cmd_begin(c, "HSET");
    cmd_channel_key(c, redis_sync_keys(in->redis), ch, CHANNEL_META);
    cmd_literal(c, "seq");
    cmd_i64(c, (int64_t)strtoull(s, NULL, 10));
    return import_send_plain(in, m);
}

static enum status write_meta(struct invocation *in, struct import *m, const struct json *doc,
                              const struct channel_id *ch) {
    struct channel_state state = {.base = 0};
    struct cmd *c = redis_sync_cmd(in->redis);
    enum status st = import_settle(in, m);
    m->left_out = false;
    if (st == STATUS_DONE && m->merge)
        st = ask_position(in, ch, &state);
    if (st != STATUS_DONE)
        return st;
    if (!uuid_is_nil(&state.at.epoch))
        return merge_channel(in, m, doc, ch, &state);
    cmd_begin(c, "HSET");
    cmd_channel_key(c, redis_sync_keys(in->redis), ch, CHANNEL_META);
    return import_add_fields(c, doc, "meta") ? import_send_plain(in, m) : STATUS_DONE;
}

enum status import_channel(struct invocation *in, struct import *m, const struct json *doc) {
    struct channel_id ch;
    uint64_t activity;
    if (!import_get_channel(doc, &ch) ||
        json_u64(doc, "activity", IMPORT_MS_MAX, &activity) != JSON_OK)
        return import_bad_line(m, m->line, "a wrong channel");
    enum status st = m->nheld ? import_held(in, m) : STATUS_DONE; /* whom its members are of */
    if (st == STATUS_DONE)
        st = write_meta(in, m, doc, &ch);
    m->channels++;
    if (st != STATUS_DONE || activity == 0)
        return st;
    cmd_channel_touch(redis_sync_cmd(in->redis), redis_sync_keys(in->redis), &ch,
                      (int64_t)activity);
    return import_send_plain(in, m);
}

enum status import_member(struct invocation *in, struct import *m, const struct json *doc) {
    struct channel_id ch;
    struct uuid user;
    uint64_t at;
    struct cmd *c = redis_sync_cmd(in->redis);
    if (!import_get_channel(doc, &ch) || !import_get_uuid(doc, "user", &user) ||
        json_u64(doc, "at", IMPORT_MS_MAX, &at) != JSON_OK)
        return import_bad_line(m, m->line, "a wrong member");
    cmd_begin(c, "ZADD");
    cmd_channel_key(c, redis_sync_keys(in->redis), &ch, CHANNEL_MEMBERS);
    cmd_literal(c, "NX");
    cmd_i64(c, (int64_t)at);
    cmd_uuid(c, &user);
    m->members++;
    return import_send_plain(in, m);
}

enum status import_joined(struct invocation *in, struct import *m, const struct json *doc) {
    struct channel_id ch;
    struct uuid user;
    uint64_t at;
    if (!import_get_channel(doc, &ch) || !import_get_uuid(doc, "user", &user) ||
        json_u64(doc, "at", IMPORT_MS_MAX, &at) != JSON_OK)
        return import_bad_line(m, m->line, "a wrong line of type joined");
    enum status st = m->nheld ? import_held(in, m) : STATUS_DONE;
    if (st != STATUS_DONE)
        return st;
    cmd_user_channel_add(redis_sync_cmd(in->redis), redis_sync_keys(in->redis), &user, &ch,
                         (int64_t)at);
    return import_send_plain(in, m);
}

enum status import_mark(struct invocation *in, struct import *m, const struct json *doc) {
    struct channel_id ch;
    const char *s;
    size_t len;
    uint64_t at;
    struct cmd *c = redis_sync_cmd(in->redis);
    if (!import_get_channel(doc, &ch) || json_str(doc, "mark", &s, &len) != JSON_OK ||
        json_u64(doc, "at", IMPORT_MS_MAX, &at) != JSON_OK)
        return import_bad_line(m, m->line, "a wrong mark");
    if (m->left_out)
        return STATUS_DONE;
    cmd_begin(c, "ZADD");
    cmd_channel_key(c, redis_sync_keys(in->redis), &ch, CHANNEL_MARKS);
    cmd_literal(c, "NX");
    cmd_i64(c, (int64_t)at);
    cmd_copy(c, s, len);
    return import_send_plain(in, m);
}

/* --- Messages --- */

static enum status send_entry(struct invocation *in, struct import *m) {
    if (m->left_out) {
        m->known++;
        return STATUS_DONE;
    }
    return import_send(in, m, (struct sent){.owed = OWED_ENTRY, .line = m->line});
}

enum status import_message(struct invocation *in, struct import *m, const struct json *doc) {
    struct channel_id ch;
    struct uuid uuid, sender;
    const char *name, *text;
    size_t name_len, text_len;
    uint64_t seq, at;
    char id[32];
    struct cmd *c = redis_sync_cmd(in->redis);
    if (!import_get_channel(doc, &ch) || !import_get_uuid(doc, "UUID", &uuid) ||
        !import_get_uuid(doc, "senderUUID", &sender) ||
        json_u64(doc, "seq", IMPORT_MS_MAX, &seq) != JSON_OK ||
        json_u64(doc, "at", IMPORT_MS_MAX, &at) != JSON_OK ||
        json_str(doc, "senderUsername", &name, &name_len) != JSON_OK ||
        json_str(doc, "message", &text, &text_len) != JSON_OK)
        return import_bad_line(m, m->line, "a wrong message");
    snprintf(id, sizeof id, "%" PRIu64 "-0", seq);
    cmd_begin(c, "XADD");
    cmd_channel_key(c, redis_sync_keys(in->redis), &ch, CHANNEL_LOG);
    cmd_literal(c, id);
    cmd_literal(c, "uuid");
    cmd_uuid(c, &uuid);
    cmd_literal(c, "sender");
    cmd_uuid(c, &sender);
    cmd_literal(c, "name");
    cmd_borrow(c, name, name_len);
    cmd_literal(c, "at");
    cmd_i64(c, (int64_t)at);
    cmd_literal(c, "text");
    cmd_borrow(c, text, text_len);
    return send_entry(in, m);
}

enum status import_entry(struct invocation *in, struct import *m, const struct json *doc) {
    struct channel_id ch;
    const char *id;
    size_t len;
    struct cmd *c = redis_sync_cmd(in->redis);
    if (!import_get_channel(doc, &ch) || json_str(doc, "id", &id, &len) != JSON_OK)
        return import_bad_line(m, m->line, "a wrong entry");
    cmd_begin(c, "XADD");
    cmd_channel_key(c, redis_sync_keys(in->redis), &ch, CHANNEL_LOG);
    cmd_copy(c, id, len);
    return import_add_fields(c, doc, "fields")
               ? send_entry(in, m)
               : import_bad_line(m, m->line, "an entry with wrong fields");
}
