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
#define CONVERSATIONS_KEPT 1000
#define LAST_FILE "last" /* user of a server; server of all */
#define KEY_FILE "key"
#define CHANNELS_FILE "channels"

/* Copies of saved ones, with their strings behind them. */
struct kept_entry {
    struct saved_entry entry;
    char mem[];
};
struct kept_conversation {
    struct saved_conversation conversation;
    char mem[];
};

struct tui_journal {
    const struct tui_settings *set;
    int root, server, user; /* directories; -1 = none yet */
    char url[WS_URL_TEXT];  /* of the server; "" = none yet */
    char server_name[FILES_NAME], user_name[FILES_NAME];
    char name[NAME_MAX_BYTES + 1]; /* of the user, as it is written */
    int outbox;                    /* our journal; -1 = none */
    char outbox_name[16];
    size_t outbox_bytes, live_bytes;
    struct kept_entry **entries;
    size_t nentries, entries_cap;
    struct kept_conversation **conversations;
    size_t nconversations;
    char key[ACCESS_KEY_TEXT + 1];
    struct uuid me;
    bool has_key;
    struct saved_entry *entries_out; /* of EV_LOADED */
    struct saved_conversation *conversations_out;
    char trouble[200];
    bool troubled;
};

static void complain(struct tui_journal *s, const char *what) {
    snprintf(s->trouble, sizeof s->trouble, "%s: %s", what, strerror(errno));
    s->troubled = true;
}

const char *tui_journal_trouble(struct tui_journal *s) {
    bool troubled = s->troubled;
    s->troubled = false;
    return troubled ? s->trouble : NULL;
}

/* --- Lines in memory --- */

static char *put_copy(char **to, const char *text, size_t len) {
    char *at = *to;
    memcpy(at, text, len);
    at[len] = '\0';
    *to += len + 1;
    return at;
}

static struct kept_entry *keep_entry(const struct saved_entry *entry) {
    const char *peer = entry->peer ? entry->peer : "",
               *refused = entry->refused ? entry->refused : "";
    struct kept_entry *k = malloc(sizeof *k + strlen(peer) + strlen(refused) + entry->len + 3);
    if (!k)
        return NULL;
    char *to = k->mem;
    k->entry = *entry;
    k->entry.peer = put_copy(&to, peer, strlen(peer));
    k->entry.refused = put_copy(&to, refused, strlen(refused));
    k->entry.text = put_copy(&to, entry->text, entry->len);
    return k;
}

static size_t find_entry(const struct tui_journal *s, const struct uuid *uuid) {
    size_t i = 0;
    while (i < s->nentries && !uuid_eq(&s->entries[i]->entry.uuid, uuid))
        i++;
    return i;
}

/* In its place if it is there already. */
static bool enter_entry(struct tui_journal *s, const struct saved_entry *entry) {
    size_t i = find_entry(s, &entry->uuid);
    if (i == s->entries_cap) {
        size_t cap = s->entries_cap ? 2 * s->entries_cap : 64;
        struct kept_entry **entries = realloc(s->entries, cap * sizeof *entries);
        if (!entries)
            return false;
        s->entries = entries;
        s->entries_cap = cap;
    }
    struct kept_entry *k = keep_entry(entry);
    if (!k)
        return false;
    if (i == s->nentries)
        s->nentries++;
    else {
        s->live_bytes -= s->entries[i]->entry.len;
        free(s->entries[i]);
    }
    s->entries[i] = k;
    s->live_bytes += entry->len;
    return true;
}

static void remove_entry(struct tui_journal *s, const struct uuid *uuid) {
    size_t i = find_entry(s, uuid);
    if (i == s->nentries)
        return;
    s->live_bytes -= s->entries[i]->entry.len;
    free(s->entries[i]);
    memmove(s->entries + i, s->entries + i + 1, (--s->nentries - i) * sizeof *s->entries);
}

/* --- Conversations in memory --- */

static void enter_conversation(struct tui_journal *s, const struct saved_conversation *c) {
    size_t i = 0, peer = strlen(c->peer), draft = strlen(c->draft);
    while (i < s->nconversations && !recipient_eq(&s->conversations[i]->conversation.to, &c->to))
        i++;
    if (i == CONVERSATIONS_KEPT)
        return;
    struct kept_conversation *k = malloc(sizeof *k + peer + draft + 2);
    struct kept_conversation **conversations =
        k ? realloc(s->conversations, (s->nconversations + 1) * sizeof *conversations) : NULL;
    if (!conversations) {
        free(k);
        return;
    }
    char *to = k->mem;
    k->conversation = *c;
    k->conversation.peer = put_copy(&to, c->peer, peer);
    k->conversation.draft = put_copy(&to, c->draft, draft);
    s->conversations = conversations;
    if (i == s->nconversations)
        s->nconversations++;
    else
        free(conversations[i]);
    conversations[i] = k;
}

static void forget_all(struct tui_journal *s) {
    while (s->nentries > 0)
        free(s->entries[--s->nentries]);
    while (s->nconversations > 0)
        free(s->conversations[--s->nconversations]);
    s->live_bytes = 0;
    s->has_key = false;
    secret_wipe(s->key, sizeof s->key);
}

/* --- Journals --- */

static void take_record(struct tui_journal *s, const struct record *r) {
    if (r->kind == RECORD_ENTRY)
        enter_entry(s, &r->u.entry);
    if (r->kind == RECORD_DROP)
        remove_entry(s, &r->u.drop);
    if (r->kind == RECORD_CONVERSATION)
        enter_conversation(s, &r->u.conversation);
}

