/* test_request - every field of every request: absent, right, wrong, and at each side of its
 * limits; and what an error leaves behind to answer it with. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/buf.h"
#include "common/proto/request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ALICE "a11ce000-0000-4000-8000-000000000001"
#define BOB "b0b00000-0000-4000-8000-000000000002"
#define EPOCH "e90c0000-0000-4000-8000-000000000003"
#define NIL "00000000-0000-0000-0000-000000000000"
#define X16 "xxxxxxxxxxxxxxxx"
#define X64 X16 X16 X16 X16

/* Strings are given in single quotes, which become double ones. */
static char *json_of(const char *text) {
    char *json = strdup(text);
    for (char *p = json; *p; p++)
        if (*p == '\'')
            *p = '"';
    return json;
}

/* Decodes a copy that ends with the text and is gone afterwards: what the request says must be its
 * own. */
static enum err_code decode(const char *text, struct request *r, struct err *e) {
    char *json = json_of(text);
    size_t len = strlen(json);
    char *exact = malloc(len ? len : 1);
    memcpy(exact, json, len);
    free(json);
    *e = (struct err){.code = ERR_OK};
    enum err_code code = request_decode(exact, len, r, e);
    free(exact);
    assert_int_equal(code, e->code);
    return code;
}

static struct request accepted(const char *text) {
    struct request r;
    struct err e;
    if (decode(text, &r, &e))
        fail_msg("%s: %s", text, e.detail);
    return r;
}

static void check_uuid(const struct uuid *u, const char *text) {
    char is[UUID_TEXT + 1];
    uuid_format(u, is);
    assert_string_equal(is, text);
}

static void check_id(const struct request *r, const char *json) {
    assert_int_equal(r->id.len, strlen(json));
    if (r->id.len == 0)
        assert_null(r->id.json);
    else
        assert_string_equal(r->id.json, json);
}

/* Refused with `code` and `detail`, and of the request only kind and id are left. */
static void check_refused(const char *text, enum err_code code, const char *detail,
                          enum request_kind kind, const char *id) {
    struct request r;
    struct err e;
    enum err_code is = decode(text, &r, &e);
    if (is != code || strcmp(e.detail, detail) != 0)
        fail_msg("%s: %s '%s', not %s '%s'", text, err_name(is), e.detail, err_name(code), detail);
    assert_int_equal(r.kind, kind);
    check_id(&r, id);
    assert_null(r.key);
    assert_int_equal(r.key_len, 0);
    assert_false(r.has_suuid);
    assert_null(r.u.sign.name);
    request_free(&r);
    assert_null(r.mem);
}

struct refusal {
    const char *text;
    enum err_code code;
    const char *detail;
};

/* `kind` and `id` are those of all the rows. */
static void check_refusals(const struct refusal *rows, size_t count, enum request_kind kind,
                           const char *id) {
    for (size_t i = 0; i < count; i++)
        check_refused(rows[i].text, rows[i].code, rows[i].detail, kind, id);
}

#define CHECK_REFUSALS(rows, kind, id) check_refusals(rows, sizeof(rows) / sizeof *(rows), kind, id)

static void kinds(void **state) {
    (void)state;
    assert_string_equal(request_type(REQ_NONE), "");
    assert_string_equal(request_type(REQ_SIGN_IN), "signIn");
    assert_string_equal(request_type(REQ_CHANNEL_LEAVE), "channelLeave");
    assert_string_equal(request_type(REQ_KINDS), "");
}

/* ---- The envelope ---- */

static void bad_json(void **state) {
    (void)state;
    static const struct refusal rows[] = {
        {"", ERR_BAD_JSON, "the text ends too early at byte 0"},
        {"[]", ERR_BAD_JSON, "not an object at byte 0"},
        {"{'type':'users','type':'users'}", ERR_BAD_JSON, "duplicate key at byte 16"},
        {"{'requestID':1,'type':'users'", ERR_BAD_JSON, "the text ends too early at byte 29"},
        {"{'type':'users'}{}", ERR_BAD_JSON, "text after the object at byte 16"},
        {"{'type':'\\u0000'}", ERR_BAD_JSON, "\\u0000 at byte 9"},
    };
    CHECK_REFUSALS(rows, REQ_NONE, "");
}

static void too_many_values(void **state) {
    (void)state;
    for (int n = 997; n <= 10000; n += n < 1000 ? 1 : 9000) {
        struct buf b;
        struct request r;
        struct err e;
        buf_init(&b, 1u << 20);
        buf_str(&b, "{\"type\":\"users\"");
        for (int i = 0; i < n; i++)
            buf_fmt(&b, ",\"k%d\":%d", i, i);
        buf_char(&b, '}');
        enum err_code code = request_decode(b.data, b.len, &r, &e);
        assert_int_equal(code, n <= 998 ? ERR_OK : ERR_BAD_JSON);
        request_free(&r);
        buf_free(&b);
    }
}

