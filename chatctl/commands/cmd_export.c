/* cmd_export - export: see transfer.h for the format. Runs beside a chat in use: users and channels
 * that stay are all in it; of a channel, what it held when its turn came. Memory is bounded by a
 * page. */
#include "chatctl/ops/ask.h"
#include "chatctl/ops/channels.h"
#include "chatctl/ops/find.h"
#include "chatctl/ops/log.h"
#include "chatctl/ops/transfer.h"
#include "chatctl/ops/walk.h"
#include "chatctl/table/commands.h"
#include "chatctl/term/progress.h"
#include "common/base/buf.h"
#include "common/proto/json_write.h"
#include "common/proto/validate.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FIELDS_MAX 256 /* of a hash or an entry; ours have five */

struct dump {
    FILE *file;
    struct buf item;
    struct progress bar;
    uint64_t users, channels, members, messages;
    struct channel_id *named; /* only these; NULL: all */
    size_t nnamed;
};

struct field {
    const char *k, *v; /* borrow from the reply */
    size_t klen, vlen;
};

/* --- Items, a line each --- */

static struct buf *begin_item(struct dump *x, const char *type) {
    buf_reset(&x->item);
    buf_char(&x->item, '{');
    json_add_text(&x->item, "type", type);
    return &x->item;
}

static void add_channel(struct buf *b, const struct channel_id *ch) {
    char id[CHANNEL_TEXT + 1];
    size_t len = channel_format(ch, id);
    json_add_string(b, "channel", id, len);
}

static void add_field(struct buf *b, const struct field *f) {
    buf_char(b, '{');
    json_add_string(b, "k", f->k, f->klen);
    if (text_valid(f->v, f->vlen)) {
        json_add_string(b, "v", f->v, f->vlen);
    } else {
        json_add_key(b, "hex");
        buf_char(b, '"');
        for (size_t i = 0; i < f->vlen; i++)
            buf_fmt(b, "%02x", (unsigned char)f->v[i]);
        buf_char(b, '"');
    }
    buf_char(b, '}');
}

/* A name and its value out of a flat array. False: nothing that can be written. */
static bool take_field(const struct redisReply *flat, size_t i, struct field *f) {
    struct err e;
    return !reply_str(reply_item(flat, i), &f->k, &f->klen, &e) && f->k &&
           text_valid(f->k, f->klen) && !reply_str(reply_item(flat, i + 1), &f->v, &f->vlen, &e) &&
           f->v;
}

static int by_field_name(const void *a, const void *b) {
    const struct field *x = a, *y = b;
    return strcmp(x->k, y->k);
}

/* Names and values, as HGETALL or a stream entry gives them; a hash's in the order of their names,
 * which it doesn't have of its own. A name that is no text is left out. */
static void add_fields(struct buf *b, const char *key, const struct redisReply *flat, bool sorted) {
    static struct field fields[FIELDS_MAX];
    struct err e;
    size_t all = 0, n = 0;
    reply_array(flat, &all, &e);
    for (size_t i = 0; i + 1 < all && n < FIELDS_MAX; i += 2)
        n += take_field(flat, i, &fields[n]);
    if (sorted)
        qsort(fields, n, sizeof *fields, by_field_name);
    json_add_key(b, key);
    buf_char(b, '[');
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            buf_char(b, ',');
        add_field(b, &fields[i]);
    }
    buf_char(b, ']');
}

static enum status cannot_write(void) {
    if (errno == EPIPE)
        exit(STATUS_DONE); /* its reader had enough */
    complain("can't write: %s", strerror(errno));
    return STATUS_FAILED;
}

static enum status end_item(struct dump *x) {
    buf_str(&x->item, "}\n");
    if (x->item.failed)
        return status_no_memory();
    return fwrite(x->item.data, 1, x->item.len, x->file) == x->item.len ? STATUS_DONE
                                                                        : cannot_write();
}

static bool wanted(const struct dump *x, const struct channel_id *ch) {
    bool found = !x->named;
    for (size_t i = 0; i < x->nnamed && !found; i++)
        found = channel_eq(&x->named[i], ch);
    return found;
}

/* --- Users --- */

struct user {
    struct uuid uuid;
    int64_t created;
};

