/* cmd_import - import: what export wrote, into an empty prefix; with --merge into one in use, where
 * what is there stays as it is: users keep their records, names their users, and of a channel only
 * what is newer than its last message is added.
 *
 * Lines are turned into commands that travel in batches; memory is bounded by one. Everything may
 * be imported again: an import that was interrupted is finished by `import --merge` of the same
 * file.
 */
#include "chatctl/ask.h"
#include "chatctl/cmd.h"
#include "chatctl/progress.h"
#include "chatctl/transfer.h"
#include "common/json.h"
#include "common/validate.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#define BATCH 200 /* commands sent together */
#define MS_MAX ((uint64_t)1 << 52)
#define VALUE_MAX 65536

enum owed { OWED_ANY, OWED_NAME, OWED_ENTRY };

/* A command that was sent: what its answer means. */
struct sent {
    enum owed owed;
    uint64_t line;
    struct uuid user; /* OWED_NAME */
};

/* A user line that waits until its name is known to be free. */
struct held {
    char *text;
    size_t len;
    uint64_t line;
    struct uuid uuid;
    bool refused;
};

struct import {
    FILE *file;
    const char *path;
    bool merge, ended;
    bool left_out; /* the messages of this channel */
    uint64_t line, users, channels, members, messages, known, refused;
    uint64_t expected_messages;
    struct sent sent[BATCH];
    size_t nsent;
    struct held held[BATCH];
    size_t nheld;
    struct progress bar;
};

static enum status bad_line(const struct import *m, uint64_t line, const char *what) {
    complain("%s:%" PRIu64 ": %s", m->path, line, what);
    return STATUS_FAILED;
}

/* --- Commands in batches --- */

static enum status take_name(struct import *m, const struct sent *s, const struct redisReply *r) {
    struct uuid holder;
    struct err e = {0};
    if (reply_uuid(r, &holder, &e))
        return fail(&e);
    if (uuid_is_nil(&holder) || uuid_eq(&holder, &s->user))
        return STATUS_DONE;
    for (size_t i = 0; i < m->nheld; i++)
        if (uuid_eq(&m->held[i].uuid, &s->user))
            m->held[i].refused = true;
    m->refused++;
    complain("%s:%" PRIu64 ": the username is another user's; left out", m->path, s->line);
    return STATUS_DONE;
}

static enum status take_answer(struct import *m, const struct sent *s, const struct redisReply *r) {
    struct err e = {0};
    if (s->owed == OWED_NAME && !reply_ok(r, &e))
        return take_name(m, s, r);
    if (s->owed == OWED_ENTRY) {
        bool known = reply_is_error(r, "ERR The ID specified in XADD is equal or smaller");
        m->known += known;
        m->messages += !known && !reply_ok(r, &e);
        if (known)
            return STATUS_DONE;
    }
    if (!reply_ok(r, &e))
        return STATUS_DONE;
    enum status st = fail(&e);
    bad_line(m, s->line, "not stored");
    return st;
}

/* Reads what is owed; every answer, whatever they say. */
static enum status settle(struct invocation *in, struct import *m) {
    enum status st = STATUS_DONE;
    for (size_t i = 0; i < m->nsent; i++) {
        struct err e = {0};
        const struct redisReply *r = store_next(in->store, &e);
        if (!r)
            return fail(&e);
        if (st == STATUS_DONE)
            st = take_answer(m, &m->sent[i], r);
    }
    m->nsent = 0;
    return st;
}

/* Sends the scratch command with others. */
static enum status send(struct invocation *in, struct import *m, struct sent s) {
    struct err e = {0};
    if (store_queue(in->store, &e))
        return fail(&e);
    m->sent[m->nsent++] = s;
    return m->nsent == BATCH ? settle(in, m) : STATUS_DONE;
}

static enum status send_plain(struct invocation *in, struct import *m) {
    return send(in, m, (struct sent){.owed = OWED_ANY, .line = m->line});
}

/* --- Parts of lines --- */

static bool get_uuid(const struct json *doc, const char *key, struct uuid *out) {
    const char *s;
    size_t len;
    return json_str(doc, key, &s, &len) == JSON_OK && uuid_read(s, len, out);
}

