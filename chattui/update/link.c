/* link - opening the links of messages in a browser. */
#include "chattui/base/match.h"
#include "chattui/update/internal.h"

void link_open(struct model *m, struct effects *fx, const char *link, size_t len) {
    struct effect *e = effects_add(fx, EFFECT_OPEN_URL);
    e->text = effects_copy(fx, link, len);
    e->len = len;
    model_say(m, false, "opening %.*s", (int)len, link);
}

void link_open_newest(struct model *m, struct effects *fx) {
    const struct timeline *t = &model_current(m)->timeline;
    for (size_t i = t->n; i > 0; i--) {
        const struct row *r = t->rows[i - 1];
        size_t at = 0, len, last_len = 0;
        const char *link, *last = NULL;
        while (r->kind == ROW_MESSAGE && (link = match_link(row_text(r), r->text_len, &at, &len))) {
            last = link;
            last_len = len;
        }
        if (last) {
            link_open(m, fx, last, last_len);
            return;
        }
    }
    model_say(m, false, "no link in this channel");
}
