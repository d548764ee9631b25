/* fuzz_import - a line of an export, as `chatctl import` takes it apart. */
#include "tests/fuzz/fuzz.h"

#include "chatctl/ops/import.h"

#include <string.h>

#define VALUES_MAX 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static char value[IMPORT_VALUE_MAX];
    struct err e = {0};
    struct cmd c;
    struct uuid u;
    struct channel_id ch;
    const char *s;
    size_t len;
    struct json *doc = json_parse((const char *)data, size, VALUES_MAX, &e);
    if (!doc)
        return 0;
    cmd_init(&c);
    cmd_begin(&c, "HSET");
    import_get_uuid(doc, "UUID", &u);
    import_get_channel(doc, &ch);
    if (import_add_fields(&c, doc, "fields"))
        MUST(!c.failed && c.argc > 2 && c.argc % 2 == 1);
    ssize_t n = import_field_value(doc, value);
    MUST(n >= -1 && n <= IMPORT_VALUE_MAX);
    if (import_find_field(doc, "fields", "name", &s, &len))
        MUST(s && memchr(s, 0, len + 1));
    cmd_free(&c);
    json_free(doc);
    return 0;
}