static bool get_channel(const struct json *doc, struct channel_id *out) {
    const char *s;
    size_t len;
    return json_str(doc, "channel", &s, &len) == JSON_OK && channel_parse(s, len, out);
}

static int hex_digit(char c) {
    const char *digits = "0123456789abcdef", *at = c ? strchr(digits, c) : NULL;
    return at ? (int)(at - digits) : -1;
}

/* A field's value, into `out`; -1: none that could be right. */
static ssize_t field_value(const struct json *field, char *out) {
    const char *s;
    size_t len;
    if (json_str(field, "v", &s, &len) == JSON_OK && len <= VALUE_MAX) {
        memcpy(out, s, len);
        return (ssize_t)len;
    }
    if (json_str(field, "hex", &s, &len) != JSON_OK || len % 2 || len / 2 > VALUE_MAX)
        return -1;
    for (size_t i = 0; i < len; i += 2) {
        int high = hex_digit(s[i]), low = hex_digit(s[i + 1]);
        if (high < 0 || low < 0)
            return -1;
        out[i / 2] = (char)(high * 16 + low);
    }
    return (ssize_t)(len / 2);
}

/* Adds names and values to the scratch command. False: there are none, or a wrong one. */
static bool add_fields(struct cmd *c, const struct json *doc, const char *key) {
    static char value[VALUE_MAX];
    const struct json *fields;
    const char *name;
    size_t len, n = 0;
    if (json_arr(doc, key, &fields) != JSON_OK)
        return false;
    for (const struct json *f = json_first(fields); f; f = json_next(f), n++) {
        if (!json_is_obj(f) || json_str(f, "k", &name, &len) != JSON_OK)
            return false;
        ssize_t size = field_value(f, value);
        if (size < 0)
            return false;
        cmd_copy(c, name, len);
        cmd_copy(c, value, (size_t)size);
    }
    return n > 0;
}

static bool find_field(const struct json *doc, const char *key, const char *name, const char **s,
                       size_t *len) {
    const struct json *fields;
    if (json_arr(doc, key, &fields) != JSON_OK)
        return false;
    for (const struct json *f = json_first(fields); f; f = json_next(f)) {
        const char *k;
        size_t n;
        if (json_is_obj(f) && json_str(f, "k", &k, &n) == JSON_OK && n == strlen(name) &&
            memcmp(k, name, n) == 0)
            return json_str(f, "v", s, len) == JSON_OK;
    }
    return false;
}

/* --- Users: first the names of a batch, then the records of those who have got theirs --- */

static enum status claim_name(struct invocation *in, struct import *m, const struct held *h,
                              const struct json *doc) {
    const char *name;
    size_t len, folded_len;
    char folded[NAME_FOLDED_MAX + 1];
    struct cmd *c = store_cmd(in->store);
    if (!find_field(doc, "fields", "name", &name, &len) ||
        !name_fold(name, len, folded, &folded_len))
        return bad_line(m, h->line, "a user without a name");
    cmd_begin(c, "SET");
    cmd_tailed_key(c, store_keys(in->store), KEY_NAME, folded, folded_len);
    cmd_uuid(c, &h->uuid);
    cmd_literal(c, "NX");
    cmd_literal(c, "GET");
    return send(in, m, (struct sent){.owed = OWED_NAME, .line = h->line, .user = h->uuid});
}

/* With --merge, HSETNX a field: a record that is there stays as it is. */
static enum status merge_record(struct invocation *in, struct import *m, const struct held *h,
                                const struct json *doc) {
    static char value[VALUE_MAX];
    const struct json *fields;
    struct cmd *c = store_cmd(in->store);
    enum status st = STATUS_DONE;
    if (json_arr(doc, "fields", &fields) != JSON_OK)
        return bad_line(m, h->line, "a user without fields");
    for (const struct json *f = json_first(fields); f && st == STATUS_DONE; f = json_next(f)) {
        const char *name;
        size_t len;
        ssize_t size = json_is_obj(f) ? field_value(f, value) : -1;
        if (size < 0 || json_str(f, "k", &name, &len) != JSON_OK)
            return bad_line(m, h->line, "a wrong field");
        cmd_begin(c, "HSETNX");
        cmd_user_key(c, store_keys(in->store), &h->uuid, USER_RECORD);
        cmd_copy(c, name, len);
        cmd_copy(c, value, (size_t)size);
        st = send_plain(in, m);
    }
    return st;
}

