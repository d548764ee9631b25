/* keymap - which key does what: the defaults of ACTION_TABLE, and what the user made of them. Pure.
 */
#ifndef CHATTUI_MODEL_KEYMAP_H
#define CHATTUI_MODEL_KEYMAP_H

#include "chattui/base/action.h"
#include "chattui/base/keys.h"
#include "common/base/buf.h"

#include <stdbool.h>
#include <stddef.h>

#define KEYMAP_MAX 128

struct keymap {
    size_t n;
    struct {
        struct key key;
        enum action action;
    } rows[KEYMAP_MAX];
};

void keymap_init(struct keymap *k); /* the defaults */

/* Binds `keys` (as in ACTION_TABLE; "" = none) to an action, instead of those that it had; they no
 * longer do what they did. False: `why` says what is wrong, and nothing changed. */
bool keymap_bind(struct keymap *k, const char *action, const char *keys, char *why, size_t size);

/* Reads lines `action = keys` from a file; see pairs.h. */
bool keymap_read(struct keymap *k, const char *path, char *why, size_t size);

/* ACTION_NONE: the key does nothing of ours. */
enum action keymap_find(const struct keymap *k, struct key key);

/* Appends the keys of an action, separated by spaces. */
void keymap_keys(const struct keymap *k, enum action action, struct buf *out);

#endif
