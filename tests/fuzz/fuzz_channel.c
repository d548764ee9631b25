/* fuzz_channel - channel ids, UUIDs and the lines of a cursor file: what is read is written as it
 * was. */
#include "tests/fuzz/fuzz.h"

#include "chatctl/term/cursor.h"

#include <string.h>
#include <strings.h>

static void check_cursor(const char *line) {
    struct channel_id ch, ch2;
    struct position at, at2;
    char again[CURSOR_LINE];
    if (!cursor_read(line, &ch, &at))
        return;
    cursor_write(&ch, &at, again);
    MUST(cursor_read(again, &ch2, &at2));
    MUST(channel_eq(&ch, &ch2) && uuid_eq(&at.epoch, &at2.epoch) && at.seq == at2.seq);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct channel_id ch;
    struct uuid u;
    char text[CHANNEL_TEXT + 1], *line = malloc(size + 1);
    MUST(line);
    if (size)
        memcpy(line, data, size);
    line[size] = '\0';
    if (channel_parse(line, size, &ch))
        MUST(channel_format(&ch, text) == size && strncasecmp(text, line, size) == 0);
    if (uuid_read(line, size, &u)) {
        uuid_format(&u, text);
        MUST(size == UUID_TEXT && strcasecmp(text, line) == 0);
    }
    check_cursor(line);
    free(line);
    return 0;
}
