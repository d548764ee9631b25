/* test_upgrade - who gets a WebSocket, and what others are told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "chatd/net/upgrade.h"

#include <string.h>

#define KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define VERSION "Sec-WebSocket-Version: 13\r\n"
#define UPGRADE "Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
#define HEAD(line, headers) line " HTTP/1.1\r\nHost: chat.example\r\n" headers "\r\n"
#define GOOD UPGRADE VERSION KEY

static unsigned judged(const char *head) {
    return upgrade_judge(head, strlen(head), "https://listed.example").status;
}

static void test_who_gets_one(void **state) {
    (void)state;
    static const char *const heads[] = {
        HEAD("GET /ws", GOOD),
        HEAD("GET http://chat.example/ws", GOOD),
        HEAD("GET HTTPS://[::1]:8080/ws", GOOD),
        HEAD("GET /ws",
             "connection: a\r\nConnection:upgrade\r\nUPGRADE: WebSocket\r\n" VERSION KEY),
        HEAD("GET /ws", GOOD "Sec-WebSocket-Protocol: a, chat\r\n"),
        HEAD("GET /ws", GOOD "Origin: https://listed.example\r\n"),
        HEAD("GET /ws", GOOD "Origin: https://chat.example\r\n")};
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        assert_int_equal(judged(heads[i]), 101);
}

static void test_who_gets_none(void **state) {
    (void)state;
    static const struct {
        unsigned status;
        const char *head;
    } rows[] = {
        {404, HEAD("GET /", GOOD)},
        {404, HEAD("GET /ws/", GOOD)},
        {404, HEAD("GET /ws?", GOOD)},
        {404, HEAD("GET http://chat.example", GOOD)},
        {404, HEAD("GET http://ws", GOOD)},
        {404, HEAD("GET ftp://chat.example/ws", GOOD)},
        {405, HEAD("POST /ws", GOOD)},
        {405, HEAD("HEAD /ws", GOOD)},
        {426, HEAD("GET /ws", "")},
        {426, HEAD("GET /ws", "Upgrade: websocket\r\n" VERSION KEY)},
        {426, HEAD("GET /ws", "Upgrade: websocket\r\nConnection: close, upgraded\r\n" VERSION KEY)},
        {400, HEAD("GET /ws", UPGRADE KEY)},
        {400, HEAD("GET /ws", UPGRADE KEY "Sec-WebSocket-Version: 8\r\n")},
        {400, HEAD("GET /ws", UPGRADE KEY "Sec-WebSocket-Version: 13, 8\r\n")},
        {400, HEAD("GET /ws", UPGRADE VERSION)},
        {400, HEAD("GET /ws", UPGRADE VERSION "Sec-WebSocket-Key: c2hvcnQ=\r\n")},
        {400, HEAD("GET /ws", UPGRADE VERSION "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=x\r\n")},
        {400, HEAD("GET /ws", UPGRADE VERSION "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZ$==\r\n")},
        {403, HEAD("GET /ws", GOOD "Origin: https://evil.example\r\n")},
        {403, HEAD("GET /ws", GOOD "Origin:\r\n")}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (judged(rows[i].head) != rows[i].status)
            fail_msg("%s: %u", rows[i].head, judged(rows[i].head));
}

static void test_accept(void **state) {
    (void)state;
    static const char head[] = HEAD("GET /ws", GOOD);
    char out[UPGRADE_ANSWER_MAX];
    size_t n = upgrade_accept(head, sizeof head - 1, out);
    assert_int_equal(n, strlen(out));
    assert_string_equal(out, "HTTP/1.1 101 Switching Protocols\r\nServer: chatd\r\n"
                             "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                             "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n");
}

/* Ours is chosen when it is offered, and nothing that isn't. */
static void test_subprotocols(void **state) {
    (void)state;
    static const struct {
        const char *head;
        bool chosen;
    } rows[] = {{HEAD("GET /ws", GOOD "Sec-WebSocket-Protocol: chat\r\n"), true},
                {HEAD("GET /ws", GOOD "Sec-WebSocket-Protocol: soap, chat ,x\r\n"), true},
                {HEAD("GET /ws", GOOD "Sec-WebSocket-Protocol: soap\r\n"
                                      "Sec-WebSocket-Protocol:chat\r\n"),
                 true},
                {HEAD("GET /ws", GOOD "Sec-WebSocket-Protocol: Chat, chats\r\n"), false},
                {HEAD("GET /ws", GOOD "Sec-WebSocket-Protocol: graphql-ws\r\n"), false},
                {HEAD("GET /ws", GOOD "Sec-WebSocket-Protocol:\r\n"), false},
                {HEAD("GET /ws", GOOD "X-Protocol: chat\r\n"), false}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char out[UPGRADE_ANSWER_MAX];
        upgrade_accept(rows[i].head, strlen(rows[i].head), out);
        bool chosen = strstr(out, "\r\nSec-WebSocket-Protocol: chat\r\n\r\n");
        if (chosen != rows[i].chosen || !strstr(out, "-Protocol") == chosen)
            fail_msg("%s", rows[i].head);
    }
}

static void test_refusals(void **state) {
    (void)state;
    char out[UPGRADE_ANSWER_MAX];
    size_t n = upgrade_refuse(&(struct refusal){426, "why", 0}, out);
    assert_int_equal(n, strlen(out));
    assert_string_equal(out, "HTTP/1.1 426 Upgrade Required\r\nServer: chatd\r\n"
                             "Upgrade: websocket\r\n"
                             "Sec-WebSocket-Version: 13\r\nConnection: Upgrade, close\r\n"
                             "Content-Type: text/plain; charset=utf-8\r\nContent-Length: 4\r\n\r\n"
                             "why\n");
    upgrade_refuse(&(struct refusal){503, "full", 5}, out);
    assert_non_null(strstr(out, "HTTP/1.1 503 Service Unavailable\r\nServer: chatd\r\n"
                                "Retry-After: 5\r\nConnection: close\r\n"));
    upgrade_refuse(&(struct refusal){429, "full", 30}, out);
    assert_non_null(strstr(out, "429 Too Many Requests\r\nServer: chatd\r\nRetry-After: 30\r\n"));
    upgrade_refuse(&(struct refusal){400, "why", 0}, out);
    assert_non_null(
        strstr(out, "400 Bad Request\r\nServer: chatd\r\nSec-WebSocket-Version: 13\r\n"));
    upgrade_refuse(&(struct refusal){405, "GET only", 0}, out);
    assert_non_null(strstr(out, "\r\nAllow: GET\r\n"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_gets_one), cmocka_unit_test(test_who_gets_none),
        cmocka_unit_test(test_accept), cmocka_unit_test(test_subprotocols),
        cmocka_unit_test(test_refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