static void types(void **state) {
    (void)state;
    static const struct refusal rows[] = {
        {"{}", ERR_BAD_FIELD, "type: missing"},
        {"{'type':null}", ERR_BAD_FIELD, "type: missing"},
        {"{'Type':'users'}", ERR_BAD_FIELD, "type: missing"},
        {"{'type':1}", ERR_BAD_FIELD, "type: must be a string"},
        {"{'type':['users']}", ERR_BAD_FIELD, "type: must be a string"},
        {"{'type':{}}", ERR_BAD_FIELD, "type: must be a string"},
        {"{'type':true}", ERR_BAD_FIELD, "type: must be a string"},
        {"{'type':''}", ERR_UNKNOWN_TYPE, "type: '' is not one of this server's"},
        {"{'type':'nope','nope':{}}", ERR_UNKNOWN_TYPE, "type: 'nope' is not one of this server's"},
        {"{'type':'Users'}", ERR_UNKNOWN_TYPE, "type: 'Users' is not one of this server's"},
        {"{'type':'users '}", ERR_UNKNOWN_TYPE, "type: 'users ' is not one of this server's"},
        {"{'type':'signId','signId':{}}", ERR_UNKNOWN_TYPE,
         "type: 'signId' is not one of this server's"},
        {"{'type':'channelRead'}", ERR_UNKNOWN_TYPE,
         "type: 'channelRead' is not one of this server's"},
        {"{'type':'%s%n%d'}", ERR_UNKNOWN_TYPE, "type: '%s%n%d' is not one of this server's"},
        {"{'type':'" X16 X16 "'}", ERR_UNKNOWN_TYPE,
         "type: '" X16 X16 "' is not one of this server's"},
        {"{'type':'" X16 X16 "x'}", ERR_UNKNOWN_TYPE,
         "type: '" X16 X16 "...' is not one of this server's"},
        /* what could do harm where the error is shown is not repeated */
        {"{'type':'a\\u001b[2J'}", ERR_UNKNOWN_TYPE, "type: not one of this server's"},
        {"{'type':'a\\nb'}", ERR_UNKNOWN_TYPE, "type: not one of this server's"},
        {"{'type':'a\x7f'}", ERR_UNKNOWN_TYPE, "type: not one of this server's"},
        {"{'type':'us\u00e9rs'}", ERR_UNKNOWN_TYPE, "type: not one of this server's"},
        {"{'type':'" X64 "\\u202e'}", ERR_UNKNOWN_TYPE, "type: not one of this server's"},
    };
    CHECK_REFUSALS(rows, REQ_NONE, "");
}

