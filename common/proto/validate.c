/* validate - what may be a name, a message or a password, and is this UTF-8 at all?
 *
 * The rules for names exist so that nobody can take a name that looks like somebody else's. They
 * are those of UTS #39 in small: characters that have a compatibility form, that are invisible or
 * that serve phonetics only are refused, and the letters of a name must belong together. SCRIPTS
 * says which writing systems a letter, mark or digit belongs to; a name is fine while one writing
 * system has all of its characters. What stays possible is a whole name in another script's
 * look-alikes.
 */
#include "common/proto/validate.h"

#include <stdint.h>
#include <string.h>
#include <sys/types.h>
#include <utf8proc.h>

#define HIGH_BITS 0x8080808080808080u
#define LOW_BITS 0x0101010101010101u

static uint64_t load8(const char *p) {
    uint64_t w;
    memcpy(&w, p, sizeof w);
    return w;
}

static bool in_range(unsigned char c, unsigned char low, unsigned char high) {
    return c >= low && c <= high;
}

/* The length of the multi-byte sequence at `p`, 0 if it is not one. The second byte's bounds are
 * what keeps out overlong forms, surrogates and everything over U+10FFFF (RFC 3629, section 4). */
static size_t sequence(const unsigned char *p, size_t left) {
    unsigned char lead = p[0];
    unsigned char low = 0x80, high = 0xBF; /* of the second byte */
    size_t n = 0;
    if (in_range(lead, 0xC2, 0xDF)) {
        n = 2;
    } else if (in_range(lead, 0xE0, 0xEF)) {
        n = 3;
        low = lead == 0xE0 ? 0xA0 : low;
        high = lead == 0xED ? 0x9F : high;
    } else if (in_range(lead, 0xF0, 0xF4)) {
        n = 4;
        low = lead == 0xF0 ? 0x90 : low;
        high = lead == 0xF4 ? 0x8F : high;
    }
    if (n == 0 || n > left || !in_range(p[1], low, high))
        return 0;
    for (size_t i = 2; i < n; i++)
        if (!in_range(p[i], 0x80, 0xBF))
            return 0;
    return n;
}

bool utf8_valid(const char *s, size_t len) {
    size_t i = 0;
    while (i < len) {
        if (len - i >= 8 && !(load8(s + i) & HIGH_BITS)) {
            i += 8;
            continue;
        }
        if (!((unsigned char)s[i] & 0x80)) {
            i++;
            continue;
        }
        size_t n = sequence((const unsigned char *)s + i, len - i);
        if (n == 0)
            return false;
        i += n;
    }
    return true;
}

bool text_valid(const char *s, size_t len) {
    return utf8_valid(s, len) && !(len && memchr(s, '\0', len));
}

/* Every byte but the continuation bytes (10xxxxxx) starts a code point. */
size_t utf8_count(const char *s, size_t len) {
    size_t n = len, i = 0;
    for (; len - i >= 8; i += 8) {
        uint64_t w = load8(s + i);
        uint64_t continuations = (w >> 7) & (~w >> 6) & LOW_BITS;
        n -= (size_t)((continuations * LOW_BITS) >> 56);
    }
    for (; i < len; i++)
        n -= ((unsigned char)s[i] & 0xC0) == 0x80;
    return n;
}

enum err_code message_check(const char *s, size_t len, struct err *e) {
    if (len == 0)
        return err_set(e, ERR_TOO_LARGE, "must not be empty");
    if (len > MESSAGE_MAX_BYTES)
        return err_set(e, ERR_TOO_LARGE, "must be at most %d bytes", MESSAGE_MAX_BYTES);
    if (len > MESSAGE_MAX_CHARS && utf8_count(s, len) > MESSAGE_MAX_CHARS)
        return err_set(e, ERR_TOO_LARGE, "must be at most %d characters", MESSAGE_MAX_CHARS);
    return ERR_OK;
}

