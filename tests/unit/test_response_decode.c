/* test_response_decode - the golden frames of the server, read back; what is wrong in one, named;
 * and a hostile server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/proto/response.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ALICE "a11ce000-0000-4000-8000-000000000001"
#define BOB "b0b00000-0000-4000-8000-000000000002"
#define EPOCH "e90c0000-0000-4000-8000-000000000003"
#define MESSAGE "0e55a9e0-0000-4000-8000-000000000005"
#define CREATED_MS 1714564800123

static struct response A;

/* A copy that ends with the text and is gone afterwards: what the answer says must be its own. */
static enum err_code decode(const char *text, size_t len, struct err *e) {
    char *exact = malloc(len ? len : 1);
    memcpy(exact, text, len);
    *e = (struct err){.code = ERR_OK};
    enum err_code code = response_decode(exact, len, &A, e);
    free(exact);
    assert_int_equal(code, e->code);
    return code;
}

static void decode_golden(const char *name) {
    char path[512], text[8192];
    snprintf(path, sizeof path, "%s/tests/golden/%s.json", PROJECT_SOURCE_DIR, name);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    size_t len = fread(text, 1, sizeof text, f);
    fclose(f);
    struct err e;
    if (decode(text, len, &e))
        fail_msg("%s: %s", name, e.detail);
}

/* Strings are given in single quotes, which become double ones. */
static enum err_code decode_text(const char *text, struct err *e) {
    char *json = strdup(text);
    for (char *p = json; *p; p++)
        if (*p == '\'')
            *p = '"';
    enum err_code code = decode(json, strlen(json), e);
    free(json);
    return code;
}

static void refused(const char *text, enum err_code code, const char *detail) {
    struct err e;
    assert_int_equal(decode_text(text, &e), code);
    if (!strstr(e.detail, detail))
        fail_msg("%s: '%s' does not name '%s'", text, e.detail, detail);
    assert_null(A.doc);
}

static void is_uuid(const struct uuid *u, const char *text) {
    char is[UUID_TEXT + 1];
    uuid_format(u, is);
    assert_string_equal(is, text);
}

static int done(void **state) {
    (void)state;
    response_free(&A);
    return 0;
}

static void test_ready(void **state) {
    (void)state;
    decode_golden("ready");
    assert_int_equal(A.kind, RESPONSE_READY);
    is_uuid(&A.u.ready.session, "5e551000-0000-4000-8000-000000000004");
    assert_string_equal(A.u.ready.server, "chatd");
    assert_string_equal(A.u.ready.version, "1.0.0");
    assert_int_equal(A.u.ready.limits.frame_bytes, 65536);
    assert_int_equal(A.u.ready.limits.resume_messages, 500);
}

static void test_ready_of_the_seed(void **state) {
    (void)state;
    struct err e;
    assert_int_equal(decode_text("{'type':'ready','ready':{'sessionUUID':'" ALICE "'}}", &e), 0);
    assert_string_equal(A.u.ready.server, "");
    assert_int_equal(A.u.ready.limits.history_page, 0);
}

static void test_error(void **state) {
    (void)state;
    decode_golden("error_full");
    assert_int_equal(A.kind, RESPONSE_ERROR);
    assert_int_equal(A.u.error.code, ERR_RATE_LIMITED);
    assert_string_equal(A.u.error.name, "rate_limited");
    assert_string_equal(A.u.error.request, "channelMessage");
    assert_int_equal(A.u.error.retry_after_ms, 1500);
    assert_false(A.has_id); /* "r-1" is none of ours */
}

static void test_authorized(void **state) {
    (void)state;
    decode_golden("authorized");
    assert_int_equal(A.kind, RESPONSE_AUTHORIZED);
    assert_true(A.has_id);
    assert_int_equal(A.id, 17);
    is_uuid(&A.u.authorized.user, ALICE);
    assert_string_equal(A.u.authorized.key, "dGhpcyBpcyBhIHNhbXBsZSBhY2Nlc3Mga2V5IG9ubHk");
    assert_string_equal(A.u.authorized.name, "Alice");
}

