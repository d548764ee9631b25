/* test_script - what is embedded is what lies in common/redis/scripts, with what it uses in front
 * where a script asks for it, and the SHA-1 is the one that Redis will compute. What the scripts do
 * is tested against a real Redis, in tests/integration/test_scripts_*.py. */
#include "common/redis/script.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SCRIPTS_DIR PROJECT_SOURCE_DIR "/common/redis/scripts"
#define FILE_MAX 65536

/* SHA-1, FIPS 180-4, written for texts of a few kilobytes. */

static uint32_t rotate(uint32_t v, int n) {
    return v << n | v >> (32 - n);
}

static void sha1_block(uint32_t h[5], const unsigned char *p) {
    static const uint32_t K[] = {0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6};
    uint32_t w[80], a = h[0], b = h[1], c = h[2], d = h[3], e = h[4];
    for (int i = 0; i < 16; i++)
        w[i] = (uint32_t)p[4 * i] << 24 | (uint32_t)p[4 * i + 1] << 16 |
               (uint32_t)p[4 * i + 2] << 8 | p[4 * i + 3];
    for (int i = 16; i < 80; i++)
        w[i] = rotate(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
    for (int i = 0; i < 80; i++) {
        uint32_t f = i < 20              ? (b & c) | (~b & d)
                     : i >= 40 && i < 60 ? (b & c) | (b & d) | (c & d)
                                         : b ^ c ^ d;
        uint32_t t = rotate(a, 5) + f + e + K[i / 20] + w[i];
        e = d;
        d = c;
        c = rotate(b, 30);
        b = a;
        a = t;
    }
    h[0] += a;
    h[1] += b;
    h[2] += c;
    h[3] += d;
    h[4] += e;
}

static void sha1(const char *text, size_t len, char out[41]) {
    uint32_t h[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
    size_t padded = (len + 9 + 63) / 64 * 64;
    unsigned char *p = calloc(1, padded);
    assert_non_null(p);
    memcpy(p, text, len);
    p[len] = 0x80;
    for (int i = 0; i < 8; i++)
        p[padded - 1 - (size_t)i] = (unsigned char)((uint64_t)len * 8 >> (8 * i));
    for (size_t i = 0; i < padded; i += 64)
        sha1_block(h, p + i);
    free(p);
    for (int i = 0; i < 5; i++)
        snprintf(out + 8 * i, 9, "%08x", (unsigned)h[i]);
}

static size_t read_script(const char *name, char *out) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s.lua", SCRIPTS_DIR, name);
    FILE *f = fopen(path, "r");
    if (!f)
        fail_msg("%s is not there", path);
    size_t n = fread(out, 1, FILE_MAX - 1, f);
    assert_true(feof(f));
    fclose(f);
    out[n] = '\0';
    return n;
}

static void test_the_sha1_of_this_test(void **state) {
    (void)state;
    char hex[41];
    sha1("abc", 3, hex); /* FIPS 180-4's example */
    assert_string_equal(hex, "a9993e364706816aba3e25717850c26c9cd0d89d");
    sha1("", 0, hex);
    assert_string_equal(hex, "da39a3ee5e6b4b0d3255bfef95601890afd80709");
}

static void test_sha(void **state) {
    (void)state;
    for (int s = 0; s < SCRIPTS; s++) {
        size_t len;
        char hex[41];
        const char *body = script_body((enum script)s, &len);
        sha1(body, len, hex);
        assert_string_equal(script_sha((enum script)s), hex);
        assert_int_equal(strlen(script_sha((enum script)s)), SCRIPT_SHA);
    }
}

/* What others use stands in front of them. (file, a function of it) */
static const struct {
    const char *name, *call;
} PREPENDED[] = {{"position", "position("}, {"copying", "may_go_on("}};
#define PREPENDEDS (sizeof PREPENDED / sizeof *PREPENDED)

static void test_bodies(void **state) {
    (void)state;
    static char front[2 * FILE_MAX], one[FILE_MAX], file[FILE_MAX];
    size_t users[PREPENDEDS] = {0};
    for (int s = 0; s < SCRIPTS; s++) {
        size_t len, file_len = read_script(script_name((enum script)s), file), front_len = 0;
        const char *body = script_body((enum script)s, &len);
        for (size_t i = 0; i < PREPENDEDS; i++) {
            char says[64];
            snprintf(says, sizeof says, "\n-- uses %s\n", PREPENDED[i].name);
            bool uses = strstr(file, says) != NULL;
            /* who calls it says so, and who says so calls it */
            assert_int_equal(strstr(file, PREPENDED[i].call) != NULL, uses);
            if (uses) { /* the last in front of all */
                size_t n = read_script(PREPENDED[i].name, one);
                assert_true(n + front_len < sizeof front);
                memmove(front + n, front, front_len);
                memcpy(front, one, n);
                front_len += n;
            }
            users[i] += uses;
        }
        assert_int_equal(len, front_len + file_len);
        assert_memory_equal(body, front, front_len);
        assert_memory_equal(body + front_len, file, file_len);
    }
    for (size_t i = 0; i < PREPENDEDS; i++)
        assert_true(users[i] > 0);
}

static void test_headers(void **state) {
    (void)state;
    static char file[FILE_MAX];
    for (int s = 0; s < SCRIPTS; s++) {
        const char *name = script_name((enum script)s);
        char opening[64];
        snprintf(opening, sizeof opening, "-- %s: ", name);
        read_script(name, file);
        assert_memory_equal(file, opening, strlen(opening));
        assert_non_null(strstr(file, "\n-- KEYS  "));
        assert_non_null(strstr(file, "\n-- ARGV  "));
        assert_non_null(strstr(file, "\n-- Reply "));
    }
}

/* A script that is in the folder but not in SCRIPT_TABLE would be dead. */
static void test_every_file_is_embedded(void **state) {
    (void)state;
    DIR *d = opendir(SCRIPTS_DIR);
    unsigned files = 0;
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));) {
        char *dot = strrchr(e->d_name, '.');
        if (!dot || strcmp(dot, ".lua") != 0)
            continue;
        *dot = '\0';
        size_t i = 0;
        while (i < PREPENDEDS && strcmp(PREPENDED[i].name, e->d_name) != 0)
            i++;
        if (i < PREPENDEDS)
            continue;
        int s = 0;
        while (s < SCRIPTS && strcmp(script_name((enum script)s), e->d_name) != 0)
            s++;
        if (s == SCRIPTS)
            fail_msg("%s.lua is not in SCRIPT_TABLE", e->d_name);
        files++;
    }
    closedir(d);
    assert_int_equal(files, SCRIPTS);
}

