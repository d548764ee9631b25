/* fuzz_proxy - who a client is: a PROXY header, X-Forwarded-For, and the list of networks that are
 * trusted. The input is read as each of them. */
#include "tests/fuzz/fuzz.h"

#include "chatd/net/proxy.h"

#include <string.h>

static void is_address(const union proxy_address *a) {
    MUST(a->sa.sa_family == AF_INET || a->sa.sa_family == AF_INET6);
}

/* What is said of a part of a header is never another thing than what is said of the whole. */
static void read_header(const char *s, size_t len) {
    union proxy_address who, again;
    size_t used = 0, used_again = 0;
    enum proxy_verdict v = proxy_header(s, len, &used, &who);
    if (v == PROXY_FOUND)
        is_address(&who);
    if (v == PROXY_FOUND || v == PROXY_NOT_SAID) {
        MUST(used > 0 && used <= len && used <= PROXY_HEADER_MAX);
        MUST(proxy_header(s, used, &used_again, &again) == v && used_again == used);
    }
    if (len > 0 && v != PROXY_NONE && v != PROXY_BAD)
        MUST(proxy_header(s, len / 2, &used_again, &again) != PROXY_NONE);
}

static void read_forwarded(const char *s, size_t len, const struct networks *trusted) {
    union proxy_address who;
    if (!proxy_forwarded(s, len, trusted, &who))
        return;
    MUST(proxy_is_forwarded(s, len));
    is_address(&who);
    MUST(!networks_hold(trusted, &who.sa));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct networks trusted;
    char why[256], *text = malloc(size + 1);
    MUST(text && networks_parse(&trusted, "10.0.0.0/8,2001:db8::/33", why, sizeof why));
    read_header((const char *)data, size);
    read_forwarded((const char *)data, size, &trusted);
    if (size)
        memcpy(text, data, size);
    text[size] = '\0';
    if (networks_parse(&trusted, text, why, sizeof why)) {
        MUST(trusted.n <= NETWORKS_MAX);
        for (unsigned i = 0; i < trusted.n; i++)
            MUST(trusted.list[i].bits <= 128);
        read_forwarded((const char *)data, size, &trusted);
    }
    free(text);
    return 0;
}
