/* keymap - see keymap.h. */
#include "chattui/model/keymap.h"

#include "chattui/base/pairs.h"

#include <stdio.h>
#include <string.h>

#define KEYS_SIZE 128

static void unbind_key(struct keymap *k, struct key key) {
    size_t kept = 0;
    for (size_t i = 0; i < k->n; i++)
        if (!key_eq(k->rows[i].key, key))
            k->rows[kept++] = k->rows[i];
    k->n = kept;
}

static void unbind_action(struct keymap *k, enum action action) {
    size_t kept = 0;
    for (size_t i = 0; i < k->n; i++)
        if (k->rows[i].action != action)
            k->rows[kept++] = k->rows[i];
    k->n = kept;
}

static bool bind_keys(struct keymap *k, enum action action, const char *keys, char *why,
                      size_t size) {
    char words[KEYS_SIZE], *save, *word;
    size_t len = strlen(keys);
    if (len >= sizeof words) {
        snprintf(why, size, "too many keys");
        return false;
    }
    memcpy(words, keys, len + 1);
    for (word = strtok_r(words, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
        struct key key;
        if (!key_read(word, &key)) {
            snprintf(why, size, "\"%s\" is no key: such as F2, Alt+x, Ctrl+N, Shift+Tab", word);
            return false;
        }
        unbind_key(k, key);
        if (k->n < KEYMAP_MAX) {
            k->rows[k->n].key = key;
            k->rows[k->n++].action = action;
        }
    }
    return true;
}

void keymap_init(struct keymap *k) {
    char why[1];
    k->n = 0;
    for (enum action a = ACTION_NONE + 1; a < ACTIONS; a++)
        bind_keys(k, a, action_def(a)->keys, why, sizeof why);
}

bool keymap_bind(struct keymap *k, const char *action, const char *keys, char *why, size_t size) {
    struct keymap changed = *k;
    enum action a = action_find(action);
    if (a == ACTION_NONE) {
        snprintf(why, size, "there is no action \"%s\"", action);
        return false;
    }
    unbind_action(&changed, a);
    if (!bind_keys(&changed, a, keys, why, size))
        return false;
    *k = changed;
    return true;
}

static bool bind_pair(void *arg, const char *name, const char *value, char *why, size_t size) {
    return keymap_bind(arg, name, value, why, size);
}

bool keymap_read(struct keymap *k, const char *path, char *why, size_t size) {
    return pairs_read(path, bind_pair, k, why, size);
}

enum action keymap_find(const struct keymap *k, struct key key) {
    for (size_t i = 0; i < k->n; i++)
        if (key_eq(k->rows[i].key, key))
            return k->rows[i].action;
    return ACTION_NONE;
}

void keymap_keys(const struct keymap *k, enum action action, struct buf *out) {
    char text[KEY_TEXT];
    for (size_t i = 0, n = 0; i < k->n; i++) {
        if (k->rows[i].action != action)
            continue;
        key_format(k->rows[i].key, text);
        buf_fmt(out, "%s%s", n++ ? " " : "", text);
    }
}
