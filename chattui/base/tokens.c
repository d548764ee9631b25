/* tokens - see tokens.h. */
#include "chattui/base/tokens.h"

#include "chattui/base/text.h"

#include <string.h>

#define ESC '\033'
#define BEL '\a'
#define ESCAPE_MS 50 /* as tmux and vis: a sequence comes in one piece but over a bad link */
#define PASTE_MS 1000
#define BURST_MS 100   /* for the next piece of a paste that has no brackets */
#define ANSWER_MS 1000 /* for the rest of what has begun as no hand types */
#define PARAMS_MAX 4
#define BURST_LINES 3 /* two may be typed ahead, where the terminal or its link is slow */
#define STRING_BODY 3 /* bytes of a string by which it is more than Alt+] */

static const char PASTE_END[] = "\033[201~";

/* Behind ESC they begin a string: DCS, SOS, OSC, PM, APC. */
static const char STRING_BEGINS[] = "PX]^_";

static void feed(struct tokens *t, unsigned char c);

/* --- Handing out --- */

static void emit_key(struct tokens *t, uint32_t code, unsigned mods) {
    struct token token = {.kind = TOKEN_KEY,
                          .key = {code, (uint8_t)(mods | (t->alt ? MOD_ALT : 0u))},
                          .bytes = t->seq,
                          .len = t->len};
    t->state = TOKENS_GROUND;
    t->alt = false;
    t->fn(&token, t->arg);
    t->len = 0;
}

/* The bytes under way are no token. */
static void forget(struct tokens *t) {
    t->state = TOKENS_GROUND;
    t->alt = false;
    t->len = 0;
}

static void emit_paste(struct tokens *t, bool ended) {
    const char *text = buf_cstr(&t->paste);
    struct token token = {.kind = TOKEN_PASTE,
                          .bytes = text,
                          .len = t->paste.failed ? 0 : t->paste.len,
                          .cut = !ended || t->overflown};
    t->state = TOKENS_GROUND;
    t->fn(&token, t->arg);
    buf_free(&t->paste); /* a long one needn't stay in memory */
}

static void emit_focus(struct tokens *t, bool on) {
    struct token token = {.kind = TOKEN_FOCUS, .on = on};
    forget(t);
    t->fn(&token, t->arg);
}

static void emit_mouse(struct tokens *t, const int *params, bool on) {
    struct token token = {.kind = TOKEN_MOUSE,
                          .button = params[0],
                          .column = params[1] - 1,
                          .row = params[2] - 1,
                          .on = on};
    forget(t);
    t->fn(&token, t->arg);
}

/* --- Characters --- */

/* A byte that is a key by itself. */
static void control(struct tokens *t, unsigned char c) {
    static const struct {
        unsigned char byte;
        enum key_code code;
    } KEYS[] = {
        {'\t', KEYCODE_TAB},
        {'\r', KEYCODE_ENTER},
        {0x7f, KEYCODE_BACKSPACE},
        {' ', KEYCODE_SPACE},
    };
    for (size_t i = 0; i < sizeof KEYS / sizeof *KEYS; i++) {
        if (c == KEYS[i].byte) {
            emit_key(t, KEYS[i].code, 0);
            return;
        }
    }
    if (c == 0)
        emit_key(t, KEYCODE_SPACE, MOD_CTRL);
    else if (c < ' ')
        emit_key(t, text_lower(c | 0x40u), MOD_CTRL);
    else
        emit_key(t, c, 0);
}

static size_t char_length(unsigned char first) {
    if (first >= 0xf0 && first < 0xf5)
        return 4;
    if (first >= 0xe0)
        return 3;
    return first >= 0xc2 ? 2 : 1;
}

static void begin_char(struct tokens *t, unsigned char c) {
    t->want = c >= 0xf5 ? 1 : char_length(c);
    t->seq[t->len++] = (char)c;
    if (c >= 0x80 && t->want == 1) /* begins no character: nothing to hand on */
        forget(t);
    else if (t->want == 1)
        control(t, c);
    else
        t->state = TOKENS_CHAR;
}

/* The sequence so far is one character, behind an ESC if it is an Alt key's. */
static void end_char(struct tokens *t) {
    const unsigned char *s = (const unsigned char *)t->seq + t->len - t->want;
    uint32_t c = *s & (0xffu >> (t->want + 1));
    for (size_t i = 1; i < t->want; i++)
        c = c << 6 | (s[i] & 0x3f);
    emit_key(t, c, 0);
}

