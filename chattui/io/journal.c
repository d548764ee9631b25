/* journal - see journal.h.
 *
 * The lines of the outbox are here in memory as they are in the journal, so that a journal that has
 * grown can be written anew. A journal is locked as long as its client runs; the ones that nobody
 * holds are what ended clients left, and are taken over.
 */
#include "chattui/io/journal.h"

#include "chattui/io/files.h"
#include "chattui/io/record.h"
#include "chattui/io/settings.h"
#include "chattui/model/outbox.h"
#include "common/base/secret.h"
#include "common/client/ws_url.h"
#include "common/proto/validate.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OUTBOX_FILES 32
#define JOURNAL_MAX (64u << 20)  /* bytes that are read of a file */
#define JOURNAL_SPARE (1u << 20) /* a journal grows by so much before it is written anew */
#define CHANNELS_KEPT 1000
#define LAST_FILE "last" /* user of a server; server of all */
#define KEY_FILE "key"
#define CHANNELS_FILE "channels"

/* Copies of saved ones, with their strings behind them. */
struct kept_line {
    struct saved_line line;
    char mem[];
};
struct kept_channel {
    struct saved_channel channel;
    char mem[];
};

struct tui_journal {
    int root, server, user; /* directories; -1 = none yet */
    char url[WS_URL_TEXT];  /* of the server; "" = none yet */
    char server_name[FILES_NAME], user_name[FILES_NAME];
    char name[NAME_MAX_BYTES + 1]; /* of the user, as it is written */
    int outbox;                    /* our journal; -1 = none */
    char outbox_name[16];
    size_t outbox_bytes, live_bytes;
    struct kept_line **lines;
    size_t nlines, lines_cap;
    struct kept_channel **channels;
    size_t nchannels;
    char key[ACCESS_KEY_TEXT + 1];
    struct uuid me;
    bool has_key;
    struct saved_line *lines_out; /* what EV_LOADED points to */
    struct saved_channel *channels_out;
    char trouble[200];
    bool is_troubled;
};

static void complain(struct tui_journal *s, const char *what) {
    snprintf(s->trouble, sizeof s->trouble, "%s: %s", what, strerror(errno));
    s->is_troubled = true;
}

const char *tui_journal_trouble(struct tui_journal *s) {
    bool is_troubled = s->is_troubled;
    s->is_troubled = false;
    return is_troubled ? s->trouble : NULL;
}

/* --- Lines in memory --- */

static char *put(char **to, const char *text, size_t len) {
    char *at = *to;
    memcpy(at, text, len);
    at[len] = '\0';
    *to += len + 1;
    return at;
}

static struct kept_line *keep_line(const struct saved_line *line) {
    const char *peer = line->peer ? line->peer : "", *refused = line->refused ? line->refused : "";
    struct kept_line *k = malloc(sizeof *k + strlen(peer) + strlen(refused) + line->len + 3);
    if (!k)
        return NULL;
    char *to = k->mem;
    k->line = *line;
    k->line.peer = put(&to, peer, strlen(peer));
    k->line.refused = put(&to, refused, strlen(refused));
    k->line.text = put(&to, line->text, line->len);
    return k;
}

static size_t find_line(const struct tui_journal *s, const struct uuid *uuid) {
    size_t i = 0;
    while (i < s->nlines && !uuid_eq(&s->lines[i]->line.uuid, uuid))
        i++;
    return i;
}

/* In its place if it is there already. */
static bool enter_line(struct tui_journal *s, const struct saved_line *line) {
    size_t i = find_line(s, &line->uuid);
    if (i == s->lines_cap) {
        size_t cap = s->lines_cap ? 2 * s->lines_cap : 64;
        struct kept_line **lines = realloc(s->lines, cap * sizeof *lines);
        if (!lines)
            return false;
        s->lines = lines;
        s->lines_cap = cap;
    }
    struct kept_line *k = keep_line(line);
    if (!k)
        return false;
    if (i == s->nlines)
        s->nlines++;
    else {
        s->live_bytes -= s->lines[i]->line.len;
        free(s->lines[i]);
    }
    s->lines[i] = k;
    s->live_bytes += line->len;
    return true;
}