static void request_ids(void **state) {
    (void)state;
    static const struct {
        const char *id, *echo;
    } rows[] = {
        {"''", "\"\""},
        {"'abc'", "\"abc\""},
        {"'17'", "\"17\""},
        {"'" X64 "'", "\"" X64 "\""},
        {"'\\\"\\\\\\/'", "\"\\\"\\\\/\""},
        {"'\\n\\u0001\\u007f'", "\"\\n\\u0001\\u007f\""},
        {"'\\u00e9\\u2028'", "\"\u00e9\\u2028\""},
        {"0", "0"},
        {"-0", "0"},
        {"17", "17"},
        {"-17", "-17"},
        {"1e2", "100"},
        {"9007199254740991", "9007199254740991"},
        {"-9007199254740991", "-9007199254740991"},
        {"null", ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[200];
        snprintf(text, sizeof text, "{'requestID':%s,'type':'users'}", rows[i].id);
        struct request r = accepted(text);
        check_id(&r, rows[i].echo);
        request_free(&r);
        /* an error echoes it as well */
        snprintf(text, sizeof text, "{'type':'users','users':1,'requestID':%s}", rows[i].id);
        check_refused(text, ERR_BAD_FIELD, "users: must be an object", REQ_USERS, rows[i].echo);
        snprintf(text, sizeof text, "{'type':'?','requestID':%s}", rows[i].id);
        check_refused(text, ERR_UNKNOWN_TYPE, "type: '?' is not one of this server's", REQ_NONE,
                      rows[i].echo);
    }
}

/* The longest id: 64 characters that take six each. */
static void request_id_that_grows(void **state) {
    (void)state;
    struct buf b, echo;
    buf_init(&b, 4096);
    buf_init(&echo, 4096);
    buf_str(&b, "{'type':'users','requestID':'");
    buf_char(&echo, '"');
    for (int i = 0; i < REQUEST_ID_MAX; i++) {
        buf_str(&b, "\\u0001");
        buf_str(&echo, "\\u0001");
    }
    buf_str(&b, "'}");
    buf_char(&echo, '"');
    struct request r = accepted(buf_cstr(&b));
    check_id(&r, buf_cstr(&echo));
    assert_int_equal(r.id.len, 6 * REQUEST_ID_MAX + 2);
    request_free(&r);
    buf_free(&b);
    buf_free(&echo);
}

static void bad_request_ids(void **state) {
    (void)state;
    static const struct refusal rows[] = {
        {"{'requestID':'" X64 "x','type':'users'}", ERR_BAD_FIELD,
         "requestID: must be at most 64 bytes"},
        {"{'requestID':'" X16 X16 X16 "\u20ac\u20ac\u20ac\u20ac\u20ac\u20ac'}", ERR_BAD_FIELD,
         "requestID: must be at most 64 bytes"},
        {"{'requestID':1.5,'type':'users'}", ERR_BAD_FIELD,
         "requestID: must be a string or an integer"},
        {"{'requestID':9007199254740992}", ERR_BAD_FIELD,
         "requestID: must be a string or an integer"},
        {"{'requestID':-9007199254740993}", ERR_BAD_FIELD,
         "requestID: must be a string or an integer"},
        {"{'requestID':1e300}", ERR_BAD_FIELD, "requestID: must be a string or an integer"},
        {"{'requestID':true}", ERR_BAD_FIELD, "requestID: must be a string or an integer"},
        {"{'requestID':[1]}", ERR_BAD_FIELD, "requestID: must be a string or an integer"},
        {"{'requestID':{}}", ERR_BAD_FIELD, "requestID: must be a string or an integer"},
    };
    CHECK_REFUSALS(rows, REQ_NONE, "");
}

static void sessions(void **state) {
    (void)state;
    static const struct refusal rows[] = {
        {"{'SUUID':'x','type':'users'}", ERR_BAD_SESSION, "SUUID: not a UUID"},
        {"{'SUUID':'0','type':'users'}", ERR_BAD_SESSION, "SUUID: not a UUID"},
        {"{'SUUID':' " ALICE "','type':'users'}", ERR_BAD_SESSION, "SUUID: not a UUID"},
        {"{'SUUID':'" ALICE "0','type':'users'}", ERR_BAD_SESSION, "SUUID: not a UUID"},
        {"{'SUUID':0,'type':'users'}", ERR_BAD_FIELD, "SUUID: must be a string"},
        {"{'SUUID':{},'type':'users'}", ERR_BAD_FIELD, "SUUID: must be a string"},
        {"{'SUUID':false,'type':'users'}", ERR_BAD_FIELD, "SUUID: must be a string"},
        /* before the pair and the body, after id and type */
        {"{'SUUID':'x','type':'users','userAccessKey':1,'users':1}", ERR_BAD_SESSION,
         "SUUID: not a UUID"},
    };
    CHECK_REFUSALS(rows, REQ_USERS, "");
    check_refused("{'SUUID':'x','requestID':1}", ERR_BAD_FIELD, "type: missing", REQ_NONE, "1");
    static const char *const none[] = {"{'type':'users'}", "{'SUUID':'','type':'users'}",
                                       "{'SUUID':null,'type':'users'}",
                                       "{'suuid':'x','type':'users'}"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        struct request r = accepted(none[i]);
        assert_false(r.has_suuid);
        request_free(&r);
    }
    struct request r = accepted("{'SUUID':'A11CE000-0000-4000-8000-000000000001','type':'users'}");
    assert_true(r.has_suuid);
    check_uuid(&r.suuid, ALICE);
    request_free(&r);
}

static void pairs(void **state) {
    (void)state;
    static const struct {
        const char *fields, *key, *user; /* key NULL: no pair */
    } rows[] = {
        {"'userUUID':'" ALICE "','userAccessKey':'k'", "k", ALICE},
        {"'userUUID':'" ALICE "','userAccessKey':'" X64 X64 "'", X64 X64, ALICE},
        {"'userUUID':'" ALICE "','userAccessKey':'\u00e9'", "\u00e9", ALICE},
        /* a user that can't be right is no reason to think that there is no pair */
        {"'userUUID':1,'userAccessKey':'k'", "k", NIL},
        {"'userUUID':'x','userAccessKey':'k'", "k", NIL},
        {"'userUUID':'','userAccessKey':'k'", "k", NIL},
        {"'userUUID':{},'userAccessKey':'k'", "k", NIL},
        {"'userUUID':'" NIL "','userAccessKey':'k'", "k", NIL},
        {"'userUUID':'" ALICE " ','userAccessKey':'k'", "k", NIL},
        /* half a pair is none */
        {"'userAccessKey':'k'", NULL, NIL},
        {"'userUUID':null,'userAccessKey':'k'", NULL, NIL},
        {"'userUUID':'" ALICE "'", NULL, NIL},
        {"'userUUID':'" ALICE "','userAccessKey':''", NULL, NIL},
        {"'userUUID':'" ALICE "','userAccessKey':null", NULL, NIL},
        {"'userUUID':1", NULL, NIL},
        {"'userUUID':[]", NULL, NIL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[400];
        snprintf(text, sizeof text, "{'type':'signOut',%s}", rows[i].fields);
        struct request r = accepted(text);
        assert_int_equal(r.kind, REQ_SIGN_OUT);
        assert_int_equal(r.key_len, rows[i].key ? strlen(rows[i].key) : 0);
        if (rows[i].key)
            assert_string_equal(r.key, rows[i].key);
        else
            assert_null(r.key);
        check_uuid(&r.user, rows[i].user);
        request_free(&r);
    }
}

static void bad_pairs(void **state) {
    (void)state;
    static const struct refusal rows[] = {
        {"{'type':'users','userUUID':'" ALICE "','userAccessKey':1}", ERR_BAD_FIELD,
         "userAccessKey: must be a string"},
        {"{'type':'users','userAccessKey':{}}", ERR_BAD_FIELD, "userAccessKey: must be a string"},
        {"{'type':'users','userAccessKey':false}", ERR_BAD_FIELD,
         "userAccessKey: must be a string"},
        {"{'type':'users','userUUID':'" ALICE "','userAccessKey':'" X64 X64 "x'}", ERR_BAD_FIELD,
         "userAccessKey: must be at most 128 bytes"},
    };
    CHECK_REFUSALS(rows, REQ_USERS, "");
}

/* ---- Bodies ---- */

static void bodies(void **state) {
    (void)state;
    static const struct {
        enum request_kind kind;
        bool optional;
    } rows[] = {
        {REQ_SIGN_IN, false},          {REQ_SIGN_UP, false},
        {REQ_SIGN_OUT, true},          {REQ_USERS, true},
        {REQ_CHANNEL_JOIN, false},     {REQ_CHANNEL_MESSAGE, false},
        {REQ_CHANNEL_MESSAGES, false}, {REQ_CHANNEL_LEAVE, false},
    };
    static const char *const wrong[] = {"1", "'x'", "true", "[]", "[{}]"};
    assert_int_equal(sizeof rows / sizeof *rows, REQ_KINDS - 1);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *type = request_type(rows[i].kind);
        char text[200], detail[100];
        snprintf(detail, sizeof detail, "%s: must be an object", type);
        for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++) {
            snprintf(text, sizeof text, "{'type':'%s','%s':%s}", type, type, wrong[k]);
            check_refused(text, ERR_BAD_FIELD, detail, rows[i].kind, "");
        }
        snprintf(detail, sizeof detail, "%s: missing", type);
        for (int null = 0; null < 2; null++) {
            snprintf(text, sizeof text, "{'type':'%s','%s':null}", type, null ? type : "other");
            if (!rows[i].optional) {
                check_refused(text, ERR_BAD_FIELD, detail, rows[i].kind, "");
                continue;
            }
            struct request r = accepted(text);
            assert_int_equal(r.kind, rows[i].kind);
            assert_null(r.mem);
            request_free(&r);
        }
    }
}

