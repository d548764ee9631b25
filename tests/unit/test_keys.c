/* test_keys - every name that we have in Redis, spelled out. A change here is a change of the
 * schema: existing data would not be found any more. */
#include "common/redis/keys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))
#define ALICE "a11ce000-0000-4000-8000-000000000001"
#define BOB "b0b00000-0000-4000-8000-000000000002"
#define DM "dm:" ALICE ":" BOB

static struct uuid uuid_of(const char *text) {
    struct uuid u;
    assert_true(uuid_read(text, strlen(text), &u));
    return u;
}

static struct keyspace space(const char *prefix) {
    struct keyspace ks;
    assert_true(keyspace_init(&ks, prefix));
    return ks;
}

static struct channel_id dm(void) {
    struct uuid a = uuid_of(ALICE), b = uuid_of(BOB);
    return channel_dm(&a, &b);
}

static void check(const char *key, size_t len, const char *expected) {
    assert_string_equal(key, expected);
    assert_int_equal(len, strlen(expected));
}

static void test_channel_keys(void **state) {
    (void)state;
    static const char *const SUFFIX[] = {"log",    "meta",    "members",  "bus", "marks",
                                         "purges", "rebuild", "replaced", "lock"};
    static const enum channel_key KEYS[] = {CHANNEL_LOG,     CHANNEL_META,     CHANNEL_MEMBERS,
                                            CHANNEL_BUS,     CHANNEL_MARKS,    CHANNEL_PURGES,
                                            CHANNEL_REBUILD, CHANNEL_REPLACED, CHANNEL_LOCK};
    struct keyspace ks = space("chat:");
    struct channel_id open = channel_public(), private = dm();
    char key[KEY_MAX + 1], expected[KEY_MAX + 1];
    for (size_t i = 0; i < COUNT(KEYS); i++) {
        snprintf(expected, sizeof expected, "chat:{c:public}:%s", SUFFIX[i]);
        check(key, key_channel(&ks, &open, KEYS[i], key), expected);
        snprintf(expected, sizeof expected, "chat:{c:%s}:%s", DM, SUFFIX[i]);
        check(key, key_channel(&ks, &private, KEYS[i], key), expected);
    }
    struct uuid message = uuid_of(BOB);
    check(key, key_sent(&ks, &open, &message, key), "chat:{c:public}:sent:" BOB);
    check(key, key_sent(&ks, &private, &message, key), "chat:{c:" DM "}:sent:" BOB);
    check(key, key_purge(&ks, &open, PURGE_RECORD, &message, key), "chat:{c:public}:purge:" BOB);
    check(key, key_purge(&ks, &private, PURGE_TRASH, &message, key), "chat:{c:" DM "}:trash:" BOB);
}

static void test_user_keys(void **state) {
    (void)state;
    struct keyspace ks = space("chat:");
    struct uuid u = uuid_of(ALICE);
    char key[KEY_MAX + 1];
    check(key, key_user(&ks, &u, USER_RECORD, key), "chat:{u:" ALICE "}");
    check(key, key_user(&ks, &u, USER_KEYS, key), "chat:{u:" ALICE "}:keys");
    check(key, key_user(&ks, &u, USER_CHANNELS, key), "chat:{u:" ALICE "}:channels");
    check(key, key_user(&ks, &u, USER_USER_BUS, key), "chat:{u:" ALICE "}:bus");
}

static void test_global_keys(void **state) {
    (void)state;
    struct keyspace ks = space("chat:");
    char key[KEY_MAX + 1];
    check(key, key_global(&ks, KEY_SCHEMA, key), "chat:schema");
    check(key, key_global(&ks, KEY_USERS, key), "chat:users");
    check(key, key_global(&ks, KEY_NAME_INDEX, key), "chat:names");
    check(key, key_global(&ks, KEY_CHANNEL_INDEX, key), "chat:channels");
    check(key, key_global(&ks, KEY_NODES, key), "chat:{presence}:nodes");
    check(key, key_global(&ks, KEY_ONLINE, key), "chat:{presence}:online");
    check(key, key_global(&ks, KEY_ALL_BUS, key), "chat:bus");
}