static enum status write_joined(struct dump *x, const struct uuid *user, const char *id, size_t len,
                                int64_t at) {
    struct channel_id ch;
    if (!channel_parse(id, len, &ch) || !wanted(x, &ch))
        return STATUS_DONE;
    struct buf *b = begin_item(x, "joined");
    json_add_uuid(b, "user", user);
    add_channel(b, &ch);
    json_add_i64(b, "at", at);
    return end_item(x);
}

static enum status write_records(struct invocation *in, struct dump *x, struct user *users,
                                 size_t n) {
    struct err e = {0};
    struct cmd *c = redis_sync_cmd(in->redis);
    for (size_t i = 0; i < n; i++) {
        cmd_begin(c, "HGETALL");
        cmd_user_key(c, redis_sync_keys(in->redis), &users[i].uuid, USER_RECORD);
        if (redis_sync_queue(in->redis, &e))
            return fail(&e);
    }
    enum status st = STATUS_DONE;
    for (size_t i = 0; i < n; i++) { /* all answers must be read, whatever happens */
        size_t fields;
        const struct redisReply *r = redis_sync_next(in->redis, &e);
        if (!r || reply_array(r, &fields, &e))
            return fail(&e);
        if (fields == 0 || st != STATUS_DONE)
            continue;
        struct buf *b = begin_item(x, "user");
        json_add_uuid(b, "UUID", &users[i].uuid);
        if (!x->named) /* else the walk was through members */
            json_add_i64(b, "created", users[i].created);
        add_fields(b, "fields", r, true);
        st = end_item(x);
        x->users++;
    }
    return st;
}

struct joined {
    struct dump *dump;
    const struct uuid *user;
};

static enum status write_list(struct invocation *in, struct walk *w, void *arg) {
    const struct joined *j = arg;
    enum status st = STATUS_DONE;
    (void)in;
    for (size_t i = 0; i < w->n && st == STATUS_DONE; i++) {
        size_t len;
        int64_t at;
        const char *id = walk_item(w, i, &len, &at);
        st = write_joined(j->dump, j->user, id, len, at);
    }
    return st;
}

static enum status write_lists(struct invocation *in, struct dump *x, const struct uuid *user) {
    struct walk w;
    struct joined j = {.dump = x, .user = user};
    walk_user(&w, redis_sync_keys(in->redis), user, USER_CHANNELS);
    return walk_each(in, &w, write_list, &j);
}

static enum status write_users(struct invocation *in, struct walk *w, void *arg) {
    struct dump *x = arg;
    struct user users[WALK_PAGE];
    size_t n = 0;
    if (interrupted())
        return STATUS_INTERRUPTED;
    for (size_t i = 0; i < w->n; i++) {
        size_t len;
        const char *uuid = walk_item(w, i, &len, &users[n].created);
        n += uuid_read(uuid, len, &users[n].uuid);
    }
    enum status st = write_records(in, x, users, n);
    for (size_t i = 0; i < n && st == STATUS_DONE; i++)
        st = write_lists(in, x, &users[i].uuid);
    progress_add(&x->bar, n);
    return st;
}

static enum status export_users(struct invocation *in, struct dump *x, struct walk *w) {
    enum status st = walk_each(in, w, write_users, x);
    return st == STATUS_DONE && interrupted() ? STATUS_INTERRUPTED : st;
}

/* --- Channels --- */

static enum status write_channel(struct invocation *in, struct dump *x, const struct channel_id *ch,
                                 int64_t activity) {
    const struct redisReply *r;
    struct cmd *c = redis_sync_cmd(in->redis);
    char id[CHANNEL_TEXT + 1];
    enum status st = STATUS_DONE;
    if (activity == 0) { /* it was named */
        cmd_begin(c, "ZSCORE");
        cmd_global_key(c, redis_sync_keys(in->redis), KEY_CHANNEL_INDEX);
        cmd_copy(c, id, channel_format(ch, id));
        st = ask_i64(in, &activity);
    }
    cmd_begin(c, "HGETALL");
    cmd_channel_key(c, redis_sync_keys(in->redis), ch, CHANNEL_META);
    if (st != STATUS_DONE || (st = ask(in, &r)) != STATUS_DONE)
        return st;
    struct buf *b = begin_item(x, "channel");
    add_channel(b, ch);
    json_add_i64(b, "activity", activity);
    add_fields(b, "meta", r, true);
    x->channels++;
    return end_item(x);
}

