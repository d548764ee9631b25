/* user_edit - user add, passwd, rename and delete: each in such an order that being cut short at
 * any point leaves nothing that stands in anybody's way. */
#include "chatctl/commands/user_commands.h"
#include "chatctl/ops/ask.h"
#include "chatctl/ops/channels.h"
#include "chatctl/ops/find.h"
#include "chatctl/ops/purge.h"
#include "chatctl/ops/rename.h"
#include "chatctl/ops/user.h"
#include "chatctl/ops/username.h"
#include "chatctl/ops/walk.h"
#include "chatctl/table/password.h"
#include "chatctl/term/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EVENT_MEMBERS 200 /* as chatd's --event-members */

/* --- user add --- */

static const struct column ADD_COLUMNS[] = {
    {"name", COLUMN_TEXT}, {"uuid", COLUMN_TEXT}, {"created", COLUMN_TIME}, {NULL, COLUMN_TEXT}};

/* As chatd does it: the name is claimed, the record written, both with a time to lapse; then the
 * name is made permanent, then the record. */
static enum status create(struct invocation *in, const struct username *n, struct new_user *u) {
    struct cmd *c = redis_sync_cmd(in->redis);
    const struct keyspace *ks = redis_sync_keys(in->redis);
    const struct redisReply *r;
    int64_t made = 0;
    enum status status;
    cmd_schema_claim(c, ks); /* this may be the first thing in a new chat */
    if ((status = ask(in, &r)) || (status = username_claim(in, n, &u->uuid)))
        return status;
    cmd_user_create(c, ks, u);
    if ((status = ask_i64(in, &made)))
        return status;
    if (!made) {
        complain("a fresh uuid is taken");
        return STATUS_FAILED;
    }
    if ((status = username_confirm(in, n, &u->uuid)))
        return status;
    cmd_user_confirm(c, ks, &u->uuid);
    if ((status = ask(in, &r)))
        return status;
    cmd_user_index(c, ks, &u->uuid, u->created_ms);
    return ask(in, &r);
}

enum status user_add(struct invocation *in) {
    struct username n;
    struct uuid holder;
    char hash[SECRET_HASH_MAX] = "";
    struct new_user u = {.uuid = uuid_make(),
                         .password_hash = hash,
                         .created_ms = redis_sync_now(in->redis),
                         .key_hash = "",
                         .lapse_s = USERNAME_LAPSE_S};
    enum status status = username_check(in->args[0], &n);
    if (status == STATUS_DONE)
        status = username_look(in, &n, &holder); /* before anybody is asked for a password */
    if (status)
        return status;
    u.name = n.text;
    u.name_len = n.len;
    if (in->dry_run) {
        say(in, "would make user %s", n.text);
        return STATUS_DONE;
    }
    status = password_hash(in, hash);
    if (status == STATUS_DONE)
        status = create(in, &n, &u);
    secret_wipe(hash, sizeof hash);
    if (status)
        return status;
    output_begin(in->out, ADD_COLUMNS, true);
    output_text(in->out, n.text, n.len);
    output_uuid(in->out, &u.uuid);
    output_time(in->out, u.created_ms);
    return STATUS_DONE;
}

/* --- user passwd --- */

static const struct column PASSWD_COLUMNS[] = {
    {"name", COLUMN_TEXT}, {"uuid", COLUMN_TEXT}, {"revoked", COLUMN_NUMBER}, {NULL, COLUMN_TEXT}};