enum err_code password_check(const char *s, size_t len, struct err *e) {
    (void)s;
    if (len == 0 || len > PASSWORD_MAX)
        return err_set(e, ERR_BAD_FIELD, "must be 1 to %d bytes", PASSWORD_MAX);
    return ERR_OK;
}

/* Writing systems, as bits of a set. */
enum writing {
    LATIN,
    GREEK,
    CYRILLIC,
    ARMENIAN,
    HEBREW,
    ARABIC,
    SYRIAC,
    THAANA,
    NKO,
    DEVANAGARI,
    BENGALI,
    GURMUKHI,
    GUJARATI,
    ORIYA,
    TAMIL,
    TELUGU,
    KANNADA,
    MALAYALAM,
    SINHALA,
    THAI,
    LAO,
    TIBETAN,
    MYANMAR,
    GEORGIAN,
    ETHIOPIC,
    CHEROKEE,
    CANADIAN,
    KHMER,
    MONGOLIAN,
    YI,
    JAPANESE,
    KOREAN,
    CHINESE,
    OTHER /* every script that has no row below */
};

#define IN(w) ((uint64_t)1 << (w))
#define ANY UINT64_MAX
#define NONE ((uint64_t)0) /* not in names, although a letter, mark or digit */
#define HAN (IN(JAPANESE) | IN(KOREAN) | IN(CHINESE))
#define ACCENTED (IN(LATIN) | IN(GREEK) | IN(CYRILLIC) | IN(OTHER))

struct range {
    int32_t first, last;
    uint64_t writing;
};

