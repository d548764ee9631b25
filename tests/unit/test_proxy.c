/* test_proxy - networks, PROXY headers and X-Forwarded-For, well and badly made. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "chatd/net/proxy.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

static union proxy_address address(const char *text) {
    union proxy_address a = {.sa.sa_family = strchr(text, ':') ? AF_INET6 : AF_INET};
    void *to = strchr(text, ':') ? (void *)&a.v6.sin6_addr : (void *)&a.v4.sin_addr;
    assert_int_equal(inet_pton(a.sa.sa_family, text, to), 1);
    return a;
}

static const char *text_of(const union proxy_address *a) {
    static char text[64];
    bool v4 = a->sa.sa_family == AF_INET;
    return inet_ntop(a->sa.sa_family,
                     v4 ? (const void *)&a->v4.sin_addr : (const void *)&a->v6.sin6_addr, text,
                     sizeof text);
}

static struct networks networks(const char *text) {
    struct networks n;
    char why[256];
    assert_true(networks_parse(&n, text, why, sizeof why));
    return n;
}

static bool holds(const char *list, const char *text) {
    struct networks n = networks(list);
    union proxy_address a = address(text);
    return networks_hold(&n, &a.sa);
}

static void test_networks(void **state) {
    (void)state;
    assert_true(holds("192.0.2.0/24", "192.0.2.255"));
    assert_false(holds("192.0.2.0/24", "192.0.3.0"));
    assert_true(holds("10.0.0.1", "10.0.0.1"));
    assert_false(holds("10.0.0.1", "10.0.0.2"));
    assert_true(holds("10.0.0.0/9", "10.127.255.255"));
    assert_false(holds("10.0.0.0/9", "10.128.0.0"));
    assert_true(holds("0.0.0.0/0", "255.255.255.255"));
    assert_false(holds("0.0.0.0/0", "2001:db8::1"));
    assert_true(holds("127.0.0.1, 2001:db8::/32", "2001:db8:ffff::1"));
    assert_false(holds("2001:db8::/33", "2001:db8:8000::1"));
    assert_true(holds("::/0", "192.0.2.1"));
    assert_true(holds("192.0.2.0/24", "::ffff:192.0.2.9"));
    assert_false(holds("", "127.0.0.1"));
    struct sockaddr local = {.sa_family = AF_UNIX};
    struct networks n = networks("unix");
    assert_true(networks_hold(&n, &local));
    n = networks("::/0");
    assert_false(networks_hold(&n, &local));
}

static void test_no_networks(void **state) {
    (void)state;
    static const char *const bad[] = {"x",
                                      "192.0.2.0/33",
                                      "192.0.2.0/",
                                      "192.0.2.0/x",
                                      "::/129",
                                      "192.0.2",
                                      "192.0.2.0/-1",
                                      "[::1]",
                                      "10.0.0.1/8/9",
                                      "host.example",
                                      "192.0.2.0/0024"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct networks n;
        char why[256] = "";
        assert_false(networks_parse(&n, bad[i], why, sizeof why));
        assert_non_null(strstr(why, bad[i]));
    }
    char many[NETWORKS_MAX * 12 + 12] = "", why[256];
    for (int i = 0; i <= NETWORKS_MAX; i++)
        memcpy(many + (size_t)i * 9, "10.0.0.1,", 10);
    struct networks n;
    assert_false(networks_parse(&n, many, why, sizeof why));
}

/* The bytes are at the end of their allocation, so that a read behind them is seen. */
static enum proxy_verdict header(const char *bytes, size_t len, size_t *used,
                                 union proxy_address *who) {
    char *exact = malloc(len ? len : 1);
    memcpy(exact, bytes, len);
    enum proxy_verdict v = proxy_header(exact, len, used, who);
    free(exact);
    return v;
}

#define V2(command, family, length) "\r\n\r\n\0\r\nQUIT\n" command family length

