/* test_validate - UTF-8 against a decoder written another way, the limits of messages and passwords
 * at each side, and names: what people are called must pass, what is made to deceive must not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/proto/validate.h"

#include <stdlib.h>
#include <string.h>

/* A string literal and its length, which a NUL inside doesn't end. */
#define TEXT(s) ("" s), sizeof(s) - 1

/* ---- UTF-8 ---- */

/* Decodes first and judges the number afterwards, unlike utf8_valid. */
static bool oracle(const unsigned char *s, size_t len) {
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    for (size_t i = 0, n; i < len; i += n) {
        n = s[i] < 0x80 ? 1 : s[i] >> 5 == 6 ? 2 : s[i] >> 4 == 14 ? 3 : s[i] >> 3 == 30 ? 4 : 0;
        if (n == 0 || n > len - i)
            return false;
        uint32_t c = n == 1 ? s[i] : s[i] & (0x7Fu >> n);
        for (size_t k = 1; k < n; k++) {
            if (s[i + k] >> 6 != 2)
                return false;
            c = c << 6 | (s[i + k] & 0x3F);
        }
        if (c < least[n] || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF))
            return false;
    }
    return true;
}

static void agree(const unsigned char *s, size_t len) {
    bool valid = utf8_valid((const char *)s, len);
    if (valid != oracle(s, len))
        fail_msg("%02x %02x %02x %02x, %zu bytes: %d", s[0], s[1], s[2], s[3], len, valid);
}

static void utf8_every_sequence(void **state) {
    (void)state;
    static const unsigned char tails[] = {0x00, 0x7F, 0x80, 0xBF, 0xC0, 0xFF};
    for (unsigned lead = 0; lead < 256; lead++)
        for (unsigned second = 0; second < 256; second++)
            for (size_t i = 0; i < sizeof tails * sizeof tails; i++) {
                unsigned char s[4] = {(unsigned char)lead, (unsigned char)second,
                                      tails[i / sizeof tails], tails[i % sizeof tails]};
                for (size_t len = 1; len <= 4; len++)
                    agree(s, len);
            }
}

static size_t put_char(uint32_t c, char *out) {
    static const unsigned char leads[] = {0, 0, 0xC0, 0xE0, 0xF0};
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i > 0; i--, c >>= 6)
        out[i] = (char)(0x80 | (c & 0x3F));
    out[0] = (char)(leads[n] | c);
    return n;
}

static void utf8_every_character(void **state) {
    (void)state;
    for (uint32_t c = 0; c < 0x110000; c++) {
        char s[4];
        size_t n = put_char(c, s);
        assert_int_equal(utf8_valid(s, n), c < 0xD800 || c > 0xDFFF);
    }
}

/* A bad byte, or the first half of a character, anywhere in a run of ASCII: no step of eight bytes
 * may pass over it, and none may read past the end (the block is exactly as long as the text). */
static void utf8_every_place(void **state) {
    (void)state;
    for (size_t len = 0; len < 40; len++) {
        char *s = malloc(len + 1);
        memset(s, 'a', len + 1);
        char *text = s + 1; /* not aligned */
        assert_true(utf8_valid(text, len));
        assert_int_equal(utf8_count(text, len), len);
        for (size_t i = 0; i < len; i++) {
            text[i] = (char)0xC3;
            assert_false(utf8_valid(text, len));
            text[i] = (char)0xA9;
            assert_false(utf8_valid(text, len));
            if (i > 0) {
                text[i - 1] = (char)0xC3;
                assert_true(utf8_valid(text, len));
                assert_int_equal(utf8_count(text, len), len - 1);
                assert_false(utf8_valid(text, i));
                text[i - 1] = 'a';
            }
            text[i] = 'a';
        }
        free(s);
    }
}

static void utf8_counts(void **state) {
    (void)state;
    assert_int_equal(utf8_count(TEXT("")), 0);
    assert_int_equal(utf8_count(TEXT("a\0b")), 3);
    assert_true(utf8_valid(TEXT("a\0b")));
    assert_int_equal(utf8_count(TEXT("é€😀é€😀é€😀")), 9);
    assert_int_equal(utf8_count(TEXT("ééééééééééééééééé")), 17);
}