static void test_unauthorized_and_leave(void **state) {
    (void)state;
    decode_golden("unauthorized");
    assert_int_equal(A.kind, RESPONSE_UNAUTHORIZED);
    is_uuid(&A.u.unauthorized.user, ALICE);
    response_free(&A);
    decode_golden("channel_leave");
    assert_int_equal(A.kind, RESPONSE_CHANNEL_LEAVE);
    assert_false(A.u.leave.to.public);
    is_uuid(&A.u.leave.to.user, BOB);
}

static void test_users(void **state) {
    (void)state;
    decode_golden("users");
    assert_int_equal(A.kind, RESPONSE_USERS);
    assert_int_equal(A.u.users.total, 12);
    assert_int_equal(A.u.users.n, 2);
    assert_string_equal(A.u.users.users[0].name, "Alice");
    assert_true(A.u.users.users[0].online);
    is_uuid(&A.u.users.users[1].uuid, BOB);
    assert_string_equal(A.u.users.users[1].name, "B\u00f3b O'Neil");
    assert_int_equal(A.u.users.users[1].name_len, strlen("B\u00f3b O'Neil"));
    assert_false(A.u.users.users[1].online);
}

static void test_join(void **state) {
    (void)state;
    decode_golden("channel_join");
    assert_int_equal(A.kind, RESPONSE_CHANNEL_JOIN);
    assert_true(A.u.join.to.public);
    assert_int_equal(A.u.join.n, 2);
    const struct message *m = &A.u.join.messages[0];
    is_uuid(&m->uuid, MESSAGE);
    is_uuid(&m->sender, ALICE);
    assert_string_equal(m->sender_name, "Alice");
    assert_string_equal(m->text, "second");
    assert_int_equal(m->created_ms, CREATED_MS);
    assert_int_equal(m->seq, 8);
    assert_int_equal(m->channel.kind, CHANNEL_PUBLIC);
    assert_int_equal(A.u.join.users_n, 2);
    assert_string_equal(A.u.join.users[1].name, "Bob");
    assert_int_equal(A.u.join.users_total, 140);
    is_uuid(&A.u.join.at.epoch, EPOCH);
    assert_int_equal(A.u.join.at.seq, 8);
    assert_false(A.u.join.asked_since);
}

static void test_join_with_since(void **state) {
    (void)state;
    decode_golden("channel_join_recovered");
    assert_true(A.u.join.asked_since && A.u.join.recovered);
    assert_int_equal(A.u.join.messages[0].channel.kind, CHANNEL_DM);
    is_uuid(&A.u.join.messages[0].channel.low, ALICE);
    is_uuid(&A.u.join.messages[0].channel.high, BOB);
    response_free(&A);
    decode_golden("channel_join_not_recovered");
    assert_true(A.u.join.asked_since && !A.u.join.recovered);
    assert_int_equal(A.u.join.n, 0);
}

static void test_message(void **state) {
    (void)state;
    decode_golden("channel_message_nasty");
    assert_int_equal(A.kind, RESPONSE_CHANNEL_MESSAGE);
    assert_int_equal(A.u.message.text_len, strlen(A.u.message.text));
    assert_non_null(strstr(A.u.message.text, "\x1b[31m"));
    assert_non_null(strstr(A.u.message.text, "\u2028"));
}

static void test_read(void **state) {
    (void)state;
    decode_golden("channel_read");
    assert_int_equal(A.kind, RESPONSE_CHANNEL_READ);
    assert_int_equal(A.u.history.n, 2);
    assert_int_equal(A.u.history.total, 2);
    assert_int_equal(A.u.history.at.seq, 2);
    assert_string_equal(A.u.history.messages[1].text, "one");
    response_free(&A);
    decode_golden("channel_read_empty");
    assert_int_equal(A.u.history.n, 0);
}

