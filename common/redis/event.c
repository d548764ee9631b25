/* event - see event.h. */
#include "common/redis/event.h"

#include "common/proto/validate.h"

#include <string.h>

/* A cursor over the payload's fields. Once a read fails, all later ones do. */
struct fields {
    const char *at, *end;
    bool bad;
};

static bool next(struct fields *f, const char **s, size_t *len) {
    if (f->bad || f->at > f->end) {
        f->bad = true;
        return false;
    }
    const char *nl = memchr(f->at, '\n', (size_t)(f->end - f->at));
    const char *stop = nl ? nl : f->end;
    *s = f->at;
    *len = (size_t)(stop - f->at);
    f->at = stop + 1;
    return true;
}

static const char *rest(struct fields *f, size_t *len) {
    if (f->bad || f->at > f->end) {
        f->bad = true;
        *len = 0;
        return "";
    }
    const char *s = f->at;
    *len = (size_t)(f->end - f->at);
    f->at = f->end + 1;
    return s;
}

static void next_uuid(struct fields *f, struct uuid *u) {
    const char *s;
    size_t len;
    if (next(f, &s, &len) && !uuid_read(s, len, u))
        f->bad = true;
}

static uint64_t next_u64(struct fields *f) {
    const char *s;
    size_t len;
    uint64_t v = 0;
    if (!next(f, &s, &len))
        return 0;
    if (len == 0 || len > 18)
        f->bad = true;
    for (size_t i = 0; i < len; i++) {
        if (s[i] < '0' || s[i] > '9')
            f->bad = true;
        v = v * 10 + (uint64_t)(s[i] - '0');
    }
    return v;
}

static bool is_word(const char *s, size_t len) {
    for (size_t i = 0; i < len; i++)
        if (!(s[i] >= 'a' && s[i] <= 'z') && !(s[i] >= 'A' && s[i] <= 'Z') &&
            !(s[i] >= '0' && s[i] <= '9') && s[i] != '-' && s[i] != '_')
            return false;
    return true;
}

/* A field of exactly `size` letters, digits, - and _, with a NUL put behind it. */
static void next_fixed(struct fields *f, char *out, size_t size) {
    const char *s;
    size_t len;
    if (!next(f, &s, &len))
        return;
    if (len != size || !is_word(s, len)) {
        f->bad = true;
        return;
    }
    memcpy(out, s, size);
    out[size] = '\0';
}

static void next_name(struct fields *f, const char **s, size_t *len) {
    if (next(f, s, len) && (*len == 0 || *len > NAME_MAX_BYTES || !text_valid(*s, *len)))
        f->bad = true;
}

static void parse_close(struct fields *f, struct event *e) {
    uint64_t code = next_u64(f);
    if (code < 1000 || code > 4999) /* RFC 6455 section 7.4.2 */
        f->bad = true;
    e->close_code = (unsigned)code;
}

static void parse_check(struct fields *f, struct event *e) {
    (void)e;
    const char *s;
    size_t len;
    if (next(f, &s, &len) && !(len == 1 && *s == '-'))
        f->bad = true;
}

static void parse_message(struct fields *f, struct event *e) {
    struct message *m = &e->message;
    next_uuid(f, &e->epoch);
    e->seq = m->seq = next_u64(f);
    next_fixed(f, e->node, NODE_ID_TEXT);
    next_uuid(f, &m->uuid);
    next_uuid(f, &m->sender);
    m->created_ms = (int64_t)next_u64(f);
    next_name(f, &m->sender_name, &m->sender_name_len);
    m->text = rest(f, &m->text_len);
    if (e->seq == 0 || m->text_len == 0 || m->text_len > MESSAGE_MAX_BYTES ||
        !text_valid(m->text, m->text_len))
        f->bad = true;
}

/* Only events about a user travel so. */
static bool parse_sys(const char *s, size_t len, enum sys_event *out) {
    static const enum sys_event EVENTS[] = {
#define X(sym, ...) SYS_##sym,
        SYS_USER_TABLE(X)
#undef X
    };
    for (size_t i = 0; i < sizeof EVENTS / sizeof *EVENTS; i++) {
        const char *name = response_event_name(EVENTS[i]);
        *out = EVENTS[i];
        if (strlen(name) == len && memcmp(name, s, len) == 0)
            return true;
    }
    return false;
}

static void parse_user(struct fields *f, struct event *e) {
    const char *s;
    size_t len;
    if (!next(f, &s, &len))
        return;
    if (!parse_sys(s, len, &e->sys))
        f->bad = true;
    next_uuid(f, &e->user);
    next_name(f, &e->name, &e->name_len);
}