/* ---- Messages and passwords ---- */

/* `chars` times `unit`, then `extra` letters. */
static enum err_code check_message(const char *unit, size_t chars, size_t extra, struct err *e) {
    size_t n = strlen(unit), len = n * chars + extra;
    char *s = malloc(len + 1);
    for (size_t i = 0; i < chars; i++)
        memcpy(s + i * n, unit, n);
    memset(s + n * chars, 'x', extra);
    enum err_code code = message_check(s, len, e);
    free(s);
    return code;
}

static void messages(void **state) {
    (void)state;
    static const struct {
        const char *unit;
        size_t chars, extra;
        const char *detail; /* NULL: fine */
    } rows[] = {
        {"", 0, 0, "must not be empty"},
        {"a", 1, 0, NULL},
        {"a", 4095, 0, NULL},
        {"a", 4096, 0, NULL},
        {"a", 4097, 0, "must be at most 4096 characters"},
        {"é", 4096, 0, NULL},
        {"é", 4096, 1, "must be at most 4096 characters"},
        {"€", 4096, 0, NULL},
        {"😀", 4095, 1, NULL},
        {"😀", 4096, 0, NULL},
        {"😀", 4096, 1, "must be at most 16384 bytes"},
        {"a", 16384, 0, "must be at most 4096 characters"},
        {"a", 16385, 0, "must be at most 16384 bytes"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct err e = {.code = ERR_OK};
        enum err_code code = check_message(rows[i].unit, rows[i].chars, rows[i].extra, &e);
        assert_int_equal(code, rows[i].detail ? ERR_TOO_LARGE : ERR_OK);
        assert_int_equal(e.code, code);
        assert_string_equal(e.detail, rows[i].detail ? rows[i].detail : "");
    }
    assert_int_equal(message_check("", 0, NULL), ERR_TOO_LARGE);
}

static void passwords(void **state) {
    (void)state;
    static const char s[PASSWORD_MAX + 1] = "p";
    static const size_t good[] = {1, 2, 1023, 1024}, wrong[] = {0, 1025};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_int_equal(password_check(s, good[i], NULL), ERR_OK);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct err e = {.code = ERR_OK};
        assert_int_equal(password_check(s, wrong[i], &e), ERR_BAD_FIELD);
        assert_string_equal(e.detail, "must be 1 to 1024 bytes");
    }
}

/* ---- Names ---- */

#define X10 "xxxxxxxxxx"
#define HAN10 "名名名名名名名名名名"
#define WIDE10 "𠀀𠀀𠀀𠀀𠀀𠀀𠀀𠀀𠀀𠀀"

