/* ws_parser - see ws_parser.h. */
#include "chatd/net/ws_parser.h"

#include "common/proto/validate.h"

#include <string.h>

enum { FIN = 0x80, RSV = 0x70, OPCODE = 0x0f, CONTROL = 0x08, MASKED = 0x80, LENGTH = 0x7f };
enum { CONTINUATION = 0, TEXT = 1, BINARY = 2, CLOSE = 8, PING = 9, PONG = 10 };

#define CODE_BROKEN 1002
#define CODE_NOT_UTF8 1007

/* --- The header --- */

/* How long it is, as far as can be told. */
static size_t header_size(const struct ws_parser *p) {
    if (p->head_len < 2)
        return 2;
    size_t size = 2 + 4; /* and the mask */
    if ((p->head[1] & LENGTH) == 126)
        size += 2;
    else if ((p->head[1] & LENGTH) == 127)
        size += 8;
    return size;
}

/* Its first two bytes. */
static bool beginning_is_sound(const struct ws_parser *p) {
    unsigned first = p->head[0], opcode = first & OPCODE;
    if ((first & RSV) || !(p->head[1] & MASKED))
        return false;
    if (opcode & CONTROL)
        return opcode <= PONG && (first & FIN) && (p->head[1] & LENGTH) <= WS_CONTROL_MAX;
    return opcode <= BINARY && (opcode == CONTINUATION) == p->open;
}

/* False: the length is written with more bytes than it takes, or isn't below 2^63. */
static bool read_length(struct ws_parser *p) {
    unsigned length = p->head[1] & LENGTH;
    size_t n = length == 126 ? 2 : 8;
    p->left = length;
    if (length < 126)
        return true;
    p->left = 0;
    for (size_t i = 0; i < n; i++)
        p->left = p->left << 8 | p->head[2 + i];
    return n == 2 ? p->left >= 126 : p->left >= 65536 && p->left >> 63 == 0;
}

static void begin_payload(struct ws_parser *p) {
    p->opcode = p->head[0] & OPCODE;
    p->final = p->head[0] & FIN;
    p->mask_at = 0;
    memmove(p->head, p->head + p->head_len - 4, 4); /* the mask */
    p->head_len = p->control_len = 0;
    p->inside = true;
    if (p->opcode & CONTROL)
        return;
    if (p->opcode != CONTINUATION) {
        p->binary = p->opcode == BINARY;
        p->begun = false;
    }
    p->open = true;
}

/* Takes what it needs. WS_DATA: the payload begins. */
static enum ws_event read_header(struct ws_parser *p, const char *bytes, size_t len, size_t *used) {
    while (p->head_len < header_size(p)) {
        if (*used == len)
            return WS_MORE;
        p->head[p->head_len++] = (unsigned char)bytes[(*used)++];
        if (p->head_len == 2 && !beginning_is_sound(p))
            return WS_BROKEN;
    }
    if (!read_length(p))
        return WS_BROKEN;
    begin_payload(p);
    return WS_DATA;
}

/* --- The payload --- */

static void unmask(struct ws_parser *p, char *bytes, size_t len) {
    unsigned char key[8];
    uint64_t eight, word;
    size_t i = 0;
    for (size_t k = 0; k < sizeof key; k++)
        key[k] = p->head[(p->mask_at + k) & 3];
    memcpy(&eight, key, sizeof eight);
    for (; i + sizeof word <= len; i += sizeof word) {
        memcpy(&word, bytes + i, sizeof word);
        word ^= eight;
        memcpy(bytes + i, &word, sizeof word);
    }
    for (; i < len; i++)
        bytes[i] = (char)((unsigned char)bytes[i] ^ key[i & 7]);
    p->mask_at = (uint8_t)((p->mask_at + len) & 3);
}

static enum ws_event give_data(struct ws_parser *p, struct ws_piece *out) {
    out->binary = p->binary;
    out->first = !p->begun;
    out->last = p->final && p->left == 0;
    p->begun = true;
    p->inside = p->left > 0;
    p->open = !out->last;
    return WS_DATA;
}

/* Gathers it: nobody wants a part of one. */
static enum ws_event give_control(struct ws_parser *p, struct ws_piece *out) {
    memcpy(p->control + p->control_len, out->bytes, out->len);
    p->control_len = (uint8_t)(p->control_len + out->len);
    if (p->left > 0)
        return WS_MORE;
    p->inside = false;
    out->bytes = p->control;
    out->len = p->control_len;
    if (p->opcode == CLOSE)
        return WS_CLOSE;
    return p->opcode == PING ? WS_PING : WS_PONG;
}

enum ws_event ws_parser_next(struct ws_parser *p, char *bytes, size_t len, size_t *used,
                             struct ws_piece *out) {
    if (!p->inside) {
        enum ws_event e = read_header(p, bytes, len, used);
        if (e != WS_DATA)
            return e;
    }
    size_t n = len - *used;
    if (n > p->left)
        n = (size_t)p->left;
    if (n == 0 && p->left > 0)
        return WS_MORE;
    unmask(p, bytes + *used, n);
    p->left -= n;
    *out = (struct ws_piece){.bytes = bytes + *used, .len = n, .left = p->left};
    *used += n;
    return p->opcode & CONTROL ? give_control(p, out) : give_data(p, out);
}

bool ws_parser_is_amid(const struct ws_parser *p) {
    return p->inside || p->open || p->head_len > 0;
}

/* --- Close frames --- */

unsigned ws_close_answer(const char *payload, size_t len) {
    if (len == 0)
        return 0;
    const unsigned char *code_at = (const unsigned char *)payload;
    unsigned code = len >= 2 ? (unsigned)(code_at[0] << 8 | code_at[1]) : 0;
    bool known = (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
                 (code >= 3000 && code <= 4999);
    if (!known)
        return CODE_BROKEN;
    return utf8_valid(payload + 2, len - 2) ? code : CODE_NOT_UTF8;
}