enum status user_passwd(struct invocation *in) {
    struct uuid user;
    char name[NAME_MAX_BYTES + 1], hash[SECRET_HASH_MAX] = "";
    int64_t revoked = 0;
    enum status status = find_user(in, in->args[0], &user, name);
    if (status)
        return status;
    if (in->dry_run) {
        say(in, "would set the password of %s", name);
        return STATUS_DONE;
    }
    if ((status = password_hash(in, hash)))
        return status;
    cmd_user_change(redis_sync_cmd(in->redis), redis_sync_keys(in->redis), &user);
    cmd_user_field(redis_sync_cmd(in->redis), "hash", hash, strlen(hash));
    cmd_user_field(redis_sync_cmd(in->redis), "seen", "",
                   0); /* whoever knew the old one was there */
    status = user_change(in, name);
    secret_wipe(hash, sizeof hash);
    if (status == STATUS_DONE && !opt_given(in, "keep-sessions") &&
        !(status = user_revoke_all(in, &user, &revoked)))
        status = user_settle(in, &user);
    if (status)
        return status;
    output_begin(in->out, PASSWD_COLUMNS, true);
    output_text(in->out, name, strlen(name));
    output_uuid(in->out, &user);
    output_number(in->out, revoked);
    return STATUS_DONE;
}

/* --- user rename --- */

static const struct column RENAME_COLUMNS[] = {
    {"name", COLUMN_TEXT}, {"uuid", COLUMN_TEXT}, {"before", COLUMN_TEXT}, {NULL, COLUMN_TEXT}};

static bool same_folded(const char *name, const struct username *n) {
    char folded[NAME_FOLDED_MAX + 1];
    size_t len;
    return name_fold(name, strlen(name), folded, &len) && len == n->folded_len &&
           memcmp(folded, n->folded, len) == 0;
}

static enum status write_name(struct invocation *in, const struct uuid *user, const char *name,
                              const struct username *n) {
    cmd_user_change(redis_sync_cmd(in->redis), redis_sync_keys(in->redis), user);
    cmd_user_field(redis_sync_cmd(in->redis), "name", n->text, n->len);
    return user_change(in, name);
}

/* The new name is made permanent before the record has it: cut short, the user can sign in by both
 * names, never by none. */
static enum status change_name(struct invocation *in, const struct uuid *user, const char *name,
                               const struct username *n) {
    enum status status;
    if (same_folded(name, n))
        return write_name(in, user, name, n);
    if ((status = username_claim(in, n, user)) || (status = username_confirm(in, n, user)))
        return status;
    if ((status = write_name(in, user, name, n))) {
        if (status == STATUS_NOT_FOUND)
            username_release(in, n->text, user);
        return status;
    }
    return username_release(in, name, user);
}

enum status user_rename(struct invocation *in) {
    struct uuid user, holder;
    struct username n;
    char name[NAME_MAX_BYTES + 1];
    enum status status = find_user(in, in->args[0], &user, name);
    if (status == STATUS_DONE)
        status = username_check(in->args[1], &n);
    if (status == STATUS_DONE && in->dry_run && !same_folded(name, &n))
        status = username_look(in, &n, &holder);
    if (status == STATUS_DONE && in->dry_run)
        say(in, "would rename %s to %s", name, n.text);
    else if (status == STATUS_DONE) {
        status = change_name(in, &user, name, &n);
        if (status == STATUS_DONE)
            status = user_forget(in, &user);
    }
    if (status || in->dry_run)
        return status;
    output_begin(in->out, RENAME_COLUMNS, true);
    output_text(in->out, n.text, n.len);
    output_uuid(in->out, &user);
    output_text(in->out, name, strlen(name));
    return STATUS_DONE;
}

/* --- user delete --- */

static const struct column DELETE_COLUMNS[] = {
    {"name", COLUMN_TEXT},       {"uuid", COLUMN_TEXT},       {"sessions", COLUMN_NUMBER},
    {"channels", COLUMN_NUMBER}, {"messages", COLUMN_NUMBER}, {NULL, COLUMN_TEXT}};

struct deletion {
    struct uuid user;
    char name[NAME_MAX_BYTES + 1];
    int64_t sessions, channels;
    uint64_t messages;
    bool with_messages;
    struct progress progress;
};

static enum status count_to_delete(struct invocation *in, struct deletion *d) {
    struct cmd *c = redis_sync_cmd(in->redis);
    cmd_begin(c, "ZCARD");
    cmd_user_key(c, redis_sync_keys(in->redis), &d->user, USER_KEYS);
    enum status status = ask_i64(in, &d->sessions);
    if (status)
        return status;
    cmd_begin(c, "ZCARD");
    cmd_user_key(c, redis_sync_keys(in->redis), &d->user, USER_CHANNELS);
    return ask_i64(in, &d->channels);
}