/* An error of Redis names the script by its sha and a line; we name command, script and keys. */
static void test_blame(void **state) {
    (void)state;
    static const struct {
        enum script script;
        const char *call, *blame;
    } CASES[] = {
        {SCRIPT_KEY_ADD, "redis.call('ZREMRANGEBYRANK'",
         "ZREMRANGEBYRANK in key_add (1 record, 2 keys)"},
        {SCRIPT_BEAT, "redis.call('TIME'", "TIME in beat (1 nodes)"},
        {SCRIPT_JOIN, "-- join:", "join (1 log, 2 meta, 3 members)"}, /* no call in this line */
    };
    char error[256], blame[128];
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        size_t len;
        const char *body = script_body(CASES[i].script, &len), *at = strstr(body, CASES[i].call);
        unsigned line = 1;
        assert_non_null(at);
        for (const char *p = body; p < at; p++)
            line += *p == '\n';
        snprintf(error, sizeof error, "ERR can't script: %s, on @user_script:%u.",
                 script_sha(CASES[i].script), line);
        assert_true(script_blame(error, blame, sizeof blame));
        assert_string_equal(blame, CASES[i].blame);
        /* Redis 8 has "script: " twice */
        snprintf(error, sizeof error,
                 "ERR ACL failure in script: User u script: %s, on @user_script:%u.",
                 script_sha(CASES[i].script), line);
        assert_true(script_blame(error, blame, sizeof blame));
        assert_string_equal(blame, CASES[i].blame);
    }
    snprintf(error, sizeof error, "ERR x script: %s, on @user_script:99999.",
             script_sha(SCRIPT_BEAT));
    assert_true(script_blame(error, blame, sizeof blame));
    assert_string_equal(blame, "beat (1 nodes)");
    assert_true(script_blame(error, blame, 5)); /* cut to fit */
    assert_string_equal(blame, "beat");
    static const char *const OTHERS[] = {
        "",
        "ERR",
        "ERR x script: , on @user_script:1.",
        "ERR x script: beat",
        "ERR x script: 0123456789012345678901234567890123456789, on @user_script:1.",
        "ERR x script: 0123456789012345678901234567890123456789"};
    for (size_t i = 0; i < sizeof OTHERS / sizeof *OTHERS; i++)
        assert_false(script_blame(OTHERS[i], blame, sizeof blame));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_sha1_of_this_test),
        cmocka_unit_test(test_sha),
        cmocka_unit_test(test_bodies),
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_every_file_is_embedded),
        cmocka_unit_test(test_blame),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