/* --- Sequences --- */

/* SS3 (ESC O x) and CSI with a letter at its end. */
static uint32_t letter_key(char final) {
    static const struct {
        char final;
        enum key_code code;
    } KEYS[] = {
        {'A', KEYCODE_UP},   {'B', KEYCODE_DOWN}, {'C', KEYCODE_RIGHT}, {'D', KEYCODE_LEFT},
        {'H', KEYCODE_HOME}, {'F', KEYCODE_END},  {'P', KEYCODE_F1},    {'Q', KEYCODE_F2},
        {'R', KEYCODE_F3},   {'S', KEYCODE_F4},   {'M', KEYCODE_ENTER}, {'Z', KEYCODE_TAB},
    };
    for (size_t i = 0; i < sizeof KEYS / sizeof *KEYS; i++)
        if (final == KEYS[i].final)
            return KEYS[i].code;
    return KEYCODE_NONE;
}

/* CSI n ~ */
static uint32_t number_key(int n) {
    static const struct {
        int first, last;
        enum key_code code;
    } KEYS[] = {
        {1, 1, KEYCODE_HOME}, {2, 2, KEYCODE_INSERT},  {3, 3, KEYCODE_DELETE},
        {4, 4, KEYCODE_END},  {5, 5, KEYCODE_PAGE_UP}, {6, 6, KEYCODE_PAGE_DOWN},
        {7, 7, KEYCODE_HOME}, {8, 8, KEYCODE_END},     {11, 15, KEYCODE_F1},
        {17, 21, KEYCODE_F6}, {23, 24, KEYCODE_F11},
    };
    for (size_t i = 0; i < sizeof KEYS / sizeof *KEYS; i++)
        if (n >= KEYS[i].first && n <= KEYS[i].last)
            return KEYS[i].code + (uint32_t)(n - KEYS[i].first);
    return KEYCODE_NONE;
}

/* xterm's modifier parameter: 1 + a bit each for Shift, Alt, Ctrl, Meta. */
static unsigned modifiers(int param) {
    unsigned bits = param > 1 ? (unsigned)param - 1 : 0;
    return (bits & 1 ? MOD_SHIFT : 0u) | (bits & (2 | 8) ? MOD_ALT : 0u) |
           (bits & 4 ? MOD_CTRL : 0u);
}

/* A character with modifiers, as CSI u and modifyOtherKeys send it. Readline doesn't know these
 * sequences: it is handed the byte that the key has always sent. */
static void coded_key(struct tokens *t, int code, int mods_param) {
    unsigned mods = modifiers(mods_param);
    uint32_t c = code > 0 && code < KEYCODE_FIRST ? (uint32_t)code : 0;
    if (c == 0 || c >= 0x80) {
        emit_key(t, KEYCODE_NONE, 0);
        return;
    }
    t->len = 0;
    if (mods & MOD_ALT)
        t->seq[t->len++] = ESC;
    t->alt = (mods & MOD_ALT) != 0;
    t->seq[t->len++] = (char)(mods & MOD_CTRL && c >= '@' ? c & 0x1f : c);
    if (c == '\r' || c == '\t' || c == ' ' || c == 0x7f) {
        uint32_t named = KEYCODE_BACKSPACE;
        if (c == '\r')
            named = KEYCODE_ENTER;
        else if (c == '\t')
            named = KEYCODE_TAB;
        else if (c == ' ')
            named = KEYCODE_SPACE;
        emit_key(t, named, mods & ~(unsigned)MOD_ALT);
    } else if (c == 0x1b)
        emit_key(t, KEYCODE_ESCAPE, 0);
    else
        emit_key(t, mods & MOD_CTRL ? text_lower(c) : c, mods & MOD_CTRL);
}

/* The numbers of `CSI [<] n ; n ; n x`; those that are not there are 0. Returns how many. */
static size_t read_params(const char *s, size_t len, int params[PARAMS_MAX]) {
    size_t n = 0;
    memset(params, 0, PARAMS_MAX * sizeof *params);
    for (size_t i = 0; i < len && n < PARAMS_MAX; i++) {
        if (s[i] >= '0' && s[i] <= '9') {
            if (params[n] < 1000000)
                params[n] = params[n] * 10 + (s[i] - '0');
        } else if (s[i] == ';')
            n++;
    }
    return n < PARAMS_MAX ? n + 1 : n;
}

