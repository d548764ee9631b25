/* upgrade - see upgrade.h. */
#include "chatd/net/upgrade.h"

#include "chatd/net/head.h"

#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define PATH "/ws"
#define KEY_BYTES 24   /* base64 of 16 bytes: RFC 6455 section 4.1 */
#define KEY_LETTERS 22 /* of them; the rest is padding */
#define SUBPROTOCOL "chat"
#define SERVER "Server: chatd\r\n" /* ./run knows one by it (RFC 9110 section 10.2.4) */
#define GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

static const char *value_of(const char *head, size_t len, const char *name, size_t *n) {
    const char *value = head_last(head, len, name, n);
    if (value)
        head_trim(&value, n);
    return value;
}

static bool value_is(const char *head, size_t len, const char *name, const char *expected) {
    size_t n;
    const char *value = value_of(head, len, name, &n);
    return value && head_count(head, len, name) == 1 && n == strlen(expected) &&
           strncasecmp(value, expected, n) == 0;
}

static bool key_is_sound(const char *head, size_t len) {
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t n;
    const char *key = value_of(head, len, "Sec-WebSocket-Key", &n);
    if (!key || n != KEY_BYTES || head_count(head, len, "Sec-WebSocket-Key") != 1)
        return false;
    for (size_t i = 0; i < KEY_LETTERS; i++)
        if (!memchr(letters, key[i], sizeof letters - 1))
            return false;
    return key[KEY_LETTERS] == '=' && key[KEY_LETTERS + 1] == '=';
}

/* False: there is a value that doesn't fit. */
static bool copy_value(const char *head, size_t len, const char *name, char *out, size_t size) {
    size_t n = 0;
    const char *value = value_of(head, len, name, &n);
    if (n >= size)
        return false;
    if (value)
        memcpy(out, value, n);
    out[n] = '\0';
    return true;
}

/* Only browsers send an Origin; it tells whose page is asking. */
static bool origin_is_fine(const char *head, size_t len, const char *list) {
    char origin[256], host[256];
    size_t n;
    if (!value_of(head, len, "Origin", &n))
        return true;
    if (head_count(head, len, "Origin") != 1 ||
        !copy_value(head, len, "Origin", origin, sizeof origin) || !*origin)
        return false;
    if (!copy_value(head, len, "Host", host, sizeof host))
        *host = '\0';
    return head_origin_allowed(origin, host, list);
}

struct refusal upgrade_judge(const char *head, size_t len, const char *origins) {
    struct head_line line;
    if (!head_line_read(head, len, &line))
        return (struct refusal){400, "not HTTP/1.1", 0};
    if (line.path_len != strlen(PATH) || memcmp(line.path, PATH, line.path_len) != 0 || line.query)
        return (struct refusal){404, "the WebSocket is at " PATH, 0};
    if (line.method != HEAD_GET)
        return (struct refusal){405, "GET only", 0};
    if (!value_is(head, len, "Upgrade", "websocket") ||
        !head_lists(head, len, "Connection", "upgrade"))
        return (struct refusal){426, "this is a WebSocket", 0};
    if (!value_is(head, len, "Sec-WebSocket-Version", "13"))
        return (struct refusal){400, "WebSocket version 13 only", 0};
    if (!key_is_sound(head, len))
        return (struct refusal){400, "bad Sec-WebSocket-Key", 0};
    if (!origin_is_fine(head, len, origins))
        return (struct refusal){403, "pages of this origin may not connect", 0};
    return (struct refusal){101, "", 0};
}

/* Who offers ours is told that it is chosen; who offers others only, nothing: whether it goes on is
 * the client's to say (RFC 6455 section 4.1). */
size_t upgrade_accept(const char *head, size_t len, char out[UPGRADE_ANSWER_MAX]) {
    const char *offer = head_lists(head, len, "Sec-WebSocket-Protocol", SUBPROTOCOL);
    bool offered = offer && memcmp(offer, SUBPROTOCOL, sizeof SUBPROTOCOL - 1) == 0;
    unsigned char text[KEY_BYTES + sizeof GUID - 1], sum[SHA_DIGEST_LENGTH], accept[32];
    size_t n;
    memcpy(text, value_of(head, len, "Sec-WebSocket-Key", &n), KEY_BYTES);
    memcpy(text + KEY_BYTES, GUID, sizeof GUID - 1);
    SHA1(text, sizeof text, sum);
    EVP_EncodeBlock(accept, sum, sizeof sum);
    return (size_t)snprintf(out, UPGRADE_ANSWER_MAX,
                            "HTTP/1.1 101 Switching Protocols\r\n" SERVER "Upgrade: websocket\r\n"
                            "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n%s\r\n",
                            (char *)accept,
                            offered ? "Sec-WebSocket-Protocol: " SUBPROTOCOL "\r\n" : "");
}

static const char *phrase(unsigned status) {
    switch (status) {
    case 400:
        return "Bad Request";
    case 403:
        return "Forbidden";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    case 426:
        return "Upgrade Required";
    case 429:
        return "Too Many Requests";
    case 431:
        return "Request Header Fields Too Large";
    default:
        return "Service Unavailable";
    }
}

/* What it obliges to say: RFC 9110 sections 15.5.6 and 15.5.22, RFC 6455 section 4.4. */
static const char *obligation(unsigned status) {
    if (status == 405)
        return "Allow: GET\r\n";
    if (status == 426)
        return "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n";
    return status == 400 ? "Sec-WebSocket-Version: 13\r\n" : "";
}

size_t upgrade_refuse(const struct refusal *r, char out[UPGRADE_ANSWER_MAX]) {
    char retry[40] = "";
    if (r->retry_after_s)
        snprintf(retry, sizeof retry, "Retry-After: %u\r\n", r->retry_after_s);
    return (size_t)snprintf(out, UPGRADE_ANSWER_MAX,
                            "HTTP/1.1 %u %s\r\n" SERVER "%s%sConnection: %sclose\r\n"
                            "Content-Type: text/plain; charset=utf-8\r\n"
                            "Content-Length: %zu\r\n\r\n%s\n",
                            r->status, phrase(r->status), obligation(r->status), retry,
                            r->status == 426 ? "Upgrade, " : "", strlen(r->why) + 1, r->why);
}