static enum status write_record(struct invocation *in, struct import *m, const struct held *h,
                                const struct json *doc) {
    struct cmd *c = store_cmd(in->store);
    uint64_t created = 0;
    const char *s;
    size_t len;
    enum status st;
    if (m->merge)
        st = merge_record(in, m, h, doc);
    else {
        cmd_begin(c, "HSET");
        cmd_user_key(c, store_keys(in->store), &h->uuid, USER_RECORD);
        st = add_fields(c, doc, "fields") ? send_plain(in, m)
                                          : bad_line(m, h->line, "a user with wrong fields");
    }
    if (st != STATUS_DONE)
        return st;
    if (json_u64(doc, "created", MS_MAX, &created) != JSON_OK &&
        find_field(doc, "fields", "created", &s, &len))
        created = strtoull(s, NULL, 10);
    m->users++;
    cmd_user_index(c, store_keys(in->store), &h->uuid, (int64_t)created);
    return send_plain(in, m);
}

static enum status each_held(struct invocation *in, struct import *m,
                             enum status (*fn)(struct invocation *in, struct import *m,
                                               const struct held *h, const struct json *doc)) {
    enum status st = STATUS_DONE;
    for (size_t i = 0; i < m->nheld && st == STATUS_DONE; i++) {
        struct err e = {0};
        if (m->held[i].refused)
            continue;
        struct json *doc = json_parse(m->held[i].text, m->held[i].len, 0, &e);
        st = doc ? fn(in, m, &m->held[i], doc) : fail(&e);
        json_free(doc);
    }
    return st == STATUS_DONE ? settle(in, m) : st;
}

static enum status write_held(struct invocation *in, struct import *m) {
    enum status st = settle(in, m);
    if (st == STATUS_DONE)
        st = each_held(in, m, claim_name);
    if (st == STATUS_DONE)
        st = each_held(in, m, write_record);
    for (size_t i = 0; i < m->nheld; i++)
        free(m->held[i].text);
    m->nheld = 0;
    return st;
}

static enum status hold_user(struct invocation *in, struct import *m, const struct json *doc,
                             const char *text, size_t len) {
    struct held h = {.len = len, .line = m->line};
    if (!get_uuid(doc, "UUID", &h.uuid))
        return bad_line(m, m->line, "a user without a UUID");
    h.text = malloc(len);
    if (!h.text)
        return fail(&(struct err){.code = ERR_INTERNAL, .detail = "out of memory"});
    memcpy(h.text, text, len);
    m->held[m->nheld++] = h;
    return m->nheld == BATCH ? write_held(in, m) : STATUS_DONE;
}

/* --- Channels --- */

/* With --merge a channel that has a position keeps it, and its retention. If its epoch is the
 * export's, it is the same history, and may be continued; else the numbers would mean something
 * else, and its messages are left out. */
static enum status merge_channel(struct invocation *in, struct import *m, const struct json *doc,
                                 const struct channel_id *ch, const struct channel_state *state) {
    struct uuid epoch;
    const char *s;
    size_t len;
    struct cmd *c = store_cmd(in->store);
    bool same = find_field(doc, "meta", "epoch", &s, &len) && uuid_read(s, len, &epoch) &&
                uuid_eq(&epoch, &state->at.epoch);
    if (!same) {
        m->left_out = true;
        complain("%s:%" PRIu64 ": this channel has a history of its own; its messages are left out",
                 m->path, m->line);
        return STATUS_DONE;
    }
    if (!find_field(doc, "meta", "seq", &s, &len) || strtoull(s, NULL, 10) <= state->at.seq)
        return STATUS_DONE;
    cmd_begin(c, "HSET");
    cmd_channel_key(c, store_keys(in->store), ch, CHANNEL_META);
    cmd_literal(c, "seq");
    cmd_i64(c, (int64_t)strtoull(s, NULL, 10));
    return send_plain(in, m);
}

