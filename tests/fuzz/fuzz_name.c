/* fuzz_name - names: what is accepted is in its stored form already, and folds to one that folds to
 * itself. */
#include "tests/fuzz/fuzz.h"

#include "common/proto/validate.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char name[NAME_MAX_BYTES + 1], same[NAME_MAX_BYTES + 1];
    char folded[NAME_FOLDED_MAX + 1], twice[NAME_FOLDED_MAX + 1];
    size_t len = 0, same_len = 0, folded_len = 0, twice_len = 0;
    struct err e = {0};
    const char *s = (const char *)data;
    if (utf8_valid(s, size)) {
        MUST(utf8_count(s, size) <= size);
        message_check(s, size, &e);
    }
    password_check(s, size, &e);
    if (name_check(s, size, name, &len, &e) != ERR_OK)
        return 0;
    MUST(len > 0 && len <= NAME_MAX_BYTES && name[len] == '\0' && utf8_valid(name, len));
    MUST(name_check(name, len, same, &same_len, &e) == ERR_OK);
    MUST(len == same_len && memcmp(name, same, len) == 0);
    if (!name_fold(name, len, folded, &folded_len))
        return 0;
    MUST(folded_len <= NAME_FOLDED_MAX && utf8_valid(folded, folded_len));
    name_reserved(folded, folded_len);
    MUST(name_fold(folded, folded_len, twice, &twice_len));
    MUST(folded_len == twice_len && memcmp(folded, twice, folded_len) == 0);
    return 0;
}