static void remove_line(struct tui_journal *s, const struct uuid *uuid) {
    size_t i = find_line(s, uuid);
    if (i == s->nlines)
        return;
    s->live_bytes -= s->lines[i]->line.len;
    free(s->lines[i]);
    memmove(s->lines + i, s->lines + i + 1, (--s->nlines - i) * sizeof *s->lines);
}

/* --- Channels in memory --- */

static void enter_channel(struct tui_journal *s, const struct saved_channel *c) {
    size_t i = 0, peer = strlen(c->peer), draft = strlen(c->draft);
    while (i < s->nchannels && !recipient_eq(&s->channels[i]->channel.to, &c->to))
        i++;
    if (i == CHANNELS_KEPT)
        return;
    struct kept_channel *k = malloc(sizeof *k + peer + draft + 2);
    struct kept_channel **channels =
        k ? realloc(s->channels, (s->nchannels + 1) * sizeof *channels) : NULL;
    if (!channels) {
        free(k);
        return;
    }
    char *to = k->mem;
    k->channel = *c;
    k->channel.peer = put(&to, c->peer, peer);
    k->channel.draft = put(&to, c->draft, draft);
    s->channels = channels;
    if (i == s->nchannels)
        s->nchannels++;
    else
        free(channels[i]);
    channels[i] = k;
}

static void forget_all(struct tui_journal *s) {
    while (s->nlines > 0)
        free(s->lines[--s->nlines]);
    while (s->nchannels > 0)
        free(s->channels[--s->nchannels]);
    s->live_bytes = 0;
    s->has_key = false;
    secret_wipe(s->key, sizeof s->key);
}

/* --- Journals --- */

static void take_record(struct tui_journal *s, const struct record *r) {
    if (r->kind == RECORD_LINE)
        enter_line(s, &r->u.line);
    if (r->kind == RECORD_DROP)
        remove_line(s, &r->u.drop);
    if (r->kind == RECORD_CHANNEL)
        enter_channel(s, &r->u.channel);
}

/* What is torn or unknown is passed over. Returns how many records there were. */
static size_t replay(struct tui_journal *s, const struct buf *b) {
    size_t n = 0;
    for (const char *at = b->data, *end = at + b->len; at < end;) {
        const char *feed = memchr(at, '\n', (size_t)(end - at));
        size_t len = (size_t)((feed ? feed : end) - at);
        struct record r;
        record_read(at, len, &r);
        take_record(s, &r);
        record_free(&r);
        at += len + 1;
        n++;
    }
    return n;
}

static size_t replay_fd(struct tui_journal *s, int fd) {
    struct buf b;
    buf_init(&b, JOURNAL_MAX);
    files_read_fd(fd, &b);
    size_t n = b.len ? replay(s, &b) : 0;
    buf_free(&b);
    return n;
}

/* The journal anew, with what is live. */
static bool rewrite_outbox(struct tui_journal *s) {
    struct buf b;
    buf_init(&b, JOURNAL_MAX);
    for (size_t i = 0; i < s->nlines; i++)
        record_put_line(&b, &s->lines[i]->line);
    int fd = b.failed ? -1 : files_replace(s->user, s->outbox_name, b.data, b.len);
    if (fd >= 0) {
        close(s->outbox);
        s->outbox = fd;
        s->outbox_bytes = b.len;
    } else
        complain(s, s->outbox_name);
    buf_free(&b);
    return fd >= 0;
}

/* Takes what ended clients left, and then, when it is safe in our journal, their files. */
static void adopt(struct tui_journal *s) {
    int left[OUTBOX_FILES];
    bool any = false;
    char name[16];
    for (unsigned i = 0; i < OUTBOX_FILES; i++) {
        snprintf(name, sizeof name, "outbox-%u", i);
        left[i] = strcmp(name, s->outbox_name) == 0 ? -1 : files_lock(s->user, name, false);
        any = (left[i] >= 0 && replay_fd(s, left[i]) > 0) || any;
    }
    bool is_safe = !any || rewrite_outbox(s);
    for (unsigned i = 0; i < OUTBOX_FILES; i++) {
        snprintf(name, sizeof name, "outbox-%u", i);
        if (left[i] >= 0 && is_safe)
            unlinkat(s->user, name, 0);
        if (left[i] >= 0)
            close(left[i]);
    }
}

