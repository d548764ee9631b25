/* test_ws_url - what is taken for an address, and as what. */
#include "common/client/ws_url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void test_good(void **state) {
    static const struct {
        const char *text, *canonical;
        bool tls, local;
    } ROWS[] = {
        {"ws://127.0.0.1:8080/ws", "ws://127.0.0.1:8080/ws", false, true},
        {"ws://example.org", "ws://example.org/ws", false, false},
        {"ws://example.org:80/", "ws://example.org/ws", false, false},
        {"wss://example.org", "wss://example.org/ws", true, false},
        {"wss://example.org:443/chat/ws", "wss://example.org/chat/ws", true, false},
        {"WSS://Example.org:8443", "wss://Example.org:8443/ws", true, false},
        {"ws://[::1]:9000/ws", "ws://[::1]:9000/ws", false, true},
        {"wss://[2001:db8::1]", "wss://[2001:db8::1]/ws", true, false},
        {"example.org", "wss://example.org/ws", true, false},
        {"example.org:9000", "wss://example.org:9000/ws", true, false},
        {"localhost", "ws://localhost:8080/ws", false, true},
        {"127.0.0.2:81", "ws://127.0.0.2:81/ws", false, true},
        {"[::1]", "ws://[::1]:8080/ws", false, true},
        {"wss://localhost", "wss://localhost/ws", true, true},
        {"ws://h?x=1", "ws://h/?x=1", false, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        struct ws_url u;
        char why[100] = "", text[WS_URL_TEXT];
        if (!ws_url_parse(ROWS[i].text, &u, why, sizeof why))
            fail_msg("%s: %s", ROWS[i].text, why);
        ws_url_format(&u, text);
        assert_string_equal(text, ROWS[i].canonical);
        assert_int_equal(u.tls, ROWS[i].tls);
        assert_int_equal(u.local, ROWS[i].local);
    }
}

static void test_bad(void **state) {
    static const char *const ROWS[] = {"",
                                       "ws://",
                                       "http://example.org",
                                       "https://h",
                                       "ws://a b",
                                       "ws://h/\r\nX: y",
                                       "ws://user:pass@h",
                                       "ws://h:0",
                                       "ws://h:",
                                       "ws://h:65536",
                                       "ws://h:8x",
                                       "ws://h:99999999999999999999",
                                       "ws://[::1",
                                       "ws://[zz]",
                                       "ws://[::1]x:80",
                                       "ws://h#frag",
                                       "ws://-h",
                                       "ws://h\\@evil",
                                       "ws://\xC3\xA4.example",
                                       "ws://h_%41/",
                                       "ws://::1:80"};
    (void)state;
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        struct ws_url u;
        char why[100] = "";
        if (ws_url_parse(ROWS[i], &u, why, sizeof why))
            fail_msg("%s was taken", ROWS[i]);
        assert_true(*why);
    }
}

static void test_lengths(void **state) {
    char text[1000] = "ws://", why[100];
    struct ws_url u;
    (void)state;
    memset(text + 5, 'h', WS_URL_HOST_MAX);
    assert_true(ws_url_parse(text, &u, why, sizeof why));
    text[5 + WS_URL_HOST_MAX] = 'h';
    assert_false(ws_url_parse(text, &u, why, sizeof why));
    memset(text, 0, sizeof text);
    snprintf(text, sizeof text, "ws://h/");
    memset(text + 7, 'p', WS_URL_PATH_MAX - 2);
    assert_true(ws_url_parse(text, &u, why, sizeof why));
    text[7 + WS_URL_PATH_MAX - 2] = 'p';
    assert_false(ws_url_parse(text, &u, why, sizeof why));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_good), cmocka_unit_test(test_bad),
                                       cmocka_unit_test(test_lengths)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
