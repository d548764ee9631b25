/* fuzz_line - a line of chatctl's shell: split into words, and those into a command with its
 * arguments. */
#include "tests/fuzz/fuzz.h"

#include "chatctl/table/parse.h"
#include "chatctl/term/words.h"

#include <string.h>

#define NOW 1714564800123

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct words w;
    struct command_line l;
    char *text = malloc(size + 1);
    MUST(text);
    if (size)
        memcpy(text, data, size);
    text[size] = '\0';
    MUST(words_split(&w, text));
    MUST(parse_init(&l, w.n));
    bool ok = true;
    for (size_t i = 0; ok && i < w.n; i++)
        ok = parse_feed(&l, w.v[i]);
    if (!(ok && parse_finish(&l, NOW)))
        MUST(memchr(l.why, 0, sizeof l.why) && *l.why);
    parse_free(&l);
    words_free(&w);
    free(text);
    return 0;
}