static void test_tailed_keys(void **state) {
    (void)state;
    struct keyspace ks = space("chat:");
    char key[KEY_MAX + 1];
    check(key, key_tailed(&ks, KEY_NAME, "j\u00fcrgen", 7, key), "chat:name:j\u00fcrgen");
    check(key, key_tailed(&ks, KEY_NODE_USERS, "0123456789abcdef", 16, key),
          "chat:{presence}:node:0123456789abcdef");
    check(key, key_tailed(&ks, KEY_NODE_INFO, "0123456789abcdef", 16, key),
          "chat:{presence}:info:0123456789abcdef");
    check(key, key_tailed(&ks, KEY_FAILS_NAME, "alice bob", 9, key), "chat:fails:name:alice bob");
    check(key, key_tailed(&ks, KEY_FAILS_ADDR, "2001:db8::1", 11, key),
          "chat:fails:addr:2001:db8::1");
    check(key, key_tailed(&ks, KEY_FAILS_BOTH, "192.0.2.1 alice bob", 19, key),
          "chat:fails:both:192.0.2.1 alice bob");
    check(key, key_tailed(&ks, KEY_NAME, "borrowed", 3, key), "chat:name:bor");
    check(key, key_tailed(&ks, KEY_NAME, "", 0, key), "chat:name:");
}

/* The tables above name every key there is: a new one must be spelled out here, too. */
static void test_all_are_here(void **state) {
    (void)state;
#define X(sym, text, type, holds) +1
    assert_int_equal(0 CHANNEL_KEYS(X), 9);
    assert_int_equal(0 PURGE_KEYS(X), 2);
    assert_int_equal(0 USER_KEYS(X), 4);
    assert_int_equal(0 GLOBAL_KEYS(X), 7);
    assert_int_equal(0 TAILED_KEYS(X), 7);
#undef X
}

/* Any name back to what it is. */
static void test_parse(void **state) {
    (void)state;
    static const struct {
        const char *key;
        enum key_family family;
        int which;
        const char *type;
    } OURS[] = {
        {"chat:{c:public}:log", FAMILY_CHANNEL, CHANNEL_LOG, "stream"},
        {"chat:{c:" DM "}:members", FAMILY_CHANNEL, CHANNEL_MEMBERS, "zset"},
        {"chat:{c:public}:lock", FAMILY_CHANNEL, CHANNEL_LOCK, "string, TTL"},
        {"chat:{c:public}:sent:" BOB, FAMILY_SENT, -1, "string, TTL"},
        {"chat:{c:public}:purge:" BOB, FAMILY_PURGE, PURGE_RECORD, "hash, TTL"},
        {"chat:{c:public}:trash:" BOB, FAMILY_PURGE, PURGE_TRASH, "stream, TTL"},
        {"chat:{u:" BOB "}", FAMILY_USER, USER_RECORD, "hash"},
        {"chat:{u:" BOB "}:keys", FAMILY_USER, USER_KEYS, "zset"},
        {"chat:{u:" BOB "}:channels", FAMILY_USER, USER_CHANNELS, "zset"},
        {"chat:schema", FAMILY_GLOBAL, KEY_SCHEMA, "string"},
        {"chat:{presence}:nodes", FAMILY_GLOBAL, KEY_NODES, "zset"},
        {"chat:names", FAMILY_GLOBAL, KEY_NAME_INDEX, "hash"},
        {"chat:name:alice b.", FAMILY_TAILED, KEY_NAME, "string"},
        {"chat:name:{c:x}", FAMILY_TAILED, KEY_NAME, "string"},
        {"chat:{presence}:node:0123", FAMILY_TAILED, KEY_NODE_USERS, "set"},
        {"chat:fails:addr:::1", FAMILY_TAILED, KEY_FAILS_ADDR, "string, TTL"},
        {"chat:made:addr:::1", FAMILY_TAILED, KEY_MADE_ADDR, "string, TTL"},
        {"chat:fails:both:::1 alice b.", FAMILY_TAILED, KEY_FAILS_BOTH, "string, TTL"},
    };
    static const char *const FOREIGN[] = {"",
                                          "chat",
                                          "chat:",
                                          "chat:x",
                                          "chat:name:",
                                          "cat:schema",
                                          "chat:bus",
                                          "chat:{c:public}",
                                          "chat:{c:public}:",
                                          "chat:{c:x}:log",
                                          "chat:{c:public}:bus",
                                          "chat:{c:public}:log2",
                                          "chat:{c:}:log",
                                          "chat:{c:public}:sent:",
                                          "chat:{c:public}:trash:x",
                                          "chat:{u:bob}",
                                          "chat:{u:" BOB "}x",
                                          "chat:{u:" BOB "}:",
                                          "chat:{u:" BOB "}:bus",
                                          "chat:{c:public",
                                          "chat:schema2"};
    struct keyspace ks = space("chat:");
    struct key_name n;
    for (size_t i = 0; i < COUNT(OURS); i++) {
        if (!key_parse(&ks, OURS[i].key, strlen(OURS[i].key), &n))
            fail_msg("not taken: %s", OURS[i].key);
        assert_int_equal(n.family, OURS[i].family);
        assert_string_equal(n.type, OURS[i].type);
        if (OURS[i].which >= 0)
            assert_int_equal(n.which, OURS[i].which);
    }
    for (size_t i = 0; i < COUNT(FOREIGN); i++)
        if (key_parse(&ks, FOREIGN[i], strlen(FOREIGN[i]), &n))
            fail_msg("taken: %s", FOREIGN[i]);
}