/* The members, or the marks. */
struct set {
    struct dump *dump;
    const struct channel_id *channel;
    const char *type, *key;
    uint64_t n;
};

static enum status write_page(struct invocation *in, struct walk *w, void *arg) {
    struct set *s = arg;
    enum status st = STATUS_DONE;
    (void)in;
    if (interrupted())
        return STATUS_INTERRUPTED;
    for (size_t i = 0; i < w->n && st == STATUS_DONE; i++) {
        size_t len;
        int64_t at;
        const char *what = walk_item(w, i, &len, &at);
        if (!text_valid(what, len))
            continue;
        struct buf *b = begin_item(s->dump, s->type);
        add_channel(b, s->channel);
        json_add_string(b, s->key, what, len);
        json_add_i64(b, "at", at);
        st = end_item(s->dump);
        s->n++;
    }
    return st;
}

static enum status write_set(struct invocation *in, struct set *s, enum channel_key which) {
    struct walk w;
    walk_channel(&w, redis_sync_keys(in->redis), s->channel, which);
    return walk_each(in, &w, write_page, s);
}

static enum status write_members(struct invocation *in, struct dump *x,
                                 const struct channel_id *ch) {
    struct set members = {.dump = x, .channel = ch, .type = "member", .key = "user"};
    struct set marks = {.dump = x, .channel = ch, .type = "mark", .key = "mark"};
    enum status st = write_set(in, &members, CHANNEL_MEMBERS);
    x->members += members.n;
    return st == STATUS_DONE ? write_set(in, &marks, CHANNEL_MARKS) : st;
}

static enum status write_entry(struct dump *x, const struct log_entry *entry) {
    const struct message *m = &entry->message;
    struct err e;
    size_t n = 0, fields = 0;
    reply_array(entry->reply, &n, &e);
    if (n == 2)
        reply_array(reply_item(entry->reply, 1), &fields, &e);
    bool ours = entry->good && fields == 10;
    struct buf *b = begin_item(x, ours ? "message" : "entry");
    add_channel(b, &m->channel);
    if (ours && text_valid(m->text, m->text_len)) {
        json_add_u64(b, "seq", m->seq);
        json_add_uuid(b, "UUID", &m->uuid);
        json_add_uuid(b, "senderUUID", &m->sender);
        json_add_string(b, "senderUsername", m->sender_name, m->sender_name_len);
        json_add_i64(b, "at", m->created_ms);
        json_add_string(b, "message", m->text, m->text_len);
    } else if (n == 2) {
        const char *id = NULL;
        size_t len;
        reply_str(reply_item(entry->reply, 0), &id, &len, &e);
        json_add_string(b, "id", id ? id : "", len);
        add_fields(b, "fields", reply_item(entry->reply, 1), false);
    }
    x->messages++;
    return end_item(x);
}

struct writing {
    struct dump *dump;
    enum status status;
};

static bool take_entry(const struct log_entry *entry, void *arg) {
    struct writing *w = arg;
    w->status = write_entry(w->dump, entry);
    return w->status == STATUS_DONE;
}

/* Up to what the channel's item says: later ones would be more than its seq. */
static enum status write_log(struct invocation *in, struct dump *x, const struct channel_id *ch,
                             uint64_t last) {
    struct writing w = {.dump = x, .status = STATUS_DONE};
    struct log_range all = {.channel = *ch, .up_to = last, .bar = &x->bar};
    enum status st = log_each(in, &all, take_entry, &w);
    return st == STATUS_DONE ? w.status : st;
}

static enum status export_channel(struct invocation *in, const struct channel_id *ch,
                                  int64_t activity, void *arg) {
    struct dump *x = arg;
    struct channel_state state;
    enum status st = ask_position(in, ch, &state);
    if (st == STATUS_DONE)
        st = write_channel(in, x, ch, activity);
    if (st == STATUS_DONE)
        st = write_members(in, x, ch);
    /* A channel without a position is damaged: everything is taken along. */
    uint64_t last = uuid_is_nil(&state.at.epoch) ? UINT64_MAX : state.at.seq;
    if (st == STATUS_DONE)
        st = write_log(in, x, ch, last);
    return st == STATUS_DONE && interrupted() ? STATUS_INTERRUPTED : st;
}