static const struct {
    const char *bytes;
    size_t len, used;
    enum proxy_verdict verdict;
    const char *who;
} HEADERS[] = {
#define H(s) s, sizeof s - 1
    {H("PROXY TCP4 192.0.2.1 192.0.2.2 4711 80\r\n"), 40, PROXY_FOUND, "192.0.2.1"},
    {H("PROXY TCP4 192.0.2.1 192.0.2.2 4711 80\r\nGET"), 40, PROXY_FOUND, "192.0.2.1"},
    {H("PROXY TCP6 2001:db8::1 ::1 4711 80\r\n"), 36, PROXY_FOUND, "2001:db8::1"},
    {H("PROXY UNKNOWN\r\n"), 15, PROXY_NOT_SAID, NULL},
    {H("PROXY UNKNOWN ffff::1 x\r\n"), 25, PROXY_NOT_SAID, NULL},
    {H("PROXY TCP4 2001:db8::1 ::1 1 2\r\n"), 0, PROXY_BAD, NULL},
    {H("PROXY TCP4 192.0.2.999 1 1 2\r\n"), 0, PROXY_BAD, NULL},
    {H("PROXY TCP4 \r\n"), 0, PROXY_BAD, NULL},
    {H("PROXY TCP4\r\n"), 0, PROXY_BAD, NULL},
    {H("PROXY \r\n"), 0, PROXY_BAD, NULL},
    {H("GET /ws HTTP/1.1\r\n"), 0, PROXY_NONE, NULL},
    {H("POST"), 0, PROXY_NONE, NULL},
    {H("\x16\x03\x01"), 0, PROXY_NONE, NULL},
    {H("\r\n\r\nGET"), 0, PROXY_NONE, NULL},
    {H(V2("\x21", "\x11", "\0\x0c") "\xc0\0\2\1\xc0\0\2\2\0\1\0\2"), 28, PROXY_FOUND, "192.0.2.1"},
    {H(V2("\x21", "\x11", "\0\x0f") "\xc0\0\2\1\xc0\0\2\2\0\1\0\2\4\0\0X"), 31, PROXY_FOUND,
     "192.0.2.1"},
    {H(V2("\x21", "\x21", "\0\x24") "\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1................"
                                    "\0\1\0\2"),
     52, PROXY_FOUND, "2001:db8::1"},
    {H(V2("\x20", "\0", "\0\0")), 16, PROXY_NOT_SAID, NULL},
    {H(V2("\x21", "\0", "\0\0")), 16, PROXY_NOT_SAID, NULL},
    {H(V2("\x21", "\x31", "\0\1") "x"), 17, PROXY_NOT_SAID, NULL},
    {H(V2("\x21", "\x11", "\0\4") "\xc0\0\2\1"), 0, PROXY_BAD, NULL},
    {H(V2("\x11", "\x11", "\0\0")), 0, PROXY_BAD, NULL},
    {H(V2("\x22", "\x11", "\0\0")), 0, PROXY_BAD, NULL},
    {H(V2("\x21", "\x11", "\xff\xff")), 0, PROXY_BAD, NULL},
};

static void test_headers(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof HEADERS / sizeof *HEADERS; i++) {
        size_t used = 0;
        union proxy_address who;
        assert_int_equal(header(HEADERS[i].bytes, HEADERS[i].len, &used, &who), HEADERS[i].verdict);
        if (HEADERS[i].used)
            assert_int_equal(used, HEADERS[i].used);
        if (HEADERS[i].who)
            assert_string_equal(text_of(&who), HEADERS[i].who);
    }
}

/* A good header is waited for at every length before its last byte. */
static void test_headers_in_pieces(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof HEADERS / sizeof *HEADERS; i++)
        for (size_t len = 1; HEADERS[i].used && len < HEADERS[i].used; len++) {
            size_t used;
            union proxy_address who;
            assert_int_equal(header(HEADERS[i].bytes, len, &used, &who), PROXY_MORE);
        }
    char endless[200];
    memset(endless, 'x', sizeof endless);
    memcpy(endless, "PROXY ", 6);
    size_t used;
    union proxy_address who;
    assert_int_equal(header(endless, 106, &used, &who), PROXY_MORE);
    assert_int_equal(header(endless, 107, &used, &who), PROXY_BAD);
}

static void test_forwarded(void **state) {
    (void)state;
    static const struct {
        const char *head, *who; /* NULL: nobody */
    } cases[] = {
        {"GET / HTTP/1.1\r\nX-Forwarded-For: 198.51.100.7\r\n\r\n", "198.51.100.7"},
        {"GET / HTTP/1.1\r\nx-forwarded-for:198.51.100.7\r\n\r\n", "198.51.100.7"},
        {"G\r\nX-Forwarded-For: 203.0.113.1, 198.51.100.7\r\n\r\n", "198.51.100.7"},
        {"G\r\nX-Forwarded-For: 203.0.113.1, 198.51.100.7 , 10.1.2.3\r\n\r\n", "198.51.100.7"},
        {"G\r\nX-Forwarded-For: 203.0.113.1\r\nX-Forwarded-For: 198.51.100.7\r\n\r\n",
         "198.51.100.7"},
        {"G\r\nX-Forwarded-For: 198.51.100.7:4711\r\n\r\n", "198.51.100.7"},
        {"G\r\nX-Forwarded-For: [2001:db8::7]:4711\r\n\r\n", "2001:db8::7"},
        {"G\r\nX-Forwarded-For: 2001:db8::7\r\n\r\n", "2001:db8::7"},
        {"G\r\nX-Forwarded-For: 10.1.2.3\r\n\r\n", NULL},
        {"G\r\nX-Forwarded-For: \r\n\r\n", NULL},
        {"G\r\nX-Forwarded-For: ,\r\n\r\n", NULL},
        {"G\r\nX-Forwarded-For: unknown\r\n\r\n", NULL},
        {"G\r\nX-Forwarded-For: 198.51.100.7, nonsense\r\n\r\n", NULL},
        {"G\r\nX-Forwarded-For: 1.2.3.4.5\r\n\r\n", NULL},
        {"G\r\nX-Forwarded-Forx: 1.2.3.4\r\n\r\n", NULL},
        {"G\r\n\r\n", NULL},
    };
    struct networks trusted = networks("10.0.0.0/8");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        union proxy_address who;
        size_t len = strlen(cases[i].head);
        char *exact = malloc(len);
        memcpy(exact, cases[i].head, len);
        assert_int_equal(proxy_forwarded(exact, len, &trusted, &who), cases[i].who != NULL);
        if (cases[i].who)
            assert_string_equal(text_of(&who), cases[i].who);
        free(exact);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_networks),  cmocka_unit_test(test_no_networks),
        cmocka_unit_test(test_headers),   cmocka_unit_test(test_headers_in_pieces),
        cmocka_unit_test(test_forwarded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
