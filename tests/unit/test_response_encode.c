/* test_response_encode - every frame that the server sends, held against its golden bytes in
 * tests/golden and, independently, against a tree of the same values that cJSON prints.
 * UPDATE_GOLDEN=1 in the environment writes the golden files anew instead of comparing: read the
 * diff before committing it. */
#include "common/proto/json_write.h"
#include "common/proto/response.h"

#include <cjson/cJSON.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define CAP (1u << 20)
#define ALICE "a11ce000-0000-4000-8000-000000000001"
#define BOB "b0b00000-0000-4000-8000-000000000002"
#define EPOCH "e90c0000-0000-4000-8000-000000000003"
#define SESSION "5e551000-0000-4000-8000-000000000004"
#define MESSAGE "0e55a9e0-0000-4000-8000-000000000005"
#define CREATED "2024-05-01T12:00:00.123Z"
#define CREATED_MS 1714564800123
#define KEY "dGhpcyBpcyBhIHNhbXBsZSBhY2Nlc3Mga2V5IG9ubHk"
#define BEYOND_32_BITS 900719925474099

/* Every class of character that an encoder can get wrong. */
#define NASTY                                                                                      \
    "quote \" backslash \\ slash / controls \x01\x02\x08\t\n\x0b\f\r\x1b[31m\x1f\x7f "             \
    "separators \u2028\u2029 near \u2027\u202a bidi \u202e e-acute \u00e9 euro \u20ac "            \
    "emoji \U0001F469\u200d\U0001F680 last \U0010FFFF"

static struct buf B;

static int setup(void **state) {
    (void)state;
    buf_init(&B, CAP);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    buf_free(&B);
    return 0;
}

/* Values */

static struct uuid uuid_of(const char *text) {
    struct uuid u;
    assert_true(uuid_read(text, strlen(text), &u));
    return u;
}

static struct request_id id_of(char *json) {
    return (struct request_id){.len = (uint16_t)strlen(json), .json = json};
}

static struct user_item user_of(const char *uuid, const char *name, bool online) {
    struct user_item u = {
        .uuid = uuid_of(uuid), .name_len = (uint8_t)strlen(name), .online = online};
    memcpy(u.name, name, u.name_len);
    return u;
}

static struct message message_of(struct channel_id channel, uint64_t seq, const char *text) {
    return (struct message){.uuid = uuid_of(MESSAGE),
                            .sender = uuid_of(ALICE),
                            .channel = channel,
                            .seq = seq,
                            .created_ms = CREATED_MS,
                            .sender_name = "Alice",
                            .sender_name_len = 5,
                            .text = text,
                            .text_len = strlen(text)};
}

static struct channel_id private_channel(void) {
    struct uuid a = uuid_of(ALICE), b = uuid_of(BOB);
    return channel_dm(&a, &b);
}

static struct position position_of(uint64_t seq) {
    return (struct position){.epoch = uuid_of(EPOCH), .seq = seq};
}

/* The expected tree */

static cJSON *str(const char *s) {
    return cJSON_CreateString(s);
}

static cJSON *num(double v) {
    return cJSON_CreateNumber(v);
}

static cJSON *truth(bool v) {
    return cJSON_CreateBool(v);
}

/* Pairs of a key and a cJSON *, ended by NULL. */
static cJSON *object(const char *key, ...) {
    cJSON *o = cJSON_CreateObject();
    va_list ap;
    va_start(ap, key);
    for (; key; key = va_arg(ap, const char *))
        cJSON_AddItemToObject(o, key, va_arg(ap, cJSON *));
    va_end(ap);
    return o;
}

/* cJSON *, ended by NULL. */
static cJSON *array(cJSON *item, ...) {
    cJSON *a = cJSON_CreateArray();
    va_list ap;
    va_start(ap, item);
    for (; item; item = va_arg(ap, cJSON *))
        cJSON_AddItemToArray(a, item);
    va_end(ap);
    return a;
}

static cJSON *message_tree(const char *recipient, double seq, const char *text, bool join) {
    cJSON *o = object("UUID", str(MESSAGE), "senderUUID", str(ALICE), "senderUsername",
                      str("Alice"), "recipientUUID", str(recipient), "message", str(text),
                      "createdAt", str(CREATED), NULL);
    if (join)
        cJSON_AddItemToObject(o, "created_at", str(CREATED));
    cJSON_AddItemToObject(o, "seq", num(seq));
    return o;
}

/* Comparing */

