/* response_encode - see response_encode.h. Append-only: a frame is written from left to right into
 * the buf, which is asked once, at the start, for about as much room as the frame will need. A
 * broadcast goes to every member of a channel and is paid for here, so nothing on its way allocates
 * or formats. */
#include "common/proto/response_encode.h"

#include "common/base/clock.h"

#include <string.h>

/* Upper bounds, in bytes, of what surrounds the strings. Only hints: a buf grows when they fall
 * short. */
#define FRAME_ROOM 256
#define MESSAGE_ROOM 384
#define USER_ROOM 96

/* Room for about n more bytes, or for what the cap leaves: whether the frame passes the cap is seen
 * when it does. */
static void expect(struct buf *b, size_t n) {
    size_t left = b->cap - b->len;
    buf_reserve(b, n < left ? n : left);
}

/* buf_add, without the call as long as there is room. */
static inline void put(struct buf *b, const char *s, size_t n) {
    if (b->failed || b->size - b->len < n) {
        buf_add(b, s, n);
        return;
    }
    memcpy(b->data + b->len, s, n);
    b->len += n;
}

#define PUT(b, literal) put((b), "" literal, sizeof(literal) - 1)

static void put_uuid(struct buf *b, const struct uuid *u) {
    if (!buf_reserve(b, UUID_TEXT))
        return;
    uuid_write(u, b->data + b->len);
    b->len += UUID_TEXT;
}

/* A channel as its reader names it: NULL is the public one. */
static void put_recipient(struct buf *b, const struct uuid *u) {
    if (u)
        put_uuid(b, u);
    else
        PUT(b, "0");
}

static void put_time(struct buf *b, const char text[CLOCK_TEXT + 1]) {
    put(b, text, CLOCK_TEXT);
}

static void put_bool(struct buf *b, bool v) {
    if (v)
        PUT(b, "true");
    else
        PUT(b, "false");
}

/* The end of a frame after its body: the echoed requestID, always the last member. */
static void finish(struct buf *b, const struct request_id *id) {
    if (id && id->len > 0) {
        PUT(b, ",\"requestID\":");
        put(b, id->json, id->len);
    }
    PUT(b, "}");
}

/* Strings */

/* What a byte needs: 0 nothing; a letter its two-character escape; CODE \u00XX; LOOK the next two
 * bytes decide (U+2028 and U+2029 are E2 80 A8 and E2 80 A9). */
#define CODE 'u'
#define LOOK 'L'

/* clang-format off */
static const char ESCAPE[256] = {
    CODE, CODE, CODE, CODE, CODE, CODE, CODE, CODE, 'b',  't',  'n',  CODE, 'f',  'r',  CODE, CODE,
    CODE, CODE, CODE, CODE, CODE, CODE, CODE, CODE, CODE, CODE, CODE, CODE, CODE, CODE, CODE, CODE,
    ['"'] = '"', ['\\'] = '\\', [0x7f] = CODE, [0xe2] = LOOK,
};
/* clang-format on */

static bool is_separator(const char *s, size_t len) {
    return len >= 3 && (memcmp(s, "\xe2\x80\xa8", 3) == 0 || memcmp(s, "\xe2\x80\xa9", 3) == 0);
}

/* How many bytes from the start can be copied as they are. */
static size_t plain_run(const char *s, size_t len) {
    for (size_t i = 0; i < len; i++) {
        char kind = ESCAPE[(unsigned char)s[i]];
        if (kind != 0 && (kind != LOOK || is_separator(s + i, len - i)))
            return i;
    }
    return len;
}

