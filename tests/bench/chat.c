/* chat - see load.h. The bytes of a chatd client (docs/PROTOCOL.md), made and read with as little
 * work as will do: only what the phases need is looked at. floor has no protocol: /room/N is a
 * member of room N and may publish there, /pub/N only publishes, and every frame goes to the whole
 * room. */
#include "load.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STAMP_CHARS 18 /* "@T" and 16 digits of the time at which a message was sent */
#define REQUEST_MAX 2048

struct tally tally;
struct samples latency, probe_times;
bool measuring;
void (*on_greeted)(struct conn *c);

/* --- Who talks to whom --- */

static bool is_receiver(const struct conn *c) {
    return c->index < opt.connections;
}

static bool is_probe(const struct conn *c) {
    return opt.probe_ms && c->index == total - 1;
}

/* PAIRS: connections 2k and 2k + 1. MESH: channel k is that of user k mod U and the one k / U + 1
 * on in the ring. Returns the other member of the i-th channel of this connection, or NULL. */
static struct conn *partner(const struct conn *c, int i) {
    int n = opt.connections;
    if (opt.shape == PAIRS)
        return i == 0 ? &conns[c->index ^ 1] : NULL;
    int full = opt.channels / n, rest = opt.channels % n;
    int ahead = full + (c->index < rest);
    if (i < ahead)
        return &conns[(c->index + i + 1) % n];
    int behind = i - ahead + 1;
    int from = ((c->index - behind) % n + n) % n;
    return behind <= full || (behind == full + 1 && from < rest) ? &conns[from] : NULL;
}

/* --- Requests --- */