static void golden_path(char *out, size_t size, const char *name) {
    snprintf(out, size, "%s/tests/golden/%s.json", PROJECT_SOURCE_DIR, name);
}

static void update_golden(const char *path, const char *text) {
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
    assert_int_equal(fclose(f), 0);
}

static void check_golden(const char *name, const char *text) {
    char path[512], expected[16384];
    golden_path(path, sizeof path, name);
    if (getenv("UPDATE_GOLDEN")) {
        update_golden(path, text);
        return;
    }
    FILE *f = fopen(path, "r");
    if (!f)
        fail_msg("%s can't be read; UPDATE_GOLDEN=1 makes it", path);
    size_t n = fread(expected, 1, sizeof expected - 1, f);
    fclose(f);
    expected[n] = '\0';
    assert_string_equal(text, expected);
}

/* Printing both trees compares order and number of members too, which cJSON_Compare does not. */
static void check_tree(const char *text, cJSON *expected) {
    cJSON *parsed = cJSON_ParseWithOpts(text, NULL, true);
    assert_non_null(parsed);
    char *a = cJSON_PrintUnformatted(parsed), *b = cJSON_PrintUnformatted(expected);
    assert_string_equal(a, b);
    cJSON_free(a);
    cJSON_free(b);
    cJSON_Delete(parsed);
    cJSON_Delete(expected);
}

/* Holds B against the golden file `name` and the tree, which it frees. */
static void check(const char *name, cJSON *expected) {
    const char *text = buf_cstr(&B);
    assert_false(B.failed);
    assert_int_equal(strlen(text), B.len);
    check_golden(name, text);
    check_tree(text, expected);
    buf_reset(&B);
}

static cJSON *frame(const char *type, cJSON *body) {
    return object("type", str(type), type, body, NULL);
}

static cJSON *with_id(cJSON *frame_tree, cJSON *id) {
    cJSON_AddItemToObject(frame_tree, "requestID", id);
    return frame_tree;
}

/* Connection and account */

static void test_ready(void **state) {
    (void)state;
    struct uuid session = uuid_of(SESSION);
    struct server_limits limits = {65536, 4096, 16384, 99, 1000, 500};
    response_encode_ready(&B, &session, "chatd", "1.0.0", &limits);
    cJSON *l =
        object("frameBytes", num(65536), "messageCharacters", num(4096), "messageBytes", num(16384),
               "historyPage", num(99), "usersPage", num(1000), "resumeMessages", num(500), NULL);
    check("ready", frame("ready", object("sessionUUID", str(SESSION), "server", str("chatd"),
                                         "version", str("1.0.0"), "limits", l, NULL)));
}

static void test_error(void **state) {
    (void)state;
    struct err e = {0};
    err_refuse(&e, ERR_NOT_AUTHORIZED);
    response_encode_error(&B, &e, "users", NULL);
    check("error", frame("error", object("code", num(5), "message", str("sign in first"), "name",
                                         str("not_authorized"), "request", str("users"), NULL)));
}

static void test_error_of_unknown_request(void **state) {
    (void)state;
    struct err e = {0};
    err_set(&e, ERR_BAD_JSON, "text after the value at byte %d", 17);
    response_encode_error(&B, &e, "", NULL);
    check("error_no_request",
          frame("error",
                object("code", num(1), "message",
                       str("the frame is not one strict JSON object: text after the value at "
                           "byte 17"),
                       "name", str("bad_json"), NULL)));
}

static void test_error_full(void **state) {
    (void)state;
    struct err e = {0};
    struct request_id id = id_of("\"r-1\"");
    err_set(&e, ERR_RATE_LIMITED, "more than %d \"messages\" a second", 20);
    e.retry_after_ms = 1500;
    response_encode_error(&B, &e, "channelMessage", &id);
    cJSON *body = object("code", num(17), "message",
                         str("too many requests, slow down: more than 20 \"messages\" a second"),
                         "name", str("rate_limited"), "request", str("channelMessage"),
                         "retryAfterMs", num(1500), NULL);
    check("error_full", with_id(frame("error", body), str("r-1")));
}

static void test_error_of_each_row(void **state) {
    (void)state;
    enum err_code code;
    unsigned rows = 0;
    for (; (code = err_at(rows)) != ERR_OK; rows++) {
        struct err e = {.code = code};
        buf_reset(&B);
        response_encode_error(&B, &e, "", NULL);
        check_tree(buf_cstr(&B),
                   frame("error", object("code", num(code), "message", str(err_text(code)), "name",
                                         str(err_name(code)), NULL)));
    }
    assert_true(rows >= 25);
}