/* Writes the character at s, which plain_run stopped at, and returns its length. */
static size_t put_escape(struct buf *b, const char *s) {
    static const char hex[] = "0123456789abcdef";
    unsigned char c = (unsigned char)*s;
    char kind = ESCAPE[c];
    if (kind == LOOK) {
        put(b, s[2] == '\xa8' ? "\\u2028" : "\\u2029", 6);
        return 3;
    }
    if (kind == CODE)
        put(b, (char[]){'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]}, 6);
    else
        put(b, (char[]){'\\', kind}, 2);
    return 1;
}

static void put_escaped(struct buf *b, const char *s, size_t len) {
    while (len > 0) {
        size_t n = plain_run(s, len);
        if (n > 0)
            put(b, s, n);
        if (n < len)
            n += put_escape(b, s + n);
        s += n;
        len -= n;
    }
}

void response_encode_string(struct buf *b, const char *s, size_t len) {
    PUT(b, "\"");
    put_escaped(b, s, len);
    PUT(b, "\"");
}

/* Connection and account */

void response_encode_ready(struct buf *b, const struct uuid *session, const char *server,
                           const char *version, const struct server_limits *limits) {
    expect(b, FRAME_ROOM + strlen(server) + strlen(version));
    PUT(b, "{\"type\":\"ready\",\"ready\":{\"sessionUUID\":\"");
    put_uuid(b, session);
    PUT(b, "\",\"server\":");
    response_encode_string(b, server, strlen(server));
    PUT(b, ",\"version\":");
    response_encode_string(b, version, strlen(version));
    PUT(b, ",\"limits\":{\"frameBytes\":");
    buf_u64(b, limits->frame_bytes);
    PUT(b, ",\"messageCharacters\":");
    buf_u64(b, limits->message_chars);
    PUT(b, ",\"messageBytes\":");
    buf_u64(b, limits->message_bytes);
    PUT(b, ",\"historyPage\":");
    buf_u64(b, limits->history_page);
    PUT(b, ",\"usersPage\":");
    buf_u64(b, limits->users_page);
    PUT(b, ",\"resumeMessages\":");
    buf_u64(b, limits->resume_messages);
    PUT(b, "}}}");
}

void response_encode_error(struct buf *b, const struct err *e, const char *request,
                           const struct request_id *id) {
    const char *text = err_text(e->code), *name = err_name(e->code);
    expect(b, FRAME_ROOM + sizeof e->detail);
    PUT(b, "{\"type\":\"error\",\"error\":{\"code\":");
    buf_u64(b, (uint64_t)e->code);
    PUT(b, ",\"message\":\"");
    put_escaped(b, text, strlen(text));
    if (e->detail[0] != '\0') {
        PUT(b, ": ");
        put_escaped(b, e->detail, strlen(e->detail));
    }
    PUT(b, "\",\"name\":");
    response_encode_string(b, name, strlen(name));
    if (request[0] != '\0') {
        PUT(b, ",\"request\":");
        response_encode_string(b, request, strlen(request));
    }
    if (e->retry_after_ms > 0) {
        PUT(b, ",\"retryAfterMs\":");
        buf_u64(b, e->retry_after_ms);
    }
    PUT(b, "}");
    finish(b, id);
}

void response_encode_authorized(struct buf *b, const struct uuid *user, const char *access_key,
                                const char *username, size_t username_len,
                                const struct request_id *id) {
    expect(b, FRAME_ROOM + username_len);
    PUT(b, "{\"type\":\"authorized\",\"authorized\":{\"userUUID\":\"");
    put_uuid(b, user);
    PUT(b, "\",\"accessKey\":");
    response_encode_string(b, access_key, strlen(access_key));
    PUT(b, ",\"username\":");
    response_encode_string(b, username, username_len);
    PUT(b, "}");
    finish(b, id);
}

void response_encode_unauthorized(struct buf *b, const struct uuid *user,
                                  const struct request_id *id) {
    PUT(b, "{\"type\":\"unauthorized\",\"unauthorized\":{\"userUUID\":\"");
    put_uuid(b, user);
    PUT(b, "\"}");
    finish(b, id);
}

/* Users */

void response_encode_users(struct buf *b, uint64_t total, const struct user_item *users, size_t n,
                           const struct request_id *id) {
    expect(b, FRAME_ROOM + n * USER_ROOM);
    PUT(b, "{\"type\":\"users\",\"users\":{\"total\":");
    buf_u64(b, total);
    PUT(b, ",\"received\":");
    buf_u64(b, n);
    PUT(b, ",\"users\":[");
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            PUT(b, ",");
        PUT(b, "{\"UUID\":\"");
        put_uuid(b, &users[i].uuid);
        PUT(b, "\",\"Username\":");
        response_encode_string(b, users[i].name, users[i].name_len);
        PUT(b, ",\"OnLine\":");
        put_bool(b, users[i].online);
        PUT(b, "}");
    }
    PUT(b, "]}");
    finish(b, id);
}

static void put_member(struct buf *b, const struct user_item *u) {
    PUT(b, "{\"UUID\":\"");
    put_uuid(b, &u->uuid);
    PUT(b, "\",\"username\":");
    response_encode_string(b, u->name, u->name_len);
    PUT(b, ",\"online\":");
    put_bool(b, u->online);
    PUT(b, "}");
}

/* Messages */

static void put_message_recipient(struct buf *b, const struct message *m) {
    if (m->channel.kind == CHANNEL_PUBLIC) {
        put_recipient(b, NULL);
        return;
    }
    struct uuid peer = channel_peer(&m->channel, &m->sender);
    put_recipient(b, &peer);
}

/* One message object. `twice`: the time also under the name that the seed's join uses. */
static void put_message(struct buf *b, const struct message *m, bool twice) {
    char created[CLOCK_TEXT + 1];
    clock_rfc3339(m->created_ms, created);
    PUT(b, "{\"UUID\":\"");
    put_uuid(b, &m->uuid);
    PUT(b, "\",\"senderUUID\":\"");
    put_uuid(b, &m->sender);
    PUT(b, "\",\"senderUsername\":");
    response_encode_string(b, m->sender_name, m->sender_name_len);
    PUT(b, ",\"recipientUUID\":\"");
    put_message_recipient(b, m);
    PUT(b, "\",\"message\":");
    response_encode_string(b, m->text, m->text_len);
    PUT(b, ",\"createdAt\":\"");
    put_time(b, created);
    if (twice) {
        PUT(b, "\",\"created_at\":\"");
        put_time(b, created);
    }
    PUT(b, "\",\"seq\":");
    buf_u64(b, m->seq);
    PUT(b, "}");
}

static void put_listed_message(struct buf *b, const struct message *m, bool first, bool twice) {
    expect(b, MESSAGE_ROOM + m->sender_name_len + m->text_len);
    if (!first)
        PUT(b, ",");
    put_message(b, m, twice);
}

static void put_position(struct buf *b, const struct position *at) {
    PUT(b, "\"epoch\":\"");
    put_uuid(b, &at->epoch);
    PUT(b, "\",\"seq\":");
    buf_u64(b, at->seq);
}

void response_encode_message(struct buf *b, const struct message *m, const struct request_id *id) {
    expect(b, MESSAGE_ROOM + m->sender_name_len + m->text_len);
    PUT(b, "{\"type\":\"channelMessage\",\"channelMessage\":");
    put_message(b, m, false);
    finish(b, id);
}

void response_encode_join_begin(struct buf *b, const struct uuid *recipient) {
    PUT(b, "{\"type\":\"channelJoin\",\"channelJoin\":{\"recipientUUID\":\"");
    put_recipient(b, recipient);
    PUT(b, "\",\"messages\":[");
}

void response_encode_join_message(struct buf *b, const struct message *m, bool first) {
    put_listed_message(b, m, first, true);
}

void response_encode_join_end(struct buf *b, const struct user_item *members, size_t n,
                              uint64_t members_total, const struct position *at, bool asked_since,
                              bool recovered, const struct request_id *id) {
    expect(b, FRAME_ROOM + n * USER_ROOM);
    PUT(b, "],\"users\":[");
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            PUT(b, ",");
        put_member(b, &members[i]);
    }
    PUT(b, "],\"usersTotal\":");
    buf_u64(b, members_total);
    PUT(b, ",");
    put_position(b, at);
    if (asked_since) {
        PUT(b, ",\"recovered\":");
        put_bool(b, recovered);
    }
    PUT(b, "}");
    finish(b, id);
}

