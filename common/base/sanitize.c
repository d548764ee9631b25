/* sanitize - see sanitize.h. */
#include "common/base/sanitize.h"

#include <stdint.h>
#include <wchar.h>

#define COMBINING_MAX 4
#define TAB_WIDTH 4
#define BAD 0xfffdu

/* One code point of strict UTF-8 (RFC 3629) and its length; BAD and 1 for a byte that begins none.
 */
static uint32_t sanitize_decode(const unsigned char *s, size_t len, size_t *used) {
    static const struct {
        unsigned char first, last;
        size_t n;
        uint32_t least;
    } FORMS[] = {{0x00, 0x7f, 1, 0},
                 {0xc2, 0xdf, 2, 0x80},
                 {0xe0, 0xef, 3, 0x800},
                 {0xf0, 0xf4, 4, 0x10000}};
    *used = 1;
    for (size_t f = 0; f < sizeof FORMS / sizeof *FORMS; f++) {
        size_t n = FORMS[f].n;
        if (*s < FORMS[f].first || *s > FORMS[f].last)
            continue;
        if (n > len)
            return BAD;
        uint32_t c = n == 1 ? *s : *s & (0xffu >> (n + 1));
        for (size_t i = 1; i < n; i++) {
            if ((s[i] & 0xc0) != 0x80)
                return BAD;
            c = c << 6 | (s[i] & 0x3f);
        }
        if (c < FORMS[f].least || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
            return BAD;
        *used = n;
        return c;
    }
    return BAD;
}

struct range {
    uint32_t first, last;
};

static bool is_in(const struct range *ranges, size_t n, uint32_t c) {
    for (size_t i = 0; i < n; i++)
        if (c >= ranges[i].first && c <= ranges[i].last)
            return true;
    return false;
}

/* Invisible, or they turn the text around: nothing is lost to the eye when they go. */
static bool is_dropped(uint32_t c) {
    static const struct range RANGES[] = {{0xad, 0xad},     {0x61c, 0x61c},     {0x180e, 0x180e},
                                          {0x200b, 0x200b}, {0x200e, 0x200f},   {0x202a, 0x202e},
                                          {0x2060, 0x206f}, {0xfe0e, 0xfe0f},   {0xfeff, 0xfeff},
                                          {0xfff0, 0xfffb}, {0x1f3fb, 0x1f3ff}, {0xe0000, 0xe0fff}};
    return is_in(RANGES, sizeof RANGES / sizeof *RANGES, c);
}

/* They would act on a terminal, and have no picture of their own. */
static bool is_replaced(uint32_t c) {
    return (c >= 0x80 && c <= 0x9f) || c == 0x2028 || c == 0x2029;
}

static bool is_joiner(uint32_t c) {
    return c == 0x200c || c == 0x200d;
}

struct state {
    uint32_t before; /* the character that a mark or joiner would belong to; 0 = none */
    unsigned marks;
    size_t columns;
};

static void sanitize_put(struct buf *out, struct state *st, const char *text, size_t len,
                         size_t columns) {
    buf_add(out, text, len);
    st->columns += columns;
    st->marks = 0;
    st->before = 0;
}

static void put_control(struct buf *out, struct state *st, uint32_t c, bool lines) {
    char caret[2] = {'^', (char)(c ^ 0x40)};
    if (c == '\n' && lines) {
        sanitize_put(out, st, "\n", 1, 0);
        st->columns = 0;
    } else if (c == '\t')
        sanitize_put(out, st, "    ", TAB_WIDTH, TAB_WIDTH);
    else
        sanitize_put(out, st, caret, 2, 2);
}

static void put_char(struct buf *out, struct state *st, uint32_t c, const char *text, size_t len) {
    int width = c == BAD ? -1 : wcwidth((wchar_t)c);
    if (is_joiner(c)) {
        if (st->before >= 0x600 && st->before <= 0xdff)
            buf_add(out, text, len);
    } else if (width < 0 || is_replaced(c)) {
        sanitize_put(out, st, "\xef\xbf\xbd", 3, 1);
    } else if (width == 0) {
        if (st->before && ++st->marks <= COMBINING_MAX)
            buf_add(out, text, len);
    } else {
        sanitize_put(out, st, text, len, (size_t)width);
        st->before = c;
    }
}

size_t sanitize(struct buf *out, const char *s, size_t len, bool lines) {
    struct state st = {0};
    for (size_t i = 0, used; i < len; i += used) {
        uint32_t c = sanitize_decode((const unsigned char *)s + i, len - i, &used);
        if (c < 0x20 || c == 0x7f)
            put_control(out, &st, c, lines);
        else if (!is_dropped(c))
            put_char(out, &st, c, s + i, used);
    }
    return st.columns;
}
