/* keys - see keys.h. */
#include "chattui/base/keys.h"

#include "chattui/base/text.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static const char *const NAMES[] = {
#define X(sym, name) name,
    KEY_TABLE(X)
#undef X
};

static const struct {
    enum key_mods mod;
    const char *name;
} MODS[] = {{MOD_CTRL, "Ctrl"}, {MOD_ALT, "Alt"}, {MOD_SHIFT, "Shift"}};

#define N_MODS (sizeof MODS / sizeof *MODS)

bool key_eq(struct key a, struct key b) {
    return a.code == b.code && a.mods == b.mods;
}

static size_t read_mod(const char *text, uint8_t *mods) {
    for (size_t i = 0; i < N_MODS; i++) {
        size_t n = strlen(MODS[i].name);
        if (strncasecmp(text, MODS[i].name, n) == 0 && (text[n] == '+' || text[n] == '-') &&
            text[n + 1]) {
            *mods |= (uint8_t)MODS[i].mod;
            return n + 1;
        }
    }
    return 0;
}

bool key_read(const char *text, struct key *out) {
    struct key k = {0};
    for (size_t n; (n = read_mod(text, &k.mods)); text += n)
        ;
    if (text[0] > ' ' && text[0] < 0x7f && !text[1]) {
        k.code = k.mods & MOD_CTRL ? text_lower((unsigned char)*text) : (unsigned char)*text;
        *out = k;
        return !(k.mods & MOD_SHIFT);
    }
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        if (strcasecmp(text, NAMES[i]) == 0) {
            k.code = KEYCODE_FIRST + 1 + (uint32_t)i;
            *out = k;
            return true;
        }
    }
    return false;
}

void key_format(struct key k, char out[KEY_TEXT]) {
    size_t at = 0;
    out[0] = '\0';
    for (size_t i = 0; i < N_MODS; i++)
        if (k.mods & MODS[i].mod)
            at += (size_t)snprintf(out + at, KEY_TEXT - at, "%s+", MODS[i].name);
    if (k.code > KEYCODE_FIRST)
        snprintf(out + at, KEY_TEXT - at, "%s", NAMES[k.code - KEYCODE_FIRST - 1]);
    else if (k.code > ' ' && k.code < 0x7f)
        snprintf(out + at, KEY_TEXT - at, "%c",
                 k.mods & MOD_CTRL && k.code >= 'a' && k.code <= 'z' ? (int)k.code - ('a' - 'A')
                                                                     : (int)k.code);
    else
        snprintf(out + at, KEY_TEXT - at, "U+%04X", (unsigned)k.code);
}

size_t key_sequence(struct key k, char out[KEY_TEXT]) {
    /* clang-format off */
    static const struct {
        enum key_code code;
        int number; /* CSI number ~, or else CSI final */
        char final;
    } KEYS[] = {
        {KEYCODE_UP, 1, 'A'},       {KEYCODE_DOWN, 1, 'B'},      {KEYCODE_RIGHT, 1, 'C'},
        {KEYCODE_LEFT, 1, 'D'},     {KEYCODE_HOME, 1, 'H'},      {KEYCODE_END, 1, 'F'},
        {KEYCODE_INSERT, 2, '~'},   {KEYCODE_DELETE, 3, '~'},    {KEYCODE_PAGE_UP, 5, '~'},
        {KEYCODE_PAGE_DOWN, 6, '~'},
    };
    /* clang-format on */
    int mods =
        1 + (k.mods & MOD_SHIFT ? 1 : 0) + (k.mods & MOD_ALT ? 2 : 0) + (k.mods & MOD_CTRL ? 4 : 0);
    for (size_t i = 0; i < sizeof KEYS / sizeof *KEYS; i++) {
        if (k.code != KEYS[i].code)
            continue;
        if (mods > 1)
            return (size_t)snprintf(out, KEY_TEXT, "\033[%d;%d%c", KEYS[i].number, mods,
                                    KEYS[i].final);
        if (KEYS[i].final == '~')
            return (size_t)snprintf(out, KEY_TEXT, "\033[%d~", KEYS[i].number);
        return (size_t)snprintf(out, KEY_TEXT, "\033[%c", KEYS[i].final);
    }
    return 0;
}
