/* versions - see versions.h. They are asked for as chatd runs, where the library can say it: it may
 * be another than the one it was built with. */
#include "chatd/daemon/versions.h"

#include "chatd/net/tls.h"
#include "chatd/net/ws.h"
#include "chatd/redis/redis_link.h"
#include "common/base/secret.h"
#include "common/proto/json.h"

#include <stdio.h>
#include <string.h>
#include <uv.h>

/* lws adds the commit that it was built from. */
static const char *lws_version(void) {
    static char text[32];
    const char *all = ws_library();
    snprintf(text, sizeof text, "%.*s", (int)strcspn(all, "- "), all);
    return text;
}

struct library versions_library(size_t i) {
    const struct library all[] = {{"libwebsockets", lws_version()},
                                  {"libuv", uv_version_string()},
                                  {"hiredis", redis_link_library()},
                                  {"libsodium", secret_library()},
                                  {"cjson", json_library()},
                                  {"openssl", tls_library()},
                                  {NULL, NULL}};
    size_t last = sizeof all / sizeof *all - 1;
    return all[i < last ? i : last];
}

/* Each as `name between version`, and a space between them. */
static void list(char *out, size_t size, const char *between) {
    size_t n = strlen(out);
    struct library lib;
    for (size_t i = 0; n < size && (lib = versions_library(i)).name; i++)
        n += (size_t)snprintf(out + n, size - n, "%s%s%s%s", i ? " " : "", lib.name, between,
                              lib.version);
}

const char *versions_text(void) {
    static char text[256];
    snprintf(text, sizeof text, "%s\n", CHATD_VERSION);
    list(text, sizeof text, " ");
    return text;
}

const char *versions_log(void) {
    static char text[256];
    text[0] = '\0';
    list(text, sizeof text, "=");
    return text;
}
