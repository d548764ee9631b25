/* test_request_encode - what a client says is what the server's decoder hears. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/proto/request.h"

#include <stdio.h>
#include <string.h>

static const struct uuid BOB = {.b = {0xb0, 0xb0, [15] = 2}};
static const struct uuid EPOCH = {.b = {0xe9, 0x0c, [15] = 3}};

static struct request HEARD;

/* Composes and decodes; the envelope is compared here. */
static const struct request *heard(struct request *said) {
    struct buf b;
    struct err e = {.code = ERR_OK};
    char id[] = "17";
    said->id = (struct request_id){.len = 2, .json = id};
    buf_init(&b, 1u << 16);
    request_encode(&b, said);
    assert_false(b.failed);
    if (request_decode(b.data, b.len, &HEARD, &e))
        fail_msg("%.*s: %s", (int)b.len, b.data, e.detail);
    buf_free(&b);
    assert_int_equal(HEARD.kind, said->kind);
    assert_int_equal(HEARD.id.len, 2);
    assert_memory_equal(HEARD.id.json, "17", 2);
    return &HEARD;
}

static int done(void **state) {
    (void)state;
    request_free(&HEARD);
    return 0;
}

static void test_sign(void **state) {
    (void)state;
    const char name[] = "Alice", password[] = "quote \" back\\slash \x01 \u20ac";
    for (enum request_kind kind = REQ_SIGN_IN; kind <= REQ_SIGN_UP; kind++) {
        struct request r = {.kind = kind};
        r.u.sign.name = name;
        r.u.sign.name_len = strlen(name);
        r.u.sign.password = password;
        r.u.sign.password_len = strlen(password);
        const struct request *h = heard(&r);
        assert_string_equal(h->u.sign.name, name);
        assert_string_equal(h->u.sign.password, password);
        assert_false(h->u.sign.known_only);
        request_free(&HEARD);
        r.u.sign.known_only = true; /* of signUp it would make no sense, and is not heard */
        assert_int_equal(heard(&r)->u.sign.known_only, kind == REQ_SIGN_IN);
        request_free(&HEARD);
    }
}

static void test_key_and_session(void **state) {
    (void)state;
    struct request r = {.kind = REQ_SIGN_OUT, .has_suuid = true, .suuid = EPOCH, .user = BOB};
    r.key = "secret-key";
    r.key_len = strlen(r.key);
    const struct request *h = heard(&r);
    assert_true(h->has_suuid && uuid_eq(&h->suuid, &EPOCH) && uuid_eq(&h->user, &BOB));
    assert_string_equal(h->key, "secret-key");
}

static void test_users(void **state) {
    (void)state;
    struct request r = {.kind = REQ_USERS};
    const struct request *h = heard(&r);
    assert_int_equal(h->u.users.limit, USERS_PAGE_MAX);
    assert_false(h->u.users.online);
    request_free(&HEARD);
    r.u.users.offset = 7;
    r.u.users.limit = 9;
    r.u.users.online = true;
    h = heard(&r);
    assert_int_equal(h->u.users.offset, 7);
    assert_int_equal(h->u.users.limit, 9);
    assert_true(h->u.users.online);
}

static void test_join(void **state) {
    (void)state;
    struct request r = {.kind = REQ_CHANNEL_JOIN};
    r.to.public = true;
    const struct request *h = heard(&r);
    assert_true(h->to.public && !h->u.join.has_since);
    request_free(&HEARD);
    r.to = (struct recipient){.user = BOB};
    r.u.join.has_since = true;
    r.u.join.since = (struct position){.epoch = EPOCH, .seq = 0};
    h = heard(&r);
    assert_true(!h->to.public && uuid_eq(&h->to.user, &BOB));
    assert_true(h->u.join.has_since && uuid_eq(&h->u.join.since.epoch, &EPOCH));
    assert_int_equal(h->u.join.since.seq, 0);
    assert_true(uuid_is_nil(&h->u.join.since_uuid));
    request_free(&HEARD);
    r.u.join.since_uuid = BOB;
    h = heard(&r);
    assert_true(uuid_eq(&h->u.join.since_uuid, &BOB));
}

static void test_message(void **state) {
    (void)state;
    const char text[] = "two\nlines, \xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x9a\x80 \" \\ \x7f";
    struct request r = {.kind = REQ_CHANNEL_MESSAGE};
    r.to = (struct recipient){.user = BOB};
    r.u.message.has_uuid = true;
    r.u.message.uuid = EPOCH;
    r.u.message.text = text;
    r.u.message.text_len = strlen(text);
    const struct request *h = heard(&r);
    assert_true(h->u.message.has_uuid && uuid_eq(&h->u.message.uuid, &EPOCH));
    assert_true(uuid_eq(&h->to.user, &BOB));
    assert_string_equal(h->u.message.text, text);
}

static void test_history(void **state) {
    (void)state;
    struct request r = {.kind = REQ_CHANNEL_MESSAGES};
    r.to.public = true;
    r.u.history.before = 900719925474099;
    r.u.history.limit = HISTORY_PAGE_MAX;
    const struct request *h = heard(&r);
    assert_int_equal(h->u.history.before, 900719925474099);
    assert_int_equal(h->u.history.limit, HISTORY_PAGE_MAX);
    request_free(&HEARD);
    r.u.history.before = 0;
    r.u.history.after = 5;
    h = heard(&r);
    assert_int_equal(h->u.history.after, 5);
    assert_int_equal(h->u.history.before, 0);
}

static void test_leave(void **state) {
    (void)state;
    struct request r = {.kind = REQ_CHANNEL_LEAVE};
    r.to = (struct recipient){.user = BOB};
    assert_true(uuid_eq(&heard(&r)->to.user, &BOB));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sign),
        cmocka_unit_test_teardown(test_key_and_session, done),
        cmocka_unit_test_teardown(test_users, done),
        cmocka_unit_test_teardown(test_join, done),
        cmocka_unit_test_teardown(test_message, done),
        cmocka_unit_test_teardown(test_history, done),
        cmocka_unit_test_teardown(test_leave, done),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
