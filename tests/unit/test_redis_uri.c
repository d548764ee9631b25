/* test_redis_uri - every form, every mistake, and that no message gives a password away.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/redis/redis_uri.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void good(void **state) {
    (void)state;
    static const struct {
        const char *text;
        struct redis_uri u;
        const char *shown;
    } cases[] = {
        {"redis://localhost", {.host = "localhost", .port = 6379}, "redis://localhost:6379/0"},
        {"redis://localhost/", {.host = "localhost", .port = 6379}, "redis://localhost:6379/0"},
        {"redis://10.0.0.1:7000/3",
         {.host = "10.0.0.1", .port = 7000, .db = 3},
         "redis://10.0.0.1:7000/3"},
        {"REDIS://h:65535/65535",
         {.host = "h", .port = 65535, .db = 65535},
         "redis://h:65535/65535"},
        {"redis://[::1]:7000", {.host = "::1", .port = 7000}, "redis://[::1]:7000/0"},
        {"redis://[fe80::1]/1",
         {.host = "fe80::1", .port = 6379, .db = 1},
         "redis://[fe80::1]:6379/1"},
        {"redis://al:pw@h",
         {.host = "h", .port = 6379, .user = "al", .password = "pw"},
         "redis://h:6379/0"},
        {"redis://:pw@h:1/2", {.host = "h", .port = 1, .db = 2, .password = "pw"}, "redis://h:1/2"},
        {"redis://al:@h", {.host = "h", .port = 6379, .user = "al"}, "redis://h:6379/0"},
        {"redis://:@h", {.host = "h", .port = 6379}, "redis://h:6379/0"},
        {"redis://:a:b@c@h", {.host = "h", .port = 6379, .password = "a:b@c"}, "redis://h:6379/0"},
        {"redis://a%3Ab:%2f%40%25%41@[::]:5",
         {.host = "::", .port = 5, .user = "a:b", .password = "/@%A"},
         "redis://[::]:5/0"},
        {"redis://:%C3%A9%0A@h",
         {.host = "h", .port = 6379, .password = "\xc3\xa9\n"},
         "redis://h:6379/0"},
        {"unix:///run/r.sock", {.kind = REDIS_UNIX, .path = "/run/r.sock"}, "unix:///run/r.sock"},
        {"unix://chatd:a%2Fb@/run/r.sock?db=2",
         {.kind = REDIS_UNIX, .path = "/run/r.sock", .user = "chatd", .password = "a/b", .db = 2},
         "unix:///run/r.sock?db=2"},
        {"unix://:x@r.sock",
         {.kind = REDIS_UNIX, .path = "r.sock", .password = "x"},
         "unix://r.sock"},
        {"unix:///run/a@b", {.kind = REDIS_UNIX, .path = "/run/a@b"}, "unix:///run/a@b"},
        {"unix://r%41.sock?db=7",
         {.kind = REDIS_UNIX, .path = "r%41.sock", .db = 7},
         "unix://r%41.sock?db=7"},
        {"embedded", {.kind = REDIS_EMBEDDED}, "embedded"},
        {"embedded:/var/lib/x",
         {.kind = REDIS_EMBEDDED, .path = "/var/lib/x"},
         "embedded:/var/lib/x"},
        {"embedded:a:b", {.kind = REDIS_EMBEDDED, .path = "a:b"}, "embedded:a:b"},
        {"sentinel://s1/chat",
         {.kind = REDIS_SENTINEL, .seeds = {{"s1", 26379}}, .seed_count = 1, .name = "chat"},
         "sentinel://s1:26379/chat/0"},
        {"sentinel://al:p%2Fw@s1:1,[::1],s3:3/my-master/7",
         {.kind = REDIS_SENTINEL,
          .user = "al",
          .password = "p/w",
          .db = 7,
          .seeds = {{"s1", 1}, {"::1", 26379}, {"s3", 3}},
          .seed_count = 3,
          .name = "my-master"},
         "sentinel://s1:1,[::1]:26379,s3:3/my-master/7"},
        {"cluster://n1",
         {.kind = REDIS_CLUSTER, .seeds = {{"n1", 6379}}, .seed_count = 1},
         "cluster://n1:6379"},
        {"CLUSTER://:pw@[::1]:7000,n2/",
         {.kind = REDIS_CLUSTER,
          .password = "pw",
          .seeds = {{"::1", 7000}, {"n2", 6379}},
          .seed_count = 2},
         "cluster://[::1]:7000,n2:6379"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct redis_uri u;
        char why[256] = "", shown[600];
        memset(&u, 'x', sizeof u);
        const struct redis_uri *e = &cases[i].u;
        if (!redis_uri_parse(cases[i].text, &u, why, sizeof why))
            fail_msg("%s: %s", cases[i].text, why);
        assert_int_equal(u.kind, e->kind);
        assert_string_equal(u.host, e->host);
        assert_int_equal(u.port, e->port);
        assert_string_equal(u.path, e->path);
        assert_string_equal(u.user, e->user);
        assert_string_equal(u.password, e->password);
        assert_int_equal(u.db, e->db);
        assert_string_equal(u.name, e->name);
        assert_int_equal(u.seed_count, e->seed_count);
        for (unsigned k = 0; k < u.seed_count; k++)
            assert_true(redis_address_eq(&u.seeds[k], &e->seeds[k]));
        assert_string_equal(redis_uri_show(&u, shown, sizeof shown), cases[i].shown);
    }
}

#define SECRET "hunter2"

static void assert_refused(const char *text, const char *message) {
    static const struct redis_uri nothing;
    struct redis_uri u;
    char why[256] = "";
    memset(&u, 'x', sizeof u);
    if (redis_uri_parse(text, &u, why, sizeof why) || !strstr(why, message))
        fail_msg("%s: expected '%s', got '%s'", text, message, why);
    assert_null(strstr(why, SECRET));
    assert_memory_equal(&u, &nothing, sizeof u); /* no half of a password stays behind */
}