void response_encode_read_begin(struct buf *b, const struct uuid *recipient) {
    PUT(b, "{\"type\":\"channelRead\",\"channelMessages\":{\"recipientUUID\":\"");
    put_recipient(b, recipient);
    PUT(b, "\",\"messages\":[");
}

void response_encode_read_message(struct buf *b, const struct message *m, bool first) {
    put_listed_message(b, m, first, false);
}

void response_encode_read_end(struct buf *b, uint64_t total, size_t received,
                              const struct position *at, const struct request_id *id) {
    PUT(b, "],\"messagesTotal\":");
    buf_u64(b, total);
    PUT(b, ",\"messagesReceived\":");
    buf_u64(b, received);
    PUT(b, ",");
    put_position(b, at);
    PUT(b, "}");
    finish(b, id);
}

void response_encode_leave(struct buf *b, const struct uuid *recipient,
                           const struct request_id *id) {
    PUT(b, "{\"type\":\"channelLeave\",\"channelLeave\":{\"recipientUUID\":\"");
    put_recipient(b, recipient);
    PUT(b, "\"}");
    finish(b, id);
}

/* Events */

const char *sys_event_name(enum sys_event ev) {
    static const char *const names[] = {[SYS_SIGN_IN] = "signIn",
                                        [SYS_SIGN_OUT] = "signOut",
                                        [SYS_CHANNEL_JOIN] = "channelJoin",
                                        [SYS_CHANNEL_LEAVE] = "channelLeave"};
    return names[ev];
}