static void test_authorized(void **state) {
    (void)state;
    struct uuid alice = uuid_of(ALICE);
    struct request_id id = id_of("17");
    response_encode_authorized(&B, &alice, KEY, "Alice", 5, &id);
    cJSON *body =
        object("userUUID", str(ALICE), "accessKey", str(KEY), "username", str("Alice"), NULL);
    check("authorized", with_id(frame("authorized", body), num(17)));
}

static void test_unauthorized(void **state) {
    (void)state;
    struct uuid alice = uuid_of(ALICE);
    response_encode_unauthorized(&B, &alice, NULL);
    check("unauthorized", frame("unauthorized", object("userUUID", str(ALICE), NULL)));
}

/* Users */

static void test_users(void **state) {
    (void)state;
    struct user_item users[] = {user_of(ALICE, "Alice", true), user_of(BOB, "Bób O'Neil", false)};
    struct request_id none = {0};
    response_encode_users(&B, 12, users, 2, &none);
    cJSON *list =
        array(object("UUID", str(ALICE), "Username", str("Alice"), "OnLine", truth(true), NULL),
              object("UUID", str(BOB), "Username", str("Bób O'Neil"), "OnLine", truth(false), NULL),
              NULL);
    check("users",
          frame("users", object("total", num(12), "received", num(2), "users", list, NULL)));
}

static void test_users_empty(void **state) {
    (void)state;
    response_encode_users(&B, 12, NULL, 0, NULL);
    check("users_empty",
          frame("users", object("total", num(12), "received", num(0), "users", array(NULL), NULL)));
}

/* Channels */

static cJSON *member_tree(const char *uuid, const char *name, bool online) {
    return object("UUID", str(uuid), "username", str(name), "online", truth(online), NULL);
}

static void test_join(void **state) {
    (void)state;
    struct user_item members[] = {user_of(ALICE, "Alice", true), user_of(BOB, "Bob", false)};
    struct message m = message_of(channel_public(), 8, "second"),
                   n = message_of(channel_public(), 7, "first");
    struct position at = position_of(8);
    struct request_id id = id_of("\"join\"");
    response_encode_join_begin(&B, NULL);
    response_encode_join_message(&B, &m, true);
    response_encode_join_message(&B, &n, false);
    response_encode_join_end(&B, members, 2, 140, &at, false, false, &id);
    cJSON *body = object(
        "recipientUUID", str("0"), "messages",
        array(message_tree("0", 8, "second", true), message_tree("0", 7, "first", true), NULL),
        "users", array(member_tree(ALICE, "Alice", true), member_tree(BOB, "Bob", false), NULL),
        "usersTotal", num(140), "epoch", str(EPOCH), "seq", num(8), NULL);
    check("channel_join", with_id(frame("channelJoin", body), str("join")));
}

/* Joins Bob's private channel with Alice, which holds one message of hers or none. */
static void join_private(const struct message *m, bool recovered) {
    struct uuid alice = uuid_of(ALICE);
    struct user_item members[] = {user_of(ALICE, "Alice", true), user_of(BOB, "Bob", true)};
    struct position at = position_of(BEYOND_32_BITS);
    response_encode_join_begin(&B, &alice);
    if (m)
        response_encode_join_message(&B, m, true);
    response_encode_join_end(&B, members, 2, 2, &at, true, recovered, NULL);
}

static cJSON *join_private_tree(cJSON *messages, bool recovered) {
    return frame("channelJoin", object("recipientUUID", str(ALICE), "messages", messages, "users",
                                       array(member_tree(ALICE, "Alice", true),
                                             member_tree(BOB, "Bob", true), NULL),
                                       "usersTotal", num(2), "epoch", str(EPOCH), "seq",
                                       num(BEYOND_32_BITS), "recovered", truth(recovered), NULL));
}

static void test_join_recovered(void **state) {
    (void)state;
    struct message m = message_of(private_channel(), BEYOND_32_BITS, "while you were away");
    join_private(&m, true);
    cJSON *messages = array(message_tree(BOB, BEYOND_32_BITS, "while you were away", true), NULL);
    check("channel_join_recovered", join_private_tree(messages, true));
}

static void test_join_not_recovered(void **state) {
    (void)state;
    join_private(NULL, false);
    check("channel_join_not_recovered", join_private_tree(array(NULL), false));
}

