/* fuzz_value - values of options, chatd's and chatctl's: what is taken is in the range that its row
 * names. */
#include "tests/fuzz/fuzz.h"

#include "chatctl/table/parse.h"
#include "chatd/base/settings.h"

#include <string.h>

#define NOW 1714564800123

static void check_range(const struct option_def *d, const struct chatd_settings *set) {
    if (d->type != OPTION_NUM && d->type != OPTION_SIZE && d->type != OPTION_DURATION)
        return;
    uint64_t v;
    memcpy(&v, (const char *)set + d->offset, sizeof v);
    MUST(v >= d->min && v <= d->max);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const enum value VALUES[] = {VALUE_TEXT, VALUE_NUMBER, VALUE_DURATION, VALUE_DATE,
                                        VALUE_CHOICE};
    struct chatd_settings set = {0};
    char why[WHY_MAX], *text = malloc(size + 1);
    int64_t number;
    MUST(text);
    if (size)
        memcpy(text, data, size);
    text[size] = '\0';
    for (const struct option_def *d = CHATD_PROGRAM.options; d->name; d++)
        if (option_set(d, &set, text, why, sizeof why))
            check_range(d, &set);
    for (size_t i = 0; i < sizeof VALUES / sizeof *VALUES; i++) {
        struct opt o = {.name = "x", .value = VALUES[i], .choices = "table|tsv|json"};
        if (parse_value(&o, text, NOW, &number, why) && VALUES[i] == VALUE_NUMBER)
            MUST(number >= 0);
    }
    option_free(&CHATD_PROGRAM, &set);
    free(text);
    return 0;
}
