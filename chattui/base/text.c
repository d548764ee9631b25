/* text - see text.h. */
#include "chattui/base/text.h"

#include <utf8proc.h>
#include <wchar.h>

uint32_t text_char(const char *s, size_t len, size_t *used) {
    utf8proc_int32_t c;
    utf8proc_ssize_t n =
        utf8proc_iterate((const utf8proc_uint8_t *)s, (utf8proc_ssize_t)(len < 4 ? len : 4), &c);
    *used = n > 0 ? (size_t)n : 1;
    return n > 0 ? (uint32_t)c : TEXT_BAD;
}

/* The columns of one code point: 0 for a mark, 1 for what the terminal can't show. */
static int char_width(uint32_t c) {
    int width = wcwidth((wchar_t)c);
    return width < 0 ? 1 : width;
}

size_t text_cluster(const char *s, size_t len, int *columns) {
    size_t used, at;
    uint32_t c = text_char(s, len, &at);
    *columns = c == '\n' ? 0 : char_width(c);
    if (c == '\n')
        return at;
    while (at < len && (unsigned char)s[at] >= 0x80 &&
           char_width(text_char(s + at, len - at, &used)) == 0)
        at += used;
    return at;
}

int text_columns(const char *s, size_t len) {
    int sum = 0;
    for (size_t i = 0; i < len;) {
        int columns;
        i += text_cluster(s + i, len - i, &columns);
        sum += columns;
    }
    return sum;
}

uint32_t text_lower(uint32_t c) {
    return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
}