static void names_accepted(void **state) {
    (void)state;
    static const struct {
        const char *in;
        const char *out; /* NULL: as it is */
    } rows[] = {
        {"a", NULL},
        {"7", NULL},
        {"User name", NULL},
        {"a b c d", NULL},
        {"O'Neil-Smith_jr.", NULL},
        {".-_'x", NULL},
        {"-- x --", NULL},
        {"agent 007", NULL},
        {X10 X10 X10 "xx", NULL},
        {HAN10 HAN10 HAN10 "名名", NULL},
        {WIDE10 WIDE10 WIDE10 "𠀀𠀀", NULL}, /* 32 characters, 128 bytes */
        /* brought to NFC, and counted after it */
        {"Ame\u0301lie", "Am\u00e9lie"},
        {"\u212bngstro\u0308m", "\u00c5ngstr\u00f6m"},
        {"\u1112\u1161\u11ab\u1100\u1173\u11af", "한글"},
        {"e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301" X10 X10 "xxxx",
         "éééééééé" X10 X10 "xxxx"},
        {"a\u0301\u0323", "\u1ea1\u0301"},   /* marks in their order */
        {"q\u0300\u0301\u0302\u0303", NULL}, /* four marks */
        /* people */
        {"Łukasz Żółć", NULL},
        {"Nguyễn Văn Ánh", NULL},
        {"Iıİi", NULL},
        {"Straße", NULL},
        {"Þórður Æsir Œuf", NULL},
        {"Ọlámidé", NULL},
        {"Kɔfi Ɛsi ŋɖɣʋ", NULL},
        {"Γιώργος", NULL},
        {"ᾄδω", NULL},
        {"Дмитрий Ёлкин", NULL},
        {"Їжак Ґалаґан", NULL},
        {"Սեւակ և Անի", NULL}, /* U+0587 */
        {"שלום", NULL},
        {"שָׁלוֹם", NULL},
        {"محمد علی", NULL},
        {"مُحَمَّد ۱۲", NULL},
        {"ܫܠܡܐ", NULL},
        {"ދިވެހި", NULL},
        {"प्रिया शर्मा १२३", NULL},
        {"অনিতা", NULL},
        {"ਗੁਰਪ੍ਰੀਤ", NULL},
        {"கார்த்திக்", NULL},
        {"ಕನ್ನಡ", NULL},
        {"മലയാളം", NULL},
        {"සිංහල", NULL},
        {"น้ำ ใจ", NULL}, /* U+0E33 */
        {"แม่", NULL},
        {"ເຄົາ ນ້ຳ ໝາ ໜາ", NULL},
        {"བསྒྲུབས", NULL},
        {"မြန်မာ", NULL},
        {"გიორგი", NULL},
        {"አበበ", NULL},
        {"សុខា", NULL},
        {"ᠮᠣᠩᠭᠣᠯ", NULL},
        {"ᏣᎳᎩ", NULL},
        {"ᐃᓄᒃᑎᑐᑦ", NULL},
        {"ⵜⵉⴼⵉⵏⴰⵖ", NULL}, /* no row: "other" */
        {"ꆈꌠ", NULL},
        {"佐々木 さくら カレー", NULL}, /* Han, Hiragana, Katakana are one */
        {"金 민수", NULL},              /* Han and Hangul */
        {"王 ㄨㄤ", NULL},              /* Han and Bopomofo */
        {"ㅋㅋㅋ", NULL},               /* single Korean letters */
        {"か゚", NULL},                   /* a mark that NFC leaves alone */
        /* ASCII digits go with everything */
        {"Олег2", NULL},
        {"२2", NULL},
        {"๓ 3 น", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *want = rows[i].out ? rows[i].out : rows[i].in;
        char out[NAME_MAX_BYTES + 1] = "";
        size_t len = 0;
        struct err e = {.code = ERR_OK};
        if (name_check(rows[i].in, strlen(rows[i].in), out, &len, &e))
            fail_msg("%s: %s", rows[i].in, e.detail);
        assert_string_equal(out, want);
        assert_int_equal(len, strlen(want));
        assert_int_equal(e.code, ERR_OK);
    }
}

#define NOT_ALLOWED " is not allowed in a name"
#define OTHER_SCRIPT " is of another script than those before it"
#define BAD_SPACE " is a space, which must be single and inside the name"
#define COMPATIBILITY " is a compatibility form of another character"
#define LOOKS_LIKE " looks like another character after the one before it"
#define NO_LETTER " is a mark that follows no letter"
#define OTHER_DIGIT " is a digit of another kind than those before it"
#define LENGTH "must be 1 to 32 characters"
#define NO_SUBSTANCE "must have a letter or a digit"

struct refusal {
    const char *in;
    size_t len;
    const char *detail;
};

static void check_refusals(const struct refusal *rows, size_t count) {
    for (size_t i = 0; i < count; i++) {
        char out[NAME_MAX_BYTES + 1] = "kept";
        size_t len = 77;
        struct err e = {.code = ERR_OK};
        if (name_check(rows[i].in, rows[i].len, out, &len, &e) != ERR_BAD_NAME)
            fail_msg("accepted: %s", rows[i].in);
        assert_int_equal(e.code, ERR_BAD_NAME);
        assert_string_equal(e.detail, rows[i].detail);
        assert_string_equal(out, "kept");
        assert_int_equal(len, 77);
    }
}

#define CHECK_REFUSALS(rows) check_refusals(rows, sizeof(rows) / sizeof *(rows))

static void names_of_wrong_length(void **state) {
    (void)state;
    static const struct refusal rows[] = {
        {TEXT(""), LENGTH},
        {TEXT(X10 X10 X10 "xxx"), LENGTH},
        {TEXT(HAN10 HAN10 HAN10 "名名名"), LENGTH},
        {TEXT("e\u0301e\u0301e\u0301" X10 X10 X10), LENGTH},
        {TEXT(HAN10 HAN10 HAN10 HAN10 HAN10 HAN10 HAN10 HAN10 HAN10 HAN10 HAN10 HAN10 HAN10),
         LENGTH},
    };
    CHECK_REFUSALS(rows);
    static char huge[60000]; /* also of NULs: never looked at */
    CHECK_REFUSALS(((const struct refusal[]){{huge, sizeof huge, LENGTH}}));
}

static void names_refused(void **state) {
    (void)state;
    static const struct refusal rows[] = {
        /* not text */
        {TEXT("a\xff"), "must be UTF-8"},
        {TEXT("a\xc3"), "must be UTF-8"},
        {TEXT("\xed\xa0\x80"), "must be UTF-8"},
        {TEXT("a\0b"), "character 2 (U+0000)" NOT_ALLOWED},
        /* spaces */
        {TEXT(" a"), "character 1 (U+0020)" BAD_SPACE},
        {TEXT("a "), "character 2 (U+0020)" BAD_SPACE},
        {TEXT("a  b"), "character 3 (U+0020)" BAD_SPACE},
        {TEXT(" "), "character 1 (U+0020)" BAD_SPACE},
        {TEXT("a\tb"), "character 2 (U+0009)" NOT_ALLOWED},
        {TEXT("a\nb"), "character 2 (U+000A)" NOT_ALLOWED},
        {TEXT("a\r"), "character 2 (U+000D)" NOT_ALLOWED},
        {TEXT("a\u00a0b"), "character 2 (U+00A0)" NOT_ALLOWED},
        {TEXT("a\u2003b"), "character 2 (U+2003)" NOT_ALLOWED},
        {TEXT("a\u3000b"), "character 2 (U+3000)" NOT_ALLOWED},
        /* punctuation and symbols */
        {TEXT("../x"), "character 3 (U+002F)" NOT_ALLOWED},
        {TEXT("a:b"), "character 2 (U+003A)" NOT_ALLOWED},
        {TEXT("{x}"), "character 1 (U+007B)" NOT_ALLOWED},
        {TEXT("a@b"), "character 2 (U+0040)" NOT_ALLOWED},
        {TEXT("a*"), "character 2 (U+002A)" NOT_ALLOWED},
        {TEXT("a\"b"), "character 2 (U+0022)" NOT_ALLOWED},
        {TEXT("<b>"), "character 1 (U+003C)" NOT_ALLOWED},
        {TEXT("a\\b"), "character 2 (U+005C)" NOT_ALLOWED},
        {TEXT("a,b"), "character 2 (U+002C)" NOT_ALLOWED},
        {TEXT("a\u2019b"), "character 2 (U+2019)" NOT_ALLOWED},
        {TEXT("a\u00b7b"), "character 2 (U+00B7)" NOT_ALLOWED},
        {TEXT("a\u2010b"), "character 2 (U+2010)" NOT_ALLOWED},
        {TEXT("a😀"), "character 2 (U+1F600)" NOT_ALLOWED},
        {TEXT("x\u00b2"), "character 2 (U+00B2)" NOT_ALLOWED},
        {TEXT("\u2168"), "character 1 (U+2168)" NOT_ALLOWED},
        /* pure punctuation */
        {TEXT("."), NO_SUBSTANCE},
        {TEXT(".."), NO_SUBSTANCE},
        {TEXT("-_.'"), NO_SUBSTANCE},
        {TEXT("- -"), NO_SUBSTANCE},
        /* controls and what can't be seen */
        {TEXT("a\x1b[2J"), "character 2 (U+001B)" NOT_ALLOWED},
        {TEXT("a\b"), "character 2 (U+0008)" NOT_ALLOWED},
        {TEXT("a\x7f"), "character 2 (U+007F)" NOT_ALLOWED},
        {TEXT("a\xc2\x9b"), "character 2 (U+009B)" NOT_ALLOWED},
        {TEXT("ab\u202e"), "character 3 (U+202E)" NOT_ALLOWED},
        {TEXT("a\u2066b"), "character 2 (U+2066)" NOT_ALLOWED},
        {TEXT("a\u200bb"), "character 2 (U+200B)" NOT_ALLOWED},
        {TEXT("a\u200db"), "character 2 (U+200D)" NOT_ALLOWED},
        {TEXT("a\u00adb"), "character 2 (U+00AD)" NOT_ALLOWED},
        {TEXT("a\u034fb"), "character 2 (U+034F)" NOT_ALLOWED},
        {TEXT("a\ufe0f"), "character 2 (U+FE0F)" NOT_ALLOWED},
        {TEXT("a\U000e0101"), "character 2 (U+E0101)" NOT_ALLOWED},
        {TEXT("a\U000e0061"), "character 2 (U+E0061)" NOT_ALLOWED},
        {TEXT("\ufeff"
              "a"),
         "character 1 (U+FEFF)" NOT_ALLOWED},
        {TEXT("a\u2028"), "character 2 (U+2028)" NOT_ALLOWED},
        {TEXT("\u3164"), "character 1 (U+3164)" NOT_ALLOWED},
        {TEXT("가\u115f"), "character 2 (U+115F)" NOT_ALLOWED},
        {TEXT("\u17b4"), "character 1 (U+17B4)" NOT_ALLOWED},
        {TEXT("ᠮ\u180b"), "character 2 (U+180B)" NOT_ALLOWED},
        {TEXT("\u2800"), "character 1 (U+2800)" NOT_ALLOWED},
        {TEXT("a\ue000"), "character 2 (U+E000)" NOT_ALLOWED},
        {TEXT("a\u0378"), "character 2 (U+0378)" NOT_ALLOWED},
        {TEXT("a\U0010ffff"), "character 2 (U+10FFFF)" NOT_ALLOWED},
        /* compatibility forms */
        {TEXT("ａ"), "character 1 (U+FF41)" COMPATIBILITY},
        {TEXT("a１"), "character 2 (U+FF11)" COMPATIBILITY},
        {TEXT("ﬁ"), "character 1 (U+FB01)" NOT_ALLOWED},
        {TEXT("𝐚"), "character 1 (U+1D41A)" COMPATIBILITY},
        {TEXT("𝟏"), "character 1 (U+1D7CF)" COMPATIBILITY},
        {TEXT("xª"), "character 2 (U+00AA)" COMPATIBILITY},
        {TEXT("µ"), "character 1 (U+00B5)" COMPATIBILITY},
        {TEXT("ſ"), "character 1 (U+017F)" COMPATIBILITY},
        {TEXT("ǆ"), "character 1 (U+01C6)" COMPATIBILITY},
        {TEXT("ẛ"), "character 1 (U+1E9B)" COMPATIBILITY},
        {TEXT("ｱ"), "character 1 (U+FF71)" COMPATIBILITY},
        {TEXT("ﷺ"), "character 1 (U+FDFA)" NOT_ALLOWED},
        {TEXT("ㆎ"), "character 1 (U+318E)" COMPATIBILITY},
        {TEXT("ℓ"), "character 1 (U+2113)" NOT_ALLOWED},
        /* letters that are not for names */
        {TEXT("O\u02bcNeil"), "character 2 (U+02BC)" NOT_ALLOWED},
        {TEXT("ǃ"), "character 1 (U+01C3)" NOT_ALLOWED},
        {TEXT("pɑul"), "character 2 (U+0251)" NOT_ALLOWED},
        {TEXT("ɡreg"), "character 1 (U+0261)" NOT_ALLOWED},
        {TEXT("ᴀ"), "character 1 (U+1D00)" NOT_ALLOWED},
        {TEXT("ꜱ"), "character 1 (U+A731)" NOT_ALLOWED},
        {TEXT("مـ"), "character 2 (U+0640)" NOT_ALLOWED},
        {TEXT("ᄀ"), "character 1 (U+1100)" NOT_ALLOWED},
        {TEXT("한ᆨ"), "character 2 (U+11A8)" NOT_ALLOWED},
    };
    CHECK_REFUSALS(rows);
}

static void names_mixed(void **state) {
    (void)state;
    static const struct refusal rows[] = {
        {TEXT("pаypal"), "character 2 (U+0430)" OTHER_SCRIPT}, /* Cyrillic a */
        {TEXT("аdmin"), "character 2 (U+0064)" OTHER_SCRIPT},
        {TEXT("Ivan Иван"), "character 6 (U+0418)" OTHER_SCRIPT},
        {TEXT("οmega"), "character 2 (U+006D)" OTHER_SCRIPT}, /* Greek o */
        {TEXT("aա"), "character 2 (U+0561)" OTHER_SCRIPT},
        {TEXT("aא"), "character 2 (U+05D0)" OTHER_SCRIPT},
        {TEXT("aᎪ"), "character 2 (U+13AA)" OTHER_SCRIPT},
        {TEXT("aⲟ"), "character 2 (U+2C9F)" OTHER_SCRIPT}, /* Coptic: no row */
        {TEXT("aꓐ"), "character 2 (U+A4D0)" OTHER_SCRIPT}, /* Lisu: no row */
        {TEXT("शа"), "character 2 (U+0430)" OTHER_SCRIPT},
        {TEXT("名a"), "character 2 (U+0061)" OTHER_SCRIPT},
        {TEXT("한さ"), "character 2 (U+3055)" OTHER_SCRIPT},
        {TEXT("名さㄅ"), "character 3 (U+3105)" OTHER_SCRIPT},
        {TEXT("さ名한"), "character 3 (U+D55C)" OTHER_SCRIPT},
        {TEXT("नa\u0301"), "character 2 (U+00E1)" OTHER_SCRIPT},
        /* marks and digits belong to a script too */
        {TEXT("a\u064e"), "character 2 (U+064E)" OTHER_SCRIPT},
        {TEXT("名\u0301"), "character 2 (U+0301)" OTHER_SCRIPT},
        {TEXT("a\u3099"), "character 2 (U+3099)" OTHER_SCRIPT},
        {TEXT("Tom\u09ea"), "character 4 (U+09EA)" OTHER_SCRIPT}, /* like an 8 */
        {TEXT("\u09ea Tom"), "character 3 (U+0054)" OTHER_SCRIPT},
        {TEXT("\u0660\u06f0"), "character 2 (U+06F0)" OTHER_DIGIT},
        {TEXT("م1\u0662 \u06f2"), "character 5 (U+06F2)" OTHER_DIGIT},
        {TEXT("\u0967\u09e7"), "character 2 (U+09E7)" OTHER_SCRIPT},
    };
    CHECK_REFUSALS(rows);
}

static void names_with_wrong_marks(void **state) {
    (void)state;
    static const struct refusal rows[] = {
        {TEXT("\u0301a"), "character 1 (U+0301)" NO_LETTER},
        {TEXT("1\u0301"), "character 2 (U+0301)" NO_LETTER},
        {TEXT("a1\u0301"), "character 3 (U+0301)" NO_LETTER},
        {TEXT("a \u0301"), "character 3 (U+0301)" NO_LETTER},
        {TEXT("a.\u0301"), "character 3 (U+0301)" NO_LETTER},
        {TEXT("\u093e"), "character 1 (U+093E)" NO_LETTER},
        {TEXT("q\u0300\u0301\u0302\u0303\u0304"),
         "character 6 (U+0304) is one mark too many on a letter"},
        {TEXT("q\u20dd"), "character 2 (U+20DD)" NOT_ALLOWED}, /* enclosing */
        {TEXT("o\u0338"), "character 2 (U+0338)" NOT_ALLOWED}, /* looks like U+00F8 */
        {TEXT("a\u0363"), "character 2 (U+0363)" NOT_ALLOWED}, /* a letter as a mark */
        {TEXT("i\u0307"), "character 2 (U+0307)" LOOKS_LIKE},
        {TEXT("i\u0323\u0307"), "character 2 (U+0307)" LOOKS_LIKE},
        {TEXT("ı\u0307"), "character 2 (U+0307)" LOOKS_LIKE},
        {TEXT("q\u0323і\u0307"), "character 3 (U+0456)" OTHER_SCRIPT},
        {TEXT("น\u0e4d\u0e32"), "character 3 (U+0E32)" LOOKS_LIKE},
        {TEXT("น\u0e4d\u0e49\u0e32"), "character 4 (U+0E32)" LOOKS_LIKE},
        {TEXT("ນ\u0ecd\u0eb2"), "character 3 (U+0EB2)" LOOKS_LIKE},
        {TEXT("เเม"), "character 2 (U+0E40)" LOOKS_LIKE},
        {TEXT("ເເມ"), "character 2 (U+0EC0)" LOOKS_LIKE},
    };
    CHECK_REFUSALS(rows);
}

static void name_of_the_deleted(void **state) {
    (void)state;
    static const char *const same[] = {"deleted user", "Deleted User", "DELETED USER"};
    static const char *const others[] = {"deleted", "deleted users", "deletedusers"};
    char name[NAME_MAX_BYTES + 1], folded[NAME_FOLDED_MAX + 1];
    size_t len;
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        assert_int_equal(name_check(same[i], strlen(same[i]), name, &len, NULL), ERR_OK);
        assert_true(name_fold(name, len, folded, &len) && name_is_of_deleted(folded, len));
        assert_true(name_reserved(folded, len));
    }
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_false(name_reserved(others[i], strlen(others[i])));
}