/* --- export --- */

static enum status find_named(struct invocation *in, struct dump *x) {
    if (in->nargs == 0)
        return STATUS_DONE;
    x->named = calloc(in->nargs, sizeof *x->named);
    if (!x->named)
        return status_no_memory();
    for (; x->nnamed < in->nargs; x->nnamed++) {
        enum status st = find_channel(in, in->args[x->nnamed], &x->named[x->nnamed]);
        if (st != STATUS_DONE)
            return st;
        for (size_t i = 0; i < x->nnamed; i++)
            if (channel_eq(&x->named[i], &x->named[x->nnamed])) {
                complain("%s is named twice", in->args[x->nnamed]);
                return STATUS_USAGE;
            }
    }
    return STATUS_DONE;
}

/* All users; of named channels their members, who may be in it twice. */
static enum status export_all_users(struct invocation *in, struct dump *x) {
    struct walk w;
    enum status st = STATUS_DONE;
    walk_global(&w, redis_sync_keys(in->redis), KEY_USERS);
    if (!x->named)
        return export_users(in, x, &w);
    for (size_t i = 0; i < x->nnamed && st == STATUS_DONE; i++) {
        walk_channel(&w, redis_sync_keys(in->redis), &x->named[i], CHANNEL_MEMBERS);
        st = export_users(in, x, &w);
    }
    return st;
}

static enum status write_all(struct invocation *in, struct dump *x) {
    struct buf *b = begin_item(x, "chat-export");
    json_add_u64(b, "version", TRANSFER_VERSION);
    enum status st = end_item(x);
    if (st == STATUS_DONE)
        st = export_all_users(in, x);
    if (st == STATUS_DONE)
        st = channels_each_named(in, 0, export_channel, x);
    if (st != STATUS_DONE)
        return st;
    b = begin_item(x, "end");
    json_add_u64(b, "users", x->users);
    json_add_u64(b, "channels", x->channels);
    json_add_u64(b, "members", x->members);
    json_add_u64(b, "messages", x->messages);
    return end_item(x);
}

/* It holds password hashes and private talk: for its owner only, and never over what is there. */
static FILE *open_output(const char *path) {
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    return fd < 0 ? NULL : fdopen(fd, "w");
}

static enum status run_export(struct invocation *in) {
    const char *path = opt_text(in, "output");
    struct dump x = {.file = NULL};
    enum status st = find_named(in, &x);
    if (st == STATUS_DONE && path && !(x.file = open_output(path))) {
        complain("%s: %s", path, strerror(errno));
        st = STATUS_FAILED;
    }
    if (st == STATUS_DONE) {
        x.file = path ? x.file : stdout;
        buf_init(&x.item, TRANSFER_LINE);
        progress_begin(&x.bar, "exporting", 0, in->quiet);
        st = write_all(in, &x);
        progress_end(&x.bar);
        buf_free(&x.item);
        if (fflush(x.file) != 0 && st == STATUS_DONE)
            st = cannot_write();
        if (path && fclose(x.file) != 0 && st == STATUS_DONE)
            st = cannot_write();
    }
    if (st == STATUS_INTERRUPTED)
        complain("interrupted: %" PRIu64 " users and %" PRIu64
                 " messages are written; the file isn't whole",
                 x.users, x.messages);
    if (st == STATUS_DONE)
        say(in, "%" PRIu64 " users, %" PRIu64 " channels, %" PRIu64 " messages exported", x.users,
            x.channels, x.messages);
    free(x.named);
    return st;
}

static const struct param CHANNELS[] = {{"CHANNEL", VALUE_CHANNEL, true, true}, {0}};
static const struct opt OPTS[] = {
    {"output", 'o', VALUE_FILE, "FILE", NULL, "write to a new file, readable by you alone"}, {0}};

const struct command CMD_EXPORT[] = {{NULL, "export", CHANNELS, OPTS,
                                      "write users, channels and messages as JSON lines",
                                      "Everything, or the channels named with their members. "
                                      "Password hashes are in it: keep it safe. Access keys are\n"
                                      "not: everybody signs in again after an import.\n\n"
                                      "Examples:\n  chatctl export | gzip > chat.jsonl.gz\n  "
                                      "chatctl export public --output public.jsonl\n",
                                      false, run_export},
                                     {0}};