static enum status write_meta(struct invocation *in, struct import *m, const struct json *doc,
                              const struct channel_id *ch) {
    struct channel_state state = {.base = 0};
    struct cmd *c = store_cmd(in->store);
    enum status st = settle(in, m);
    m->left_out = false;
    if (st == STATUS_DONE && m->merge)
        st = ask_position(in, ch, &state);
    if (st != STATUS_DONE)
        return st;
    if (!uuid_is_nil(&state.at.epoch))
        return merge_channel(in, m, doc, ch, &state);
    cmd_begin(c, "HSET");
    cmd_channel_key(c, store_keys(in->store), ch, CHANNEL_META);
    return add_fields(c, doc, "meta") ? send_plain(in, m) : STATUS_DONE;
}

static enum status import_channel(struct invocation *in, struct import *m, const struct json *doc) {
    struct channel_id ch;
    uint64_t activity;
    if (!get_channel(doc, &ch) || json_u64(doc, "activity", MS_MAX, &activity) != JSON_OK)
        return bad_line(m, m->line, "a wrong channel");
    enum status st = write_meta(in, m, doc, &ch);
    m->channels++;
    if (st != STATUS_DONE || activity == 0)
        return st;
    cmd_channel_touch(store_cmd(in->store), store_keys(in->store), &ch, (int64_t)activity);
    return send_plain(in, m);
}

static enum status import_member(struct invocation *in, struct import *m, const struct json *doc) {
    struct channel_id ch;
    struct uuid user;
    uint64_t at;
    struct cmd *c = store_cmd(in->store);
    if (!get_channel(doc, &ch) || !get_uuid(doc, "user", &user) ||
        json_u64(doc, "at", MS_MAX, &at) != JSON_OK)
        return bad_line(m, m->line, "a wrong member");
    cmd_begin(c, "ZADD");
    cmd_channel_key(c, store_keys(in->store), &ch, CHANNEL_MEMBERS);
    cmd_literal(c, "NX");
    cmd_i64(c, (int64_t)at);
    cmd_uuid(c, &user);
    m->members++;
    return send_plain(in, m);
}

static enum status import_joined(struct invocation *in, struct import *m, const struct json *doc) {
    struct channel_id ch;
    struct uuid user;
    uint64_t at;
    if (!get_channel(doc, &ch) || !get_uuid(doc, "user", &user) ||
        json_u64(doc, "at", MS_MAX, &at) != JSON_OK)
        return bad_line(m, m->line, "a wrong line of type joined");
    enum status st = m->nheld ? write_held(in, m) : STATUS_DONE;
    if (st != STATUS_DONE)
        return st;
    cmd_user_channel_add(store_cmd(in->store), store_keys(in->store), &user, &ch, (int64_t)at);
    return send_plain(in, m);
}

static enum status import_mark(struct invocation *in, struct import *m, const struct json *doc) {
    struct channel_id ch;
    const char *s;
    size_t len;
    uint64_t at;
    struct cmd *c = store_cmd(in->store);
    if (!get_channel(doc, &ch) || json_str(doc, "mark", &s, &len) != JSON_OK ||
        json_u64(doc, "at", MS_MAX, &at) != JSON_OK)
        return bad_line(m, m->line, "a wrong mark");
    if (m->left_out)
        return STATUS_DONE;
    cmd_begin(c, "ZADD");
    cmd_channel_key(c, store_keys(in->store), &ch, CHANNEL_MARKS);
    cmd_literal(c, "NX");
    cmd_i64(c, (int64_t)at);
    cmd_copy(c, s, len);
    return send_plain(in, m);
}

/* --- Messages --- */

static enum status send_entry(struct invocation *in, struct import *m) {
    if (m->left_out) {
        m->known++;
        return STATUS_DONE;
    }
    return send(in, m, (struct sent){.owed = OWED_ENTRY, .line = m->line});
}

