/* import_check - see import_check.h. A channel's lines stand together, its own first, as export
 * writes them: what is known of one is a few numbers. */
#include "chatctl/ops/import_check.h"

#include "chatctl/ops/import.h"
#include "common/proto/validate.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MARK_MAX 100 /* bytes: two UUIDs and a blank fit */

struct import_seen {
    struct table_node node;
    bool wrong;
    char *name;                 /* a user's; owned */
    char key[CHANNEL_TEXT + 1]; /* a channel's id, a user's UUID */
};

bool import_check_init(struct import_check *k, const char *path) {
    *k = (struct import_check){.path = path};
    return table_init(&k->users) && table_init(&k->channels);
}

static void free_seen(struct table_node *n, void *arg) {
    (void)arg;
    struct import_seen *s = container_of(n, struct import_seen, node);
    free(s->name);
    free(s);
}

static void free_table(struct table *t) {
    if (t->slots)
        table_each(t, free_seen, NULL);
    table_free(t);
}

void import_check_free(struct import_check *k) {
    free_table(&k->users);
    free_table(&k->channels);
}

static struct import_seen *find_seen(const struct table *t, const char *key) {
    struct table_node *n = table_find(t, key, strlen(key));
    return n ? container_of(n, struct import_seen, node) : NULL;
}

/* NULL: no memory. */
static struct import_seen *add_seen(struct table *t, const char *key) {
    struct import_seen *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    snprintf(s->key, sizeof s->key, "%s", key);
    table_add(t, &s->node, s->key, strlen(s->key));
    return s;
}

/* --- What is wrong --- */

static bool is_wrong(struct import_check *k, const char *why) {
    k->why = why;
    return false;
}

/* A number as chatd writes it: no sign, no leading zero. */
static bool read_number(const char *s, size_t len, uint64_t max, uint64_t *out) {
    uint64_t v = 0;
    if (len == 0 || len > 15 || (*s == '0' && len > 1))
        return false;
    for (size_t i = 0; i < len; i++) {
        if (s[i] < '0' || s[i] > '9')
            return false;
        v = v * 10 + (uint64_t)(s[i] - '0');
    }
    *out = v;
    return v <= max;
}

/* The value of a field that is there at most once; *len -1: it isn't there. */
static bool read_field(struct import_check *k, const struct json *doc, const char *key,
                       const char *name, char *value, ssize_t *len) {
    const struct json *fields;
    *len = -1;
    if (json_arr(doc, key, &fields) != JSON_OK)
        return is_wrong(k, "it has no fields");
    for (const struct json *f = json_first(fields); f; f = json_next(f)) {
        const char *s;
        size_t n;
        if (!json_is_obj(f) || json_str(f, "k", &s, &n) != JSON_OK)
            return is_wrong(k, "one of its fields has no name");
        if (n != strlen(name) || memcmp(s, name, n) != 0)
            continue;
        if (*len >= 0)
            return is_wrong(k, "one of its fields is there twice");
        *len = import_field_value(f, value);
        if (*len < 0)
            return is_wrong(k, "one of its fields has no value");
    }
    return true;
}

/* A number that may be missing: then *out stays as it is. */
static bool read_field_number(struct import_check *k, const struct json *doc, const char *key,
                              const char *name, uint64_t max, uint64_t *out) {
    static char value[IMPORT_VALUE_MAX];
    ssize_t len;
    if (!read_field(k, doc, key, name, value, &len))
        return false;
    if (len < 0 || read_number(value, (size_t)len, max, out))
        return true;
    snprintf(k->text, sizeof k->text, "%s is '%.*s', which can't be", name,
             (int)(len < 40 ? len : 40), value);
    return is_wrong(k, k->text);
}

static bool check_sender_name(struct import_check *k, const char *name, size_t len) {
    char stored[NAME_MAX_BYTES + 1];
    size_t n;
    struct err e = {0};
    if (name_check(name, len, stored, &n, &e)) {
        snprintf(k->text, sizeof k->text, "the name '%.40s' can't be: %.100s", name, e.detail);
        return is_wrong(k, k->text);
    }
    return (n == len && memcmp(stored, name, n) == 0) ||
           is_wrong(k, "the name isn't in the form that is stored (NFC)");
}

/* --- Items --- */

static bool check_user(struct import_check *k, const struct json *doc) {
    static char name[IMPORT_VALUE_MAX + 1];
    char folded[NAME_FOLDED_MAX + 1];
    size_t folded_len;
    ssize_t len;
    uint64_t ignored = 0;
    struct uuid u;
    if (!import_get_uuid(doc, "UUID", &u) || uuid_is_nil(&u))
        return is_wrong(k, "the UUID is nobody's: the server's own messages bear it");
    if (!read_field(k, doc, "fields", "name", name, &len))
        return false;
    if (len < 0)
        return is_wrong(k, "a user without a name");
    name[len] = '\0';
    if (!check_sender_name(k, name, (size_t)len))
        return false;
    if (!name_fold(name, (size_t)len, folded, &folded_len) ||
        name_is_of_deleted(folded, folded_len))
        return is_wrong(k, "the name is nobody's: messages of deleted users bear it");
    return read_field_number(k, doc, "fields", "created", IMPORT_MS_MAX, &ignored) &&
           read_field_number(k, doc, "fields", "banned", IMPORT_MS_MAX, &ignored);
}

