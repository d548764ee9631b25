/* log_json - see log_json.h. The escapes of log_quote become JSON's: \u{202e} is \u202e, a byte
 * that was no UTF-8 stays readable as \\xff. */
#include "common/base/log_json.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIGITS_MAX 15 /* what every reader of JSON holds exactly */

struct out {
    char *bytes;
    size_t n, size;
};

/* The size was promised to be enough; if it is not, the rest is missing. */
static void add(struct out *o, const char *bytes, size_t n) {
    if (n > o->size - o->n)
        n = o->size - o->n;
    memcpy(o->bytes + o->n, bytes, n);
    o->n += n;
}

static void add_text(struct out *o, const char *text) {
    add(o, text, strlen(text));
}

/* A character as \uXXXX, or two of them (RFC 8259 section 7). */
static void add_character(struct out *o, uint32_t c) {
    char text[16];
    if (c > 0x10ffff)
        c = 0xfffd;
    if (c < 0x10000)
        snprintf(text, sizeof text, "\\u%04x", (unsigned)c);
    else
        snprintf(text, sizeof text, "\\u%04x\\u%04x", (unsigned)(0xd800 + ((c - 0x10000) >> 10)),
                 (unsigned)(0xdc00 + (c & 0x3ff)));
    add_text(o, text);
}

/* The text between quotes, at `s`. Returns behind the closing quote. */
static const char *add_quoted(struct out *o, const char *s, const char *end) {
    add_text(o, "\"");
    for (; s < end && *s != '"'; s++) {
        if (*s != '\\') {
            add(o, s, 1);
        } else if (end - s > 3 && s[1] == 'u' && s[2] == '{') {
            char *close;
            add_character(o, (uint32_t)strtoul(s + 3, &close, 16));
            s = close < end ? close : end - 1;
        } else if (end - s > 1 && (s[1] == '"' || s[1] == '\\')) {
            add(o, s++, 2);
        } else {
            add_text(o, "\\\\");
        }
    }
    add_text(o, "\"");
    return s < end ? s + 1 : end;
}

static bool is_bool(const char *s, size_t n) {
    return (n == 4 && memcmp(s, "true", n) == 0) || (n == 5 && memcmp(s, "false", n) == 0);
}

static bool is_number(const char *s, size_t n) {
    size_t i = n > 1 && *s == '-';
    if (n - i == 0 || n - i > DIGITS_MAX || (s[i] == '0' && n - i > 1))
        return false;
    for (; i < n; i++)
        if (s[i] < '0' || s[i] > '9')
            return false;
    return true;
}

/* A bare word, which has no need of a quote but may have one or a backslash in it. */
static void add_bare_word(struct out *o, const char *s, size_t n) {
    if (is_number(s, n) || is_bool(s, n)) {
        add(o, s, n);
        return;
    }
    add_text(o, "\"");
    for (size_t i = 0; i < n; i++) {
        if (s[i] == '"' || s[i] == '\\')
            add_text(o, "\\");
        add(o, s + i, 1);
    }
    add_text(o, "\"");
}

static size_t word_length(const char *s, const char *end, const char *stops) {
    const char *from = s;
    while (s < end && !strchr(stops, *s))
        s++;
    return (size_t)(s - from);
}

size_t log_json(const char *line, size_t n, char *out, size_t size) {
    struct out o = {out, 0, size};
    const char *end = line + n;
    add_text(&o, "{");
    for (const char *s = line; s < end;) {
        size_t key = word_length(s, end, " =");
        if (key == 0) {
            s++;
            continue;
        }
        add_text(&o, o.n > 1 ? "," : "");
        add(&o, "\"", 1);
        add(&o, s, key);
        add_text(&o, "\":");
        s += key;
        if (s == end || *s == ' ') {
            add_text(&o, "true");
        } else if (++s < end && *s == '"') {
            s = add_quoted(&o, s + 1, end);
        } else {
            size_t word = word_length(s, end, " ");
            add_bare_word(&o, s, word);
            s += word;
        }
    }
    add_text(&o, "}");
    return o.n;
}