static void bad(void **state) {
    (void)state;
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"",
         "expected redis://[user:pass@]host[:port][/db], unix://[user:pass@]path[?db=N], embedded"},
        {"localhost:6379", "expected redis://"},
        {"redis:/h", "expected redis://"},
        {"http://h", "expected redis://"},
        {"embeddedx", "expected redis://"},
        {"embedded/x", "expected redis://"},
        {" redis://h", "expected redis://"},
        {"rediss://h", "rediss://"},
        {"sentinel://h", "/NAME"},
        {"sentinel://h/", "/NAME"},
        {"sentinel://h/na me", "/NAME"},
        {"sentinel:///name", "host"},
        {"sentinel://a,/name", "host"},
        {"sentinel://a,,b/name", "host"},
        {"sentinel://a:x/name", "port"},
        {"sentinel://a/name/x", "database"},
        {"sentinel://:" SECRET "/name", "host"},
        {"sentinel://" SECRET "@h/name", "user:password@"},
        {"sentinel://1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17/name", "more than 16"},
        {"cluster://", "host"},
        {"cluster://h,", "host"},
        {"cluster://h:0", "port"},
        {"cluster://h/1", "numbered databases"},
        {"cluster://h/" SECRET, "numbered databases"},
        {"redis://", "host"},
        {"redis://:7000", "host"},
        {"redis:///3", "host"},
        {"redis://h x", "host"},
        {"redis://h%20x", "host"},
        {"redis://h?db=1", "host"},
        {"redis://h#1", "host"},
        {"redis://::1", "host"},
        {"redis://al:" SECRET "@", "host"},
        {"redis://[::1", "IPv6"},
        {"redis://[]", "IPv6"},
        {"redis://[localhost]", "IPv6"},
        {"redis://[127.0.0.1]", "IPv6"},
        {"redis://[::1]7000", "port"},
        {"redis://[::1]x:7000", "port"},
        {"redis://h:", "port"},
        {"redis://h:0", "port"},
        {"redis://h:65536", "port"},
        {"redis://h:99999999999999999999", "port"},
        {"redis://h:+1", "port"},
        {"redis://h:1:2", "port"},
        {"redis://h/x", "database"},
        {"redis://h/-1", "database"},
        {"redis://h/65536", "database"},
        {"redis://h/1/", "database"},
        {"redis://h//", "database"},
        {"redis://h/1?x=y", "database"},
        {"redis://" SECRET "@h", "user:password@"},
        {"redis://:%" SECRET "@h", "%XX"},
        {"redis://:" SECRET "%4@h", "%XX"},
        {"redis://:" SECRET "%4g@h", "%XX"},
        {"redis://:" SECRET "%00@h", "%XX"},
        {"redis://:" SECRET "%@h", "%XX"},
        {"redis://:%\x14\x14" SECRET "@h", "%XX"},
        {"redis://al:12/" SECRET "@h", "database"}, /* a / in it that should be %2F */
        {"redis://al:" SECRET "/x@h", "port"},
        {"redis://" SECRET "/x:y@h", "database"},
        {"unix://", "path"},
        {"unix://?db=1", "path"},
        {"unix://:" SECRET "@", "path"},
        {"unix://" SECRET "@/s", "user:password@"},
        {"unix:///s?db=", "?db=N"},
        {"unix:///s?db=x", "?db=N"},
        {"unix:///s?", "?db=N"},
        {"unix:///s?db=1&password=" SECRET, "?db=N"},
        {"unix:///s?DB=1", "?db=N"},
        {"embedded:", "directory"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_refused(cases[i].text, cases[i].why);
}