static void test_events(void **state) {
    (void)state;
    static const struct {
        const char *file;
        enum sys_event event;
    } USERS[] = {{"sys_sign_in", SYS_SIGN_IN},
                 {"sys_sign_out", SYS_SIGN_OUT},
                 {"sys_channel_join", SYS_CHANNEL_JOIN},
                 {"sys_channel_leave", SYS_CHANNEL_LEAVE}};
    for (size_t i = 0; i < sizeof USERS / sizeof *USERS; i++) {
        decode_golden(USERS[i].file);
        assert_int_equal(A.kind, RESPONSE_SYS);
        assert_int_equal(A.u.sys.event, USERS[i].event);
        is_uuid(&A.u.sys.user, ALICE);
        assert_string_equal(A.u.sys.name, "Alice");
        response_free(&A);
    }
    decode_golden("sys_unread");
    assert_int_equal(A.u.sys.event, SYS_UNREAD);
    assert_int_equal(A.u.sys.at.seq, 12);
    is_uuid(&A.u.sys.to.user, ALICE);
    response_free(&A);
    decode_golden("sys_epoch");
    assert_int_equal(A.u.sys.event, SYS_EPOCH);
    assert_true(A.u.sys.follows);
    assert_int_equal(A.u.sys.at.seq, 40);
    response_free(&A);
    decode_golden("sys_go_away");
    assert_int_equal(A.u.sys.event, SYS_GO_AWAY);
    assert_int_equal(A.u.sys.retry_after_ms, UINT32_MAX);
}

static void test_purges(void **state) {
    (void)state;
    decode_golden("sys_purge");
    assert_int_equal(A.u.sys.event, SYS_PURGE);
    assert_false(A.u.sys.one);
    assert_int_equal(A.u.sys.at.seq, 40);
    response_free(&A);
    decode_golden("sys_purge_message");
    assert_true(A.u.sys.one);
    is_uuid(&A.u.sys.uuid, MESSAGE);
    response_free(&A);
    decode_golden("sys_purge_from");
    assert_int_equal(A.u.sys.event, SYS_PURGE_FROM);
    assert_int_equal(A.u.sys.at.seq, 40);
    is_uuid(&A.u.sys.user, BOB);
}

static void test_of_a_newer_server(void **state) {
    (void)state;
    struct err e;
    assert_int_equal(decode_text("{'type':'reaction','reaction':{'x':1}}", &e), 0);
    assert_int_equal(A.kind, RESPONSE_UNKNOWN);
    response_free(&A);
    assert_int_equal(decode_text("{'type':'sys','sys':{'type':'typing'}}", &e), 0);
    assert_int_equal(A.kind, RESPONSE_UNKNOWN);
    response_free(&A);
    assert_int_equal(decode_text("{'type':'channelLeave','new':[1],'channelLeave':{'x':{}}}", &e),
                     0);
    assert_int_equal(A.kind, RESPONSE_CHANNEL_LEAVE);
}

#define M "'UUID':'" MESSAGE "','senderUUID':'" ALICE "'"