static void check_sign(const char *text, enum request_kind kind, const char *name,
                       const char *password) {
    struct request r = accepted(text);
    assert_int_equal(r.kind, kind);
    assert_string_equal(r.u.sign.name, name);
    assert_int_equal(r.u.sign.name_len, strlen(name));
    assert_string_equal(r.u.sign.password, password);
    assert_int_equal(r.u.sign.password_len, strlen(password));
    request_free(&r);
}

static void signs(void **state) {
    (void)state;
    check_sign("{'type':'signIn','signIn':{'username':'User name','password':'secret'}}",
               REQ_SIGN_IN, "User name", "secret");
    check_sign("{'type':'signIn','signId':{'username':'User name','password':'secret'}}",
               REQ_SIGN_IN, "User name", "secret");
    check_sign("{'type':'signIn','signId':{'username':'b','password':'b'},"
               "'signIn':{'username':'a','password':'a'}}",
               REQ_SIGN_IN, "a", "a");
    check_sign("{'type':'signIn','signIn':null,'signId':{'username':'b','password':'b'}}",
               REQ_SIGN_IN, "b", "b");
    check_sign("{'type':'signUp','signUp':{'username':'','password':' '}}", REQ_SIGN_UP, "", " ");
    check_sign("{'type':'signUp','signUp':{'username':'../x','password':'\u00e9\\n','more':[1]}}",
               REQ_SIGN_UP, "../x", "\u00e9\n");
}

/* All the strings that a request can have at once share its memory. */
static void packs_strings_together(void **state) {
    (void)state;
    struct request r = accepted("{'requestID':'id','userUUID':'" ALICE "','userAccessKey':'key',"
                                "'type':'signUp','signUp':{'username':'name','password':'word'}}");
    check_id(&r, "\"id\"");
    assert_string_equal(r.key, "key");
    assert_string_equal(r.u.sign.name, "name");
    assert_string_equal(r.u.sign.password, "word");
    assert_int_equal(r.mem_size, 5 + 4 + 5 + 5);
    assert_ptr_equal(r.id.json, r.mem);
    assert_ptr_equal(r.u.sign.password + 5, r.mem + r.mem_size);
    request_free(&r);
    assert_null(r.mem);
    assert_int_equal(r.mem_size, 0);
    assert_null(r.key);
    request_free(&r); /* twice is fine */
}

static void bad_signs(void **state) {
    (void)state;
    static const struct refusal in[] = {
        {"{'type':'signIn','signIn':{}}", ERR_BAD_FIELD, "signIn.username: missing"},
        {"{'type':'signIn','signId':{}}", ERR_BAD_FIELD, "signId.username: missing"},
        {"{'type':'signIn','signId':1}", ERR_BAD_FIELD, "signId: must be an object"},
        {"{'type':'signIn','signIn':1,'signId':{'username':'a','password':'b'}}", ERR_BAD_FIELD,
         "signIn: must be an object"},
        {"{'type':'signIn','signUp':{'username':'a','password':'b'}}", ERR_BAD_FIELD,
         "signIn: missing"},
        {"{'type':'signIn','signIn':{'username':null,'password':'x'}}", ERR_BAD_FIELD,
         "signIn.username: missing"},
        {"{'type':'signIn','signIn':{'Username':'x','password':'x'}}", ERR_BAD_FIELD,
         "signIn.username: missing"},
        {"{'type':'signIn','signIn':{'username':1,'password':'x'}}", ERR_BAD_FIELD,
         "signIn.username: must be a string"},
        {"{'type':'signIn','signIn':{'username':['x'],'password':'x'}}", ERR_BAD_FIELD,
         "signIn.username: must be a string"},
        {"{'type':'signIn','signIn':{'username':'x','password':'x','create':0}}", ERR_BAD_FIELD,
         "signIn.create: must be true or false"},
        {"{'type':'signIn','signIn':{'username':'x'}}", ERR_BAD_FIELD, "signIn.password: missing"},
        {"{'type':'signIn','signIn':{'username':'x','password':null}}", ERR_BAD_FIELD,
         "signIn.password: missing"},
        {"{'type':'signIn','signIn':{'username':'x','password':1234}}", ERR_BAD_FIELD,
         "signIn.password: must be a string"},
        {"{'type':'signIn','signIn':{'username':'x','password':''}}", ERR_BAD_FIELD,
         "signIn.password: must be 1 to 1024 bytes"},
        {"{'type':'signIn','signId':{'username':'x','password':''}}", ERR_BAD_FIELD,
         "signId.password: must be 1 to 1024 bytes"},
    };
    CHECK_REFUSALS(in, REQ_SIGN_IN, "");
    static const struct refusal up[] = {
        {"{'type':'signUp','signId':{'username':'x','password':'x'}}", ERR_BAD_FIELD,
         "signUp: missing"},
        {"{'type':'signUp','signUp':{'password':'x'}}", ERR_BAD_FIELD, "signUp.username: missing"},
        {"{'type':'signUp','signUp':{'username':'x','password':''}}", ERR_BAD_FIELD,
         "signUp.password: must be 1 to 1024 bytes"},
    };
    CHECK_REFUSALS(up, REQ_SIGN_UP, "");
}

