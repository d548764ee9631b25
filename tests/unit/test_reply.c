/* test_reply - every parser of Redis replies, on replies that hiredis made from RESP bytes, so that
 * the shapes are the real ones. Each gets what it expects, no reply, every kind of error, and the
 * wrong shapes: an unexpected reply is an error, never a crash and never a guess. */
#include "common/redis/reply.h"

#include "common/base/buf.h"
#include "common/proto/validate.h"

#include <hiredis/hiredis.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))
#define ALICE "a11ce000-0000-4000-8000-000000000001"
#define BOB "b0b00000-0000-4000-8000-000000000002"
#define EPOCH "e90c0000-0000-4000-8000-000000000003"
#define MESSAGE "0e55a9e0-0000-4000-8000-000000000005"
#define FIELDS                                                                                     \
    "[ 'uuid' '" MESSAGE "' 'sender' '" ALICE                                                      \
    "' 'name' 'Alice' 'at' '1714564800123' 'text' 'hi\nyou' ]"

/* Replies are written as `[ :1 'text' nil +OK -ERR text; [ ] ]` and become RESP bytes. */

static redisReply *MADE[16384];
static size_t MADE_COUNT;

static const char *one_to_resp(struct buf *b, const char *at);

static const char *array_to_resp(struct buf *b, const char *at) {
    struct buf items;
    unsigned n = 0;
    buf_init(&items, 1u << 22);
    for (at += strspn(at, " "); *at != ']'; at += strspn(at, " "), n++)
        at = one_to_resp(&items, at);
    buf_fmt(b, "*%u\r\n", n);
    buf_add(b, items.data, items.len);
    buf_free(&items);
    return at + 1;
}

static const char *one_to_resp(struct buf *b, const char *at) {
    at += strspn(at, " ");
    if (*at == '[')
        return array_to_resp(b, at + 1);
    if (strncmp(at, "nil", 3) == 0) {
        buf_str(b, "$-1\r\n");
        return at + 3;
    }
    const char *end = *at == '\'' ? strchr(at + 1, '\'') : at + strcspn(at, *at == '-' ? ";" : " ");
    if (*at == '\'')
        buf_fmt(b, "$%u\r\n%.*s", (unsigned)(end - at - 1), (int)(end - at - 1), at + 1);
    else
        buf_add(b, at, (size_t)(end - at));
    buf_str(b, "\r\n");
    return end + (*end == '\'' || *end == ';');
}

static redisReply *resp(const char *bytes, size_t len) {
    redisReader *reader = redisReaderCreate();
    void *r = NULL;
    assert_non_null(reader);
    assert_int_equal(redisReaderFeed(reader, bytes, len), REDIS_OK);
    assert_int_equal(redisReaderGetReply(reader, &r), REDIS_OK);
    assert_non_null(r);
    redisReaderFree(reader);
    assert_true(MADE_COUNT < COUNT(MADE));
    MADE[MADE_COUNT++] = r;
    return r;
}

static redisReply *made(const char *text) {
    struct buf b;
    buf_init(&b, 1u << 22);
    const char *end = one_to_resp(&b, text);
    assert_int_equal(*end, '\0');
    assert_false(b.failed);
    redisReply *r = resp(b.data, b.len);
    buf_free(&b);
    return r;
}

static int teardown(void **state) {
    (void)state;
    while (MADE_COUNT > 0)
        freeReplyObject(MADE[--MADE_COUNT]);
    return 0;
}

static void check_uuid(const struct uuid *u, const char *text) {
    char got[UUID_TEXT + 1];
    uuid_format(u, got);
    assert_string_equal(got, text);
}

static void check_bytes(const char *s, size_t len, const char *expected) {
    assert_int_equal(len, strlen(expected));
    assert_memory_equal(s, expected, len);
}

/* --- What all parsers have in common --- */

static enum err_code p_ok(const redisReply *r, struct err *e) {
    return reply_ok(r, e);
}

static enum err_code p_i64(const redisReply *r, struct err *e) {
    int64_t v;
    return reply_i64(r, 0, &v, e);
}

static enum err_code p_str(const redisReply *r, struct err *e) {
    const char *s;
    size_t len;
    return reply_str(r, &s, &len, e);
}

static enum err_code p_uuid(const redisReply *r, struct err *e) {
    struct uuid u;
    return reply_uuid(r, &u, e);
}

static enum err_code p_array(const redisReply *r, struct err *e) {
    size_t n;
    return reply_array(r, &n, e);
}

static enum err_code p_append(const redisReply *r, struct err *e) {
    struct append_result out;
    return reply_append(r, 0, &out, e);
}

static enum err_code p_join(const redisReply *r, struct err *e) {
    struct join_result out;
    return reply_join(r, &out, e);
}

static enum err_code p_position(const redisReply *r, struct err *e) {
    struct channel_state out;
    return reply_position(r, &out, e);
}

static enum err_code p_place(const redisReply *r, struct err *e) {
    struct position out;
    return reply_place(r, &out, e);
}

static enum err_code p_time(const redisReply *r, struct err *e) {
    int64_t out;
    return reply_time(r, &out, e);
}

static enum err_code p_user(const redisReply *r, struct err *e) {
    struct user_record out;
    return reply_user(r, &out, e);
}

static enum err_code p_log_info(const redisReply *r, struct err *e) {
    struct log_info out;
    return reply_log_info(r, &out, e);
}