static void send_text(struct conn *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void send_text(struct conn *c, const char *fmt, ...) {
    char text[REQUEST_MAX];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    conn_send_frame(c, OP_TEXT, text, (size_t)n);
}

void chat_connected(struct conn *c) {
    char path[32] = "/ws", head[512];
    if (opt.floor)
        snprintf(path, sizeof path, "/%s/%d", is_receiver(c) ? "room" : "pub",
                 opt.shape == PAIRS ? c->index / 2 : 0);
    int n = snprintf(head, sizeof head,
                     "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
                     "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                     "Sec-WebSocket-Version: 13\r\n\r\n",
                     path);
    memcpy(conn_room(c, (size_t)n), head, (size_t)n);
    conn_flush(c);
}

void chat_upgraded(struct conn *c) {
    if (!opt.floor)
        return;
    c->state = READY;
    tally.ready++;
}

void chat_sign_in(struct conn *c) {
    c->state = SIGNING;
    send_text(
        c, "{\"type\":\"signIn\",\"signIn\":{\"username\":\"bench%d\",\"password\":\"password\"}}",
        c->index);
}

void chat_use_account(struct conn *c, const struct conn *of) {
    memcpy(c->user, of->user, sizeof c->user);
    memcpy(c->key, of->key, sizeof c->key);
}

static void join(struct conn *c, const char *recipient) {
    send_text(c,
              "{\"userUUID\":\"%s\",\"userAccessKey\":\"%s\",\"type\":\"channelJoin\","
              "\"channelJoin\":{\"recipientUUID\":\"%s\"}}",
              c->user, c->key, recipient);
}

void chat_join(struct conn *c) {
    bool to_others = is_receiver(c) && (opt.shape == PAIRS || opt.shape == MESH);
    const struct conn *to = to_others ? partner(c, c->joined) : NULL;
    c->state = JOINING;
    if (c->joined > 0 && !to) {
        c->state = READY;
        tally.ready++;
    } else if (opt.probe_ms && c->index == total - 1)
        join(c, c->user); /* the probe talks to itself */
    else
        join(c, to ? to->user : "0");
}

void chat_resume(struct conn *c, uint64_t since) {
    c->state = JOINING;
    send_text(
        c,
        "{\"userUUID\":\"%s\",\"userAccessKey\":\"%s\",\"type\":\"channelJoin\","
        "\"channelJoin\":{\"recipientUUID\":\"0\",\"since\":{\"epoch\":\"%s\",\"seq\":%" PRIu64
        "}}}",
        c->user, c->key, tally.epoch, since);
}

void chat_ask_page(struct conn *c, int limit) {
    send_text(c,
              "{\"type\":\"channelMessages\",\"channelMessages\":{\"recipientUUID\":\"0\","
              "\"limit\":%d}}",
              limit);
}

/* --- Messages --- */

/* Written and masked once; what changes are the time and, in private channels, the recipient. */
static void make_ready(struct conn *c, const struct conn *to) {
    size_t text_len = (size_t)(opt.size < STAMP_CHARS ? STAMP_CHARS : opt.size);
    size_t size = text_len + REQUEST_MAX;
    char *text = malloc(text_len + 1), *body = malloc(size), head[14];
    if (!text || !body)
        die("no memory");
    memset(text, 'x', text_len);
    memcpy(text, "@T0000000000000000", STAMP_CHARS);
    text[text_len] = '\0';
    int n =
        opt.floor
            ? snprintf(body, size, "%s", text)
            : snprintf(body, size,
                       "{\"userUUID\":\"%s\",\"userAccessKey\":\"%s\",\"type\":\"channelMessage\","
                       "\"channelMessage\":{\"recipientUUID\":\"%s\",\"message\":\"%s\"}}",
                       c->user, c->key, to ? to->user : "0", text);
    size_t len = (size_t)n, head_len = frame_head(head, OP_TEXT, len);
    c->time_at = (size_t)((char *)memmem(body, len, "@T", 2) - body) + 2 + head_len;
    const char *name = to ? memmem(body, len, "\"recipientUUID\":\"", 17) : NULL;
    c->to_at = name ? (size_t)(name - body) + 17 + head_len : 0;
    c->ready_len = head_len + len;
    c->ready = malloc(c->ready_len);
    if (!c->ready)
        die("no memory");
    memcpy(c->ready, head, head_len);
    memcpy(c->ready + head_len, body, len);
    mask(c->ready + head_len, len, 0);
    free(text);
    free(body);
}

/* `at`: from the frame's begin; its payload begins where the mask does. */
static void patch(const struct conn *c, char *out, size_t at, const char *text, size_t n) {
    size_t head_len = c->ready_len < 126 + 6 ? 6 : 8;
    memcpy(out + at, text, n);
    mask(out + at, n, at - head_len);
}

void chat_send(struct conn *c, const struct conn *to) {
    char stamp[17];
    if (!c->ready)
        make_ready(c, to);
    char *out = conn_room(c, c->ready_len);
    memcpy(out, c->ready, c->ready_len);
    snprintf(stamp, sizeof stamp, "%016" PRIx64, now());
    patch(c, out, c->time_at, stamp, 16);
    if (c->to_at)
        patch(c, out, c->to_at, to->user, UUID_CHARS);
}

/* --- What comes --- */

static bool field(const char *p, size_t n, const char *name, char *out, size_t size) {
    char quoted[32];
    int len = snprintf(quoted, sizeof quoted, "\"%s\":\"", name);
    const char *at = memmem(p, n, quoted, (size_t)len);
    if (!at)
        return false;
    at += len;
    const char *end = memchr(at, '"', (size_t)(p + n - at));
    if (!end || (size_t)(end - at) >= size)
        return false;
    memcpy(out, at, (size_t)(end - at));
    out[end - at] = '\0';
    return true;
}

static void take_stamp(const struct conn *c, const char *p, size_t n) {
    const char *at = memmem(p, n, "@T", 2);
    if (!at || at + STAMP_CHARS > p + n)
        return;
    char digits[17];
    memcpy(digits, at + 2, 16);
    digits[16] = '\0';
    sample(is_probe(c) ? &probe_times : &latency, last_read - strtoull(digits, NULL, 16));
}

/* A message, when messages are what is measured: its size tells it from all else. */
static bool is_delivery(const struct conn *c) {
    return measuring && c->len >= (uint64_t)opt.size && c->state == READY && opt.shape != HISTORY &&
           opt.shape != PASSWORDS;
}

bool chat_wants(const struct conn *c) {
    return !is_delivery(c) || c->sampled;
}

static void take_joined(struct conn *c, const char *p, size_t n) {
    if (!*tally.epoch && !is_probe(c))
        field(p, n, "epoch", tally.epoch, sizeof tally.epoch);
    if (memmem(p, n, "\"recovered\":true", 16))
        tally.recovered++;
    c->joined++;
    if (opt.shape == PAIRS || opt.shape == MESH)
        chat_join(c);
    else {
        c->state = READY;
        tally.ready++;
    }
}

/* Comes back when it is told to: not before. */
static void take_go_away(struct conn *c, const char *p, size_t n) {
    const char *at = memmem(p, n, "\"retryAfterMs\":", 15);
    if (at)
        c->return_at = now() + strtoull(at + 15, NULL, 10) * (SECOND / 1000);
}

static void take_error(const struct conn *c, const char *p, size_t n) {
    if (tally.errors++ == 0)
        fprintf(stderr, "load: connection %d: %.*s\n", c->index, (int)(n < 300 ? n : 300), p);
}

void chat_frame(struct conn *c, const char *p, size_t n) {
    char type[32];
    if (is_delivery(c)) {
        tally.deliveries += is_receiver(c);
        if (c->sampled)
            take_stamp(c, p, n);
        return;
    }
    if (opt.floor || !field(p, n, "type", type, sizeof type))
        return;
    if (!strcmp(type, "ready")) {
        c->state = GREETED;
        tally.greeted++;
        on_greeted(c);
    } else if (!strcmp(type, "authorized")) {
        field(p, n, "userUUID", c->user, sizeof c->user);
        field(p, n, "accessKey", c->key, sizeof c->key);
        c->state = SIGNED;
        tally.signed_in++;
    } else if (!strcmp(type, "channelJoin"))
        take_joined(c, p, n);
    else if (!strcmp(type, "channelRead"))
        tally.pages++;
    else if (!strcmp(type, "channelMessage") && c->sampled)
        take_stamp(c, p, n);
    else if (opt.shape == DRAIN && !strcmp(type, "sys"))
        take_go_away(c, p, n);
    else if (!strcmp(type, "error"))
        take_error(c, p, n);
}

void chat_closed(struct conn *c) {
    if (c->state == READY)
        tally.ready--;
    tally.gone++;
}