static void test_read(void **state) {
    (void)state;
    struct uuid bob = uuid_of(BOB);
    struct message m = message_of(private_channel(), 2, "two"),
                   n = message_of(private_channel(), 1, "one");
    struct position at = position_of(2);
    response_encode_read_begin(&B, &bob);
    response_encode_read_message(&B, &m, true);
    response_encode_read_message(&B, &n, false);
    response_encode_read_end(&B, 2, 2, &at, NULL);
    cJSON *body =
        object("recipientUUID", str(BOB), "messages",
               array(message_tree(BOB, 2, "two", false), message_tree(BOB, 1, "one", false), NULL),
               "messagesTotal", num(2), "messagesReceived", num(2), "epoch", str(EPOCH), "seq",
               num(2), NULL);
    check("channel_read", object("type", str("channelRead"), "channelMessages", body, NULL));
}

static void test_read_empty(void **state) {
    (void)state;
    struct position at = position_of(0);
    struct request_id id = id_of("-1");
    response_encode_read_begin(&B, NULL);
    response_encode_read_end(&B, 0, 0, &at, &id);
    cJSON *body =
        object("recipientUUID", str("0"), "messages", array(NULL), "messagesTotal", num(0),
               "messagesReceived", num(0), "epoch", str(EPOCH), "seq", num(0), NULL);
    check("channel_read_empty",
          with_id(object("type", str("channelRead"), "channelMessages", body, NULL), num(-1)));
}

static void test_leave(void **state) {
    (void)state;
    struct uuid bob = uuid_of(BOB);
    struct request_id id = id_of("3");
    response_encode_leave(&B, &bob, &id);
    check("channel_leave",
          with_id(frame("channelLeave", object("recipientUUID", str(BOB), NULL)), num(3)));
}

/* Messages */

static void test_message(void **state) {
    (void)state;
    struct message m = message_of(channel_public(), 7, "hello");
    response_encode_message(&B, &m, NULL);
    check("channel_message", frame("channelMessage", message_tree("0", 7, "hello", false)));
}

static void test_message_private(void **state) {
    (void)state;
    struct message m = message_of(private_channel(), 1, "psst");
    struct request_id id = id_of("\"\\u2028 id\"");
    response_encode_message(&B, &m, &id);
    check("channel_message_private",
          with_id(frame("channelMessage", message_tree(BOB, 1, "psst", false)), str("\u2028 id")));
}

static void test_message_to_self(void **state) {
    (void)state;
    struct uuid alice = uuid_of(ALICE);
    struct message m = message_of(channel_dm(&alice, &alice), BEYOND_32_BITS, "buy milk");
    response_encode_message(&B, &m, NULL);
    check("channel_message_to_self",
          frame("channelMessage", message_tree(ALICE, BEYOND_32_BITS, "buy milk", false)));
}

static void test_message_nasty(void **state) {
    (void)state;
    struct message m = message_of(channel_public(), 9, NASTY);
    response_encode_message(&B, &m, NULL);
    check("channel_message_nasty", frame("channelMessage", message_tree("0", 9, NASTY, false)));
}

/* The server's own line says so, by more than a name. */
static void test_message_of_server(void **state) {
    (void)state;
    struct message m = message_of(channel_public(), 7, "hello");
    m.sender = (struct uuid){0};
    m.sender_name = "server";
    m.sender_name_len = 6;
    response_encode_message(&B, &m, NULL);
    cJSON *tree = message_tree("0", 7, "hello", false);
    cJSON_ReplaceItemInObjectCaseSensitive(tree, "senderUUID",
                                           str("00000000-0000-0000-0000-000000000000"));
    cJSON_ReplaceItemInObjectCaseSensitive(tree, "senderUsername", str("server"));
    cJSON_AddItemToObject(tree, "server", cJSON_CreateTrue());
    check("channel_message_server", frame("channelMessage", tree));
}

/* Events */

static void check_sys_user(enum sys_event ev, const char *name, const struct uuid *recipient,
                           const char *golden) {
    struct uuid alice = uuid_of(ALICE);
    response_encode_sys_user(&B, ev, recipient, &alice, "Alice", 5);
    assert_string_equal(response_event_name(ev), name);
    check(golden,
          frame("sys", object("type", str(name), "recipientUUID", str(recipient ? ALICE : "0"),
                              "userUUID", str(ALICE), "username", str("Alice"), NULL)));
}