/* {"type":…} with a string of `n` times `unit` in place of the %s. */
static char *with_long(const char *format, const char *unit, size_t n) {
    struct buf b;
    buf_init(&b, 1u << 20);
    const char *at = strstr(format, "%s");
    buf_add(&b, format, (size_t)(at - format));
    for (size_t i = 0; i < n; i++)
        buf_str(&b, unit);
    buf_str(&b, at + 2);
    buf_char(&b, '\0');
    return b.data;
}

static void long_passwords(void **state) {
    (void)state;
    static const char form[] = "{'type':'signUp','signUp':{'username':'x','password':'%s'}}";
    char *fits = with_long(form, "\u00e9", 512), *over = with_long(form, "x", 1025);
    struct request r = accepted(fits);
    assert_int_equal(r.u.sign.password_len, 1024);
    request_free(&r);
    check_refused(over, ERR_BAD_FIELD, "signUp.password: must be 1 to 1024 bytes", REQ_SIGN_UP, "");
    free(fits);
    free(over);
}

static void users(void **state) {
    (void)state;
    static const struct {
        const char *body;
        uint32_t offset, limit;
        bool online;
    } rows[] = {
        {"{}", 0, 1000, false},
        {"{'offset':null,'limit':null,'online':null}", 0, 1000, false},
        {"{'offset':0,'limit':1,'online':false}", 0, 1, false},
        {"{'offset':1,'limit':1000,'online':true}", 1, 1000, true},
        {"{'offset':4294967295,'limit':999}", UINT32_MAX, 999, false},
        {"{'offset':1e3,'limit':2.0,'page':'x'}", 1000, 2, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[200];
        snprintf(text, sizeof text, "{'type':'users','users':%s}", rows[i].body);
        struct request r = accepted(text);
        assert_int_equal(r.u.users.offset, rows[i].offset);
        assert_int_equal(r.u.users.limit, rows[i].limit);
        assert_int_equal(r.u.users.online, rows[i].online);
        request_free(&r);
    }
    struct request r = accepted("{'type':'users'}");
    assert_int_equal(r.u.users.limit, USERS_PAGE_MAX);
    request_free(&r);
}

/* clang-format off */
#define USERS_REFUSED(body, detail) \
    {"{'type':'users','users':{" body "}}", ERR_BAD_FIELD, "users." detail}
/* clang-format on */

static void bad_users(void **state) {
    (void)state;
    static const struct refusal rows[] = {
        USERS_REFUSED("'limit':0", "limit: must be 1 to 1000"),
        USERS_REFUSED("'limit':-1", "limit: must be 1 to 1000"),
        USERS_REFUSED("'limit':1001", "limit: must be 1 to 1000"),
        USERS_REFUSED("'limit':1.5", "limit: must be 1 to 1000"),
        USERS_REFUSED("'limit':1000000000", "limit: must be 1 to 1000"),
        USERS_REFUSED("'limit':'x'", "limit: must be 1 to 1000"),
        USERS_REFUSED("'limit':'10'", "limit: must be 1 to 1000"),
        USERS_REFUSED("'limit':true", "limit: must be 1 to 1000"),
        USERS_REFUSED("'offset':-1", "offset: must be 0 to 4294967295"),
        USERS_REFUSED("'offset':4294967296", "offset: must be 0 to 4294967295"),
        USERS_REFUSED("'offset':0.5", "offset: must be 0 to 4294967295"),
        USERS_REFUSED("'offset':'0'", "offset: must be 0 to 4294967295"),
        USERS_REFUSED("'offset':1e300", "offset: must be 0 to 4294967295"),
        USERS_REFUSED("'offset':{}", "offset: must be 0 to 4294967295"),
        USERS_REFUSED("'online':1", "online: must be true or false"),
        USERS_REFUSED("'online':'true'", "online: must be true or false"),
        USERS_REFUSED("'online':[]", "online: must be true or false"),
    };
    CHECK_REFUSALS(rows, REQ_USERS, "");
}

/* The four requests that name a channel, each with what else its body must have. */
static const struct {
    enum request_kind kind;
    const char *rest;
} CHANNEL_REQUESTS[] = {
    {REQ_CHANNEL_JOIN, "'x':1"},
    {REQ_CHANNEL_MESSAGE, "'message':'hi'"},
    {REQ_CHANNEL_MESSAGES, "'x':1"},
    {REQ_CHANNEL_LEAVE, "'x':1"},
};

static void channel_request(char text[300], size_t i, const char *recipient) {
    const char *type = request_type(CHANNEL_REQUESTS[i].kind);
    snprintf(text, 300, "{'type':'%s','%s':{%s%s}}", type, type, recipient,
             CHANNEL_REQUESTS[i].rest);
}

static void recipients(void **state) {
    (void)state;
    static const char *const public[] = {"",
                                         "'recipientUUID':0,",
                                         "'recipientUUID':-0,",
                                         "'recipientUUID':0.0,",
                                         "'recipientUUID':'0',",
                                         "'recipientUUID':'',",
                                         "'recipientUUID':null,",
                                         "'RecipientUUID':'x',"};
    for (size_t i = 0; i < 4; i++) {
        char text[300];
        for (size_t k = 0; k < sizeof public / sizeof *public; k++) {
            channel_request(text, i, public[k]);
            struct request r = accepted(text);
            assert_int_equal(r.kind, CHANNEL_REQUESTS[i].kind);
            assert_true(r.to.public);
            assert_true(uuid_is_nil(&r.to.user));
            request_free(&r);
        }
        channel_request(text, i, "'recipientUUID':'B0B00000-0000-4000-8000-000000000002',");
        struct request r = accepted(text);
        assert_false(r.to.public);
        check_uuid(&r.to.user, BOB);
        request_free(&r);
    }
}

static void bad_recipients(void **state) {
    (void)state;
    static const struct {
        const char *value;
        enum err_code code;
    } rows[] = {
        {"'x'", ERR_NOT_FOUND},
        {"'00'", ERR_NOT_FOUND},
        {"' '", ERR_NOT_FOUND},
        {"' 0'", ERR_NOT_FOUND},
        {"'null'", ERR_NOT_FOUND},
        {"'" BOB "0'", ERR_NOT_FOUND},
        {"'{" BOB "}'", ERR_NOT_FOUND},
        {"'../x'", ERR_NOT_FOUND},
        {"1", ERR_BAD_FIELD},
        {"-1", ERR_BAD_FIELD},
        {"0.5", ERR_BAD_FIELD},
        {"1e-300", ERR_BAD_FIELD},
        {"true", ERR_BAD_FIELD},
        {"false", ERR_BAD_FIELD},
        {"{}", ERR_BAD_FIELD},
        {"['" BOB "']", ERR_BAD_FIELD},
        {"9007199254740993", ERR_BAD_FIELD},
    };
    for (size_t i = 0; i < 4; i++)
        for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
            char text[300], field[100], detail[100];
            snprintf(field, sizeof field, "'recipientUUID':%s,", rows[k].value);
            channel_request(text, i, field);
            snprintf(detail, sizeof detail, "%s.recipientUUID: %s",
                     request_type(CHANNEL_REQUESTS[i].kind),
                     rows[k].code == ERR_NOT_FOUND ? "no such user"
                                                   : "must be a user's UUID, or 0");
            check_refused(text, rows[k].code, detail, CHANNEL_REQUESTS[i].kind, "");
        }
}