/* The longest that fits each field, and one byte more. */
static void lengths(void **state) {
    (void)state;
    static const struct {
        const char *before, *after;
        size_t most;
        const char *why;
    } cases[] = {
        {"redis://", ":1", 255, "host"},
        {"redis://", ":p@h", 127, "too long"},
        {"redis://:", "@h", 511, "too long"},
        {"unix:///", "?db=1", 106, "longer than"}, /* sun_path: 108 with the / and a NUL */
        {"embedded:/", "", 510, "too long"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[1024], filler[600], why[256];
        struct redis_uri u;
        memset(filler, 'a', sizeof filler);
        snprintf(text, sizeof text, "%s%.*s%s", cases[i].before, (int)cases[i].most, filler,
                 cases[i].after);
        if (!redis_uri_parse(text, &u, why, sizeof why))
            fail_msg("%s…: %s", cases[i].before, why);
        snprintf(text, sizeof text, "%s%.*s%s", cases[i].before, (int)cases[i].most + 1, filler,
                 cases[i].after);
        assert_refused(text, cases[i].why);
    }
}

static void default_dir(void **state) {
    (void)state;
    char out[512];
    setenv("HOME", "/home/al", 1);
    setenv("XDG_STATE_HOME", "/state", 1);
    assert_true(redis_uri_default_dir(out, sizeof out));
    assert_string_equal(out, "/state/chatd");
    assert_true(redis_uri_default_dir(out, sizeof "/state/chatd"));
    assert_false(redis_uri_default_dir(out, sizeof "/state/chatd" - 1));

    unsetenv("XDG_STATE_HOME");
    if (geteuid() == 0) {
        assert_true(redis_uri_default_dir(out, sizeof out));
        assert_string_equal(out, "/var/lib/chatd");
        assert_int_equal(seteuid(65534), 0); /* the rest as nobody */
    }
    static const char *const no_state[] = {NULL, "", "relative"};
    for (size_t i = 0; i < 3; i++) {
        if (no_state[i])
            setenv("XDG_STATE_HOME", no_state[i], 1);
        assert_true(redis_uri_default_dir(out, sizeof out));
        assert_string_equal(out, "/home/al/.local/state/chatd");
    }
    unsetenv("HOME");
    assert_false(redis_uri_default_dir(out, sizeof out));
    setenv("HOME", "relative", 1);
    assert_false(redis_uri_default_dir(out, sizeof out));
    if (getuid() == 0)
        assert_int_equal(seteuid(0), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good),
        cmocka_unit_test(bad),
        cmocka_unit_test(lengths),
        cmocka_unit_test(default_dir),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