static void test_refused(void **state) {
    (void)state;
    refused("", ERR_BAD_JSON, "");
    refused("[]", ERR_BAD_JSON, "");
    refused("{'type':'ready'", ERR_BAD_JSON, "");
    refused("{'ready':{}}", ERR_BAD_FIELD, "type");
    refused("{'type':7}", ERR_BAD_FIELD, "type");
    refused("{'type':'ready'}", ERR_BAD_FIELD, "ready");
    refused("{'type':'ready','ready':[]}", ERR_BAD_FIELD, "ready");
    refused("{'type':'ready','ready':{'sessionUUID':'x'}}", ERR_BAD_FIELD, "ready.sessionUUID");
    refused("{'type':'ready','ready':{'sessionUUID':'" ALICE "','limits':{'frameBytes':-1}}}",
            ERR_BAD_FIELD, "ready.frameBytes");
    refused("{'type':'error','error':{'code':'1'}}", ERR_BAD_FIELD, "error.code");
    refused("{'type':'authorized','authorized':{'userUUID':1}}", ERR_BAD_FIELD,
            "authorized.userUUID");
    refused("{'type':'channelMessage','channelMessage':{" M ",'seq':9007199254740992}}",
            ERR_BAD_FIELD, "channelMessage.seq");
    refused("{'type':'channelMessage','channelMessage':{" M ",'recipientUUID':'x'}}", ERR_BAD_FIELD,
            "channelMessage.recipientUUID");
    refused("{'type':'channelRead','channelMessages':{'messages':[1]}}", ERR_BAD_FIELD,
            "channelMessages.messages");
    refused("{'type':'channelRead','channelMessages':{'messages':[{" M "},{}]}}", ERR_BAD_FIELD,
            "channelMessages.UUID");
    refused("{'type':'users','users':{'users':{}}}", ERR_BAD_FIELD, "users.users");
    refused("{'type':'channelJoin','channelJoin':{'recovered':1}}", ERR_BAD_FIELD,
            "channelJoin.recovered");
    refused("{'type':'channelJoin','channelJoin':{'epoch':'x'}}", ERR_BAD_FIELD,
            "channelJoin.epoch");
    refused("{'type':'sys','sys':{'type':'purge','upTo':1}}", ERR_BAD_FIELD, "sys.epoch");
    refused("{'type':'sys','sys':{'type':'goAway','retryAfterMs':4294967296}}", ERR_BAD_FIELD,
            "sys.retryAfterMs");
}

/* A name that would not fit is no name of this protocol. */
static void test_long_names(void **state) {
    (void)state;
    char text[1024], name[NAME_MAX_BYTES + 2];
    struct err e;
    memset(name, 'x', sizeof name);
    name[NAME_MAX_BYTES + 1] = '\0';
    snprintf(text, sizeof text,
             "{'type':'users','users':{'users':[{'UUID':'" ALICE "','Username':'%s'}]}}", name);
    refused(text, ERR_BAD_FIELD, "users.Username");
    snprintf(text, sizeof text,
             "{'type':'users','users':{'users':[{'UUID':'" ALICE "','Username':'%s'}]}}", name + 1);
    assert_int_equal(decode_text(text, &e), 0);
    assert_int_equal(A.u.users.users[0].name_len, NAME_MAX_BYTES);
}

static void test_long_lists(void **state) {
    (void)state;
    struct buf b;
    struct err e;
    buf_init(&b, 1u << 20);
    buf_str(&b, "{\"type\":\"users\",\"users\":{\"users\":[");
    for (int i = 0; i <= RESPONSE_LIST_MAX; i++)
        buf_fmt(&b, "%s{\"UUID\":\"" ALICE "\"}", i ? "," : "");
    buf_str(&b, "]}}");
    assert_int_equal(decode(b.data, b.len, &e), ERR_TOO_LARGE);
    buf_free(&b);
    char *large = malloc(RESPONSE_BYTES_MAX + 1);
    memset(large, ' ', RESPONSE_BYTES_MAX + 1);
    assert_int_equal(decode(large, RESPONSE_BYTES_MAX + 1, &e), ERR_TOO_LARGE);
    free(large);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_ready, done),
        cmocka_unit_test_teardown(test_ready_of_the_seed, done),
        cmocka_unit_test_teardown(test_error, done),
        cmocka_unit_test_teardown(test_authorized, done),
        cmocka_unit_test_teardown(test_unauthorized_and_leave, done),
        cmocka_unit_test_teardown(test_users, done),
        cmocka_unit_test_teardown(test_join, done),
        cmocka_unit_test_teardown(test_join_with_since, done),
        cmocka_unit_test_teardown(test_message, done),
        cmocka_unit_test_teardown(test_read, done),
        cmocka_unit_test_teardown(test_events, done),
        cmocka_unit_test_teardown(test_purges, done),
        cmocka_unit_test_teardown(test_of_a_newer_server, done),
        cmocka_unit_test(test_refused),
        cmocka_unit_test_teardown(test_long_names, done),
        cmocka_unit_test(test_long_lists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