static enum err_code p_step(const redisReply *r, struct err *e) {
    struct step_result out;
    return reply_step(r, &out, e);
}

static enum err_code p_purge_record(const redisReply *r, struct err *e) {
    struct purge_record out;
    return reply_purge_record(r, &out, e);
}

static enum err_code (*const PARSERS[])(const redisReply *r, struct err *e) = {
    p_ok,       p_i64,   p_str,  p_uuid, p_array,    p_append, p_join,
    p_position, p_place, p_time, p_user, p_log_info, p_step,   p_purge_record};

static void check_all(const redisReply *r, enum err_code expected, const char *detail) {
    for (size_t i = 0; i < COUNT(PARSERS); i++) {
        struct err e = {.detail = "nothing"};
        assert_int_equal(PARSERS[i](r, &e), expected);
        assert_int_equal(e.code, expected);
        assert_string_equal(e.detail, detail);
    }
}

static void test_no_reply(void **state) {
    (void)state;
    check_all(NULL, ERR_UNAVAILABLE, "");
}

static void test_not_now(void **state) {
    (void)state;
    static const struct {
        const char *reply, *detail;
    } CASES[] = {
        {"-LOADING Redis is loading the dataset in memory;", "LOADING"},
        {"-OOM command not allowed when used memory > 'maxmemory'.;", "OOM"},
        {"-READONLY You can't write against a read only replica.;", "READONLY"},
        {"-MISCONF Redis is configured to save RDB snapshots;", "MISCONF"},
        {"-NOREPLICAS Not enough good replicas to write.;", "NOREPLICAS"},
        {"-MASTERDOWN Link with MASTER is down;", "MASTERDOWN"},
        {"-CLUSTERDOWN The cluster is down;", "CLUSTERDOWN"},
        {"-TRYAGAIN Multiple keys request during rehashing of slot;", "TRYAGAIN"},
        {"-BUSY Redis is busy running a script.;", "BUSY"},
        {"-UNBLOCKED force unblock;", "UNBLOCKED"},
        {"-LOADING;", "LOADING"},
    };
    for (size_t i = 0; i < COUNT(CASES); i++)
        check_all(made(CASES[i].reply), ERR_UNAVAILABLE, CASES[i].detail);
}

/* The rest of an error's text may quote keys, arguments, whole scripts: only its first word gets
 * out. */
static void test_never(void **state) {
    (void)state;
    static const struct {
        const char *reply, *detail;
    } CASES[] = {
        {"-WRONGTYPE Operation against a key holding secret data;", "store: WRONGTYPE"},
        {"-ERR unknown command 'secret', with args beginning with: 'data';", "store: ERR"},
        {"-NOSCRIPT No matching script. Please use EVAL.;", "store: NOSCRIPT"},
        {"-NOAUTH Authentication required.;", "store: NOAUTH"},
        {"-NOPERM this user has no permissions to access 'secret';", "store: NOPERM"},
        {"-LOADINGS secret;", "store: LOADINGS"},
        {"-BUSYGROUP secret;", "store: BUSYGROUP"},
        {"-BUSYKEY Target key name secret already exists.;", "store: BUSYKEY"},
        {"-oom secret;", "store: oom"},
        {"-;", "store: "},
        {"- secret;", "store: "},
    };
    for (size_t i = 0; i < COUNT(CASES); i++)
        check_all(made(CASES[i].reply), ERR_INTERNAL, CASES[i].detail);
    struct err e;
    char text[300];
    memset(text, 'A', sizeof text);
    text[0] = '-';
    text[sizeof text - 2] = ';';
    text[sizeof text - 1] = '\0';
    assert_int_equal(reply_ok(made(text), &e), ERR_INTERNAL);
    assert_true(strlen(e.detail) < 50);
}

static void test_ok(void **state) {
    (void)state;
    static const char *const ANY[] = {"+OK", ":0",         "nil", "''", "'-ERR no error'",
                                      "[ ]", "[ -ERR x; ]"};
    for (size_t i = 0; i < COUNT(ANY); i++) {
        struct err e;
        assert_int_equal(reply_ok(made(ANY[i]), &e), ERR_OK);
    }
}

static void test_noscript(void **state) {
    (void)state;
    assert_true(reply_is_noscript(made("-NOSCRIPT No matching script. Please use EVAL.;")));
    assert_false(reply_is_noscript(made("-ERR NOSCRIPT;")));
    assert_false(reply_is_noscript(made("'NOSCRIPT'")));
    assert_false(reply_is_noscript(made("nil")));
    assert_false(reply_is_noscript(NULL));
}

/* --- Single values --- */

static void test_i64(void **state) {
    (void)state;
    static const struct {
        const char *reply;
        int64_t value;
    } GOOD[] = {
        {":0", 0},
        {":-5", -5},
        {":9223372036854775807", INT64_MAX},
        {"'0'", 0},
        {"'42'", 42},
        {"'-42'", -42},
        {"'007'", 7},
        {"'1714564800123'", 1714564800123},
        {"'999999999999999999'", 999999999999999999},
        {"'-999999999999999999'", -999999999999999999},
        {"+12", 12},
        {"nil", 77},
    };
    for (size_t i = 0; i < COUNT(GOOD); i++) {
        struct err e;
        int64_t v = 1;
        assert_int_equal(reply_i64(made(GOOD[i].reply), 77, &v, &e), ERR_OK);
        assert_true(v == GOOD[i].value);
    }
    static const char *const BAD[] = {"''",
                                      "'-'",
                                      "'+1'",
                                      "' 1'",
                                      "'1 '",
                                      "'1.0'",
                                      "'1e3'",
                                      "'x'",
                                      "'inf'",
                                      "'0x1'",
                                      "'--1'",
                                      "'1-'",
                                      "[ ]",
                                      "[ :1 ]",
                                      "+OK",
                                      "'1000000000000000000'",
                                      "'99999999999999999999'"};
    for (size_t i = 0; i < COUNT(BAD); i++) {
        struct err e;
        int64_t v = 1;
        assert_int_equal(reply_i64(made(BAD[i]), 77, &v, &e), ERR_INTERNAL);
        assert_string_equal(e.detail, "unexpected reply: no integer");
        assert_true(v == 77);
    }
}