/* Sorted. Mostly whole blocks: what is no letter, mark or digit in them never gets here. */
static const struct range SCRIPTS[] = {
    {0x0030, 0x0039, ANY}, /* the ASCII digits go with every script */
    {0x0041, 0x01BF, IN(LATIN)},
    {0x01C0, 0x01C3, NONE}, /* click letters, like | and ! */
    {0x01C4, 0x024F, IN(LATIN)},
    {0x0250, 0x02FF, NONE}, /* phonetic (see TAKEN_OVER), and modifiers like ' and : */
    {0x0300, 0x035B, ACCENTED},
    {0x035C, 0x036F, NONE}, /* marks over two letters, letters as marks */
    {0x0370, 0x03E1, IN(GREEK)},
    {0x03E2, 0x03EF, IN(OTHER)}, /* Coptic */
    {0x03F0, 0x03FF, IN(GREEK)},
    {0x0400, 0x052F, IN(CYRILLIC)},
    {0x0531, 0x058F, IN(ARMENIAN)},
    {0x0591, 0x05F4, IN(HEBREW)},
    {0x0600, 0x063F, IN(ARABIC)},
    {0x0640, 0x0640, NONE}, /* tatweel only stretches the word */
    {0x0641, 0x064A, IN(ARABIC)},
    {0x064B, 0x0655, IN(ARABIC) | IN(SYRIAC)},
    {0x0656, 0x065F, IN(ARABIC)},
    {0x0660, 0x0669, IN(ARABIC) | IN(SYRIAC) | IN(THAANA)},
    {0x066E, 0x066F, IN(ARABIC)},
    {0x0670, 0x0670, IN(ARABIC) | IN(SYRIAC)},
    {0x0671, 0x06FF, IN(ARABIC)},
    {0x0700, 0x074F, IN(SYRIAC)},
    {0x0750, 0x077F, IN(ARABIC)},
    {0x0780, 0x07BF, IN(THAANA)},
    {0x07C0, 0x07F9, IN(NKO)},
    {0x07FA, 0x07FA, NONE}, /* N'Ko's tatweel */
    {0x07FB, 0x07FF, IN(NKO)},
    {0x0860, 0x086F, IN(SYRIAC)},
    {0x0870, 0x08FF, IN(ARABIC)},
    {0x0900, 0x097F, IN(DEVANAGARI)},
    {0x0980, 0x09FF, IN(BENGALI)},
    {0x0A00, 0x0A7F, IN(GURMUKHI)},
    {0x0A80, 0x0AFF, IN(GUJARATI)},
    {0x0B00, 0x0B7F, IN(ORIYA)},
    {0x0B80, 0x0BFF, IN(TAMIL)},
    {0x0C00, 0x0C7F, IN(TELUGU)},
    {0x0C80, 0x0CFF, IN(KANNADA)},
    {0x0D00, 0x0D7F, IN(MALAYALAM)},
    {0x0D80, 0x0DFF, IN(SINHALA)},
    {0x0E00, 0x0E7F, IN(THAI)},
    {0x0E80, 0x0EFF, IN(LAO)},
    {0x0F00, 0x0FFF, IN(TIBETAN)},
    {0x1000, 0x109F, IN(MYANMAR)},
    {0x10A0, 0x10FF, IN(GEORGIAN)},
    {0x1100, 0x11FF, NONE}, /* jamo that NFC left alone: not modern Korean */
    {0x1200, 0x139F, IN(ETHIOPIC)},
    {0x13A0, 0x13FF, IN(CHEROKEE)},
    {0x1400, 0x167F, IN(CANADIAN)},
    {0x1780, 0x17FF, IN(KHMER)},
    {0x1800, 0x18AF, IN(MONGOLIAN)},
    {0x18B0, 0x18FF, IN(CANADIAN)},
    {0x1AB0, 0x1AFF, NONE}, /* marks of phonetics */
    {0x1C80, 0x1C8F, NONE}, /* old forms of Cyrillic letters */
    {0x1C90, 0x1CBF, IN(GEORGIAN)},
    {0x1CD0, 0x1CFF, NONE}, /* Vedic marks */
    {0x1D00, 0x1DFF, NONE}, /* phonetic letters and marks */
    {0x1E00, 0x1EFF, IN(LATIN)},
    {0x1F00, 0x1FFF, IN(GREEK)},
    {0x2000, 0x2BFF, NONE}, /* symbols, some of them counted as letters */
    {0x2C60, 0x2C7F, NONE}, /* phonetic and medieval Latin */
    {0x2D00, 0x2D2F, IN(GEORGIAN)},
    {0x2D80, 0x2DDF, IN(ETHIOPIC)},
    {0x2DE0, 0x2FFF, NONE}, /* Cyrillic letters as marks, punctuation, radicals */
    {0x3005, 0x3007, HAN},
    {0x302A, 0x302D, HAN},
    {0x302E, 0x302F, IN(KOREAN)},
    {0x3031, 0x3035, IN(JAPANESE)},
    {0x303B, 0x303B, HAN},
    {0x303C, 0x303F, NONE},
    {0x3040, 0x30FF, IN(JAPANESE)},
    {0x3100, 0x312F, IN(CHINESE)},
    {0x3130, 0x318F, IN(KOREAN)},
    {0x31A0, 0x31BF, IN(CHINESE)},
    {0x31F0, 0x31FF, IN(JAPANESE)},
    {0x3400, 0x4DBF, HAN},
    {0x4E00, 0x9FFF, HAN},
    {0xA000, 0xA4CF, IN(YI)},
    {0xA640, 0xA69F, IN(CYRILLIC)},
    {0xA700, 0xA7FF, NONE}, /* tone marks, phonetic and medieval Latin */
    {0xA8E0, 0xA8FF, IN(DEVANAGARI)},
    {0xA960, 0xA97F, NONE}, /* old jamo */
    {0xA9E0, 0xA9FF, IN(MYANMAR)},
    {0xAA60, 0xAA7F, IN(MYANMAR)},
    {0xAB00, 0xAB2F, IN(ETHIOPIC)},
    {0xAB30, 0xAB6F, NONE}, /* phonetic Latin */
    {0xAB70, 0xABBF, IN(CHEROKEE)},
    {0xAC00, 0xD7AF, IN(KOREAN)},
    {0xD7B0, 0xD7FF, NONE}, /* old jamo */
    {0xF900, 0xFAFF, HAN},
    {0xFB00, 0xFEFF, NONE},   /* presentation forms, halves of marks */
    {0x10780, 0x107BF, NONE}, /* phonetic Latin */
    {0x1AFF0, 0x1B16F, IN(JAPANESE)},
    {0x1D000, 0x1D24F, NONE}, /* music */
    {0x1DF00, 0x1DFFF, NONE}, /* phonetic Latin */
    {0x1E7E0, 0x1E7FF, IN(ETHIOPIC)},
    {0x20000, 0x3FFFF, HAN},
};

