/* effect - see effect.h. Strings are in blocks that never move. */
#include "chattui/model/effect.h"

#include "common/base/secret.h"

#include <stdlib.h>
#include <string.h>

#define BLOCK_MIN 4096

struct effects_block {
    struct effects_block *next;
    size_t size, used;
    max_align_t data[];
};

void effects_init(struct effects *fx) {
    memset(fx, 0, sizeof *fx);
}

/* The newest block is kept, so that a quiet program allocates nothing. */
void effects_clear(struct effects *fx) {
    struct effects_block *b = fx->blocks;
    if (b) {
        for (struct effects_block *next = b->next; next; next = b->next) {
            b->next = next->next;
            secret_wipe(next->data, next->used);
            free(next);
        }
        secret_wipe(b->data, b->used);
        b->used = 0;
    }
    fx->bytes = 0;
    fx->n = 0;
    fx->overrun = false;
}

void effects_free(struct effects *fx) {
    effects_clear(fx);
    free(fx->blocks);
    fx->blocks = NULL;
}

static struct effect spare;

struct effect *effects_add(struct effects *fx, enum effect_kind kind) {
    struct effect *e = &spare;
    if (fx->n < EFFECTS_MAX)
        e = &fx->items[fx->n++];
    else
        fx->overrun = true;
    *e = (struct effect){.kind = kind, .text = "", .title = "", .name = "", .key = ""};
    return e;
}

static struct effects_block *add_block(struct effects *fx, size_t size) {
    struct effects_block *b = malloc(sizeof *b + size);
    if (!b)
        return NULL;
    b->size = size;
    b->used = 0;
    b->next = fx->blocks;
    fx->blocks = b;
    return b;
}

void *effects_room(struct effects *fx, size_t size) {
    size_t need = (size + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
    struct effects_block *b = fx->blocks;
    if (size > EFFECTS_BYTES || fx->bytes + need > EFFECTS_BYTES)
        b = NULL;
    else if (!b || b->size - b->used < need)
        b = add_block(fx, need > BLOCK_MIN ? need : BLOCK_MIN);
    if (!b) {
        fx->overrun = true;
        return NULL;
    }
    void *room = (char *)b->data + b->used;
    b->used += need;
    fx->bytes += need;
    return memset(room, 0, need);
}

char *effects_copy(struct effects *fx, const char *s, size_t len) {
    static char empty[1];
    char *copy = effects_room(fx, len + 1);
    if (!copy)
        return empty;
    if (len > 0)
        memcpy(copy, s, len);
    return copy;
}

void effects_set_input(struct effects *fx, const char *text, size_t len, size_t cursor) {
    struct effect *e = effects_add(fx, EFFECT_SET_INPUT);
    e->text = effects_copy(fx, text, len);
    e->len = len;
    e->cursor = cursor < len ? cursor : len;
}