static void open_outbox(struct tui_journal *s) {
    for (unsigned i = 0; s->outbox < 0 && i < OUTBOX_FILES; i++) {
        snprintf(s->outbox_name, sizeof s->outbox_name, "outbox-%u", i);
        s->outbox = files_lock(s->user, s->outbox_name, true);
    }
    if (s->outbox < 0) {
        complain(s, "outbox");
        return;
    }
    if (replay_fd(s, s->outbox) > 0)
        rewrite_outbox(s); /* a torn record must not be continued */
    adopt(s);
}

static void load_channels(struct tui_journal *s) {
    struct buf b;
    buf_init(&b, JOURNAL_MAX);
    if (files_read(s->user, CHANNELS_FILE, &b) && b.len && replay(s, &b) > s->nchannels) {
        buf_reset(&b);
        for (size_t i = 0; i < s->nchannels; i++)
            record_put_channel(&b, &s->channels[i]->channel);
        int fd = b.failed ? -1 : files_replace(s->user, CHANNELS_FILE, b.data, b.len);
        if (fd >= 0)
            close(fd);
    }
    buf_free(&b);
}

/* --- Whose files --- */

static void close_user(struct tui_journal *s) {
    forget_all(s);
    if (s->outbox >= 0)
        close(s->outbox);
    if (s->user >= 0)
        close(s->user);
    s->outbox = s->user = -1;
    *s->user_name = *s->name = '\0';
}

static void load_key(struct tui_journal *s) {
    struct buf b;
    struct record r;
    buf_init(&b, 4096);
    if (!files_read(s->user, KEY_FILE, &b) || b.failed) {
        buf_free(&b);
        return;
    }
    record_read(b.data, b.len, &r);
    if (r.kind == RECORD_KEY && strlen(r.u.key.key) < sizeof s->key &&
        strlen(r.u.key.name) < sizeof s->name) {
        s->has_key = *r.u.key.key != '\0';
        s->me = r.u.key.user;
        snprintf(s->key, sizeof s->key, "%s", r.u.key.key);
        snprintf(s->name, sizeof s->name, "%s", r.u.key.name);
    }
    record_free(&r);
    secret_wipe(b.data, b.len);
    buf_free(&b);
}

/* Users are told apart as the server does it: without regard to case. */
static void name_of_user(const char *name, char out[FILES_NAME]) {
    char clean[NAME_MAX_BYTES + 1], folded[NAME_FOLDED_MAX + 1];
    size_t len;
    if (name_check(name, strlen(name), clean, &len, NULL) == ERR_OK &&
        name_fold(clean, len, folded, &len))
        files_name(folded, out);
    else
        files_name(name, out);
}

/* Their files become those that are worked on, if they aren't. */
static bool open_user(struct tui_journal *s, const char *name) {
    char user_name[FILES_NAME];
    name_of_user(name, user_name);
    if (s->user >= 0 && strcmp(user_name, s->user_name) == 0)
        return true;
    close_user(s);
    s->user = files_dir(s->server, user_name);
    if (s->user < 0) {
        complain(s, user_name);
        return false;
    }
    snprintf(s->user_name, sizeof s->user_name, "%s", user_name);
    snprintf(s->name, sizeof s->name, "%s", name);
    load_key(s);
    load_channels(s);
    open_outbox(s);
    return true;
}

static void open_last(struct tui_journal *s) {
    struct buf b;
    buf_init(&b, NAME_MAX_BYTES + 1);
    if (files_read(s->server, LAST_FILE, &b) && !b.failed && b.len) {
        const char *name = buf_cstr(&b);
        if (*name)
            open_user(s, name);
    }
    buf_free(&b);
}