static void test_sys_users(void **state) {
    (void)state;
    struct uuid alice = uuid_of(ALICE);
    check_sys_user(SYS_SIGN_IN, "signIn", NULL, "sys_sign_in");
    check_sys_user(SYS_SIGN_OUT, "signOut", &alice, "sys_sign_out");
    check_sys_user(SYS_CHANNEL_JOIN, "channelJoin", NULL, "sys_channel_join");
    check_sys_user(SYS_CHANNEL_LEAVE, "channelLeave", &alice, "sys_channel_leave");
}

static void test_sys_unread(void **state) {
    (void)state;
    struct uuid alice = uuid_of(ALICE);
    response_encode_sys_unread(&B, &alice, "Alice", 5, 12);
    check("sys_unread",
          frame("sys", object("type", str("unread"), "recipientUUID", str(ALICE), "senderUUID",
                              str(ALICE), "senderUsername", str("Alice"), "seq", num(12), NULL)));
}

static void test_sys_purge_from(void **state) {
    (void)state;
    struct uuid epoch = uuid_of(EPOCH), bob = uuid_of(BOB);
    response_encode_sys_purge_from(&B, NULL, &epoch, 40, &bob);
    check("sys_purge_from",
          frame("sys", object("type", str("purgeFrom"), "recipientUUID", str("0"), "epoch",
                              str(EPOCH), "senderUUID", str(BOB), "upTo", num(40), NULL)));
}

static void test_sys_purge(void **state) {
    (void)state;
    struct uuid epoch = uuid_of(EPOCH), message = uuid_of(MESSAGE);
    response_encode_sys_purge(&B, NULL, &epoch, 40, NULL);
    check("sys_purge", frame("sys", object("type", str("purge"), "recipientUUID", str("0"), "epoch",
                                           str(EPOCH), "upTo", num(40), NULL)));
    response_encode_sys_purge(&B, NULL, &epoch, 40, &message);
    check("sys_purge_message",
          frame("sys", object("type", str("purge"), "recipientUUID", str("0"), "epoch", str(EPOCH),
                              "UUID", str(MESSAGE), NULL)));
}

static void test_sys_epoch(void **state) {
    (void)state;
    struct position at = position_of(40);
    response_encode_sys_epoch(&B, NULL, &at, true);
    check("sys_epoch",
          frame("sys", object("type", str("epoch"), "recipientUUID", str("0"), "epoch", str(EPOCH),
                              "seq", num(40), "follows", truth(true), NULL)));
}

static void test_sys_go_away(void **state) {
    (void)state;
    response_encode_sys_go_away(&B, UINT32_MAX);
    check("sys_go_away",
          frame("sys", object("type", str("goAway"), "retryAfterMs", num(UINT32_MAX), NULL)));
}

/* Strings */

static void check_string(const char *s, size_t len, const char *expected) {
    buf_reset(&B);
    json_put_string(&B, s, len);
    assert_string_equal(buf_cstr(&B), expected);
}

static void test_string_escapes(void **state) {
    (void)state;
    check_string("", 0, "\"\"");
    check_string(NULL, 0, "\"\"");
    check_string("a\0b", 3, "\"a\\u0000b\"");
    check_string("\"\\/", 3, "\"\\\"\\\\/\"");
    check_string("\b\t\n\f\r", 5, "\"\\b\\t\\n\\f\\r\"");
    check_string("\x01\x1f\x7f", 3, "\"\\u0001\\u001f\\u007f\"");
    check_string("\u2028\u2029\u2027\u2030", 12, "\"\\u2028\\u2029\u2027\u2030\"");
}

/* A separator's first bytes at the very end of the memory: nothing behind it may be read. */
static void test_string_reads_no_further(void **state) {
    (void)state;
    for (size_t n = 1; n < 3; n++) {
        char *s = malloc(n);
        assert_non_null(s);
        memcpy(s, "\xe2\x80\xa8", n);
        buf_reset(&B);
        json_put_string(&B, s, n);
        assert_int_equal(B.len, n + 2);
        free(s);
    }
}

static size_t utf8_put(char *out, unsigned c) {
    size_t extra = c < 0x80 ? 0 : c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    static const unsigned lead[] = {0, 0xc0, 0xe0, 0xf0};
    out[0] = (char)(lead[extra] | c >> 6 * extra);
    for (size_t i = 1; i <= extra; i++)
        out[i] = (char)(0x80 | (c >> 6 * (extra - i) & 0x3f));
    return extra + 1;
}