/* An event about a channel, up to and with its recipientUUID; sys_end closes it. */
static void sys_begin(struct buf *b, const char *type, const struct uuid *recipient) {
    PUT(b, "{\"type\":\"sys\",\"sys\":{\"type\":\"");
    buf_str(b, type);
    PUT(b, "\",\"recipientUUID\":\"");
    put_recipient(b, recipient);
    PUT(b, "\",");
}

static void sys_end(struct buf *b) {
    PUT(b, "}}");
}

void response_encode_sys_user(struct buf *b, enum sys_event ev, const struct uuid *recipient,
                              const struct uuid *user, const char *username, size_t username_len) {
    expect(b, FRAME_ROOM + username_len);
    sys_begin(b, sys_event_name(ev), recipient);
    PUT(b, "\"userUUID\":\"");
    put_uuid(b, user);
    PUT(b, "\",\"username\":");
    response_encode_string(b, username, username_len);
    sys_end(b);
}

void response_encode_sys_unread(struct buf *b, const struct uuid *sender, const char *name,
                                size_t name_len, uint64_t seq) {
    expect(b, FRAME_ROOM + name_len);
    sys_begin(b, "unread", sender);
    PUT(b, "\"senderUUID\":\"");
    put_uuid(b, sender);
    PUT(b, "\",\"senderUsername\":");
    response_encode_string(b, name, name_len);
    PUT(b, ",\"seq\":");
    buf_u64(b, seq);
    sys_end(b);
}

void response_encode_sys_purge(struct buf *b, const struct uuid *recipient,
                               const struct uuid *epoch, uint64_t up_to,
                               const struct uuid *message) {
    sys_begin(b, "purge", recipient);
    PUT(b, "\"epoch\":\"");
    put_uuid(b, epoch);
    if (message) {
        PUT(b, "\",\"UUID\":\"");
        put_uuid(b, message);
        PUT(b, "\"");
    } else {
        PUT(b, "\",\"upTo\":");
        buf_u64(b, up_to);
    }
    sys_end(b);
}

void response_encode_sys_epoch(struct buf *b, const struct uuid *recipient,
                               const struct position *at) {
    sys_begin(b, "epoch", recipient);
    put_position(b, at);
    sys_end(b);
}

void response_encode_sys_go_away(struct buf *b, uint32_t retry_after_ms) {
    PUT(b, "{\"type\":\"sys\",\"sys\":{\"type\":\"goAway\",\"retryAfterMs\":");
    buf_u64(b, retry_after_ms);
    sys_end(b);
}