static void test_other_prefix(void **state) {
    (void)state;
    struct keyspace ks = space("Team-1_x.y:");
    struct channel_id open = channel_public();
    struct uuid u = uuid_of(ALICE);
    char key[KEY_MAX + 1];
    check(key, key_channel(&ks, &open, CHANNEL_LOG, key), "Team-1_x.y:{c:public}:log");
    check(key, key_user(&ks, &u, USER_RECORD, key), "Team-1_x.y:{u:" ALICE "}");
    check(key, key_global(&ks, KEY_USERS, key), "Team-1_x.y:users");
    check(key, key_tailed(&ks, KEY_NAME, "bob", 3, key), "Team-1_x.y:name:bob");
}

static void test_prefix(void **state) {
    (void)state;
    static const char *const GOOD[] = {"c",
                                       "chat:", "a.b-c_D9:", "12345678901234567890123456789012"};
    static const char *const BAD[] = {
        "",    "{",         "chat{", "ch}at", "a b",
        "a\n", "a\x01",     "a*",    "a?",    "a[b]",
        "a\\", "caf\u00e9", "a/b",   "a\"",   "123456789012345678901234567890123"};
    for (size_t i = 0; i < COUNT(GOOD); i++) {
        struct keyspace ks;
        assert_true(keyspace_init(&ks, GOOD[i]));
        assert_string_equal(ks.prefix, GOOD[i]);
        assert_int_equal(ks.len, strlen(GOOD[i]));
    }
    for (size_t i = 0; i < COUNT(BAD); i++) {
        struct keyspace ks;
        if (keyspace_init(&ks, BAD[i]))
            fail_msg("taken: %s", BAD[i]);
    }
}

