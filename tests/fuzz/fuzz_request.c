/* fuzz_request - a client's frame → struct request, and the error that answers a bad one. */
#include "tests/fuzz/fuzz.h"

#include "common/proto/json.h"
#include "common/proto/request.h"
#include "common/proto/response.h"
#include "common/proto/validate.h"

static bool is_inside(const struct request *r, const char *s, size_t len) {
    return s >= r->mem && s + len <= r->mem + r->mem_size;
}

static void check_strings(const struct request *r) {
    if (r->kind == REQ_SIGN_IN || r->kind == REQ_SIGN_UP) {
        MUST(is_inside(r, r->u.sign.name, r->u.sign.name_len));
        MUST(is_inside(r, r->u.sign.password, r->u.sign.password_len));
        MUST(utf8_valid(r->u.sign.name, r->u.sign.name_len));
    }
    if (r->kind == REQ_CHANNEL_MESSAGE) {
        struct err e;
        MUST(is_inside(r, r->u.message.text, r->u.message.text_len));
        MUST(message_check(r->u.message.text, r->u.message.text_len, &e) == ERR_OK);
    }
    if (r->key_len)
        MUST(is_inside(r, r->key, r->key_len));
}

static void check_numbers(const struct request *r) {
    if (r->kind == REQ_USERS)
        MUST(r->u.users.limit >= 1 && r->u.users.limit <= USERS_PAGE_MAX);
    if (r->kind == REQ_CHANNEL_MESSAGES) {
        MUST(r->u.history.limit >= 1 && r->u.history.limit <= HISTORY_PAGE_MAX);
        MUST((r->u.history.offset > 0) + (r->u.history.before > 0) + (r->u.history.after > 0) <= 1);
    }
}

/* What the server says to it is one JSON object. */
static void check_answer(const struct request *r, const struct err *e) {
    struct buf b;
    struct err none = {0};
    buf_init(&b, 1u << 20);
    response_encode_error(&b, e, request_type(r->kind), &r->id);
    MUST(!b.failed);
    struct json *doc = json_parse(b.data, b.len, 0, &none);
    MUST(doc);
    json_free(doc);
    buf_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct request r;
    struct err e = {0};
    enum err_code code = request_decode((const char *)data, size, &r, &e);
    MUST(code == e.code);
    if (code == ERR_OK) {
        MUST(r.kind > REQ_NONE && r.kind < REQ_KINDS);
        check_strings(&r);
        check_numbers(&r);
        e.code = ERR_INTERNAL;
    }
    check_answer(&r, &e);
    request_free(&r);
    return 0;
}
