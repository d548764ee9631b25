/* cursor - see cursor.h. */
#include "chatctl/term/cursor.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define SEQ_DIGITS 15 /* as in position.lua */

static bool read_seq(const char *s, uint64_t *out) {
    size_t digits = strspn(s, "0123456789");
    if (digits == 0 || digits > SEQ_DIGITS || (s[digits] != '\n' && s[digits] != '\0'))
        return false;
    *out = 0;
    while (digits--)
        *out = *out * 10 + (uint64_t)(*s++ - '0');
    return true;
}

bool cursor_read(const char *line, struct channel_id *ch, struct position *at) {
    size_t id = strcspn(line, " ");
    if (!channel_parse(line, id, ch) || line[id] != ' ')
        return false;
    line += id + 1;
    return strnlen(line, UUID_TEXT + 1) > UUID_TEXT && line[UUID_TEXT] == ' ' &&
           uuid_read(line, UUID_TEXT, &at->epoch) && read_seq(line + UUID_TEXT + 1, &at->seq);
}

void cursor_write(const struct channel_id *ch, const struct position *at, char out[CURSOR_LINE]) {
    char id[CHANNEL_TEXT + 1], epoch[UUID_TEXT + 1];
    channel_format(ch, id);
    uuid_format(&at->epoch, epoch);
    snprintf(out, CURSOR_LINE, "%s %s %" PRIu64 "\n", id, epoch, at->seq);
}