/* The letters of the phonetic block that Latin alphabets have taken over, mostly in Africa: the low
 * bytes of U+02xx. Not among them are those just like a or g. */
static const uint8_t TAKEN_OVER[] = {0x53, 0x54, 0x56, 0x57, 0x59, 0x5B, 0x60, 0x63, 0x68, 0x69,
                                     0x6F, 0x72, 0x75, 0x83, 0x88, 0x89, 0x8A, 0x8B, 0x8C, 0x92};

static uint64_t writing_of(int32_t c) {
    if (c >= 0x0250 && c <= 0x02AF && memchr(TAKEN_OVER, c & 0xFF, sizeof TAKEN_OVER))
        return IN(LATIN);
    size_t low = 0, high = sizeof SCRIPTS / sizeof *SCRIPTS;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (c > SCRIPTS[mid].last)
            low = mid + 1;
        else if (c < SCRIPTS[mid].first)
            high = mid;
        else
            return SCRIPTS[mid].writing;
    }
    return IN(OTHER);
}

/* Characters with a compatibility form that everyday spelling can't do without. */
static bool is_everyday(int32_t c) {
    switch (c) {
    case 0x0587: /* Armenian ew */
    case 0x0E33: /* Thai sara am */
    case 0x0EB3: /* Lao am */
    case 0x0EDC: /* Lao ho no, ho mo */
    case 0x0EDD:
        return true;
    default:
        return c >= 0x3131 && c <= 0x3163; /* single Korean letters, as keyboards make them */
    }
}

#define DECOMPOSED_MAX 32 /* code points; the longest decomposition has 18 */

/* Does NFKC make another character of it? In NFC text that is where NFKD and NFD differ. */
static bool is_compatibility(int32_t c) {
    int32_t nfd[DECOMPOSED_MAX], nfkd[DECOMPOSED_MAX];
    int boundary = 0;
    ssize_t a = utf8proc_decompose_char(c, nfd, DECOMPOSED_MAX,
                                        UTF8PROC_STABLE | UTF8PROC_DECOMPOSE, &boundary);
    ssize_t b = utf8proc_decompose_char(
        c, nfkd, DECOMPOSED_MAX, UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT, &boundary);
    return a != b || a < 0 || memcmp(nfd, nfkd, (size_t)a * sizeof *nfd) != 0;
}

enum shape { SHAPE_REFUSED, SHAPE_LETTER, SHAPE_MARK, SHAPE_DIGIT, SHAPE_PUNCTUATION, SHAPE_SPACE };

static enum shape shape_of(int32_t c) {
    if (c == ' ')
        return SHAPE_SPACE;
    if (c == '_' || c == '.' || c == '-' || c == '\'')
        return SHAPE_PUNCTUATION;
    const utf8proc_property_t *p = utf8proc_get_property(c);
    if (p->ignorable || writing_of(c) == NONE)
        return SHAPE_REFUSED;
    switch (p->category) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
        return SHAPE_LETTER;
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
        return p->combining_class == 1 ? SHAPE_REFUSED
                                       : SHAPE_MARK; /* 1: strokes through letters */
    case UTF8PROC_CATEGORY_ND:
        return SHAPE_DIGIT;
    default:
        return SHAPE_REFUSED;
    }
}

