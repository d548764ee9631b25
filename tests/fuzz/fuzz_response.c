/* fuzz_response - a server's frame → struct response, as chattui reads it; the server may be
 * hostile. */
#include "tests/fuzz/fuzz.h"

#include "common/proto/response.h"
#include "common/proto/validate.h"

#include <string.h>

static void is_text(const char *s) {
    MUST(s && utf8_valid(s, strlen(s)));
}

static void check_messages(const struct message *m, size_t n) {
    MUST(n <= RESPONSE_LIST_MAX);
    for (size_t i = 0; i < n; i++) {
        MUST(strlen(m[i].text) == m[i].text_len && utf8_valid(m[i].text, m[i].text_len));
        MUST(strlen(m[i].sender_name) == m[i].sender_name_len);
        is_text(m[i].sender_name);
    }
}

static void check_users(const struct user_item *users, size_t n) {
    MUST(n <= RESPONSE_LIST_MAX);
    for (size_t i = 0; i < n; i++)
        MUST(users[i].name_len <= NAME_MAX_BYTES && strlen(users[i].name) == users[i].name_len);
}

static void check(const struct response *a) {
    switch (a->kind) {
    case RESPONSE_READY:
        is_text(a->u.ready.server);
        is_text(a->u.ready.version);
        break;
    case RESPONSE_ERROR:
        is_text(a->u.error.name);
        is_text(a->u.error.message);
        is_text(a->u.error.request);
        break;
    case RESPONSE_AUTHORIZED:
        is_text(a->u.authorized.key);
        is_text(a->u.authorized.name);
        break;
    case RESPONSE_USERS:
        check_users(a->u.users.users, a->u.users.n);
        break;
    case RESPONSE_CHANNEL_JOIN:
        check_messages(a->u.join.messages, a->u.join.n);
        check_users(a->u.join.users, a->u.join.users_n);
        break;
    case RESPONSE_CHANNEL_MESSAGE:
        check_messages(&a->u.message, 1);
        break;
    case RESPONSE_CHANNEL_READ:
        check_messages(a->u.history.messages, a->u.history.n);
        break;
    case RESPONSE_SYS:
        is_text(a->u.sys.name);
        break;
    case RESPONSE_UNKNOWN:
    case RESPONSE_KINDS:
    case RESPONSE_UNAUTHORIZED:
    case RESPONSE_CHANNEL_LEAVE:
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct response a;
    struct err e = {0};
    enum err_code code = response_decode((const char *)data, size, &a, &e);
    MUST(code == e.code);
    if (code == ERR_OK) {
        check(&a);
        response_free(&a);
    } else
        MUST(code == ERR_BAD_JSON || code == ERR_TOO_LARGE || code == ERR_BAD_FIELD);
    return 0;
}