static void begin_paste(struct tokens *t) {
    forget(t);
    t->state = TOKENS_PASTE;
    t->matched = 0;
    t->overflown = false;
}

static void tilde(struct tokens *t, const int *params) {
    if (params[0] == 200)
        begin_paste(t);
    else if (params[0] == 201) /* the end of a paste that was given up */
        forget(t);
    else if (params[0] == 27)
        coded_key(t, params[2], params[1]);
    else
        emit_key(t, number_key(params[0]), modifiers(params[1]));
}

/* An answer of the terminal, not a key: what is asked for in private, reports with intermediate
 * bytes (a `$` at the very end is rxvt's Shift), and positions of the cursor, which look like F3.
 */
static bool is_answer(const char *body, size_t len, char final, const int *params) {
    if (len && strchr("<=>?", body[0]))
        return true;
    for (size_t i = 0; i < len; i++)
        if (body[i] >= ' ' && body[i] <= '/')
            return true;
    return final == 'R' && params[0] > 1;
}

/* Is the sequence in seq, behind an ESC of its own, one that terminfo told of? */
static bool emit_learned(struct tokens *t) {
    size_t from = t->alt ? 1 : 0;
    for (size_t i = 0; i < t->nlearned; i++) {
        const struct learned *l = &t->learned[i];
        if (strlen(l->bytes) == t->len - from &&
            memcmp(l->bytes, t->seq + from, t->len - from) == 0) {
            emit_key(t, l->key.code, l->key.mods);
            return true;
        }
    }
    return false;
}

/* A whole CSI sequence is in seq. */
static void end_csi(struct tokens *t) {
    if (emit_learned(t))
        return;
    size_t from = t->alt ? 3 : 2;
    char final = t->seq[t->len - 1];
    int params[PARAMS_MAX];
    const char *body = t->seq + from;
    size_t len = t->len - from - 1, n = read_params(body, len, params);
    if (len && body[0] == '<' && (final == 'M' || final == 'm') && n == 3)
        emit_mouse(t, params, final == 'M');
    else if (is_answer(body, len, final, params))
        emit_key(t, KEYCODE_NONE, 0);
    else if (len == 0 && (final == 'I' || final == 'O'))
        emit_focus(t, final == 'I');
    else if (len && body[0] == '[') /* the Linux console's F1 … F5: CSI [ A */
        emit_key(t, final >= 'A' && final <= 'E' ? KEYCODE_F1 + (uint32_t)(final - 'A') : 0, 0);
    else if (final == '~')
        tilde(t, params);
    else if (final == '^' || final == '$' || final == '@') /* rxvt's Ctrl, Shift, both */
        emit_key(t, number_key(params[0]),
                 (final != '$' ? MOD_CTRL : 0u) | (final != '^' ? MOD_SHIFT : 0u));
    else if (final == 'u')
        coded_key(t, params[0], params[1]);
    else if (len == 0 && final >= 'a' && final <= 'd') /* rxvt's Shift+Up … */
        emit_key(t, letter_key((char)(final - ('a' - 'A'))), MOD_SHIFT);
    else
        emit_key(t, letter_key(final), final == 'Z' ? MOD_SHIFT : modifiers(params[1]));
}

/* rxvt ends Shift+PgUp, CSI 5 $, in what is an intermediate byte elsewhere: CSI ? 1 ; 2 $ y. */
static bool is_rxvt_shift(const struct tokens *t, size_t from) {
    for (size_t i = from; i + 1 < t->len; i++)
        if (t->seq[i] < '0' || t->seq[i] > '9')
            return false;
    return t->seq[t->len - 1] == '$' && t->len - 1 > from;
}

static void in_csi(struct tokens *t, unsigned char c) {
    size_t from = t->alt ? 3 : 2;
    bool console = t->len == from && c == '[';
    bool final = c >= 0x40 && !console;
    if (c < ' ' || c >= 0x7f || (final && t->len == SEQUENCE_MAX - 1)) { /* none of a key */
        forget(t);
        if (c == ESC)
            feed(t, c);
    } else if (t->len < SEQUENCE_MAX - 1) { /* a longer one is swallowed to its end */
        t->seq[t->len++] = (char)c;
        if (final || is_rxvt_shift(t, from))
            end_csi(t);
    }
}