#define NAME_MAX_CHARS 32
#define NAME_MAX_MARKS 4 /* in a row */
#define THAI_NIKHAHIT 0x0E4D
#define LAO_NIGGAHITA 0x0ECD

/* A check of a name, under way. */
struct name_scan {
    size_t at;        /* position of the character, from 1 */
    int32_t before;   /* the character before; 0 at the start */
    int32_t letter;   /* the letter that marks now belong to; 0 = none */
    int marks;        /* how many of them it has */
    bool nikhahit;    /* one of them is the ring of Thai sara am */
    uint64_t writing; /* the writing systems that have everything so far */
    int32_t zero;     /* the zero of its digits, ASCII ones aside; 0 = none */
    bool solid;       /* there was a letter or digit */
    struct err *e;
};

static enum err_code name_refuse(const struct name_scan *n, int32_t c, const char *why) {
    return err_set(n->e, ERR_BAD_NAME, "character %zu (U+%04X) %s", n->at, (unsigned)c, why);
}

static bool hides_dot(int32_t letter) {
    switch (letter) {
    case 'i':
    case 'j':
    case 0x012F: /* i with ogonek */
    case 0x0131: /* i and j without their dot, which U+0307 would give back */
    case 0x0237:
    case 0x0268: /* i with stroke */
    case 0x0456: /* Cyrillic i and je */
    case 0x0458:
    case 0x1E2D: /* i with tilde below, with dot below */
    case 0x1ECB:
        return true;
    default:
        return false;
    }
}

/* Do `c` and what is before it look like another spelling, which normalization doesn't unite? */
static bool is_mimic(const struct name_scan *n, int32_t c) {
    switch (c) {
    case 0x0307: /* dot above */
        return hides_dot(n->letter);
    case 0x0E32: /* Thai and Lao sara aa after the ring: sara am */
    case 0x0EB2:
        return n->nikhahit;
    case 0x0E40: /* Thai and Lao sara e, twice: sara ae */
    case 0x0EC0:
        return n->before == c;
    default:
        return false;
    }
}

static enum err_code take_mark(struct name_scan *n, int32_t c) {
    if (!n->letter)
        return name_refuse(n, c, "is a mark that follows no letter");
    if (++n->marks > NAME_MAX_MARKS)
        return name_refuse(n, c, "is one mark too many on a letter");
    if (c == THAI_NIKHAHIT || c == LAO_NIGGAHITA)
        n->nikhahit = true;
    return ERR_OK;
}

static void take_letter(struct name_scan *n, int32_t c) {
    n->letter = c;
    n->marks = 0;
    n->nikhahit = false;
    n->solid = true;
}

/* Unicode has decimal digits only as runs from 0 to 9, and no two runs touch (but for compatibility
 * forms, which never get here). */
static int32_t zero_of(int32_t digit) {
    while (utf8proc_category(digit - 1) == UTF8PROC_CATEGORY_ND)
        digit--;
    return digit;
}

static enum err_code take_digit(struct name_scan *n, int32_t c) {
    int32_t zero = zero_of(c);
    if (zero != '0') {
        if (n->zero && n->zero != zero)
            return name_refuse(n, c, "is a digit of another kind than those before it");
        n->zero = zero;
    }
    n->letter = 0;
    n->solid = true;
    return ERR_OK;
}