/* Torn or unknown records are passed over. Returns how many records there were. */
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
    for (size_t i = 0; i < s->nentries; i++)
        record_put_entry(&b, &s->entries[i]->entry);
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
    bool safe = !any || rewrite_outbox(s);
    for (unsigned i = 0; i < OUTBOX_FILES; i++) {
        snprintf(name, sizeof name, "outbox-%u", i);
        if (left[i] >= 0 && safe)
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
    if (files_read(s->user, CHANNELS_FILE, &b) && b.len && replay(s, &b) > s->nconversations) {
        buf_reset(&b);
        for (size_t i = 0; i < s->nconversations; i++)
            record_put_conversation(&b, &s->conversations[i]->conversation);
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

/* The server that was signed in to last, where none is named. */
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
    s->set = set;
    s->server = s->user = s->outbox = -1;
    s->root = files_dir(AT_FDCWD, set->state);
    if (s->root < 0 || !(*set->server ? open_server(s, set->server) : open_last_server(s))) {
        snprintf(why, size, "%s: %s: --state DIR names another place", set->state, strerror(errno));
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
    free(s->entries);
    free(s->conversations);
    free(s->entries_out);
    free(s->conversations_out);
    free(s);
}

void tui_journal_load(struct tui_journal *s, struct event *e) {
    free(s->entries_out);
    free(s->conversations_out);
    s->entries_out = calloc(s->nentries + 1, sizeof *s->entries_out);
    s->conversations_out = calloc(s->nconversations + 1, sizeof *s->conversations_out);
    for (size_t i = 0; s->entries_out && i < s->nentries; i++)
        s->entries_out[i] = s->entries[i]->entry;
    for (size_t i = 0; s->conversations_out && i < s->nconversations; i++)
        s->conversations_out[i] = s->conversations[i]->conversation;
    e->kind = EV_LOADED;
    e->u.loaded.server = s->url;
    e->u.loaded.has_key = s->has_key;
    e->u.loaded.user = s->me;
    e->u.loaded.name = s->name;
    e->u.loaded.key = s->key;
    e->u.loaded.entries = s->entries_out;
    e->u.loaded.nentries = s->entries_out ? s->nentries : 0;
    e->u.loaded.conversations = s->conversations_out;
    e->u.loaded.nconversations = s->conversations_out ? s->nconversations : 0;
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

/* One who was named for this run, beside another who is here by himself: he remains the one whom
 * nobody needs to name. */
static bool is_visitor(const struct tui_journal *s, const char *name) {
    char named[FILES_NAME], signed_in[FILES_NAME];
    name_of_user(s->set->user, named);
    name_of_user(name, signed_in);
    return strcmp(named, signed_in) == 0 && faccessat(s->server, LAST_FILE, F_OK, 0) == 0;
}

static void save_key(struct tui_journal *s, const struct effect *fx) {
    struct saved_key k = {fx->uuid, fx->name, fx->key};
    struct buf b;
    if (s->server < 0 || !open_user(s, fx->name))
        return;
    buf_init(&b, 4096);
    record_put_key(&b, &k);
    if (!b.failed && replace(s, s->user, KEY_FILE, b.data, b.len) &&
        (is_visitor(s, fx->name) || replace(s, s->server, LAST_FILE, fx->name, strlen(fx->name))))
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

/* Waits for the disk, a few milliseconds: once or twice a message, and with no key that is typed.
 */
static bool add_entry(struct tui_journal *s, const struct saved_entry *entry) {
    struct buf b;
    bool was_there = find_entry(s, &entry->uuid) < s->nentries;
    if (!enter_entry(s, entry)) {
        errno = ENOMEM;
        return false;
    }
    buf_init(&b, JOURNAL_MAX);
    record_put_entry(&b, entry);
    bool ok = append_outbox(s, &b, true);
    buf_free(&b);
    if (!ok && !was_there)
        remove_entry(s, &entry->uuid);
    return ok;
}

static void tell_persisted(const struct uuid *uuid, bool ok, tui_event_fn *fn, void *arg) {
    const char *why = ok ? "" : strerror(errno);
    struct event e = {.kind = EV_PERSISTED,
                      .u.input = {.text = why, .len = strlen(why), .uuid = *uuid, .yes = ok}};
    fn(&e, arg);
}

/* The disk need not have it: an entry that comes back after a crash is known to the server by its
 * UUID. */
static void drop_entry(struct tui_journal *s, const struct uuid *uuid) {
    struct buf b;
    if (find_entry(s, uuid) == s->nentries)
        return;
    remove_entry(s, uuid);
    if (s->nentries == 0 && s->outbox >= 0 && ftruncate(s->outbox, 0) == 0) {
        s->outbox_bytes = 0;
        return;
    }
    buf_init(&b, JOURNAL_SPARE);
    record_put_drop(&b, uuid);
    if (!append_outbox(s, &b, false))
        complain(s, s->outbox_name);
    buf_free(&b);
}

static void save_conversation(struct tui_journal *s, const struct saved_conversation *c) {
    struct buf b;
    if (s->user < 0)
        return;
    enter_conversation(s, c);
    buf_init(&b, JOURNAL_SPARE);
    record_put_conversation(&b, c);
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
        tell_persisted(&fx->entry->uuid, add_entry(s, fx->entry), fn, arg);
        return true;
    case EFFECT_OUTBOX_DROP:
        drop_entry(s, &fx->uuid);
        return true;
    case EFFECT_SAVE_CONVERSATION:
        save_conversation(s, fx->conversation);
        return true;
    default:
        return false;
    }
}
