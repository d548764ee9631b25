/* foreign - names, messages and what else others wrote, made safe to be drawn: see internal.h. */
#include "chattui/view/internal.h"

#include "common/base/sanitize.h"

#include <string.h>

int foreign_add(struct buf *out, const char *s, size_t len) {
    return (int)sanitize(out, s, len, false);
}

int foreign_put(struct grid *g, int row, int col, int end, uint8_t style, const char *s,
                size_t len) {
    struct buf text;
    buf_init(&text, VIEW_TEXT_MAX);
    foreign_add(&text, s, len);
    const char *clean = buf_cstr(&text);
    col = grid_put_cut(g, row, col, end, style, clean, strlen(clean));
    buf_free(&text);
    return col;
}