static void test_run(void **state) {
    (void)state;
    char run[RUN_MAX + 1];
    assert_true(reply_run(made("'# Server\r\nredis_version:7.0.15\r\nrun_id:00c0ffee\r\n'"), run));
    assert_string_equal(run, "00c0ffee");
    const char *no[] = {
        "'# Server\r\n'", "'run_id:00'", "'\r\nrun_id:\r\n'", "'\r\nrun_id:XYZ'", "nil", ":1", "[]",
        "-NOPERM;"};
    for (size_t i = 0; i < COUNT(no); i++) {
        assert_false(reply_run(made(no[i]), run));
        assert_string_equal(run, "");
    }
    assert_false(reply_run(NULL, run));
}

static void test_str(void **state) {
    (void)state;
    struct err e;
    const char *s;
    size_t len;
    assert_int_equal(reply_str(made("'hello you'"), &s, &len, &e), ERR_OK);
    check_bytes(s, len, "hello you");
    assert_int_equal(reply_str(made("''"), &s, &len, &e), ERR_OK);
    assert_non_null(s);
    assert_int_equal(len, 0);
    assert_int_equal(reply_str(made("nil"), &s, &len, &e), ERR_OK);
    assert_null(s);
    assert_int_equal(reply_str(made("+OK"), &s, &len, &e), ERR_OK);
    check_bytes(s, len, "OK");
    assert_int_equal(reply_str(resp("$3\r\na\0b\r\n", 9), &s, &len, &e), ERR_OK);
    assert_int_equal(len, 3);
    assert_memory_equal(s, "a\0b", 3);
    static const char *const BAD[] = {":1", "[ ]", "[ 'hello' ]"};
    for (size_t i = 0; i < COUNT(BAD); i++) {
        s = "old";
        assert_int_equal(reply_str(made(BAD[i]), &s, &len, &e), ERR_INTERNAL);
        assert_null(s);
        assert_int_equal(len, 0);
    }
}

static void test_uuid(void **state) {
    (void)state;
    struct err e;
    struct uuid u;
    assert_int_equal(reply_uuid(made("'" ALICE "'"), &u, &e), ERR_OK);
    check_uuid(&u, ALICE);
    static const char *const NONE[] = {"nil", "''", "'alice'", ":1", "[ ]", "'" ALICE "0'"};
    for (size_t i = 0; i < COUNT(NONE); i++) {
        memset(&u, 1, sizeof u);
        assert_int_equal(reply_uuid(made(NONE[i]), &u, &e), ERR_OK);
        assert_true(uuid_is_nil(&u));
    }
}

static void test_array(void **state) {
    (void)state;
    struct err e;
    size_t n;
    redisReply *r = made("[ 'a' :2 nil [ 'b' ] ]");
    assert_int_equal(reply_array(r, &n, &e), ERR_OK);
    assert_int_equal(n, 4);
    assert_int_equal(reply_item(r, 1)->integer, 2);
    assert_string_equal(reply_item(reply_item(r, 3), 0)->str, "b");
    assert_int_equal(reply_array(made("[ ]"), &n, &e), ERR_OK);
    assert_int_equal(n, 0);
    static const char *const BAD[] = {"nil", "'a'", ":1", "+OK"};
    for (size_t i = 0; i < COUNT(BAD); i++) {
        n = 1;
        assert_int_equal(reply_array(made(BAD[i]), &n, &e), ERR_INTERNAL);
        assert_int_equal(n, 0);
    }
    assert_int_equal(reply_array(resp("*-1\r\n", 5), &n, &e), ERR_INTERNAL); /* a null array */
}

/* --- append --- */