static enum err_code name_take(struct name_scan *n, int32_t c) {
    enum shape shape = shape_of(c);
    if (shape == SHAPE_REFUSED)
        return name_refuse(n, c, "is not allowed in a name");
    if (shape == SHAPE_SPACE && (n->before == 0 || n->before == ' '))
        return name_refuse(n, c, "is a space, which must be single and inside the name");
    if (shape == SHAPE_SPACE || shape == SHAPE_PUNCTUATION) {
        n->letter = 0;
        return ERR_OK;
    }
    if (is_compatibility(c) && !is_everyday(c))
        return name_refuse(n, c, "is a compatibility form of another character");
    n->writing &= writing_of(c);
    if (!n->writing)
        return name_refuse(n, c, "is of another script than those before it");
    if (is_mimic(n, c))
        return name_refuse(n, c, "looks like another character after the one before it");
    if (shape == SHAPE_MARK)
        return take_mark(n, c);
    if (shape == SHAPE_DIGIT)
        return take_digit(n, c);
    take_letter(n, c);
    return ERR_OK;
}

static enum err_code check_characters(const int32_t *cps, size_t count, struct err *e) {
    struct name_scan n = {.writing = ANY, .e = e};
    for (size_t i = 0; i < count; i++) {
        n.at = i + 1;
        enum err_code code = name_take(&n, cps[i]);
        if (code)
            return code;
        n.before = cps[i];
    }
    if (n.before == ' ')
        return name_refuse(&n, ' ', "is a space, which must be single and inside the name");
    if (!n.solid)
        return err_set(e, ERR_BAD_NAME, "must have a letter or a digit");
    return ERR_OK;
}

/* Names are short: a text longer than any spelling of 32 characters is not even looked at. A
 * character of NFC text has at most 12 bytes before (three Hangul jamo, 9; four Greek parts, 8). */
#define NAME_INPUT_MAX ((size_t)12 * NAME_MAX_CHARS)
#define WORK_MAX 1024 /* code points while normalizing */

/* To code points in NFC, case-folded if `fold` is UTF8PROC_CASEFOLD. Negative: not UTF-8, or more
 * than WORK_MAX on the way. */
static ssize_t normalize(const char *s, size_t len, int fold, int32_t work[WORK_MAX]) {
    int options = UTF8PROC_STABLE | UTF8PROC_COMPOSE;
    ssize_t n = utf8proc_decompose((const uint8_t *)s, (ssize_t)len, work, WORK_MAX,
                                   (utf8proc_option_t)(options | fold));
    if (n < 0 || n > WORK_MAX)
        return -1;
    return utf8proc_normalize_utf32(work, n, (utf8proc_option_t)options);
}

/* Writes at most `max` bytes and a NUL. */
static bool write_utf8(const int32_t *cps, size_t count, char *out, size_t max, size_t *out_len) {
    size_t len = 0;
    for (size_t i = 0; i < count; i++) {
        uint8_t bytes[4];
        size_t n = (size_t)utf8proc_encode_char(cps[i], bytes);
        if (n > max - len)
            return false;
        memcpy(out + len, bytes, n);
        len += n;
    }
    out[len] = '\0';
    *out_len = len;
    return true;
}

enum err_code name_check(const char *s, size_t len, char out[NAME_MAX_BYTES + 1], size_t *out_len,
                         struct err *e) {
    int32_t work[WORK_MAX];
    if (len > NAME_INPUT_MAX)
        return err_set(e, ERR_BAD_NAME, "must be 1 to %d characters", NAME_MAX_CHARS);
    ssize_t count = normalize(s, len, 0, work);
    if (count < 0)
        return err_set(e, ERR_BAD_NAME, "must be UTF-8");
    if (count == 0 || count > NAME_MAX_CHARS)
        return err_set(e, ERR_BAD_NAME, "must be 1 to %d characters", NAME_MAX_CHARS);
    enum err_code code = check_characters(work, (size_t)count, e);
    if (code)
        return code;
    write_utf8(work, (size_t)count, out, NAME_MAX_BYTES, out_len);
    return ERR_OK;
}

