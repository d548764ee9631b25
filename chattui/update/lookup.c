/* lookup - a user by name, asked of the server page by page if the name is not known here: for
 * /join and /msg.
 */
#include "chattui/update/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOOKUP_PAGES 50

void lookup_end(struct model *m) {
    free(m->lookup.text);
    memset(&m->lookup, 0, sizeof m->lookup);
}

static void found_user(struct model *m, struct effects *fx, const struct person *p) {
    struct recipient to = {.user = p->uuid};
    struct lookup *l = &m->lookup;
    struct conversation *c = l->text ? model_open(m, &to, p->name) : NULL;
    if (!l->text) {
        conversation_talk_to(m, fx, &to, p->name);
    } else if (!c) {
        model_say(m, true, "there is no room for another channel: /part one of the list");
    } else {
        if (c->join == JOIN_NONE || c->join == JOIN_REFUSED)
            c->join = JOIN_WANTED;
        if (!outbox_enter(m, fx, c, &l->uuid, l->text, strlen(l->text)))
            conversation_set_draft(m, c, l->text, strlen(l->text), strlen(l->text));
        else
            model_say(m, false, "to %s: see channel %zu", p->name, model_index(m, c) + 1);
        conversation_changed(m, c);
    }
    lookup_end(m);
}

void lookup_begin(struct model *m, struct effects *fx, const char *name, const char *text,
                  const struct uuid *uuid) {
    struct lookup *l = &m->lookup;
    lookup_end(m);
    snprintf(l->name, sizeof l->name, "%s", name);
    l->text = text ? strdup(text) : NULL;
    l->uuid = *uuid;
    const struct person *p = roster_find(&m->roster, name, strlen(name));
    if (p) {
        found_user(m, fx, p);
    } else if (m->conn.state != CONN_ONLINE || !ask_users(m, fx, ASK_LOOKUP, 0)) {
        model_say(m, true, "%s is not known here, and the server can't be asked now", name);
        lookup_end(m);
    }
}

void lookup_users(struct model *m, const struct response *a, struct effects *fx) {
    struct lookup *l = &m->lookup;
    if (!*l->name)
        return;
    const struct person *p = roster_find(&m->roster, l->name, strlen(l->name));
    uint64_t seen = l->offset + a->u.users.n;
    if (p) {
        found_user(m, fx, p);
    } else if (a->u.users.n > 0 && seen < a->u.users.total &&
               seen < (uint64_t)LOOKUP_PAGES * USERS_PAGE_MAX) {
        l->offset = (uint32_t)seen;
        if (!ask_users(m, fx, ASK_LOOKUP, l->offset))
            lookup_end(m);
    } else {
        model_say(m, true, "there is no user %s", l->name);
        lookup_end(m);
    }
}