static void test_append(void **state) {
    (void)state;
    redisReply *r =
        made("[ [ :0 '" EPOCH "' '7' :3 ] [ :1 '" EPOCH "' '5' " FIELDS " ]"
             "  [ :1 '" EPOCH "' '4' [ ] ] [ :2 'WRONGTYPE Operation on secret' ]"
             "  [ :2 'OOM command not allowed' ] [ :0 '" EPOCH "' '999999999999999' :0 ] ]");
    struct append_result out;
    struct err e;
    assert_int_equal(reply_append(r, 0, &out, &e), ERR_OK);
    check_uuid(&out.at.epoch, EPOCH);
    assert_int_equal(out.at.seq, 7);
    assert_false(out.repeat);
    assert_int_equal(out.receivers, 3);
    assert_int_equal(reply_append(r, 1, &out, &e), ERR_OK);
    assert_true(out.repeat);
    assert_false(out.gone);
    assert_int_equal(out.at.seq, 5);
    assert_int_equal(out.first.seq, 5);
    check_uuid(&out.first.uuid, MESSAGE);
    check_uuid(&out.first.sender, ALICE);
    assert_int_equal(out.first.created_ms, 1714564800123);
    check_bytes(out.first.sender_name, out.first.sender_name_len, "Alice");
    check_bytes(out.first.text, out.first.text_len, "hi\nyou");
    assert_int_equal(reply_append(r, 2, &out, &e), ERR_OK);
    assert_true(out.repeat && out.gone);
    assert_int_equal(out.at.seq, 4);
    assert_int_equal(reply_append(r, 3, &out, &e), ERR_INTERNAL);
    assert_string_equal(e.detail, "store: WRONGTYPE");
    assert_int_equal(reply_append(r, 4, &out, &e), ERR_UNAVAILABLE);
    assert_string_equal(e.detail, "OOM");
    assert_int_equal(reply_append(r, 5, &out, &e), ERR_OK);
    assert_int_equal(out.at.seq, 999999999999999);
    assert_int_equal(reply_append(r, 6, &out, &e), ERR_INTERNAL); /* fewer answers than messages */
}

static void test_append_shapes(void **state) {
    (void)state;
    static const char *const BAD[] = {
        "[ ]",
        "nil",
        ":0",
        "'stored'",
        "[ nil ]",
        "[ :0 ]",
        "[ [ ] ]",
        "[ [ :0 ] ]",
        "[ [ :0 '" EPOCH "' ] ]",
        "[ [ :0 '" EPOCH "' '7' ] ]",
        "[ [ '0' '" EPOCH "' '7' :1 ] ]",
        "[ [ :0 'epoch' '7' :1 ] ]",
        "[ [ :0 nil '7' :1 ] ]",
        "[ [ :0 '" EPOCH "' 'seven' :1 ] ]",
        "[ [ :0 '" EPOCH "' '-7' :1 ] ]",
        "[ [ :0 '" EPOCH "' '' :1 ] ]",
        "[ [ :0 '" EPOCH "' nil :1 ] ]",
        "[ [ :0 '" EPOCH "' [ ] :1 ] ]",
        "[ [ :0 '" EPOCH "' '7' 'one' ] ]",
        "[ [ :2 :5 ] ]",
        "[ [ :2 nil ] ]",
        "[ [ :3 '" EPOCH "' '7' :1 ] ]",
        "[ [ :-1 '" EPOCH "' '7' :1 ] ]",
        "[ -ERR secret; ]",
    };
    for (size_t i = 0; i < COUNT(BAD); i++) {
        struct append_result out;
        struct err e;
        if (reply_append(made(BAD[i]), 0, &out, &e) != ERR_INTERNAL)
            fail_msg("taken: %s", BAD[i]);
        assert_null(strstr(e.detail, "secret"));
    }
}

/* The first message is there but spoilt: what matters, that it was stored and where, is known. */
static void test_append_spoilt_repeat(void **state) {
    (void)state;
    static const char *const SPOILT[] = {"nil", ":1", "'text'", "[ 'uuid' ]",
                                         "[ 'uuid' 'x' 'text' 'hi' ]"};
    for (size_t i = 0; i < COUNT(SPOILT); i++) {
        char text[256];
        struct append_result out;
        struct err e;
        snprintf(text, sizeof text, "[ [ :1 '%s' '5' %s ] ]", EPOCH, SPOILT[i]);
        assert_int_equal(reply_append(made(text), 0, &out, &e), ERR_OK);
        assert_true(out.repeat && out.gone);
        assert_int_equal(out.at.seq, 5);
    }
}

/* --- join, position --- */

static void test_join(void **state) {
    (void)state;
    struct join_result out;
    struct err e;
    redisReply *r =
        made("[ '" EPOCH "' '3' '17' :2 [ '" ALICE "' '" BOB "' ] '" BOB ":2 " ALICE ":1' ]");
    assert_int_equal(reply_join(r, &out, &e), ERR_OK);
    check_uuid(&out.state.at.epoch, EPOCH);
    assert_int_equal(out.state.base, 3);
    assert_int_equal(out.state.at.seq, 17);
    assert_int_equal(out.members, 2);
    size_t n;
    struct uuid u;
    assert_int_equal(reply_array(out.listed, &n, &e), ERR_OK);
    assert_int_equal(n, 2);
    assert_int_equal(reply_uuid(reply_item(out.listed, 1), &u, &e), ERR_OK);
    check_uuid(&u, BOB);
    assert_int_equal(out.state.lineage.n, 2);
    check_uuid(&out.state.lineage.left[1].epoch, ALICE);
    assert_int_equal(out.state.lineage.left[0].seq, 2);
    static const char *const NO_LINEAGE[] = {"''", "'" ALICE "'", "'" ALICE ":x'", ":1", "nil"};
    for (size_t i = 0; i < COUNT(NO_LINEAGE); i++) {
        char text[256];
        snprintf(text, sizeof text, "[ '" EPOCH "' '3' '17' :2 [ ] %s ]", NO_LINEAGE[i]);
        assert_int_equal(reply_join(made(text), &out, &e), ERR_OK);
        assert_int_equal(out.state.lineage.n, 0);
    }
    static const char *const BAD[] = {
        "nil",
        ":1",
        "[ ]",
        "[ '" EPOCH "' '3' '17' :2 [ ] ]",
        "[ '" EPOCH "' '3' '17' :2 [ ] '' :1 ]",
        "[ 'epoch' '3' '17' :2 [ ] '' ]",
        "[ nil '3' '17' :2 [ ] '' ]",
        "[ '" EPOCH "' 'x' '17' :2 [ ] '' ]",
        "[ '" EPOCH "' '3' 'abc' :2 [ ] '' ]",
        "[ '" EPOCH "' '3' '-1' :2 [ ] '' ]",
        "[ '" EPOCH "' '3' '17' '2' [ ] '' ]",
        "[ '" EPOCH "' '3' '17' :2 '" ALICE "' '' ]",
        "[ '" EPOCH "' '3' '17' :2 nil '' ]",
    };
    for (size_t i = 0; i < COUNT(BAD); i++)
        if (reply_join(made(BAD[i]), &out, &e) != ERR_INTERNAL)
            fail_msg("taken: %s", BAD[i]);
}