static bool check_channel(struct import_check *k, const struct json *doc) {
    static char epoch[IMPORT_VALUE_MAX];
    ssize_t len;
    struct uuid u;
    uint64_t activity, ignored = 0;
    k->base = k->seq = UINT64_MAX;
    k->last = k->last_part = 0;
    if (json_u64(doc, "activity", IMPORT_MS_MAX, &activity) != JSON_OK)
        return is_wrong(k, "its activity is no time");
    if (!read_field(k, doc, "meta", "epoch", epoch, &len) ||
        !read_field_number(k, doc, "meta", "base", IMPORT_SEQ_MAX, &k->base) ||
        !read_field_number(k, doc, "meta", "seq", IMPORT_SEQ_MAX, &k->seq) ||
        !read_field_number(k, doc, "meta", "max", IMPORT_SEQ_MAX, &ignored) ||
        !read_field_number(k, doc, "meta", "age", IMPORT_SEQ_MAX, &ignored))
        return false;
    bool none = len < 0 && k->base == UINT64_MAX && k->seq == UINT64_MAX;
    if (none) {
        k->base = k->seq = 0;
        return true;
    }
    if (len < 0 || k->base == UINT64_MAX || k->seq == UINT64_MAX)
        return is_wrong(k, "epoch, base or seq is missing");
    if (!uuid_read(epoch, (size_t)len, &u))
        return is_wrong(k, "its epoch is no UUID");
    return (k->base >= 1 && k->base <= k->seq + 1) || is_wrong(k, "its base is behind its seq");
}

static bool check_at(struct import_check *k, const struct json *doc) {
    uint64_t at;
    return json_u64(doc, "at", IMPORT_MS_MAX, &at) == JSON_OK ||
           is_wrong(k, "it has no right time");
}

static bool check_member(struct import_check *k, const struct json *doc) {
    struct uuid u;
    return check_at(k, doc) &&
           (import_get_uuid(doc, "user", &u) || is_wrong(k, "a member without a UUID"));
}

/* Its score is no time, but where the channel stood, which may be behind the position: a chat goes
 * on while it is exported. */
static bool check_mark(struct import_check *k, const struct json *doc) {
    const char *s;
    size_t len;
    uint64_t at;
    return (json_str(doc, "mark", &s, &len) == JSON_OK && len > 0 && len <= MARK_MAX &&
            json_u64(doc, "at", IMPORT_SEQ_MAX, &at) == JSON_OK) ||
           is_wrong(k, "a wrong mark");
}

/* Entries rise, and none is behind the position: seq is the last number that was given out. */
static bool check_place(struct import_check *k, uint64_t seq, uint64_t part) {
    if (seq == 0 || seq > k->seq) {
        snprintf(k->text, sizeof k->text,
                 "message %" PRIu64 " can't be where the last one is %" PRIu64, seq, k->seq);
        return is_wrong(k, k->text);
    }
    if (seq < k->last || (seq == k->last && part <= k->last_part)) {
        snprintf(k->text, sizeof k->text, "message %" PRIu64 " stands behind %" PRIu64, seq,
                 k->last);
        return is_wrong(k, k->text);
    }
    k->last = seq;
    k->last_part = part;
    return true;
}

static bool check_message(struct import_check *k, const struct json *doc) {
    const char *name, *text;
    size_t name_len, text_len;
    struct uuid u;
    uint64_t seq;
    struct err e = {0};
    if (json_u64(doc, "seq", UINT64_MAX >> 11, &seq) != JSON_OK)
        return is_wrong(k, "a message without a number");
    if (!check_place(k, seq, 0) || !check_at(k, doc))
        return false;
    if (!import_get_uuid(doc, "UUID", &u) || !import_get_uuid(doc, "senderUUID", &u))
        return is_wrong(k, "a message without its UUIDs");
    if (json_str(doc, "senderUsername", &name, &name_len) != JSON_OK ||
        json_str(doc, "message", &text, &text_len) != JSON_OK)
        return is_wrong(k, "a message without a name or text");
    if (message_check(text, text_len, &e))
        return is_wrong(k, "the message is empty or too long");
    return check_sender_name(k, name, name_len);
}