/* ESC O x; rxvt's Ctrl is a lower letter, that of others a number before it: ESC O 5 C. */
static void in_ss3(struct tokens *t, unsigned char c) {
    size_t from = t->alt ? 3 : 2;
    t->seq[t->len++] = (char)c;
    if (c < ' ' || c >= 0x7f) { /* Alt+O, and a key behind it that came at once */
        t->len--;
        emit_key(t, 'O', MOD_ALT);
        feed(t, c);
        return;
    }
    if (c >= '0' && c <= '9' && t->len - 1 == from)
        return;
    int param = t->len - 1 > from ? t->seq[from] - '0' : 1;
    bool lower_case = c >= 'a' && c <= 'd';
    if (!emit_learned(t))
        emit_key(t, letter_key((char)(lower_case ? c - ('a' - 'A') : c)),
                 lower_case ? MOD_CTRL : modifiers(param));
}

/* The first ESC of two was a key. */
static void end_first_escape(struct tokens *t) {
    t->len = 1;
    emit_key(t, KEYCODE_ESCAPE, 0);
    t->seq[t->len++] = ESC;
}

static void in_escape(struct tokens *t, unsigned char c) {
    if (c == ESC && t->len == 1) { /* ESC ESC [ A: Alt+Up of some; else two of them */
        t->seq[t->len++] = ESC;
        return;
    }
    bool twice = t->len == 2;
    if (c == '[' || c == 'O') {
        t->seq[t->len++] = (char)c;
        t->alt = twice;
        t->state = c == '[' ? TOKENS_CSI : TOKENS_SS3;
    } else if (strchr(STRING_BEGINS, c) && c) {
        if (twice)
            end_first_escape(t);
        t->seq[t->len++] = (char)c;
        t->state = TOKENS_STRING;
    } else if (c == ESC) { /* a third: the first was a key */
        t->len = 1;
        emit_key(t, KEYCODE_ESCAPE, 0);
        memset(t->seq, ESC, 2);
        t->len = 2;
        t->state = TOKENS_ESCAPE;
    } else {
        if (twice)
            end_first_escape(t);
        t->seq[t->len] = (char)c;
        t->len++;
        if (emit_learned(t)) /* old terminals: ESC A */
            return;
        t->len--;
        t->alt = true;
        begin_char(t, c);
    }
}

/* Of a string nothing is kept but that something has come. Another control than its end belongs to
 * what somebody types: the string was none, or broke off. */
static void in_string(struct tokens *t, unsigned char c) {
    if (c == ESC) {
        t->state = TOKENS_STRING_ESC;
    } else if (c == BEL) {
        forget(t);
    } else if (c < ' ') {
        forget(t);
        feed(t, c);
    } else
        t->len = STRING_BODY;
}

static void in_string_escape(struct tokens *t, unsigned char c) {
    forget(t);
    if (c == '\\')
        return;
    feed(t, ESC);
    feed(t, c);
}

/* --- Pastes --- */

static void paste_add(struct tokens *t, const char *bytes, size_t n) {
    if (n > PASTE_MAX - t->paste.len) {
        n = PASTE_MAX - t->paste.len;
        t->overflown = true;
    }
    buf_add(&t->paste, bytes, n);
}

static void in_paste(struct tokens *t, char c) {
    if (c == PASTE_END[t->matched]) {
        if (!PASTE_END[++t->matched])
            emit_paste(t, true);
        return;
    }
    paste_add(t, PASTE_END, t->matched); /* it only began like the end */
    t->matched = c == ESC;
    if (c != ESC)
        paste_add(t, &c, 1);
}

/* --- Pastes without brackets, of terminals that have none --- */

static size_t count_to_escape(const char *bytes, size_t n) {
    const char *escape = memchr(bytes, ESC, n);
    return escape ? (size_t)(escape - bytes) : n;
}

static bool is_line_end(const char *bytes, size_t i) {
    return bytes[i] == '\r' || (bytes[i] == '\n' && (i == 0 || bytes[i - 1] != '\r'));
}

/* Hands don't write whole lines between two looks at the terminal: bytes that have come at once
 * and hold several ends of lines, with text behind the first, were pasted. */
static bool is_pasted(const char *bytes, size_t n) {
    size_t ends = 0;
    bool text_behind = false;
    for (size_t i = 0; i < n; i++) {
        if (is_line_end(bytes, i))
            ends++;
        else if (ends && (unsigned char)bytes[i] > ' ')
            text_behind = true;
    }
    return ends >= BURST_LINES && text_behind;
}

static void begin_burst(struct tokens *t) {
    begin_paste(t);
    t->state = TOKENS_BURST;
}

/* --- The machine --- */