static void names_that_mean_something(void **state) {
    (void)state;
    static const char *const reserved[] = {
        "server",  "Server",       "SERVER",       "s.e.r.v.e.r",
        "server.", "_server_",     "Sérvèr",       "system",
        "public",  "pubIic",       "pub1ic",       "Publiс" /* refused as mixed, too */,
        "chatd",   "Deleted_User", "deIeted user", "0",
        "-",       "-r",           "--yes",        "ѕегѵег",
        "ЅЕГѴЕГ",  "рцьӏіс",       "ѕуѕтем",       "ᏚᎬᎡᏙᎬᎡ",
        "ꓢꓰꓣꓦꓰꓣ",  "ςυςτεμ"};
    static const char *const free_ones[] = {
        "serve", "servers",  "my server", "observer", "o",    "O",   "00",     "1",
        "a-",    "republic", "Сергей",    "сервер",   "chat", "sys", "publix", "Σωκράτης"};
    char folded[NAME_FOLDED_MAX + 1];
    size_t len;
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++) {
        assert_true(name_fold(reserved[i], strlen(reserved[i]), folded, &len));
        if (!name_reserved(folded, len))
            fail_msg("free: %s", reserved[i]);
    }
    for (size_t i = 0; i < sizeof free_ones / sizeof *free_ones; i++) {
        assert_true(name_fold(free_ones[i], strlen(free_ones[i]), folded, &len));
        if (name_reserved(folded, len))
            fail_msg("reserved: %s", free_ones[i]);
    }
    assert_false(name_reserved("", 0));
}

