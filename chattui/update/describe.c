/* describe - see describe.h. */
#include "chattui/update/describe.h"

#include "chattui/base/action.h"
#include "chattui/update/slash.h"

#include <string.h>

#define KEYS_MAX 1024
#define COMMAND_COLS 19 /* of a command with its arguments in the help, at least */

static void describe_gap(struct buf *out, const struct row *r) {
    uint64_t n = r->u.gap.to - r->place.seq - 1;
    const char *s = n == 1 ? "" : "s";
    unsigned long long count = n;
    if (r->level == GAP_REMOVED)
        buf_fmt(out, "%llu message%s removed on the server", count, s);
    else if (r->level == GAP_LOST)
        buf_fmt(out, "up to %llu message%s missing here, and no longer to be had", count, s);
    else if (r->flags & ROW_ASKED)
        buf_fmt(out, "loading up to %llu message%s ...", count, s);
    else
        buf_fmt(out, "up to %llu message%s not loaded yet", count, s);
}

void describe_row(struct buf *out, const struct row *r) {
    if (r->kind == ROW_GAP)
        describe_gap(out, r);
    else if (r->kind == ROW_EPOCH)
        buf_str(out, "the server's numbering began anew: what is above may be incomplete there");
}

const char *describe_top(enum timeline_top top) {
    static const char *const TEXTS[] = {
        [TOP_UNKNOWN] = "",
        [TOP_MORE] = "older messages: PgUp",
        [TOP_LOADING] = "loading older messages ...",
        [TOP_START] = "the beginning of the conversation",
        [TOP_REMOVED] = "older messages were removed on the server",
        [TOP_LOST] = "older messages can't be loaded: the server's numbering began anew",
        [TOP_FULL] = "there is no room here for older messages",
    };
    return TEXTS[top];
}

static void describe_ready(struct buf *out, const struct model *m) {
    buf_str(out,
            m->conn.state == CONN_ONLINE ? "waiting for its turn" : "waiting for the connection");
}

void describe_pending(struct buf *out, const struct model *m, const struct row *r) {
    const struct outbox_entry *entry = outbox_find(&m->outbox, &r->u.message.uuid);
    switch (entry ? entry->state : OUT_READY) {
    case OUT_SAVING:
    case OUT_READY:
        describe_ready(out, m);
        break;
    case OUT_SENT:
        buf_str(out, "sending");
        break;
    case OUT_WAIT:
        buf_fmt(out, "trying again: %s", entry->why);
        break;
    case OUT_CHECK:
        buf_str(out, "finding out whether it was stored");
        break;
    case OUT_FAILED:
        buf_fmt(out, "not sent: %s - /retry or /discard", entry->why);
        break;
    }
}

void describe_conn_state(struct buf *out, const struct model *m) {
    const struct conn *n = &m->conn;
    if (n->state == CONN_WAITING) {
        uint64_t left = n->retry_ms > m->now_ms ? n->retry_ms - m->now_ms : 0;
        buf_fmt(out, "reconnecting in %llu s", (unsigned long long)((left + 999) / 1000));
    } else {
        buf_str(out, model_conn_text(n->state));
    }
}

const char *describe_trouble(const struct model *m) {
    return m->conn.state == CONN_ONLINE ? "" : m->conn.trouble;
}

void describe_conn(struct buf *out, const struct model *m) {
    const char *trouble = describe_trouble(m);
    describe_conn_state(out, m);
    if (*trouble)
        buf_fmt(out, ": %s", trouble);
}

/* A series by its ends: "Alt+1 ... Alt+9". */
static void describe_keys(struct buf *out, const struct keymap *keymap) {
    struct buf keys;
    buf_init(&keys, KEYS_MAX);
    buf_str(out, "Keys\n");
    for (enum action a = ACTION_NONE + 1, last; a < ACTIONS; a = last + 1) {
        for (last = a; last + 1 < ACTIONS && !*action_def(last + 1)->help; last++)
            ;
        keymap_keys(keymap, a, &keys);
        if (last > a && keys.len > 0) {
            buf_str(&keys, " ... ");
            keymap_keys(keymap, last, &keys);
        }
        buf_fmt(out, "  %-19s  %s\n", keys.len > 0 ? buf_cstr(&keys) : "(no key)",
                action_def(a)->help);
        buf_reset(&keys);
    }
    buf_char(out, '\n');
    buf_free(&keys);
}

void describe_help(struct buf *out, const struct keymap *keymap) {
    const struct slash_def *d;
    if (keymap)
        describe_keys(out, keymap);
    buf_str(out, "Commands (//x says \"/x\")\n");
    for (size_t i = 0; (d = slash_at(i)); i++) {
        const char *blank = *d->args ? " " : "";
        int room = COMMAND_COLS - (int)(strlen(d->name) + strlen(blank));
        buf_fmt(out, "  /%s%s%-*s %s\n", d->name, blank, room > 0 ? room : 0, d->args, d->help);
    }
}

const char *describe_action(const char *text, size_t len) {
    return len > 4 && memcmp(text, "/me ", 4) == 0 ? text + 4 : NULL;
}