static void test_position(void **state) {
    (void)state;
    struct channel_state out;
    struct err e;
    assert_int_equal(reply_position(made("[ '" EPOCH "' '3' '17' '" ALICE ":2' ]"), &out, &e),
                     ERR_OK);
    check_uuid(&out.at.epoch, EPOCH);
    assert_int_equal(out.lineage.n, 1);
    struct position at = out.lineage.left[0];
    check_uuid(&at.epoch, ALICE);
    assert_true(channel_state_has(&out, &at));
    at.seq = 3;
    assert_false(channel_state_has(&out, &at));
    at = out.at;
    assert_true(channel_state_has(&out, &at));
    at.seq = 18;
    assert_false(channel_state_has(&out, &at));
    assert_int_equal(out.base, 3);
    assert_int_equal(out.at.seq, 17);
    static const char *const NONE[] = {
        "[ nil nil nil nil ]",          "[ '" EPOCH "' nil '17' nil ]",
        "[ '" EPOCH "' '3' nil nil ]",  "[ '" EPOCH "' '3' 'abc' nil ]",
        "[ '" EPOCH "' '3' '-1' nil ]", "[ '" EPOCH "' 'x' '17' nil ]",
        "[ 'epoch' '3' '17' nil ]",     "[ '" EPOCH "' '3' '9223372036854775808' nil ]",
    };
    for (size_t i = 0; i < COUNT(NONE); i++) {
        memset(&out, 1, sizeof out);
        assert_int_equal(reply_position(made(NONE[i]), &out, &e), ERR_OK);
        assert_true(uuid_is_nil(&out.at.epoch));
        assert_int_equal(out.at.seq, 0);
        assert_int_equal(out.base, 0);
    }
    static const char *const BAD[] = {"nil", "[ ]", "[ nil nil nil ]", "[ nil nil nil nil nil ]",
                                      "'x'"};
    for (size_t i = 0; i < COUNT(BAD); i++)
        assert_int_equal(reply_position(made(BAD[i]), &out, &e), ERR_INTERNAL);
}

static void test_time(void **state) {
    (void)state;
    int64_t ms;
    struct err e;
    assert_int_equal(reply_time(made("[ '1714564800' '123999' ]"), &ms, &e), ERR_OK);
    assert_int_equal(ms, 1714564800123);
    static const char *const BAD[] = {"nil",
                                      "[ ]",
                                      "[ '1' ]",
                                      "[ '1' '2' '3' ]",
                                      "[ 'x' '2' ]",
                                      "[ nil nil ]",
                                      "[ '9223372036854775807' '0' ]",
                                      "[ '1' '-1' ]",
                                      "'x'"};
    for (size_t i = 0; i < COUNT(BAD); i++)
        assert_int_equal(reply_time(made(BAD[i]), &ms, &e), ERR_INTERNAL);
}

static void test_place(void **state) {
    (void)state;
    struct position at;
    struct err e;
    assert_int_equal(reply_place(made("[ '" EPOCH "' '17' ]"), &at, &e), ERR_OK);
    check_uuid(&at.epoch, EPOCH);
    assert_int_equal(at.seq, 17);
    static const char *const NONE[] = {"[ nil nil ]", "[ '" EPOCH "' nil ]", "[ nil '17' ]",
                                       "[ 'epoch' '17' ]", "[ '" EPOCH "' '-1' ]"};
    for (size_t i = 0; i < COUNT(NONE); i++) {
        memset(&at, 1, sizeof at);
        assert_int_equal(reply_place(made(NONE[i]), &at, &e), ERR_OK);
        assert_true(uuid_is_nil(&at.epoch));
        assert_int_equal(at.seq, 0);
    }
    static const char *const BAD[] = {"nil", "[ ]", "[ nil ]", "[ nil nil nil ]", "'x'"};
    for (size_t i = 0; i < COUNT(BAD); i++)
        assert_int_equal(reply_place(made(BAD[i]), &at, &e), ERR_INTERNAL);
}

/* --- logs and purges --- */

