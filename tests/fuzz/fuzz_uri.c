/* fuzz_uri - where the Redis is: what is refused never repeats a password, what is taken fits where
 * it goes.
 */
#include "tests/fuzz/fuzz.h"

#include "common/redis/redis_uri.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct redis_uri uri;
    char why[256], shown[1024], *text = malloc(size + 1);
    MUST(text);
    if (size)
        memcpy(text, data, size);
    text[size] = '\0';
    if (redis_uri_parse(text, &uri, why, sizeof why)) {
        MUST(memchr(uri.password, 0, sizeof uri.password) && memchr(uri.user, 0, sizeof uri.user));
        MUST(redis_uri_show(&uri, shown, sizeof shown) == shown);
        MUST(strlen(shown) < sizeof shown);
    } else
        MUST(strlen(why) < sizeof why && *why);
    free(text);
    return 0;
}