static void parse_purge(struct fields *f, struct event *e) {
    next_uuid(f, &e->epoch);
    e->seq = next_u64(f);
    const char *s;
    size_t len;
    if (!next(f, &s, &len))
        return;
    e->one = !(len == 1 && *s == '-');
    if (e->one && !uuid_read(s, len, &e->message_uuid))
        f->bad = true;
}

static void parse_purge_from(struct fields *f, struct event *e) {
    next_uuid(f, &e->epoch);
    e->seq = next_u64(f);
    next_uuid(f, &e->user);
}

static void parse_unread(struct fields *f, struct event *e) {
    const char *s;
    size_t len;
    if (next(f, &s, &len) && !channel_parse(s, len, &e->channel))
        f->bad = true;
    e->seq = next_u64(f);
    next_uuid(f, &e->user);
    next_name(f, &e->name, &e->name_len);
}

static void parse_key(struct fields *f, struct event *e) {
    next_fixed(f, e->key_hash, KEY_HASH_TEXT);
}

static void parse_forget(struct fields *f, struct event *e) {
    next_uuid(f, &e->user);
}

static void parse_probe(struct fields *f, struct event *e) {
    next_fixed(f, e->node, NODE_ID_TEXT);
    e->seq = next_u64(f);
}

bool event_parse(const char *payload, size_t len, struct event *out) {
    memset(out, 0, sizeof *out);
    if (len < 2 || payload[1] != '\n')
        return false;
    struct fields f = {.at = payload + 2, .end = payload + len};
    out->kind = (enum event_kind)payload[0];
    switch (out->kind) {
#define X(sym, letter, fields)                                                                     \
    case EVENT_##sym:                                                                              \
        parse_##fields(&f, out);                                                                   \
        break;
        EVENT_TABLE(X)
#undef X
    default:
        return false;
    }
    return !f.bad && f.at > f.end; /* nothing behind the last field */
}

bool event_is_message_of(const char *payload, size_t len, const char *node) {
    const size_t seq_at = 2 + UUID_TEXT + 1; /* behind "m\n", the epoch, "\n" */
    if (len <= seq_at || payload[0] != EVENT_MESSAGE)
        return false;
    const char *end_of_seq = memchr(payload + seq_at, '\n', len - seq_at);
    if (!end_of_seq)
        return false;
    const char *id = end_of_seq + 1;
    return payload + len - id > NODE_ID_TEXT && memcmp(id, node, NODE_ID_TEXT) == 0 &&
           id[NODE_ID_TEXT] == '\n';
}

static void add_kind(struct buf *b, enum event_kind kind) {
    buf_char(b, (char)kind);
    buf_char(b, '\n');
}

static void add_uuid(struct buf *b, const struct uuid *u) {
    char text[UUID_TEXT];
    uuid_write(u, text);
    buf_add(b, text, sizeof text);
}

void event_write_user(struct buf *b, enum sys_event ev, const struct uuid *user, const char *name,
                      size_t name_len) {
    add_kind(b, EVENT_USER);
    buf_str(b, response_event_name(ev));
    buf_char(b, '\n');
    add_uuid(b, user);
    buf_char(b, '\n');
    buf_add(b, name, name_len);
}

void event_write_unread(struct buf *b, const struct message *m) {
    char id[CHANNEL_TEXT + 1];
    add_kind(b, EVENT_UNREAD);
    buf_add(b, id, channel_format(&m->channel, id));
    buf_char(b, '\n');
    buf_u64(b, m->seq);
    buf_char(b, '\n');
    add_uuid(b, &m->sender);
    buf_char(b, '\n');
    buf_add(b, m->sender_name, m->sender_name_len);
}

void event_write_key_revoked(struct buf *b, const char *key_hash) {
    add_kind(b, EVENT_KEY_REVOKED);
    buf_str(b, key_hash);
}

void event_write_close(struct buf *b, unsigned close_code) {
    add_kind(b, EVENT_CLOSE);
    buf_u64(b, close_code);
}

void event_write_check(struct buf *b) {
    add_kind(b, EVENT_CHECK);
    buf_char(b, '-');
}

void event_write_forget(struct buf *b, const struct uuid *user) {
    add_kind(b, EVENT_FORGET);
    add_uuid(b, user);
}

void event_write_probe(struct buf *b, const char *node, uint64_t number) {
    add_kind(b, EVENT_PROBE);
    buf_str(b, node);
    buf_char(b, '\n');
    buf_u64(b, number);
}