static void test_log_info(void **state) {
    (void)state;
    struct log_info out;
    struct err e;
    assert_int_equal(
        reply_log_info(made("[ 'length' :2 'last-generated-id' '17-0' 'groups' :0 'first-entry' "
                            "[ '3-0' [ 'a' 'b' ] ] 'last-entry' [ '9-0' [ 'a' 'b' ] ] ]"),
                       &out, &e),
        ERR_OK);
    assert_true(out.exists);
    assert_int_equal(out.length, 2);
    assert_int_equal(out.first, 3);
    assert_int_equal(out.last, 9);
    assert_int_equal(out.top, 17);
    assert_int_equal(reply_log_info(made("[ 'length' :0 'last-generated-id' '17-0' 'first-entry' "
                                         "nil 'last-entry' nil ]"),
                                    &out, &e),
                     ERR_OK);
    assert_int_equal(out.first, 0);
    assert_int_equal(out.top, 17);
    assert_int_equal(reply_log_info(made("-ERR no such key;"), &out, &e), ERR_OK);
    assert_false(out.exists);
    assert_int_equal(reply_log_info(made("'x'"), &out, &e), ERR_INTERNAL);
}

static void test_step(void **state) {
    (void)state;
    struct step_result out;
    struct err e;
    assert_int_equal(reply_step(made("[ :0 '170' :100 :0 ]"), &out, &e), ERR_OK);
    assert_int_equal(out.state, STEP_MORE);
    assert_string_equal(out.at, "170");
    assert_int_equal(out.moved, 100);
    assert_int_equal(reply_step(made("[ :0 '17-0' :0 :1 ]"), &out, &e), ERR_OK);
    assert_int_equal(out.state, STEP_DONE);
    assert_int_equal(reply_step(made("[ :1 ]"), &out, &e), ERR_OK);
    assert_int_equal(out.state, STEP_LOCKED);
    assert_int_equal(reply_step(made("[ :2 ]"), &out, &e), ERR_OK);
    assert_int_equal(out.state, STEP_OTHER);
    static const char *const BAD[] = {"nil",
                                      "[ ]",
                                      "[ 'x' ]",
                                      "[ :0 ]",
                                      "[ :0 '1' :1 ]",
                                      "[ :0 :1 :1 :1 ]",
                                      "[ :0 '1' 'x' :1 ]",
                                      "[ :0 '1' :1 'x' ]",
                                      "[ :0 '" EPOCH EPOCH "' :1 :1 ]"};
    for (size_t i = 0; i < COUNT(BAD); i++)
        if (reply_step(made(BAD[i]), &out, &e) != ERR_INTERNAL)
            fail_msg("taken: %s", BAD[i]);
}

static void test_mark(void **state) {
    (void)state;
    struct mark m;
    assert_true(reply_mark(made("'" EPOCH " 17'"), &m));
    assert_int_equal(m.up_to, 17);
    assert_false(m.one || m.lost);
    assert_true(reply_mark(made("'" EPOCH " " EPOCH "'"), &m));
    check_uuid(&m.message, EPOCH);
    assert_true(m.one);
    assert_true(reply_mark(made("'" EPOCH " " EPOCH ":17'"), &m));
    check_uuid(&m.sender, EPOCH);
    assert_int_equal(m.up_to, 17);
    assert_false(m.one || m.lost);
    assert_true(reply_mark(made("'lost'"), &m));
    assert_true(m.lost);
    static const char *const BAD[] = {"nil",
                                      ":17",
                                      "''",
                                      "'losT'",
                                      "'" EPOCH "'",
                                      "'" EPOCH " '",
                                      "'" EPOCH " x'",
                                      "'" EPOCH " -1'",
                                      "'" EPOCH " " EPOCH ":'",
                                      "'" EPOCH " " EPOCH ":x'",
                                      "'" EPOCH " " EPOCH ":-1'",
                                      "'" EPOCH "-17'"};
    for (size_t i = 0; i < COUNT(BAD); i++)
        if (reply_mark(made(BAD[i]), &m))
            fail_msg("taken: %s", BAD[i]);
}

static void test_purge_record(void **state) {
    (void)state;
    struct purge_record out;
    struct err e;
    assert_int_equal(reply_purge_record(
                         made("[ '" EPOCH "' 'from' '" EPOCH "' '17' '3' '100' '200' ]"), &out, &e),
                     ERR_OK);
    assert_true(out.found);
    assert_string_equal(out.mode, "from");
    check_uuid(&out.what, EPOCH);
    assert_int_equal(out.up_to, 17);
    assert_int_equal(out.moved, 3);
    assert_int_equal(out.at_ms, 100);
    assert_int_equal(out.until_ms, 200);
    assert_int_equal(reply_purge_record(made("[ nil nil nil nil nil nil nil ]"), &out, &e), ERR_OK);
    assert_false(out.found);
    assert_int_equal(reply_purge_record(made("[ nil ]"), &out, &e), ERR_INTERNAL);
}

/* --- Stream entries --- */

static void test_entry(void **state) {
    (void)state;
    struct channel_id public = channel_public();
    struct message m;
    assert_true(reply_entry(made("[ '17-0' " FIELDS " ]"), &public, &m));
    assert_true(channel_eq(&m.channel, &public));
    assert_int_equal(m.seq, 17);
    check_uuid(&m.uuid, MESSAGE);
    check_uuid(&m.sender, ALICE);
    assert_int_equal(m.created_ms, 1714564800123);
    check_bytes(m.sender_name, m.sender_name_len, "Alice");
    check_bytes(m.text, m.text_len, "hi\nyou");
}

/* Other versions may write more; order does not matter. */
static void test_entry_of_another_version(void **state) {
    (void)state;
    struct channel_id public = channel_public();
    struct message m;
    assert_true(reply_entry(made("[ '1-0' [ 'edited' '5' 'text' 'hi' 'at' '1' 'name' 'Bob' '' '' "
                                 "'sender' '" BOB "' 'uuid' '" MESSAGE "' 'mood' 'good' ] ]"),
                            &public, &m));
    check_uuid(&m.sender, BOB);
    check_bytes(m.text, m.text_len, "hi");
}