/* The message at `since` may be named; by what can't be a name, the place is none. */
static void joins_since_a_message(void **state) {
    (void)state;
    static const struct {
        const char *uuid, *epoch, *taken;
    } rows[] = {
        {"'" ALICE "'", EPOCH, ALICE},
        {"null", EPOCH, NIL},
        {"''", NIL, NIL},
        {"'x'", NIL, NIL},
        {"1", NIL, NIL},
        {"{}", NIL, NIL},
        {"'" NIL "'", NIL, NIL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[200];
        snprintf(text, sizeof text,
                 "{'type':'channelJoin','channelJoin':{'since':{'epoch':'" EPOCH
                 "','seq':3,'UUID':%s}}}",
                 rows[i].uuid);
        struct request r = accepted(text);
        assert_true(r.u.join.has_since);
        check_uuid(&r.u.join.since.epoch, rows[i].epoch);
        check_uuid(&r.u.join.since_uuid, rows[i].taken);
        request_free(&r);
    }
}

static void joins_since(void **state) {
    (void)state;
    static const struct {
        const char *since;
        bool has;
        const char *epoch;
        uint64_t seq;
    } rows[] = {
        {"null", false, NIL, 0},
        {"{'epoch':'" EPOCH "','seq':0}", true, EPOCH, 0},
        {"{'epoch':'" EPOCH "','seq':17,'more':1}", true, EPOCH, 17},
        {"{'seq':9007199254740991,'epoch':'" EPOCH "'}", true, EPOCH, 9007199254740991},
        /* positions that no channel has: asked, and never served */
        {"{}", true, NIL, 0},
        {"{'epoch':'" EPOCH "'}", true, NIL, 0},
        {"{'epoch':'" EPOCH "','seq':null}", true, NIL, 0},
        {"{'epoch':'" EPOCH "','seq':-1}", true, NIL, 0},
        {"{'epoch':'" EPOCH "','seq':1.5}", true, NIL, 0},
        {"{'epoch':'" EPOCH "','seq':9007199254740992}", true, NIL, 0},
        {"{'epoch':'" EPOCH "','seq':1e300}", true, NIL, 0},
        {"{'epoch':'" EPOCH "','seq':'1'}", true, NIL, 0},
        {"{'epoch':'" EPOCH "','seq':[]}", true, NIL, 0},
        {"{'seq':1}", true, NIL, 0},
        {"{'epoch':null,'seq':1}", true, NIL, 0},
        {"{'epoch':'','seq':1}", true, NIL, 0},
        {"{'epoch':'x','seq':1}", true, NIL, 0},
        {"{'epoch':1,'seq':1}", true, NIL, 0},
        {"{'epoch':{},'seq':1}", true, NIL, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[200];
        snprintf(text, sizeof text, "{'type':'channelJoin','channelJoin':{'since':%s}}",
                 rows[i].since);
        struct request r = accepted(text);
        assert_int_equal(r.u.join.has_since, rows[i].has);
        check_uuid(&r.u.join.since.epoch, rows[i].epoch);
        assert_int_equal(r.u.join.since.seq, rows[i].seq);
        request_free(&r);
    }
    struct request r = accepted("{'type':'channelJoin','channelJoin':{}}");
    assert_false(r.u.join.has_since);
    request_free(&r);
    static const char *const wrong[] = {"1", "'x'", "true", "[]", "'" EPOCH "'"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char text[200];
        snprintf(text, sizeof text, "{'type':'channelJoin','channelJoin':{'since':%s}}", wrong[i]);
        check_refused(text, ERR_BAD_FIELD, "channelJoin.since: must be an object", REQ_CHANNEL_JOIN,
                      "");
    }
}

static void messages(void **state) {
    (void)state;
    struct request r = accepted("{'type':'channelMessage','channelMessage':{'recipientUUID':0,"
                                "'message':'hi \\ud83d\\ude00\\n\\u0001'}}");
    assert_string_equal(r.u.message.text, "hi \U0001F600\n\x01");
    assert_int_equal(r.u.message.text_len, 9);
    assert_false(r.u.message.has_uuid);
    request_free(&r);
    r = accepted("{'type':'channelMessage','channelMessage':{'message':'x','UUID':'" BOB "'}}");
    assert_true(r.u.message.has_uuid);
    check_uuid(&r.u.message.uuid, BOB);
    request_free(&r);
    r = accepted("{'type':'channelMessage','channelMessage':{'message':'x','UUID':null,'uuid':1}}");
    assert_false(r.u.message.has_uuid);
    request_free(&r);
}

/* clang-format off */
#define MESSAGE_REFUSED(body, code, detail) \
    {"{'requestID':7,'type':'channelMessage','channelMessage':{" body "}}", code, \
     "channelMessage." detail}
/* clang-format on */

static void bad_messages(void **state) {
    (void)state;
    static const struct refusal rows[] = {
        MESSAGE_REFUSED("", ERR_BAD_FIELD, "message: missing"),
        MESSAGE_REFUSED("'message':null", ERR_BAD_FIELD, "message: missing"),
        MESSAGE_REFUSED("'Message':'x'", ERR_BAD_FIELD, "message: missing"),
        MESSAGE_REFUSED("'message':1", ERR_BAD_FIELD, "message: must be a string"),
        MESSAGE_REFUSED("'message':{}", ERR_BAD_FIELD, "message: must be a string"),
        MESSAGE_REFUSED("'message':['x']", ERR_BAD_FIELD, "message: must be a string"),
        MESSAGE_REFUSED("'message':true", ERR_BAD_FIELD, "message: must be a string"),
        MESSAGE_REFUSED("'message':''", ERR_TOO_LARGE, "message: must not be empty"),
        MESSAGE_REFUSED("'message':'x','UUID':1", ERR_BAD_FIELD, "UUID: must be a UUID"),
        MESSAGE_REFUSED("'message':'x','UUID':''", ERR_BAD_FIELD, "UUID: must be a UUID"),
        MESSAGE_REFUSED("'message':'x','UUID':'x'", ERR_BAD_FIELD, "UUID: must be a UUID"),
        MESSAGE_REFUSED("'message':'x','UUID':'" NIL "'", ERR_BAD_FIELD, "UUID: must be a UUID"),
        MESSAGE_REFUSED("'message':'x','UUID':{}", ERR_BAD_FIELD, "UUID: must be a UUID"),
    };
    CHECK_REFUSALS(rows, REQ_CHANNEL_MESSAGE, "7");
}

static void long_messages(void **state) {
    (void)state;
    static const struct {
        const char *unit;
        size_t n;
        const char *detail; /* NULL: fine */
    } rows[] = {
        {"x", 4096, NULL},
        {"x", 4097, "channelMessage.message: must be at most 4096 characters"},
        {"\U0001F600", 4096, NULL},
        {"\U0001F600", 4097, "channelMessage.message: must be at most 16384 bytes"},
        {"\\n", 4096, NULL},
        {"x", 60000, "channelMessage.message: must be at most 16384 bytes"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *text = with_long("{'type':'channelMessage','channelMessage':{'message':'%s'}}",
                               rows[i].unit, rows[i].n);
        if (rows[i].detail)
            check_refused(text, ERR_TOO_LARGE, rows[i].detail, REQ_CHANNEL_MESSAGE, "");
        else {
            struct request r = accepted(text);
            assert_int_equal(r.u.message.text_len, strlen(r.u.message.text));
            request_free(&r);
        }
        free(text);
    }
}

static void reads(void **state) {
    (void)state;
    static const struct {
        const char *body;
        uint32_t offset, limit;
        uint64_t before, after;
    } rows[] = {
        {"{}", 0, 10, 0, 0},
        {"{'offset':null,'limit':null,'before':null,'after':null}", 0, 10, 0, 0},
        {"{'offset':1,'limit':1}", 1, 1, 0, 0},
        {"{'offset':0,'limit':99}", 0, 99, 0, 0},
        {"{'offset':4294967295}", UINT32_MAX, 10, 0, 0},
        {"{'before':1,'limit':98}", 0, 98, 1, 0},
        {"{'before':9007199254740991}", 0, 10, 9007199254740991, 0},
        {"{'after':1}", 0, 10, 0, 1},
        {"{'after':9007199254740991,'offset':null,'before':null}", 0, 10, 0, 9007199254740991},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[200];
        snprintf(text, sizeof text, "{'type':'channelMessages','channelMessages':%s}",
                 rows[i].body);
        struct request r = accepted(text);
        assert_int_equal(r.u.history.offset, rows[i].offset);
        assert_int_equal(r.u.history.limit, rows[i].limit);
        assert_int_equal(r.u.history.before, rows[i].before);
        assert_int_equal(r.u.history.after, rows[i].after);
        request_free(&r);
    }
}

/* clang-format off */
#define READ_REFUSED(body, detail) \
    {"{'type':'channelMessages','channelMessages':{" body "}}", ERR_BAD_FIELD, \
     "channelMessages." detail}
/* clang-format on */

static void bad_reads(void **state) {
    (void)state;
    static const struct refusal rows[] = {
        READ_REFUSED("'limit':0", "limit: must be 1 to 99"),
        READ_REFUSED("'limit':-1", "limit: must be 1 to 99"),
        READ_REFUSED("'limit':100", "limit: must be 1 to 99"),
        READ_REFUSED("'limit':1000000000", "limit: must be 1 to 99"),
        READ_REFUSED("'limit':4294967297", "limit: must be 1 to 99"),
        READ_REFUSED("'limit':1e300", "limit: must be 1 to 99"),
        READ_REFUSED("'limit':9.5", "limit: must be 1 to 99"),
        READ_REFUSED("'limit':'x'", "limit: must be 1 to 99"),
        READ_REFUSED("'limit':'10'", "limit: must be 1 to 99"),
        READ_REFUSED("'limit':[]", "limit: must be 1 to 99"),
        READ_REFUSED("'offset':-1", "offset: must be 0 to 4294967295"),
        READ_REFUSED("'offset':4294967296", "offset: must be 0 to 4294967295"),
        READ_REFUSED("'offset':'1'", "offset: must be 0 to 4294967295"),
        READ_REFUSED("'before':0", "before: must be 1 to 9007199254740991"),
        READ_REFUSED("'before':-1", "before: must be 1 to 9007199254740991"),
        READ_REFUSED("'before':9007199254740992", "before: must be 1 to 9007199254740991"),
        READ_REFUSED("'before':'5'", "before: must be 1 to 9007199254740991"),
        READ_REFUSED("'before':1.5", "before: must be 1 to 9007199254740991"),
        READ_REFUSED("'after':0", "after: must be 1 to 9007199254740991"),
        READ_REFUSED("'after':-1", "after: must be 1 to 9007199254740991"),
        READ_REFUSED("'after':9007199254740992", "after: must be 1 to 9007199254740991"),
        READ_REFUSED("'after':{}", "after: must be 1 to 9007199254740991"),
        READ_REFUSED("'offset':1,'before':5", "before: not together with offset"),
        READ_REFUSED("'offset':0,'before':5", "before: not together with offset"),
        READ_REFUSED("'offset':1,'after':5", "after: not together with offset"),
        READ_REFUSED("'before':5,'after':5", "after: not together with before"),
        READ_REFUSED("'offset':1,'before':5,'after':5", "after: not together with offset"),
    };
    CHECK_REFUSALS(rows, REQ_CHANNEL_MESSAGES, "");
}

/* The requests of the seed, as it has them (where it is JSON). */
static void seed_requests(void **state) {
    (void)state;
    static const struct {
        const char *text;
        enum request_kind kind;
    } rows[] = {
        {"{'SUUID':'" EPOCH "','type':'signIn','signId':{'username':'User name',"
         "'password':'User password'}}",
         REQ_SIGN_IN},
        {"{'SUUID':'" EPOCH "','type':'signUp','signUp':{'username':'User name',"
         "'password':'User password'}}",
         REQ_SIGN_UP},
        {"{'SUUID':'" EPOCH "','type':'signOut','userUUID':'" ALICE "','userAccessKey':'k'}",
         REQ_SIGN_OUT},
        {"{'SUUID':'" EPOCH "','type':'users','userUUID':'" ALICE "','userAccessKey':'k'}",
         REQ_USERS},
        {"{'SUUID':'" EPOCH "','userUUID':'" ALICE "','userAccessKey':'k','type':'channelJoin',"
         "'channelJoin':{'recipientUUID':'0'}}",
         REQ_CHANNEL_JOIN},
        {"{'SUUID':'" EPOCH "','userUUID':'" ALICE "','userAccessKey':'k',"
         "'type':'channelMessage','channelMessage':{'recipientUUID':'" BOB "',"
         "'message':'Message text'}}",
         REQ_CHANNEL_MESSAGE},
        {"{'SUUID':'" EPOCH "','userUUID':'" ALICE "','userAccessKey':'k',"
         "'type':'channelMessages','channelMessages':{'recipientUUID':'" BOB "','offset':1,"
         "'limit':1}}",
         REQ_CHANNEL_MESSAGES},
        {"{'SUUID':'" EPOCH "','userUUID':'" ALICE "','userAccessKey':'k','type':'channelLeave',"
         "'channelLeave':{'recipientUUID':'" BOB "'}}",
         REQ_CHANNEL_LEAVE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct request r = accepted(rows[i].text);
        assert_int_equal(r.kind, rows[i].kind);
        check_uuid(&r.suuid, EPOCH);
        request_free(&r);
    }
}

static void without_err(void **state) {
    (void)state;
    static const struct {
        const char *text;
        enum err_code code;
    } rows[] = {
        {"{", ERR_BAD_JSON},
        {"{}", ERR_BAD_FIELD},
        {"{\"type\":\"x\"}", ERR_UNKNOWN_TYPE},
        {"{\"type\":\"users\",\"users\":{\"limit\":0}}", ERR_BAD_FIELD},
        {"{\"type\":\"users\"}", ERR_OK},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct request r;
        assert_int_equal(request_decode(rows[i].text, strlen(rows[i].text), &r, NULL),
                         rows[i].code);
        request_free(&r);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds),
        cmocka_unit_test(bad_json),
        cmocka_unit_test(too_many_values),
        cmocka_unit_test(types),
        cmocka_unit_test(request_ids),
        cmocka_unit_test(request_id_that_grows),
        cmocka_unit_test(bad_request_ids),
        cmocka_unit_test(sessions),
        cmocka_unit_test(pairs),
        cmocka_unit_test(bad_pairs),
        cmocka_unit_test(bodies),
        cmocka_unit_test(signs),
        cmocka_unit_test(packs_strings_together),
        cmocka_unit_test(bad_signs),
        cmocka_unit_test(long_passwords),
        cmocka_unit_test(users),
        cmocka_unit_test(bad_users),
        cmocka_unit_test(recipients),
        cmocka_unit_test(bad_recipients),
        cmocka_unit_test(joins_since),
        cmocka_unit_test(joins_since_a_message),
        cmocka_unit_test(messages),
        cmocka_unit_test(bad_messages),
        cmocka_unit_test(long_messages),
        cmocka_unit_test(reads),
        cmocka_unit_test(bad_reads),
        cmocka_unit_test(seed_requests),
        cmocka_unit_test(without_err),
    };
    return cmocka_run_group_tests_name("request", tests, NULL, NULL);
}