static void names_without_err(void **state) {
    (void)state;
    char out[NAME_MAX_BYTES + 1];
    size_t len;
    assert_int_equal(name_check(TEXT("a b"), out, &len, NULL), ERR_OK);
    assert_int_equal(name_check(TEXT("a  b"), out, &len, NULL), ERR_BAD_NAME);
    assert_int_equal(name_check(TEXT(""), out, &len, NULL), ERR_BAD_NAME);
}

static size_t fold(const char *s, char out[NAME_FOLDED_MAX + 1]) {
    size_t len = 0;
    assert_true(name_fold(s, strlen(s), out, &len));
    assert_int_equal(len, strlen(out));
    return len;
}

static void names_folded(void **state) {
    (void)state;
    static const struct {
        const char *a, *b;
        bool same;
    } rows[] = {
        {"User Name", "user name", true},
        {"STRASSE", "Straße", true},
        {"ÉMILE", "émile", true},
        {"ДМИТРИЙ", "дмитрий", true},
        {"ΣΊΣΥΦΟΣ", "σίσυφος", true},
        {"ԵՒ", "և", true},
        {"Ⴀ", "ⴀ", true},
        {"Ა", "ა", true},
        {"Ꭰ", "ꭰ", true},
        {"ᾳ", "ΑΙ", true},
        {"a", "b", false},
        {"I", "ı", false},
        {"e", "é", false},
        {"ss", "s", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char a[NAME_FOLDED_MAX + 1], b[NAME_FOLDED_MAX + 1];
        fold(rows[i].a, a);
        fold(rows[i].b, b);
        if ((strcmp(a, b) == 0) != rows[i].same)
            fail_msg("%s -> %s, %s -> %s", rows[i].a, a, rows[i].b, b);
    }
}

static void names_folded_limits(void **state) {
    (void)state;
    char name[NAME_MAX_BYTES + 2], out[NAME_FOLDED_MAX + 1];
    size_t len;
    memset(name, 'A', sizeof name);
    assert_true(name_fold(name, NAME_MAX_BYTES, out, &len));
    assert_int_equal(len, NAME_MAX_BYTES);
    assert_false(name_fold(name, NAME_MAX_BYTES + 1, out, &len));
    assert_false(name_fold("\xff", 1, out, &len));
    /* three bytes to six, the most there is: 42 of them still fit */
    for (size_t i = 0; i < 42; i++)
        memcpy(name + 3 * i, "\u1fb7", 3);
    assert_true(name_fold(name, 126, out, &len));
    assert_true(len <= NAME_FOLDED_MAX);
}

/* What holds for every character that may be a name. */
static void names_every_character(void **state) {
    (void)state;
    size_t accepted = 0;
    for (uint32_t c = 0; c < 0x110000; c++) {
        char in[4], name[NAME_MAX_BYTES + 1], again[NAME_MAX_BYTES + 1];
        char folded[NAME_FOLDED_MAX + 1], twice[NAME_FOLDED_MAX + 1];
        size_t len, len2, n = put_char(c, in);
        if (name_check(in, n, name, &len, NULL))
            continue;
        accepted++;
        assert_true(utf8_valid(name, len));
        assert_int_equal(name_check(name, len, again, &len2, NULL), ERR_OK);
        assert_string_equal(name, again);
        fold(name, folded);
        fold(folded, twice);
        assert_string_equal(folded, twice);
        assert_true(strlen(folded) * 32 <= NAME_FOLDED_MAX);
        if (c < 0x80)
            assert_true((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'));
    }
    assert_in_range(accepted, 100000, 150000); /* mostly Han and Hangul */
}

static void test_text_has_no_nul(void **state) {
    (void)state;
    assert_true(text_valid("", 0));
    assert_true(text_valid(NULL, 0));
    assert_true(text_valid("a\u00e9\n", 4));
    assert_false(text_valid("a\0b", 3));
    assert_false(text_valid("abcdefghijklmn\0", 15));
    assert_false(text_valid("\xff", 1));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_has_no_nul),
        cmocka_unit_test(utf8_every_sequence),
        cmocka_unit_test(utf8_every_character),
        cmocka_unit_test(utf8_every_place),
        cmocka_unit_test(utf8_counts),
        cmocka_unit_test(messages),
        cmocka_unit_test(passwords),
        cmocka_unit_test(names_accepted),
        cmocka_unit_test(names_of_wrong_length),
        cmocka_unit_test(names_refused),
        cmocka_unit_test(names_mixed),
        cmocka_unit_test(names_with_wrong_marks),
        cmocka_unit_test(name_of_the_deleted),
        cmocka_unit_test(names_that_mean_something),
        cmocka_unit_test(names_without_err),
        cmocka_unit_test(names_folded),
        cmocka_unit_test(names_folded_limits),
        cmocka_unit_test(names_every_character),
    };
    return cmocka_run_group_tests_name("validate", tests, NULL, NULL);
}