typedef enum status deletion_fn(struct invocation *in, const struct channel_id *ch,
                                struct deletion *d);

struct joined {
    deletion_fn *fn;
    struct deletion *deletion;
    struct channel_id ids[WALK_PAGE]; /* of a page, whose life fn's own commands end */
};

static enum status visit_joined(struct invocation *in, struct walk *w, void *arg) {
    struct joined *j = arg;
    enum status status = STATUS_DONE;
    size_t n = 0, len;
    for (size_t i = 0; i < w->n; i++) {
        const char *id = walk_item(w, i, &len, NULL);
        n += channel_parse(id, len, &j->ids[n]);
    }
    for (size_t i = 0; status == STATUS_DONE && i < n; i++)
        status = j->fn(in, &j->ids[i], j->deletion);
    return status;
}

/* Calls fn for every channel that the user is joined to. */
static enum status each_joined(struct invocation *in, struct deletion *d, deletion_fn *fn) {
    struct walk w;
    struct joined *j = calloc(1, sizeof *j);
    if (!j)
        return status_no_memory();
    j->fn = fn;
    j->deletion = d;
    walk_user(&w, redis_sync_keys(in->redis), &d->user, USER_CHANNELS);
    enum status status = walk_each(in, &w, visit_joined, j);
    free(j);
    return status;
}

static enum status purge_own_messages(struct invocation *in, const struct channel_id *ch,
                                      struct deletion *d) {
    struct purge p;
    uint64_t moved = 0;
    if (interrupted())
        return status_stopped("messages removed", d->messages);
    enum status status = purge_plan(in, ch, &p);
    if (status)
        return status;
    purge_from(&p, &d->user);
    status = purge_count(in, &p);
    if (status == STATUS_DONE && p.messages && !in->dry_run) {
        status = purge_run(in, &p, 0, &moved);
        d->messages += moved;
    } else
        d->messages += p.messages;
    return status;
}

/* The messages stay, named as those of nobody. */
static enum status disown_channel(struct invocation *in, const struct channel_id *ch,
                                  struct deletion *d) {
    uint64_t n = 0;
    char name[CHANNEL_NAME_SIZE];
    enum status status = rename_count(in, ch, &d->user, NAME_DELETED, &n);
    if (interrupted())
        return status_stopped("messages renamed", d->messages);
    if (status)
        return status;
    if (in->dry_run && n)
        say(in, "%s: would rename the sender of %" PRIu64 " messages",
            find_channel_name(in, ch, name, sizeof name), n);
    else if (!in->dry_run && n)
        status = rename_log(in, ch, &d->user, NAME_DELETED, &n);
    d->messages += n;
    if (status || in->dry_run)
        return status;
    return rename_trash(in, ch, &d->user, NAME_DELETED);
}

static enum status clear_channel(struct invocation *in, const struct channel_id *ch,
                                 struct deletion *d) {
    return d->with_messages ? purge_own_messages(in, ch, d) : disown_channel(in, ch, d);
}

/* A channel that the user has left, maybe: the messages are there still. */
static enum status clear_left(struct invocation *in, const struct channel_id *ch, int64_t activity,
                              void *arg) {
    (void)activity;
    struct deletion *d = arg;
    struct cmd *c = redis_sync_cmd(in->redis);
    char id[CHANNEL_TEXT + 1];
    int64_t joined = 0;
    progress_add(&d->progress, 1);
    if (ch->kind == CHANNEL_DM && !uuid_eq(&ch->low, &d->user) && !uuid_eq(&ch->high, &d->user))
        return STATUS_DONE;
    cmd_begin(c, "ZSCORE");
    cmd_user_key(c, redis_sync_keys(in->redis), &d->user, USER_CHANNELS);
    cmd_copy(c, id, channel_format(ch, id));
    enum status status = ask_i64(in, &joined);
    return status || joined ? status : clear_channel(in, ch, d);
}

