/* fuzz_sanitize - foreign text for a terminal: what comes out is UTF-8 in which nothing acts, as
 * wide as it says, and stays as it is when it is cleaned again. */
#include "tests/fuzz/fuzz.h"

#include "common/base/sanitize.h"
#include "common/proto/validate.h"

#include <locale.h>
#include <string.h>
#include <wchar.h>

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc;
    (void)argv;
    setlocale(LC_CTYPE, "C.UTF-8");
    return 0;
}

static size_t columns_of(const char *s, size_t len, bool lines) {
    size_t columns = 0;
    mbstate_t state = {0};
    while (len) {
        wchar_t c;
        size_t n = mbrtowc(&c, s, len, &state);
        MUST(n > 0 && n <= len);
        MUST(c >= 0x20 || (lines && c == '\n'));
        MUST(c < 0x7f || c > 0x9f);
        MUST(!(c >= 0x202a && c <= 0x202e) && !(c >= 0x2066 && c <= 0x2069));
        MUST(c == '\n' || wcwidth(c) >= 0);
        columns = c == '\n' ? 0 : columns + (size_t)wcwidth(c);
        s += n;
        len -= n;
    }
    return columns;
}

static void clean(const char *s, size_t len, bool lines) {
    struct buf once, twice;
    buf_init(&once, 16 * len + 64);
    buf_init(&twice, 16 * len + 64);
    size_t columns = sanitize(&once, s, len, lines);
    MUST(!once.failed);
    const char *safe = once.len ? once.data : "";
    MUST(utf8_valid(safe, once.len));
    MUST(columns_of(safe, once.len, lines) == columns);
    MUST(sanitize(&twice, safe, once.len, lines) == columns);
    MUST(twice.len == once.len && (!once.len || memcmp(once.data, twice.data, once.len) == 0));
    buf_free(&once);
    buf_free(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    clean((const char *)data, size, false);
    clean((const char *)data, size, true);
    return 0;
}