/* cJSON reads back what was encoded; and the output holds nothing that had to be escaped. */
static void check_round_trip(const char *s) {
    buf_reset(&B);
    json_put_string(&B, s, strlen(s));
    const char *text = buf_cstr(&B);
    cJSON *parsed = cJSON_ParseWithOpts(text, NULL, true);
    assert_non_null(parsed);
    assert_string_equal(cJSON_GetStringValue(parsed), s);
    cJSON_Delete(parsed);
    for (const char *p = text; *p; p++)
        assert_true((unsigned char)*p >= 0x20 && *p != 0x7f);
    assert_null(strstr(text, "\u2028"));
    assert_null(strstr(text, "\u2029"));
}

static void test_every_character(void **state) {
    (void)state;
    enum { BLOCK = 1024 };
    for (unsigned first = 0; first < 0x110000; first += BLOCK) {
        char s[BLOCK * 4 + 1];
        size_t n = 0;
        for (unsigned c = first; c < first + BLOCK; c++)
            if (c != 0 && (c < 0xd800 || c > 0xdfff))
                n += utf8_put(s + n, c);
        s[n] = '\0';
        check_round_trip(s);
    }
}

/* Short strings mixed from the characters that matter, in every neighbourhood. */
static void test_mixed_strings(void **state) {
    (void)state;
    static const unsigned pick[] = {'a',    '"',    '\\',   1,      '\n',   0x7f,    0x80,
                                    0x2027, 0x2028, 0x2029, 0x20ac, 0xfeff, 0x1f680, ' '};
    uint32_t random = 1;
    for (int round = 0; round < 5000; round++) {
        char s[24 * 4 + 1];
        size_t n = 0;
        for (int i = 0; i < 24; i++) {
            random = random * 1664525u + 1013904223u;
            n += utf8_put(s + n, pick[(random >> 16) % (sizeof pick / sizeof *pick)]);
        }
        s[n] = '\0';
        check_round_trip(s);
    }
}

/* The cap */

static void message_to(struct buf *b) {
    struct message m = message_of(channel_public(), 9, NASTY);
    response_encode_message(b, &m, NULL);
}

static void join_to(struct buf *b) {
    struct user_item members[] = {user_of(ALICE, "Alice", true)};
    struct message m = message_of(channel_public(), 9, NASTY);
    struct position at = position_of(9);
    response_encode_join_begin(b, NULL);
    response_encode_join_message(b, &m, true);
    response_encode_join_end(b, members, 1, 1, &at, true, true, NULL);
}

static void error_to(struct buf *b) {
    struct err e = {.code = ERR_INTERNAL, .detail = "x\ny"};
    response_encode_error(b, &e, "users", NULL);
}

/* A frame fits a cap of exactly its size, and fails, without passing it, under every smaller one.
 */
static void check_cap(void (*encode)(struct buf *b)) {
    buf_reset(&B);
    encode(&B);
    for (size_t cap = 0; cap <= B.len; cap++) {
        struct buf b;
        buf_init(&b, cap);
        encode(&b);
        assert_int_equal(b.failed, cap < B.len);
        assert_true(b.len <= cap);
        if (b.len > 0) /* nothing is added behind the first piece that did not fit */
            assert_memory_equal(b.data, B.data, b.len);
        buf_free(&b);
    }
}

static void test_cap(void **state) {
    (void)state;
    check_cap(message_to);
    check_cap(join_to);
    check_cap(error_to);
}

/* Frames may follow one another in one buf: nothing assumes that it was empty. */
static void test_appends(void **state) {
    (void)state;
    message_to(&B);
    size_t one = B.len;
    message_to(&B);
    assert_int_equal(B.len, 2 * one);
    assert_memory_equal(B.data, B.data + one, one);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_ready),
        TEST(test_error),
        TEST(test_error_of_unknown_request),
        TEST(test_error_full),
        TEST(test_error_of_each_row),
        TEST(test_authorized),
        TEST(test_unauthorized),
        TEST(test_users),
        TEST(test_users_empty),
        TEST(test_join),
        TEST(test_join_recovered),
        TEST(test_join_not_recovered),
        TEST(test_read),
        TEST(test_read_empty),
        TEST(test_leave),
        TEST(test_message),
        TEST(test_message_private),
        TEST(test_message_to_self),
        TEST(test_message_nasty),
        TEST(test_message_of_server),
        TEST(test_sys_users),
        TEST(test_sys_unread),
        TEST(test_sys_purge),
        TEST(test_sys_purge_from),
        TEST(test_sys_epoch),
        TEST(test_sys_go_away),
        TEST(test_string_escapes),
        TEST(test_string_reads_no_further),
        TEST(test_every_character),
        TEST(test_mixed_strings),
        TEST(test_cap),
        TEST(test_appends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