static void feed(struct tokens *t, unsigned char c) {
    switch (t->state) {
    case TOKENS_GROUND:
        if (c == ESC) {
            t->seq[t->len++] = ESC;
            t->state = TOKENS_ESCAPE;
        } else
            begin_char(t, c);
        break;
    case TOKENS_CHAR:
        if ((c & 0xc0) != 0x80) { /* the character broke off: forget it */
            forget(t);
            feed(t, c);
            break;
        }
        t->seq[t->len++] = (char)c;
        if (t->len - (t->alt ? 1 : 0) == t->want)
            end_char(t);
        break;
    case TOKENS_ESCAPE:
        in_escape(t, c);
        break;
    case TOKENS_SS3:
        in_ss3(t, c);
        break;
    case TOKENS_CSI:
        in_csi(t, c);
        break;
    case TOKENS_STRING:
        in_string(t, c);
        break;
    case TOKENS_STRING_ESC:
        in_string_escape(t, c);
        break;
    case TOKENS_PASTE:
        in_paste(t, (char)c);
        break;
    case TOKENS_BURST: /* a key follows */
        emit_paste(t, true);
        feed(t, c);
        break;
    }
}

void tokens_init(struct tokens *t, token_fn *fn, void *arg) {
    *t = (struct tokens){.fn = fn, .arg = arg};
    buf_init(&t->paste, PASTE_MAX + 1);
}

void tokens_learn(struct tokens *t, const char *bytes, struct key key) {
    struct learned *l = &t->learned[t->nlearned];
    size_t len = strlen(bytes);
    if (t->nlearned == LEARNED_MAX || len < 2 || len >= sizeof l->bytes || bytes[0] != ESC)
        return;
    memcpy(l->bytes, bytes, len + 1);
    l->key = key;
    t->nlearned++;
}

void tokens_free(struct tokens *t) {
    buf_free(&t->paste);
}

/* `end`: where the run of bytes without an ESC ends. Returns how many are taken as pasted. */
static size_t feed_burst(struct tokens *t, const char *bytes, size_t i, size_t end) {
    if (t->state == TOKENS_GROUND && is_pasted(bytes + i, end - i))
        begin_burst(t);
    if (t->state != TOKENS_BURST)
        return 0;
    paste_add(t, bytes + i, end - i);
    return end - i;
}

void tokens_feed(struct tokens *t, const char *bytes, size_t n) {
    size_t end = 0;
    for (size_t i = 0; i < n; i++) {
        bool run = t->state == TOKENS_BURST || (t->state == TOKENS_GROUND && i >= end);
        if (run) {
            end = i + count_to_escape(bytes + i, n - i);
            i += feed_burst(t, bytes, i, end);
        }
        if (i < n)
            feed(t, (unsigned char)bytes[i]);
    }
}

/* No more than the two bytes of a key with Alt have come. */
static bool may_be_alt(const struct tokens *t) {
    return t->len == (t->alt ? 3u : 2u);
}

unsigned tokens_waiting(const struct tokens *t) {
    switch (t->state) {
    case TOKENS_GROUND:
        return 0;
    case TOKENS_PASTE:
        return PASTE_MS;
    case TOKENS_BURST:
        return BURST_MS;
    case TOKENS_CSI:
    case TOKENS_STRING:
        return may_be_alt(t) ? ESCAPE_MS : ANSWER_MS;
    default:
        return ESCAPE_MS;
    }
}

void tokens_timeout(struct tokens *t) {
    switch (t->state) {
    case TOKENS_GROUND:
        break;
    case TOKENS_CHAR:
        forget(t);
        break;
    case TOKENS_ESCAPE:
        t->alt = t->len == 2;
        emit_key(t, KEYCODE_ESCAPE, 0);
        break;
    case TOKENS_SS3:
    case TOKENS_CSI:
    case TOKENS_STRING: /* Alt+O, Alt+[ and Alt+], when nothing came behind */
        if (may_be_alt(t))
            emit_key(t, (unsigned char)t->seq[t->len - 1], MOD_ALT);
        else
            forget(t);
        break;
    case TOKENS_STRING_ESC: /* the string never ended, and the ESC is a key's */
        forget(t);
        feed(t, ESC);
        break;
    case TOKENS_PASTE:
        paste_add(t, PASTE_END, t->matched);
        emit_paste(t, false);
        break;
    case TOKENS_BURST:
        emit_paste(t, true);
        break;
    }
}