static bool open_server(struct tui_journal *s, const char *url) {
    struct ws_url u;
    char why[100], name[FILES_NAME];
    if (!ws_url_parse(url, &u, why, sizeof why))
        return true; /* it is told when it is connected to */
    ws_url_format(&u, s->url);
    files_name(s->url, name);
    if (s->server >= 0 && strcmp(name, s->server_name) == 0)
        return true;
    close_user(s);
    if (s->server >= 0)
        close(s->server);
    s->server = files_dir(s->root, name);
    snprintf(s->server_name, sizeof s->server_name, "%s", name);
    return s->server >= 0;
}

/* Whoever was signed in somewhere last is so again where no server is named. */
static bool open_last_server(struct tui_journal *s) {
    struct buf b;
    buf_init(&b, WS_URL_TEXT);
    bool ok = !files_read(s->root, LAST_FILE, &b) || b.failed || open_server(s, buf_cstr(&b));
    buf_free(&b);
    return ok;
}

struct tui_journal *tui_journal_open(const struct tui_settings *set, char *why, size_t size) {
    struct tui_journal *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->server = s->user = s->outbox = -1;
    s->root = files_dir(AT_FDCWD, set->state);
    if (s->root < 0 || !(*set->server ? open_server(s, set->server) : open_last_server(s))) {
        snprintf(why, size, "%s: %s", set->state, strerror(errno));
        tui_journal_close(s);
        return NULL;
    }
    if (s->server >= 0 && *set->user)
        open_user(s, set->user);
    else if (s->server >= 0)
        open_last(s);
    return s;
}

void tui_journal_close(struct tui_journal *s) {
    if (!s)
        return;
    close_user(s);
    if (s->server >= 0)
        close(s->server);
    if (s->root >= 0)
        close(s->root);
    free(s->lines);
    free(s->channels);
    free(s->lines_out);
    free(s->channels_out);
    free(s);
}

void tui_journal_load(struct tui_journal *s, struct event *e) {
    free(s->lines_out);
    free(s->channels_out);
    s->lines_out = calloc(s->nlines + 1, sizeof *s->lines_out);
    s->channels_out = calloc(s->nchannels + 1, sizeof *s->channels_out);
    for (size_t i = 0; s->lines_out && i < s->nlines; i++)
        s->lines_out[i] = s->lines[i]->line;
    for (size_t i = 0; s->channels_out && i < s->nchannels; i++)
        s->channels_out[i] = s->channels[i]->channel;
    e->kind = EV_LOADED;
    e->u.loaded.server = s->url;
    e->u.loaded.has_key = s->has_key;
    e->u.loaded.user = s->me;
    e->u.loaded.name = s->name;
    e->u.loaded.key = s->key;
    e->u.loaded.lines = s->lines_out;
    e->u.loaded.nlines = s->lines_out ? s->nlines : 0;
    e->u.loaded.channels = s->channels_out;
    e->u.loaded.nchannels = s->channels_out ? s->nchannels : 0;
}

/* --- Effects --- */

static bool replace(struct tui_journal *s, int dir, const char *name, const char *data,
                    size_t len) {
    int fd = files_replace(dir, name, data, len);
    if (fd < 0)
        complain(s, name);
    else
        close(fd);
    return fd >= 0;
}

static void save_key(struct tui_journal *s, const struct effect *fx) {
    struct saved_key k = {fx->uuid, fx->name, fx->key};
    struct buf b;
    if (s->server < 0 || !open_user(s, fx->name))
        return;
    buf_init(&b, 4096);
    record_put_key(&b, &k);
    if (!b.failed && replace(s, s->user, KEY_FILE, b.data, b.len) &&
        replace(s, s->server, LAST_FILE, fx->name, strlen(fx->name)))
        replace(s, s->root, LAST_FILE, s->url, strlen(s->url));
    secret_wipe(b.data, b.len);
    buf_free(&b);
    s->has_key = true;
    s->me = fx->uuid;
    snprintf(s->key, sizeof s->key, "%s", fx->key);
    snprintf(s->name, sizeof s->name, "%s", fx->name);
}