bool name_fold(const char *name, size_t len, char out[NAME_FOLDED_MAX + 1], size_t *out_len) {
    int32_t work[WORK_MAX];
    if (len > NAME_MAX_BYTES)
        return false;
    ssize_t count = normalize(name, len, UTF8PROC_CASEFOLD, work);
    return count >= 0 && write_utf8(work, (size_t)count, out, NAME_FOLDED_MAX, out_len);
}

bool name_is_of_deleted(const char *folded, size_t len) {
    return len == strlen(NAME_DELETED) && memcmp(folded, NAME_DELETED, len) == 0;
}

/* --- Reserved names --- */

/* Letters of other scripts that look like these: Cyrillic, Greek, Armenian, Cherokee and Lisu, as
 * they are folded. A name is of one script, so that its letters all have to be here. */
static const struct {
    char letter;
    const char *like;
} LOOK_ALIKE[] = {
    {'a', "\u0430\u03b1\u13aa\ua4ee"},
    {'b', "\u0432\u044c\u03b2\u13f4\u13cf\ua4d0"},
    {'c', "\u0441\u03f2\u03c3\u13df\ua4da"},
    {'d', "\u0501\u13a0\u13e7\ua4d3"},
    {'e', "\u0435\u0454\u03b5\u13ac\ua4f0"},
    {'h', "\u043d\u04bb\u03b7\u0570\u13bb\u13c2\ua4e7"},
    {'i', "1l\u0131\u0456\u04cf\u03b9\u13c6\ua4f2"},
    {'l', "1i\u0131\u0456\u04cf\u03b9\u13de\ua4e1"},
    {'m', "\u043c\u03bc\u13b7\ua4df"},
    {'p', "\u0440\u03c1\u0580\u13e2\ua4d1"},
    {'r', "\u0433\u13a1\u13d2\ua4e3"},
    {'s', "\u0455\u03c3\u13da\u13d5\ua4e2"},
    {'t', "\u0442\u03c4\u13a2\ua4d4"},
    {'u', "\u0446\u03c5\u03bc\u057d\u13cc\ua4f4"},
    {'v', "\u0475\u03bd\u13d9\ua4e6"},
    {'y', "\u0443\u04af\u03b3\u03c5\u13a9\u13bd\ua4ec"},
};

static bool looks_like(int32_t cp, char letter) {
    char text[5] = "";
    if (cp == letter)
        return true;
    utf8proc_encode_char(cp, (uint8_t *)text);
    for (size_t i = 0; *text && i < sizeof LOOK_ALIKE / sizeof *LOOK_ALIKE; i++)
        if (LOOK_ALIKE[i].letter == letter)
            return strstr(LOOK_ALIKE[i].like, text);
    return false;
}

static bool separates(int32_t cp) {
    return cp == ' ' || cp == '_' || cp == '.' || cp == '-' || cp == '\'';
}

static bool is_like(const int32_t *cps, size_t count, const char *word) {
    for (size_t i = 0; i < count; i++) {
        if (separates(cps[i]))
            continue;
        if (!*word || !looks_like(cps[i], *word++))
            return false;
    }
    return !*word;
}

bool name_reserved(const char *folded, size_t len) {
    static const char *const WORDS[] = {NAME_SERVER, "system", "public", "deleteduser", "chatd"};
    int32_t work[WORK_MAX];
    if (len > 0 && (*folded == '-' || (len == 1 && *folded == '0'))) /* an option; the channel */
        return true;
    ssize_t n = utf8proc_decompose(
        (const uint8_t *)folded, (ssize_t)len, work, WORK_MAX,
        (utf8proc_option_t)(UTF8PROC_STABLE | UTF8PROC_COMPAT | UTF8PROC_DECOMPOSE |
                            UTF8PROC_STRIPMARK)); /* server with marks on is one, too */
    for (size_t i = 0; n > 0 && n <= WORK_MAX && i < sizeof WORDS / sizeof *WORDS; i++)
        if (is_like(work, (size_t)n, WORDS[i]))
            return true;
    return false;
}
