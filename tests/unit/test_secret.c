/* test_secret - what it computes, and above all what it refuses to compute. Costs are the
 * lowest that Argon2id has, so that this takes no time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/secret.h"

#include <string.h>

#define MEM 64 /* KiB */

static void passwords(void **state) {
    (void)state;
    char hash[SECRET_HASH_MAX], again[SECRET_HASH_MAX], short_one[SECRET_HASH_MAX];
    assert_true(secret_hash_password("pass\0word", 9, 1, MEM, hash));
    assert_memory_equal(hash, "$argon2id$v=19$m=64,t=1,p=1$", 28);
    assert_true(secret_hash_password("pass\0word", 9, 1, MEM, again));
    assert_string_not_equal(hash, again); /* a salt of its own */
    assert_true(secret_hash_password("", 0, 1, MEM, short_one));

    static const struct {
        const char *password;
        size_t len;
        unsigned long long ops;
        size_t mem;
        enum secret_verdict verdict;
    } cases[] = {
        {"pass\0word", 9, 1, MEM, SECRET_RIGHT},
        {"pass\0word", 9, 2, MEM, SECRET_RIGHT_REHASH},
        {"pass\0word", 9, 1, MEM * 2, SECRET_RIGHT_REHASH},
        {"pass\0word", 9, 1, MEM / 2, SECRET_RIGHT_REHASH},
        {"pass\0wore", 9, 1, MEM, SECRET_WRONG},
        {"pass", 4, 1, MEM, SECRET_WRONG},
        {"pass\0word", 8, 1, MEM, SECRET_WRONG},
        {"", 0, 1, MEM, SECRET_WRONG},
        {"pass\0wore", 9, 2, MEM, SECRET_WRONG},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(secret_verify_password(hash, cases[i].password, cases[i].len, cases[i].ops,
                                                cases[i].mem),
                         cases[i].verdict);
    assert_int_equal(secret_verify_password(short_one, "", 0, 1, MEM), SECRET_RIGHT);
}

/* Hashes of other implementations of RFC 9106 with our parameters are as good as ours. */
static void known_answer(void **state) {
    (void)state;
    static const char hash[] = "$argon2id$v=19$m=64,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$"
                               "Gpj7qOY5RCXJvcMzqcdQqvgR3wcPX7SleI4c9NtXk6E";
    assert_int_equal(secret_verify_password(hash, "password", 8, 2, MEM), SECRET_RIGHT);
    assert_int_equal(secret_verify_password(hash, "passwore", 8, 2, MEM), SECRET_WRONG);
}

static void hashing_refused(void **state) {
    (void)state;
    char hash[SECRET_HASH_MAX] = "x";
    assert_false(secret_hash_password("p", 1, 0, MEM, hash)); /* no passes */
    assert_string_equal(hash, "");
    assert_false(secret_hash_password("p", 1, 1, 1, hash));
    assert_false(secret_hash_password("p", 1, 1, SIZE_MAX, hash));
}

#define SALT "c29tZXNhbHRzb21lc2FsdA"
#define DIGEST "X5pEkpYq1u9fuKlWUPjiRP9wOVhCVLjvSeCbqqLbWhs"
#define TAIL "$" SALT "$" DIGEST

static void refused(void **state) {
    (void)state;
    static const char *const hashes[] = {
        "",
        "secret",
        "$2b$12$abcdefghijklmnopqrstuuWx1zPq3mU2k0Zz0Zz0Zz0Zz0Zz0Zz0Z",
        "$argon2i$v=19$m=64,t=1,p=1" TAIL,
        "$argon2d$v=19$m=64,t=1,p=1" TAIL,
        "$argon2id$v=16$m=64,t=1,p=1" TAIL,
        "$argon2id$m=64,t=1,p=1" TAIL,
        "$argon2id$v=19$m=64,t=1,p=2" TAIL,
        "$argon2id$v=19$t=1,m=64,p=1" TAIL,
        "$argon2id$v=19$m=,t=1,p=1" TAIL,
        "$argon2id$v=19$m=x,t=1,p=1" TAIL,
        "$argon2id$v=19$m=-64,t=1,p=1" TAIL,
        "$argon2id$v=19$m= 64,t=1,p=1" TAIL,
        "$argon2id$v=19$m=0,t=1,p=1" TAIL,
        "$argon2id$v=19$m=7,t=1,p=1" TAIL,
        "$argon2id$v=19$m=64,t=0,p=1" TAIL,
        "$argon2id$v=19$m=64,t=1,p=1",
        "$argon2id$v=19$m=64,t=1,p=1$",
        "$argon2id$v=19$m=64,t=1,p=1$" SALT,
        "$argon2id$v=19$m=64,t=1,p=1$" SALT "$",
        "$argon2id$v=19$m=64,t=1,p=1$!$" DIGEST,
        "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHRzb21lc2Fs$" DIGEST, /* 15 bytes of salt */
        "$argon2id$v=19$m=64,t=1,p=1$" SALT "$" SALT,
        "$argon2id$v=19$m=64,t=1,p=1" TAIL "=",
        "$argon2id$v=19$m=64,t=1,p=1" TAIL "\n",
        "$argon2id$v=19$m=64,t=1,p=1" TAIL DIGEST DIGEST, /* longer than any of ours */
        /* absurd costs */
        "$argon2id$v=19$m=262145,t=1,p=1" TAIL,
        "$argon2id$v=19$m=4294967295,t=1,p=1" TAIL,
        "$argon2id$v=19$m=4294967360,t=1,p=1" TAIL, /* 2^32 + 64 */
        "$argon2id$v=19$m=18446744073709551680,t=1,p=1" TAIL,
        "$argon2id$v=19$m=64,t=4097,p=1" TAIL,
        "$argon2id$v=19$m=64,t=4294967295,p=1" TAIL,
        "$argon2id$v=19$m=64,t=4294967297,p=1" TAIL,
    };
    for (size_t i = 0; i < sizeof hashes / sizeof *hashes; i++)
        if (secret_verify_password(hashes[i], "password", 8, 1, MEM) != SECRET_REFUSED)
            fail_msg("computed: %s", hashes[i]);
    /* 16 times 32 MiB is more than the floor; and much memory is not made up for by few passes */
    static const char big[] = "$argon2id$v=19$m=524289,t=1,p=1" TAIL;
    assert_int_equal(secret_verify_password(big, "password", 8, 1, 32 * 1024), SECRET_REFUSED);
    assert_int_equal(secret_verify_password(big, "password", 8, 9, 32 * 1024), SECRET_REFUSED);
}

/* What is dear but not absurd is computed, and found wrong. */
static void dear_but_computed(void **state) {
    (void)state;
    static const char over_16_times[] = "$argon2id$v=19$m=1088,t=1,p=1" TAIL;
    static const char many_passes[] = "$argon2id$v=19$m=8,t=64,p=1" TAIL;
    assert_int_equal(secret_verify_password(over_16_times, "p", 1, 1, MEM), SECRET_WRONG);
    assert_int_equal(secret_verify_password(many_passes, "p", 1, 1, MEM), SECRET_WRONG);
}

static void keys(void **state) {
    (void)state;
    char a[ACCESS_KEY_TEXT + 1], b[ACCESS_KEY_TEXT + 1], hash[KEY_HASH_TEXT + 1];
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    secret_make_key(a);
    secret_make_key(b);
    assert_int_equal(strlen(a), ACCESS_KEY_TEXT);
    assert_int_equal(strspn(a, alphabet), ACCESS_KEY_TEXT);
    assert_string_not_equal(a, b);
    /* BLAKE2b-256 of "abc", from another implementation */
    secret_hash_key("abc", 3, hash);
    assert_string_equal(hash, "vd2BPGNCOXIxce8_7phXm5SWTjuxyz5CcmLIwGjVIxk");
    secret_hash_key("", 0, hash);
    assert_string_equal(hash, "DldRwCblQ7Loqy6wYJnaodHl30d3j3eH-qtFzfEv46g");
}

static void comparing(void **state) {
    (void)state;
    assert_true(secret_eq("abc", "abd", 2));
    assert_false(secret_eq("abc", "abd", 3));
    assert_true(secret_eq("a", "b", 0));
    char text[] = "hunter2";
    secret_wipe(text, sizeof text);
    for (size_t i = 0; i < sizeof text; i++)
        assert_int_equal(text[i], 0);
}

static void randomness(void **state) {
    (void)state;
    unsigned seen = 0;
    for (int i = 0; i < 1000; i++) {
        uint32_t v = secret_uniform(7);
        assert_in_range(v, 0, 6);
        seen |= 1u << v;
    }
    assert_int_equal(seen, 0x7f); /* fails once in 10^66 */
    assert_int_equal(secret_uniform(1), 0);
    uint64_t a[2] = {0}, b[2] = {0};
    secret_random(a, sizeof a);
    secret_random(b, sizeof b);
    assert_memory_not_equal(a, b, sizeof a);
}

static void table_hash(void **state) {
    (void)state;
    static const unsigned char zero_key_hash[] = {0xef, 0xa5, 0x7f, 0x29, 0x47, 0x1b, 0x21, 0x76};
    uint64_t a = secret_table_hash("alice", 5);
    assert_true(secret_init()); /* again: the key stays */
    assert_int_equal(secret_table_hash("alice", 5), a);
    assert_int_not_equal(secret_table_hash("alicf", 5), a);
    assert_int_not_equal(secret_table_hash("alice", 4), a);
    assert_memory_not_equal(&a, zero_key_hash, sizeof a); /* there is a key */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(passwords),         cmocka_unit_test(hashing_refused),
        cmocka_unit_test(known_answer),      cmocka_unit_test(refused),
        cmocka_unit_test(dear_but_computed), cmocka_unit_test(keys),
        cmocka_unit_test(comparing),         cmocka_unit_test(randomness),
        cmocka_unit_test(table_hash),
    };
    if (!secret_init())
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