static void forget_key(struct tui_journal *s) {
    if (s->user >= 0 && unlinkat(s->user, KEY_FILE, 0) != 0 && errno != ENOENT)
        complain(s, KEY_FILE);
    s->has_key = false;
    secret_wipe(s->key, sizeof s->key);
}

static bool append_outbox(struct tui_journal *s, const struct buf *b, bool sync) {
    if (b->failed || s->outbox < 0) {
        errno = b->failed ? ENOMEM : ENOENT;
        return false;
    }
    if (!files_append(s->outbox, b->data, b->len, sync)) {
        int error = errno;
        rewrite_outbox(s); /* a part may be there: the next record would be torn with it */
        errno = error;
        return false;
    }
    s->outbox_bytes += b->len;
    if (s->outbox_bytes > JOURNAL_SPARE + 4 * s->live_bytes)
        rewrite_outbox(s);
    return true;
}

/* Waits for the disk, a few milliseconds: once or twice a line, and with no key that is typed. */
static bool add_line(struct tui_journal *s, const struct saved_line *line) {
    struct buf b;
    bool was_there = find_line(s, &line->uuid) < s->nlines;
    if (!enter_line(s, line)) {
        errno = ENOMEM;
        return false;
    }
    buf_init(&b, JOURNAL_MAX);
    record_put_line(&b, line);
    bool ok = append_outbox(s, &b, true);
    buf_free(&b);
    if (!ok && !was_there)
        remove_line(s, &line->uuid);
    return ok;
}

static void tell_persisted(const struct uuid *uuid, bool ok, tui_event_fn *fn, void *arg) {
    const char *why = ok ? "" : strerror(errno);
    struct event e = {.kind = EV_PERSISTED,
                      .u.line = {.text = why, .len = strlen(why), .uuid = *uuid, .yes = ok}};
    fn(&e, arg);
}

/* The disk need not have it: a line that comes back after a crash is known to the server by its
 * UUID. */
static void drop_line(struct tui_journal *s, const struct uuid *uuid) {
    struct buf b;
    if (find_line(s, uuid) == s->nlines)
        return;
    remove_line(s, uuid);
    if (s->nlines == 0 && s->outbox >= 0 && ftruncate(s->outbox, 0) == 0) {
        s->outbox_bytes = 0;
        return;
    }
    buf_init(&b, JOURNAL_SPARE);
    record_put_drop(&b, uuid);
    if (!append_outbox(s, &b, false))
        complain(s, s->outbox_name);
    buf_free(&b);
}

static void save_channel(struct tui_journal *s, const struct saved_channel *c) {
    struct buf b;
    if (s->user < 0)
        return;
    enter_channel(s, c);
    buf_init(&b, JOURNAL_SPARE);
    record_put_channel(&b, c);
    int fd = openat(s->user, CHANNELS_FILE, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || b.failed || !files_append(fd, b.data, b.len, false))
        complain(s, CHANNELS_FILE);
    if (fd >= 0)
        close(fd);
    buf_free(&b);
}

bool tui_journal_carry_out(struct tui_journal *s, const struct effect *fx, tui_event_fn *fn,
                           void *arg) {
    switch (fx->kind) {
    case EFFECT_CONNECT:
        if (!open_server(s, fx->text))
            complain(s, s->server_name);
        return false;
    case EFFECT_SAVE_KEY:
        save_key(s, fx);
        return true;
    case EFFECT_FORGET_KEY:
        forget_key(s);
        return true;
    case EFFECT_OUTBOX_ADD:
        tell_persisted(&fx->line->uuid, add_line(s, fx->line), fn, arg);
        return true;
    case EFFECT_OUTBOX_DROP:
        drop_line(s, &fx->uuid);
        return true;
    case EFFECT_SAVE_CHANNEL:
        save_channel(s, fx->channel);
        return true;
    default:
        return false;
    }
}