#define U " 'uuid' '" MESSAGE "'"
#define S " 'sender' '" ALICE "'"
#define N " 'name' 'Alice'"
#define A " 'at' '1'"
#define T " 'text' 'hi'"

static void test_malformed_entries(void **state) {
    (void)state;
    static const struct {
        const char *entry;
        uint64_t seq;
    } CASES[] = {
        {"[ '17-0' [" S N A T " ] ]", 17},
        {"[ '17-0' [" U N A T " ] ]", 17},
        {"[ '17-0' [" U S A T " ] ]", 17},
        {"[ '17-0' [" U S N T " ] ]", 17},
        {"[ '17-0' [" U S N A " ] ]", 17},
        {"[ '17-0' [ 'uuid' 'x'" S N A T " ] ]", 17},
        {"[ '17-0' [" U " 'sender' ''" N A T " ] ]", 17},
        {"[ '17-0' [" U S N " 'at' 'now'" T " ] ]", 17},
        {"[ '17-0' [" U S " 'name' '\xff'" A T " ] ]", 17},
        {"[ '17-0' [" U S " 'name' ''" A T " ] ]", 17},
        {"[ '17-0' [" U S N A " 'text' '\xed\xa0\x80' ] ]", 17},
        {"[ '17-0' [" U S N A " 'text' '' ] ]", 17},
        {"[ '17-0' [" U S N A " 'text' ] ]", 17},
        {"[ '17-0' [" U S N A " 'text' nil ] ]", 17},
        {"[ '17-0' [" U S N A " :1 'hi' ] ]", 17},
        {"[ '17-0' [ ] ]", 17},
        {"[ '17-0' nil ]", 17},
        {"[ '17-0' 'text' ]", 17},
        /* ids that are not ours */
        {"[ '17-1' [" U S N A T " ] ]", 17},
        {"[ '17' [" U S N A T " ] ]", 0},
        {"[ '17-' [" U S N A T " ] ]", 17},
        {"[ '-0' [" U S N A T " ] ]", 0},
        {"[ '0-0' [" U S N A T " ] ]", 0},
        {"[ '-5-0' [" U S N A T " ] ]", 0},
        {"[ '17-00' [" U S N A T " ] ]", 17},
        {"[ 'x-0' [" U S N A T " ] ]", 0},
        {"[ '9223372036854775808-0' [" U S N A T " ] ]", 0},
        {"[ '' [" U S N A T " ] ]", 0},
        {"[ nil [" U S N A T " ] ]", 0},
        {"[ :17 [" U S N A T " ] ]", 0},
        /* no entries at all */
        {"[ ]", 0},
        {"[ '17-0' ]", 0},
        {"[ '17-0' [" U S N A T " ] :1 ]", 0},
        {"'17-0'", 0},
        {"nil", 0},
        {":17", 0},
        {"-ERR x;", 0},
    };
    struct channel_id public = channel_public();
    for (size_t i = 0; i < COUNT(CASES); i++) {
        struct message m;
        memset(&m, 1, sizeof m);
        if (reply_entry(made(CASES[i].entry), &public, &m))
            fail_msg("taken: %s", CASES[i].entry);
        if (m.seq != CASES[i].seq)
            fail_msg("seq %llu: %s", (unsigned long long)m.seq, CASES[i].entry);
    }
}

static void test_entry_sizes(void **state) {
    (void)state;
    struct channel_id public = channel_public();
    static char big[MESSAGE_MAX_BYTES + 2], text[2 * MESSAGE_MAX_BYTES];
    struct message m;
    for (int more = 0; more <= 1; more++) {
        memset(big, 'x', sizeof big);
        big[MESSAGE_MAX_BYTES + more] = '\0';
        snprintf(text, sizeof text, "[ '17-0' [" U S N A " 'text' '%s' ] ]", big);
        assert_int_equal(reply_entry(made(text), &public, &m), !more);
        big[NAME_MAX_BYTES + more] = '\0';
        snprintf(text, sizeof text, "[ '17-0' [" U S A T " 'name' '%s' ] ]", big);
        assert_int_equal(reply_entry(made(text), &public, &m), !more);
    }
}

/* A NUL would be \u0000 in a client's JSON, which ours refuses. */
static void test_entry_with_a_nul(void **state) {
    (void)state;
    struct channel_id public = channel_public();
    struct message m;
    for (size_t field = 5; field < 10; field += 4) { /* the values of name and text */
        redisReply *r = made("[ '17-0' " FIELDS " ]");
        assert_true(reply_entry(r, &public, &m));
        r->element[1]->element[field]->str[1] = '\0';
        assert_false(reply_entry(r, &public, &m));
        assert_int_equal(m.seq, 17);
    }
}

/* --- Users --- */