/* What a log held that is no message: taken along as it was. */
static bool check_entry(struct import_check *k, const struct json *doc) {
    const char *id;
    size_t len;
    uint64_t seq, part;
    const char *dash = json_str(doc, "id", &id, &len) == JSON_OK ? memchr(id, '-', len) : NULL;
    if (!dash || !read_number(id, (size_t)(dash - id), UINT64_MAX, &seq) ||
        !read_number(dash + 1, len - (size_t)(dash + 1 - id), UINT64_MAX, &part))
        return is_wrong(k, "an entry without a right id");
    return check_place(k, seq, part);
}

/* --- A line --- */

static bool complain_of(const struct import_check *k, uint64_t line, const char *whose,
                        const char *left_out) {
    complain("%s:%" PRIu64 ": %s: %s; %s", k->path, line, whose, k->why, left_out);
    return true;
}

/* A user who is in several channels that were named is in the dump once for each. */
static bool is_repeated(struct import_check *k, const struct import_seen *s,
                        const struct json *doc) {
    const char *name;
    size_t len;
    return (import_find_field(doc, "fields", "name", &name, &len) && s->name &&
            strcmp(name, s->name) == 0) ||
           is_wrong(k, "it was there before, with another name");
}

static bool take_user(struct import_check *k, const struct json *doc, uint64_t line) {
    struct uuid u;
    char key[UUID_TEXT + 1];
    const char *name;
    size_t len;
    if (!import_get_uuid(doc, "UUID", &u))
        return false;
    uuid_format(&u, key);
    struct import_seen *s = find_seen(&k->users, key);
    bool good = check_user(k, doc) && (!s || s->wrong || is_repeated(k, s, doc));
    if (!s && !(s = add_seen(&k->users, key)))
        return false;
    if (good && !s->name && import_find_field(doc, "fields", "name", &name, &len))
        s->name = strdup(name);
    if (good || s->wrong)
        return true;
    s->wrong = true;
    k->wrong_users++;
    return complain_of(k, line, key, "this user is left out");
}

typedef bool check_fn(struct import_check *k, const struct json *doc);

static bool take_channel(struct import_check *k, const struct json *doc, uint64_t line,
                         check_fn *check) {
    struct channel_id ch;
    char key[CHANNEL_TEXT + 1];
    if (!import_get_channel(doc, &ch))
        return false;
    channel_format(&ch, key);
    struct import_seen *s = find_seen(&k->channels, key);
    bool first = check == check_channel, good = true;
    if (first)
        good = !s || is_wrong(k, "it was there before");
    else
        good = (s && s == k->channel) || (s && s->wrong) ||
               is_wrong(k, "its own line isn't in front of this one");
    if (!s && !(s = add_seen(&k->channels, key)))
        return false;
    if (first)
        k->channel = s;
    good = good && (s->wrong || check(k, doc));
    if (good || s->wrong)
        return true;
    s->wrong = true;
    k->wrong_channels++;
    return complain_of(k, line, key, "nothing of this channel is taken");
}

bool import_check_item(struct import_check *k, const struct json *doc, uint64_t line) {
    static const struct {
        const char *type;
        check_fn *check;
    } TYPES[] = {{"message", check_message},
                 {"member", check_member},
                 {"channel", check_channel},
                 {"mark", check_mark},
                 {"entry", check_entry}};
    const char *type;
    size_t n;
    if (json_str(doc, "type", &type, &n) != JSON_OK)
        return false;
    if (n == 4 && memcmp(type, "user", 4) == 0)
        return take_user(k, doc, line);
    for (size_t i = 0; i < sizeof TYPES / sizeof *TYPES; i++)
        if (n == strlen(TYPES[i].type) && memcmp(type, TYPES[i].type, n) == 0)
            return take_channel(k, doc, line, TYPES[i].check);
    return true; /* of no channel or user of its own, or unknown, which the second reading says */
}

/* --- What is left out --- */

static bool refuses_user(const struct import_check *k, const struct json *doc, const char *field) {
    struct uuid u;
    char key[UUID_TEXT + 1];
    if (!import_get_uuid(doc, field, &u))
        return false;
    uuid_format(&u, key);
    const struct import_seen *s = find_seen(&k->users, key);
    return s && s->wrong;
}

bool import_check_refuses(const struct import_check *k, const struct json *doc) {
    struct channel_id ch;
    char key[CHANNEL_TEXT + 1];
    if (import_get_channel(doc, &ch)) {
        channel_format(&ch, key);
        const struct import_seen *s = find_seen(&k->channels, key);
        return (s && s->wrong) || refuses_user(k, doc, "user");
    }
    const char *type;
    size_t n;
    return json_str(doc, "type", &type, &n) == JSON_OK && n == 4 && memcmp(type, "user", 4) == 0 &&
           refuses_user(k, doc, "UUID");
}

void import_check_refuse_user(struct import_check *k, const struct uuid *user) {
    char key[UUID_TEXT + 1];
    uuid_format(user, key);
    struct import_seen *s = find_seen(&k->users, key);
    if (s)
        s->wrong = true;
}