static enum status import_message(struct invocation *in, struct import *m, const struct json *doc) {
    struct channel_id ch;
    struct uuid uuid, sender;
    const char *name, *text;
    size_t name_len, text_len;
    uint64_t seq, at;
    char id[32];
    struct cmd *c = store_cmd(in->store);
    if (!get_channel(doc, &ch) || !get_uuid(doc, "UUID", &uuid) ||
        !get_uuid(doc, "senderUUID", &sender) || json_u64(doc, "seq", MS_MAX, &seq) != JSON_OK ||
        json_u64(doc, "at", MS_MAX, &at) != JSON_OK ||
        json_str(doc, "senderUsername", &name, &name_len) != JSON_OK ||
        json_str(doc, "message", &text, &text_len) != JSON_OK)
        return bad_line(m, m->line, "a wrong message");
    snprintf(id, sizeof id, "%" PRIu64 "-0", seq);
    cmd_begin(c, "XADD");
    cmd_channel_key(c, store_keys(in->store), &ch, CHANNEL_LOG);
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

static enum status import_entry(struct invocation *in, struct import *m, const struct json *doc) {
    struct channel_id ch;
    const char *id;
    size_t len;
    struct cmd *c = store_cmd(in->store);
    if (!get_channel(doc, &ch) || json_str(doc, "id", &id, &len) != JSON_OK)
        return bad_line(m, m->line, "a wrong entry");
    cmd_begin(c, "XADD");
    cmd_channel_key(c, store_keys(in->store), &ch, CHANNEL_LOG);
    cmd_copy(c, id, len);
    return add_fields(c, doc, "fields") ? send_entry(in, m)
                                        : bad_line(m, m->line, "an entry with wrong fields");
}

/* --- Lines --- */

static enum status import_end(struct invocation *in, struct import *m, const struct json *doc) {
    (void)in;
    m->ended = true;
    if (json_u64(doc, "messages", MS_MAX, &m->expected_messages) != JSON_OK)
        return bad_line(m, m->line, "a wrong end");
    return STATUS_DONE;
}

static enum status import_doc(struct invocation *in, struct import *m, const struct json *doc,
                              const char *text, size_t len) {
    static const struct {
        const char *type;
        enum status (*fn)(struct invocation *in, struct import *m, const struct json *doc);
    } TYPES[] = {{"message", import_message}, {"joined", import_joined}, {"member", import_member},
                 {"channel", import_channel}, {"mark", import_mark},     {"entry", import_entry},
                 {"end", import_end}};
    const char *type;
    size_t n;
    if (json_str(doc, "type", &type, &n) != JSON_OK)
        return bad_line(m, m->line, "a line without a type");
    if (n == 4 && memcmp(type, "user", 4) == 0)
        return hold_user(in, m, doc, text, len);
    for (size_t i = 0; i < sizeof TYPES / sizeof *TYPES; i++)
        if (n == strlen(TYPES[i].type) && memcmp(type, TYPES[i].type, n) == 0)
            return TYPES[i].fn(in, m, doc);
    return bad_line(m, m->line, "a line of an unknown type: made by a newer chatctl?");
}

static enum status check_first(struct import *m, const struct json *doc) {
    const char *type;
    size_t n;
    uint64_t version;
    if (json_str(doc, "type", &type, &n) == JSON_OK && n == 11 &&
        memcmp(type, "chat-export", 11) == 0 &&
        json_u64(doc, "version", 1000, &version) == JSON_OK && version == TRANSFER_VERSION)
        return STATUS_DONE;
    return bad_line(m, m->line, "not an export of this version of chatctl");
}

static enum status import_line(struct invocation *in, struct import *m, const char *text,
                               size_t len) {
    struct err e = {0};
    struct json *doc = m->ended ? NULL : json_parse(text, len, 0, &e);
    if (!doc)
        return bad_line(m, m->line, m->ended ? "a line behind the end" : e.detail);
    enum status st = m->line == 1 ? check_first(m, doc) : import_doc(in, m, doc, text, len);
    json_free(doc);
    return st;
}

static enum status import_lines(struct invocation *in, struct import *m) {
    char *text = NULL;
    size_t room = 0;
    ssize_t len;
    enum status st = STATUS_DONE;
    while (st == STATUS_DONE && !interrupted() && (len = getline(&text, &room, m->file)) > 0) {
        m->line++;
        len -= text[len - 1] == '\n';
        st = (size_t)len <= TRANSFER_LINE ? import_line(in, m, text, (size_t)len)
                                          : bad_line(m, m->line, "too long");
        progress_add(&m->bar, 1);
    }
    free(text);
    if (st == STATUS_DONE)
        st = write_held(in, m);
    for (size_t i = 0; i < m->nheld; i++)
        free(m->held[i].text);
    if (st == STATUS_DONE && interrupted())
        st = STATUS_INTERRUPTED;
    if (st == STATUS_DONE && !m->ended)
        st = bad_line(m, m->line + 1, "the file was cut: its end is missing");
    return st;
}

/* --- import --- */

static enum status check_empty(struct invocation *in, bool merge) {
    struct cmd *c = store_cmd(in->store);
    int64_t users, channels;
    cmd_users_count(c, store_keys(in->store));
    enum status st = ask_i64(in, &users);
    if (st != STATUS_DONE)
        return st;
    cmd_begin(c, "ZCARD");
    cmd_global_key(c, store_keys(in->store), KEY_CHANNEL_INDEX);
    st = ask_i64(in, &channels);
    if (st != STATUS_DONE || merge || (users == 0 && channels == 0))
        return st;
    complain("there are %" PRId64 " users and %" PRId64 " channels under %s: --merge adds to them",
             users, channels, store_keys(in->store)->prefix);
    return STATUS_CONFLICT;
}

static enum status claim_schema(struct invocation *in) {
    const struct redisReply *r;
    cmd_schema_claim(store_cmd(in->store), store_keys(in->store));
    return ask(in, &r);
}

static void say_how_it_went(struct invocation *in, const struct import *m, enum status st) {
    if (st == STATUS_DONE)
        say(in, "%" PRIu64 " users, %" PRIu64 " channels, %" PRIu64 " messages imported", m->users,
            m->channels, m->messages);
    else
        complain("stopped at line %" PRIu64 ": `import --merge` of the same file goes on", m->line);
    if (m->known)
        say(in, "%" PRIu64 " messages are left out: known, or of another history", m->known);
}

static enum status import(struct invocation *in) {
    const char *path = in->nargs && strcmp(in->args[0], "-") != 0 ? in->args[0] : NULL;
    enum status st = check_empty(in, given(in, "merge"));
    if (st != STATUS_DONE)
        return st;
    struct import *m = calloc(1, sizeof *m);
    if (!m)
        return fail(&(struct err){.code = ERR_INTERNAL, .detail = "out of memory"});
    m->merge = given(in, "merge");
    m->path = path ? path : "stdin";
    m->file = path ? fopen(path, "r") : stdin;
    if (!m->file) {
        complain("%s: %s", path, strerror(errno));
        free(m);
        return STATUS_FAILED;
    }
    st = claim_schema(in);
    progress_begin(&m->bar, "importing", 0, in->quiet);
    if (st == STATUS_DONE)
        st = import_lines(in, m);
    progress_end(&m->bar);
    say_how_it_went(in, m, st);
    if (st == STATUS_DONE && m->refused)
        st = STATUS_CONFLICT;
    if (path)
        fclose(m->file);
    free(m);
    return st;
}

static const struct param FILE_ARG[] = {{"FILE", VALUE_FILE, true, false}, {0}};
static const struct opt OPTS[] = {
    {"merge", 0, VALUE_NONE, NULL, NULL, "add to what is there; nothing that is there changes"},
    {0}};

const struct command CMD_IMPORT[] = {
    {NULL, "import", FILE_ARG, OPTS, "read what export wrote",
     "From FILE, or stdin. Into an empty prefix, or with --merge into one in use.\n\n"
     "Examples:\n  chatctl import chat.jsonl\n  zcat chat.jsonl.gz | chatctl --prefix copy: "
     "import\n",
     false, import},
    {0}};