/* The channels of the user first: the index of all of them may lag some seconds behind. */
static enum status clear_messages(struct invocation *in, struct deletion *d) {
    progress_begin(&d->progress, "channels", 0, in->quiet);
    enum status status = each_joined(in, d, clear_channel);
    if (status == STATUS_DONE)
        status = channels_each(in, clear_left, d);
    progress_end(&d->progress);
    return status;
}

/* Banned first: a user who can't sign in can't get in the way, and a deletion that is cut short can
 * be done again. */
static enum status lock_out(struct invocation *in, const struct deletion *d) {
    char until[24];
    int64_t nodes;
    snprintf(until, sizeof until, "%" PRId64, FOR_EVER_MS);
    cmd_user_change(redis_sync_cmd(in->redis), redis_sync_keys(in->redis), &d->user);
    cmd_user_field(redis_sync_cmd(in->redis), "banned", until, strlen(until));
    enum status status = user_change(in, d->name);
    return status ? status : user_put_out(in, &d->user, CLOSE_KICKED, &nodes);
}

static enum status leave_channel(struct invocation *in, const struct channel_id *ch,
                                 struct deletion *d) {
    struct buf event;
    const struct redisReply *r;
    int64_t left = 0;
    buf_init(&event, EVENT_MAX);
    event_write_user(&event, SYS_CHANNEL_LEAVE, &d->user, d->name, strlen(d->name));
    cmd_leave(redis_sync_cmd(in->redis), redis_sync_keys(in->redis), ch, &d->user, event.data,
              event.len, EVENT_MEMBERS);
    enum status status = ask_i64(in, &left);
    buf_free(&event);
    if (status || left != LEAVE_NOTHING_LEFT)
        return status;
    cmd_channel_forget(redis_sync_cmd(in->redis), redis_sync_keys(in->redis), ch);
    return ask(in, &r);
}

static enum status take_apart(struct invocation *in, struct deletion *d) {
    struct cmd *c = redis_sync_cmd(in->redis);
    const struct keyspace *ks = redis_sync_keys(in->redis);
    const struct redisReply *r;
    enum status status = lock_out(in, d);
    if (status == STATUS_DONE)
        status = clear_messages(in, d);
    if (status == STATUS_DONE)
        status = each_joined(in, d, leave_channel);
    if (status || (status = username_release(in, d->name, &d->user)))
        return status;
    cmd_user_unindex(c, ks, &d->user);
    if ((status = ask(in, &r)))
        return status;
    cmd_user_remove(c, ks, &d->user);
    if ((status = ask(in, &r)))
        return status;
    return user_forget(in, &d->user);
}

static enum status ask_to_delete(struct invocation *in, const struct deletion *d) {
    char what[512];
    if (in->dry_run)
        return STATUS_DONE;
    snprintf(what, sizeof what, "Delete user %s (sessions: %" PRId64 ", channels: %" PRId64 ")%s?",
             d->name, d->sessions, d->channels, d->with_messages ? " and all their messages" : "");
    return confirm(in, what);
}

enum status user_delete(struct invocation *in) {
    struct deletion d = {.with_messages = opt_given(in, "with-messages")};
    enum status status = find_user(in, in->args[0], &d.user, d.name);
    if (status == STATUS_DONE)
        status = count_to_delete(in, &d);
    if (status == STATUS_DONE)
        status = ask_to_delete(in, &d);
    if (status)
        return status;
    if (!in->dry_run)
        status = take_apart(in, &d);
    else
        status = clear_messages(in, &d);
    if (status)
        return status;
    output_begin(in->out, DELETE_COLUMNS, true);
    output_text(in->out, d.name, strlen(d.name));
    output_uuid(in->out, &d.user);
    output_number(in->out, d.sessions);
    output_number(in->out, d.channels);
    output_number(in->out, (int64_t)d.messages);
    return STATUS_DONE;
}