/* The longest prefix and the longest id of everything; what is free at the end is cut. */
static void test_longest_fit(void **state) {
    (void)state;
    struct keyspace ks = space("12345678901234567890123456789012");
    struct channel_id private = dm();
    struct uuid u = uuid_of(ALICE);
    struct {
        char key[KEY_MAX + 1], canary[8];
    } s = {.canary = "canary"};
    for (int k = CHANNEL_LOG; k <= CHANNEL_BUS; k++)
        assert_true(key_channel(&ks, &private, (enum channel_key)k, s.key) <= KEY_MAX);
    for (int k = USER_RECORD; k <= USER_USER_BUS; k++)
        assert_true(key_user(&ks, &u, (enum user_key)k, s.key) <= KEY_MAX);
    assert_true(key_sent(&ks, &private, &u, s.key) <= KEY_MAX);
    char tail[2 * KEY_MAX];
    memset(tail, 't', sizeof tail);
    for (int k = KEY_NAME; k <= KEY_FAILS_ADDR; k++) {
        for (size_t len = KEY_MAX - 64; len < KEY_MAX; len++) {
            size_t n = key_tailed(&ks, (enum tailed_key)k, tail, len, s.key);
            assert_true(n <= KEY_MAX);
            assert_int_equal(n, strlen(s.key));
        }
        assert_int_equal(key_tailed(&ks, (enum tailed_key)k, tail, sizeof tail, s.key), KEY_MAX);
        /* a folded name, the longest tail that is not ours alone to bound, is never cut */
        size_t bare = key_tailed(&ks, (enum tailed_key)k, tail, 0, s.key);
        assert_int_equal(key_tailed(&ks, (enum tailed_key)k, tail, 3 * NAME_MAX_BYTES, s.key),
                         bare + 3 * NAME_MAX_BYTES);
    }
    assert_string_equal(s.canary, "canary");
}

static void test_bus_round_trips(void **state) {
    (void)state;
    struct keyspace ks = space("chat:");
    struct channel_id ids[] = {channel_public(), dm()}, id;
    struct uuid u = uuid_of(ALICE), v;
    char key[KEY_MAX + 1];
    for (size_t i = 0; i < COUNT(ids); i++) {
        size_t len = key_channel(&ks, &ids[i], CHANNEL_BUS, key);
        assert_true(key_parse_channel_bus(&ks, key, len, &id));
        assert_true(channel_eq(&id, &ids[i]));
        assert_false(key_parse_user_bus(&ks, key, len, &v));
        for (size_t cut = 0; cut < len; cut++)
            assert_false(key_parse_channel_bus(&ks, key, cut, &id));
    }
    size_t len = key_user(&ks, &u, USER_USER_BUS, key);
    assert_true(key_parse_user_bus(&ks, key, len, &v));
    assert_true(uuid_eq(&u, &v));
    assert_false(key_parse_channel_bus(&ks, key, len, &id));
    for (size_t cut = 0; cut < len; cut++)
        assert_false(key_parse_user_bus(&ks, key, cut, &v));
}

static void test_foreign_names(void **state) {
    (void)state;
    static const char *const NAMES[] = {
        "",
        "chat:bus",
        "chat:",
        "chat:{c:}:bus",
        "chat:{u:}:bus",
        "chat:{c:publics}:bus",
        "chat:{c:public}:buss",
        "chat:{c:public}:log",
        "chat:{c:public}bus",
        "chat:{c:public:bus",
        "chat:{C:public}:bus",
        "chbt:{c:public}:bus",
        "schat:{c:public}:bus",
        "{c:public}:bus",
        "chat:{c:dm:" BOB ":" ALICE "}:bus",
        "chat:{c:" ALICE "}:bus",
        "chat:{u:" ALICE "}",
        "chat:{u:" ALICE "}:keys",
        "chat:{u:public}:bus",
        "chat2:{u:" ALICE "}:bus",
    };
    struct keyspace ks = space("chat:");
    for (size_t i = 0; i < COUNT(NAMES); i++) {
        size_t len = strlen(NAMES[i]);
        char *exact = malloc(len ? len : 1); /* reading beyond is seen by ASan */
        struct channel_id id;
        struct uuid u;
        assert_non_null(exact);
        memcpy(exact, NAMES[i], len);
        if (key_parse_channel_bus(&ks, exact, len, &id) || key_parse_user_bus(&ks, exact, len, &u))
            fail_msg("parsed: %s", NAMES[i]);
        free(exact);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_channel_keys),  cmocka_unit_test(test_user_keys),
        cmocka_unit_test(test_global_keys),   cmocka_unit_test(test_tailed_keys),
        cmocka_unit_test(test_all_are_here),  cmocka_unit_test(test_parse),
        cmocka_unit_test(test_other_prefix),  cmocka_unit_test(test_prefix),
        cmocka_unit_test(test_longest_fit),   cmocka_unit_test(test_bus_round_trips),
        cmocka_unit_test(test_foreign_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
