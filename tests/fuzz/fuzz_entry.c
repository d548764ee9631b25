/* fuzz_entry - a stream's entry → message → the frames that carry it → a terminal. The input is the
 * entry's id and fields, a NUL behind each, so that a mutation changes what is in it and not RESP's
 * lengths.
 */
#include "tests/fuzz/fuzz.h"

#include "common/base/buf.h"
#include "common/base/sanitize.h"
#include "common/proto/json.h"
#include "common/proto/response.h"
#include "common/proto/validate.h"
#include "common/redis/reply.h"

#include <hiredis/hiredis.h>
#include <locale.h>
#include <string.h>

#define PARTS_MAX 24

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc;
    (void)argv;
    setlocale(LC_CTYPE, "C.UTF-8");
    return 0;
}

static void put(struct redisReply *r, const uint8_t *s, size_t len) {
    char *copy = malloc(len + 1); /* exact, so that reading past the end is seen */
    MUST(copy);
    if (len)
        memcpy(copy, s, len);
    copy[len] = '\0';
    *r = (struct redisReply){.type = REDIS_REPLY_STRING, .len = (int)len, .str = copy};
}

static void check_frames(const struct message *m) {
    struct err e = {0};
    struct buf b, safe;
    buf_init(&b, 1u << 20);
    buf_init(&safe, 1u << 20);
    response_encode_message(&b, m, NULL);
    MUST(!b.failed);
    struct json *doc = json_parse(b.data, b.len, 0, &e);
    const struct json *body;
    const char *text;
    size_t len;
    MUST(doc && json_obj(doc, "channelMessage", &body) == JSON_OK);
    MUST(json_str(body, "message", &text, &len) == JSON_OK);
    MUST(len == m->text_len && memcmp(text, m->text, len) == 0);
    json_free(doc);
    sanitize(&safe, m->text, m->text_len, true);
    MUST(utf8_valid(safe.data ? safe.data : "", safe.len));
    buf_free(&b);
    buf_free(&safe);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct redisReply parts[PARTS_MAX], *fields[PARTS_MAX], inner = {.type = REDIS_REPLY_ARRAY};
    struct redisReply *both[2] = {&parts[0], &inner};
    struct redisReply entry = {.type = REDIS_REPLY_ARRAY, .elements = 2, .element = both};
    struct channel_id public = channel_public();
    struct message m;
    size_t n = 0;
    while (n < PARTS_MAX) {
        const uint8_t *end = size ? memchr(data, 0, size) : NULL;
        size_t len = end ? (size_t)(end - data) : size;
        put(&parts[n++], data, len);
        if (!end)
            break;
        data += len + 1;
        size -= len + 1;
    }
    for (size_t i = 1; i < n; i++)
        fields[i - 1] = &parts[i];
    inner.elements = n - 1;
    inner.element = fields;
    if (reply_entry(&entry, &public, &m))
        check_frames(&m);
    for (size_t i = 0; i < n; i++)
        free(parts[i].str);
    return 0;
}