static void test_user(void **state) {
    (void)state;
    struct user_record u;
    struct err e;
    assert_int_equal(
        reply_user(made("[ 'J\u00fcrgen K.' '$argon2id$v=19$x' '1714564800123' '5' 'a b' ]"), &u,
                   &e),
        ERR_OK);
    assert_true(u.found);
    check_bytes(u.name, u.name_len, "J\u00fcrgen K.");
    assert_string_equal(u.hash, "$argon2id$v=19$x");
    assert_int_equal(u.created_ms, 1714564800123);
    assert_int_equal(u.banned_until_ms, 5);
    check_bytes(u.seen, u.seen_len, "a b");
    assert_int_equal(reply_user(made("[ 'A' nil nil nil nil ]"), &u, &e), ERR_OK);
    assert_true(u.found);
    assert_string_equal(u.hash, "");
    assert_int_equal(u.created_ms, 0);
    assert_int_equal(u.banned_until_ms, 0);
    assert_int_equal(u.seen_len, 0);
    assert_int_equal(reply_user(made("[ 'A' :1 'x' [ ] :1 ]"), &u, &e), ERR_OK);
    assert_true(u.found);
    assert_string_equal(u.hash, "");
}

static void test_no_user(void **state) {
    (void)state;
    static char name[NAME_MAX_BYTES + 2], text[512];
    struct user_record u;
    struct err e;
    memset(name, 'n', sizeof name - 1);
    snprintf(text, sizeof text, "[ '%s' 'h' '1' nil nil ]", name);
    const char *const NONE[] = {"[ nil nil nil nil nil ]", "[ '' 'h' '1' nil nil ]",
                                "[ :1 'h' '1' nil nil ]",  "[ '\xff' 'h' '1' nil nil ]",
                                "[ nil 'h' '1' '2' nil ]", text};
    for (size_t i = 0; i < COUNT(NONE); i++) {
        memset(&u, 1, sizeof u);
        assert_int_equal(reply_user(made(NONE[i]), &u, &e), ERR_OK);
        assert_false(u.found);
    }
    static const char *const BAD[] = {"nil", "[ ]", "[ 'A' 'h' '1' nil ]",
                                      "[ 'A' 'h' '1' nil nil nil ]", "'A'"};
    for (size_t i = 0; i < COUNT(BAD); i++)
        assert_int_equal(reply_user(made(BAD[i]), &u, &e), ERR_INTERNAL);
}

/* A hash that does not fit is none that could be right: it must not be cut to one that might. */
static void test_user_hash_sizes(void **state) {
    (void)state;
    for (size_t len = SECRET_HASH_MAX - 2; len <= SECRET_HASH_MAX + 2; len++) {
        char hash[SECRET_HASH_MAX + 8] = "", text[512];
        struct user_record u;
        struct err e;
        memset(hash, 'h', len);
        snprintf(text, sizeof text, "[ 'A' '%s' '1' nil nil ]", hash);
        assert_int_equal(reply_user(made(text), &u, &e), ERR_OK);
        assert_int_equal(strlen(u.hash), len < SECRET_HASH_MAX ? len : 0);
    }
}

/* --- Pushes --- */

static void test_push(void **state) {
    (void)state;
    struct push p;
    assert_true(reply_push(made("[ 'smessage' 'chat:bus' 'hello' ]"), &p));
    assert_int_equal(p.kind, PUSH_MESSAGE);
    check_bytes(p.channel, p.channel_len, "chat:bus");
    check_bytes(p.payload, p.payload_len, "hello");
    assert_true(reply_push(made("[ 'smessage' 'chat:bus' '' ]"), &p));
    assert_int_equal(p.payload_len, 0);
    assert_true(reply_push(made("[ 'ssubscribe' 'chat:bus' :1 ]"), &p));
    assert_int_equal(p.kind, PUSH_SUBSCRIBED);
    check_bytes(p.channel, p.channel_len, "chat:bus");
    assert_null(p.payload);
    assert_true(reply_push(made("[ 'sunsubscribe' 'chat:bus' :0 ]"), &p));
    assert_int_equal(p.kind, PUSH_UNSUBSCRIBED);
    static const char *const OTHER[] = {
        "[ 'pong' '' ]",
        "[ 'pmessage' 'c*' 'chat:bus' 'hello' ]",
        "[ 'psubscribe' 'c*' :1 ]",
        "[ 'messages' 'chat:bus' 'hello' ]",
        "[ 'smessage' 'chat:bus' ]",
        "[ 'smessage' 'chat:bus' :1 ]",
        "[ 'smessage' 'chat:bus' nil ]",
        "[ 'sunsubscribe' nil :0 ]", /* nothing was subscribed */
        "[ :1 'chat:bus' 'hello' ]",
        "[ ]",
        "nil",
        ":1",
        "+PONG",
        "-ERR x;",
    };
    for (size_t i = 0; i < COUNT(OTHER); i++)
        assert_false(reply_push(made(OTHER[i]), &p));
}

#define TEST(fn) cmocka_unit_test_teardown(fn, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_no_reply),
        TEST(test_not_now),
        TEST(test_never),
        TEST(test_ok),
        TEST(test_noscript),
        TEST(test_i64),
        TEST(test_run),
        TEST(test_str),
        TEST(test_uuid),
        TEST(test_array),
        TEST(test_append),
        TEST(test_append_shapes),
        TEST(test_append_spoilt_repeat),
        TEST(test_join),
        TEST(test_position),
        TEST(test_place),
        TEST(test_time),
        TEST(test_log_info),
        TEST(test_step),
        TEST(test_mark),
        TEST(test_purge_record),
        TEST(test_entry),
        TEST(test_entry_of_another_version),
        TEST(test_malformed_entries),
        TEST(test_entry_sizes),
        TEST(test_entry_with_a_nul),
        TEST(test_user),
        TEST(test_no_user),
        TEST(test_user_hash_sizes),
        TEST(test_push),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
