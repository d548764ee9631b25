/* tokens - the bytes of a terminal, taken apart: keys with their modifiers, pastes, mouse and
 * focus.
 *
 * It stands in front of readline, which would freeze in a bracketed paste that never ends and knows
 * neither mouse nor focus. Pure: it has no clock; its caller says when enough time has
 * passed (tokens_waiting, tokens_timeout). Every token carries the bytes that it was made of, so
 * that an unclaimed one can be handed on to readline as it came.
 *
 * Understood: UTF-8, C0 controls, ESC x as Alt+x, CSI and SS3 sequences of xterm, VTE, the Linux
 * console, rxvt and tmux (modifiers in the second parameter, CSI u, modifyOtherKeys), bracketed
 * paste, focus events (1004) and SGR mouse reports (1006). The terminal's answers to questions of
 * a program before us (OSC, DCS, APC, PM, SOS; CSI that no key sends) are swallowed.
 */
#ifndef CHATTUI_BASE_TOKENS_H
#define CHATTUI_BASE_TOKENS_H

#include "chattui/base/keys.h"
#include "common/base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum token_kind { TOKEN_KEY, TOKEN_PASTE, TOKEN_MOUSE, TOKEN_FOCUS };

struct token {
    enum token_kind kind;
    struct key key;    /* TOKEN_KEY */
    const char *bytes; /* TOKEN_KEY: as they came; TOKEN_PASTE: the text. Valid during the call */
    size_t len;
    bool cut;                /* TOKEN_PASTE: it never ended, or was longer than PASTE_MAX */
    int button, column, row; /* TOKEN_MOUSE: SGR's button, from 0 */
    bool on;                 /* TOKEN_MOUSE: pressed; TOKEN_FOCUS: the terminal has the focus */
};

typedef void token_fn(const struct token *t, void *arg);

#define PASTE_MAX (1u << 20) /* bytes; the rest is dropped */
#define SEQUENCE_MAX 64

/* A sequence that this terminal sends for a key, as terminfo has it. */
#define LEARNED_MAX 128
struct learned {
    char bytes[16];
    struct key key;
};

enum tokens_state {
    TOKENS_GROUND,
    TOKENS_CHAR,
    TOKENS_ESCAPE,
    TOKENS_SS3,
    TOKENS_CSI,
    TOKENS_STRING,     /* OSC, DCS, APC, PM or SOS: up to ST or BEL */
    TOKENS_STRING_ESC, /* … and an ESC in it, the first half of ST */
    TOKENS_PASTE,
    TOKENS_BURST /* a paste without brackets: see tokens_feed */
};

struct tokens {
    enum tokens_state state;
    char seq[SEQUENCE_MAX]; /* of the token under way, so far */
    size_t len, want;       /* want: the length of the character under way */
    bool alt;               /* TOKENS_CHAR, _SS3, _CSI: an ESC of its own came before */
    struct buf paste;
    size_t matched; /* of the paste's end mark */
    bool overflown;
    struct learned learned[LEARNED_MAX];
    size_t nlearned;
    token_fn *fn;
    void *arg;
};

void tokens_init(struct tokens *t, token_fn *fn, void *arg);
void tokens_free(struct tokens *t); /* wipes nothing: see secret.h for what must be */

/* This sequence is that key, whatever it would be else. Those that don't begin with ESC are not
 * taken: they are characters of others' lines. */
void tokens_learn(struct tokens *t, const char *bytes, struct key key);

/* Takes the bytes of one read() and hands out each token that they complete. Several lines in one
 * read are a paste, though there are no brackets around them; it ends where no more comes. */
void tokens_feed(struct tokens *t, const char *bytes, size_t n);

/* How long to wait for more before tokens_timeout, ms; 0 = nothing is under way. */
unsigned tokens_waiting(const struct tokens *t);
/* Nothing more came: a lone ESC is a key, an open paste ends. */
void tokens_timeout(struct tokens *t);

#endif
