/* record - see record.h. */
#include "chattui/io/record.h"

#include "common/proto/json.h"
#include "common/proto/json_write.h"

#include <string.h>

#define SEQ_MAX (((uint64_t)1 << 53) - 1)

/* --- Writing --- */

static void put_recipient(struct buf *b, const struct recipient *to, const char *peer) {
    if (to->public)
        json_add_text(b, "to", "0");
    else
        json_add_uuid(b, "to", &to->user);
    json_add_text(b, "peer", peer ? peer : "");
}

static void put_position(struct buf *b, const struct position *at) {
    json_add_uuid(b, "epoch", &at->epoch);
    json_add_u64(b, "seq", at->seq);
}

static void put_kind(struct buf *b, const char *kind) {
    buf_char(b, '{');
    json_add_text(b, "record", kind);
}

static void put_end(struct buf *b) {
    buf_str(b, "}\n");
}

void record_put_entry(struct buf *b, const struct saved_entry *entry) {
    put_kind(b, "line");
    json_add_uuid(b, "UUID", &entry->uuid);
    put_recipient(b, &entry->to, entry->peer);
    json_add_u64(b, "createdMs", entry->created_ms > 0 ? (uint64_t)entry->created_ms : 0);
    json_add_bool(b, "sent", entry->was_sent);
    put_position(b, &entry->from);
    if (entry->refused && *entry->refused)
        json_add_text(b, "refused", entry->refused);
    json_add_string(b, "text", entry->text, entry->len);
    put_end(b);
}

void record_put_drop(struct buf *b, const struct uuid *uuid) {
    put_kind(b, "drop");
    json_add_uuid(b, "UUID", uuid);
    put_end(b);
}

void record_put_conversation(struct buf *b, const struct saved_conversation *c) {
    put_kind(b, "channel");
    put_recipient(b, &c->to, c->peer);
    json_add_bool(b, "open", c->open);
    json_add_bool(b, "muted", c->muted);
    json_add_bool(b, "pinned", c->pinned);
    put_position(b, &c->read);
    json_add_text(b, "draft", c->draft ? c->draft : "");
    put_end(b);
}

void record_put_key(struct buf *b, const struct saved_key *k) {
    put_kind(b, "key");
    json_add_uuid(b, "userUUID", &k->user);
    json_add_text(b, "username", k->name);
    json_add_text(b, "accessKey", k->key);
    put_end(b);
}

/* --- Reading --- */

static bool get_text(const struct json *o, const char *key, const char **s, size_t *len) {
    size_t n;
    return json_str(o, key, s, len ? len : &n) == JSON_OK;
}

static bool get_uuid(const struct json *o, const char *key, struct uuid *u) {
    const char *s;
    size_t len;
    return get_text(o, key, &s, &len) && uuid_read(s, len, u);
}

static bool get_recipient(const struct json *o, struct recipient *to, const char **peer) {
    const char *s;
    size_t len;
    if (!get_text(o, "to", &s, &len) || !get_text(o, "peer", peer, NULL))
        return false;
    to->public = strcmp(s, "0") == 0;
    return to->public || uuid_read(s, len, &to->user);
}

static bool get_position(const struct json *o, struct position *at) {
    return get_uuid(o, "epoch", &at->epoch) && json_u64(o, "seq", SEQ_MAX, &at->seq) == JSON_OK;
}

static bool get_bool(const struct json *o, const char *key, bool *v) {
    return json_bool(o, key, v) == JSON_OK;
}

static bool read_entry(const struct json *o, struct record *r) {
    struct saved_entry *entry = &r->u.entry;
    uint64_t created;
    if (!get_uuid(o, "UUID", &entry->uuid) || !get_recipient(o, &entry->to, &entry->peer) ||
        json_u64(o, "createdMs", SEQ_MAX, &created) != JSON_OK ||
        !get_bool(o, "sent", &entry->was_sent) || !get_position(o, &entry->from))
        return false;
    entry->created_ms = (int64_t)created;
    if (!get_text(o, "refused", &entry->refused, NULL))
        entry->refused = "";
    return get_text(o, "text", &entry->text, &entry->len);
}

static bool read_drop(const struct json *o, struct record *r) {
    return get_uuid(o, "UUID", &r->u.drop);
}

static bool read_conversation(const struct json *o, struct record *r) {
    struct saved_conversation *c = &r->u.conversation;
    return get_recipient(o, &c->to, &c->peer) && get_bool(o, "open", &c->open) &&
           get_bool(o, "muted", &c->muted) && get_bool(o, "pinned", &c->pinned) &&
           get_position(o, &c->read) && get_text(o, "draft", &c->draft, NULL);
}

static bool read_key(const struct json *o, struct record *r) {
    struct saved_key *k = &r->u.key;
    return get_uuid(o, "userUUID", &k->user) && get_text(o, "username", &k->name, NULL) &&
           get_text(o, "accessKey", &k->key, NULL);
}

void record_read(const char *text, size_t len, struct record *out) {
    static const struct {
        const char *name;
        enum record_kind kind;
        bool (*read)(const struct json *o, struct record *r);
    } KINDS[] = {{"line", RECORD_ENTRY, read_entry},
                 {"drop", RECORD_DROP, read_drop},
                 {"channel", RECORD_CONVERSATION, read_conversation},
                 {"key", RECORD_KEY, read_key}};
    struct err e;
    const char *name;
    *out = (struct record){.kind = RECORD_NONE};
    out->doc = json_parse(text, len, 0, &e);
    if (!get_text(out->doc, "record", &name, NULL))
        return;
    for (size_t i = 0; i < sizeof KINDS / sizeof *KINDS; i++)
        if (strcmp(KINDS[i].name, name) == 0 && KINDS[i].read(out->doc, out))
            out->kind = KINDS[i].kind;
}

void record_free(struct record *r) {
    json_free(r->doc);
    *r = (struct record){.kind = RECORD_NONE};
}
