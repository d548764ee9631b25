/* match - see match.h. */
#include "chattui/base/match.h"

#include "chattui/base/text.h"

#include <string.h>
#include <wchar.h>
#include <wctype.h>

static bool is_word_byte(char c) {
    unsigned char u = (unsigned char)c;
    return u >= 0x80 || (u >= '0' && u <= '9') || (u >= 'a' && u <= 'z') ||
           (u >= 'A' && u <= 'Z') || u == '_';
}

static uint32_t lower(char c) {
    return text_lower((unsigned char)c);
}

bool match_same(const char *a, const char *b, size_t len) {
    for (size_t i = 0; i < len; i++)
        if (lower(a[i]) != lower(b[i]))
            return false;
    return true;
}

bool match_name(const char *text, size_t len, const char *name) {
    size_t n = strlen(name);
    if (n == 0)
        return false;
    uint32_t first = lower(name[0]);
    for (size_t i = 0; i + n <= len; i++)
        if (lower(text[i]) == first && match_same(text + i, name, n) &&
            (i == 0 || !is_word_byte(text[i - 1])) && (i + n == len || !is_word_byte(text[i + n])))
            return true;
    return false;
}

/* The next character, folded as the locale has it; a byte that is no UTF-8 stands for itself. */
static wint_t next_folded(const char **s, size_t *len) {
    wchar_t c;
    mbstate_t state = {0};
    if ((unsigned char)**s < 0x80) {
        c = (wchar_t)lower(**s);
        ++*s;
        --*len;
        return (wint_t)c;
    }
    size_t n = mbrtowc(&c, *s, *len, &state);
    if (n == 0 || n > *len) {
        c = (wchar_t)(0x110000 + (unsigned char)**s);
        n = 1;
    }
    *s += n;
    *len -= n;
    return n > 1 ? towlower((wint_t)c) : (wint_t)c;
}

static bool begins_with(const char *text, size_t len, const char *what, size_t n) {
    while (n > 0) {
        if (len == 0 || next_folded(&text, &len) != next_folded(&what, &n))
            return false;
    }
    return true;
}

bool match_text(const char *text, size_t len, const char *what) {
    size_t n = strlen(what);
    while (n > 0 && len > 0) {
        if (begins_with(text, len, what, n))
            return true;
        next_folded(&text, &len);
    }
    return false;
}

#define LINK_MAX 2000

/* The character at `s` if it may stand in a link: of those beyond ASCII, letters and digits.
 * Returns its bytes; 0: it may not. */
static size_t link_char(const char *s, size_t len) {
    wchar_t c;
    mbstate_t state = {0};
    if ((unsigned char)*s < 0x80)
        return *s > ' ' && *s < 0x7f && !strchr("<>\"`{}|\\^", *s);
    size_t n = mbrtowc(&c, s, len, &state);
    return n <= len && iswalnum((wint_t)c) ? n : 0;
}

/* Does the bracket at the link's end close one that was opened in it? */
static bool is_balanced(const char *s, size_t n) {
    int open = 0;
    for (size_t i = 0; i < n; i++)
        open += (s[i] == '(') - (s[i] == ')');
    return open >= 0;
}

static size_t link_length(const char *s, size_t len) {
    size_t n = 0;
    for (size_t used; n < len && n < LINK_MAX && (used = link_char(s + n, len - n)) > 0;)
        n += used;
    while (n > 0 && strchr(".,;:!?)'", s[n - 1]) && !(s[n - 1] == ')' && is_balanced(s, n)))
        n--; /* of the sentence, not of the link */
    return n;
}

const char *match_link(const char *text, size_t len, size_t *at, size_t *link_len) {
    for (size_t i = *at; i < len; i++) {
        size_t rest = len - i;
        size_t head = 0;
        if (rest > 8 && match_same(text + i, "https://", 8))
            head = 8;
        else if (rest > 7 && match_same(text + i, "http://", 7))
            head = 7;
        size_t n = head > 0 ? link_length(text + i, rest) : 0;
        if (n > head) {
            *at = i + n;
            *link_len = n;
            return text + i;
        }
    }
    *at = len;
    return NULL;
}
