/* channels - see channels.h. */
#include "chatctl/ops/channels.h"

#include "chatctl/ops/ask.h"
#include "chatctl/ops/find.h"
#include "chatctl/ops/walk.h"

struct found {
    struct channel_id id;
    int64_t activity;
};

/* The channels of a page, since fn's own commands end the page's life. False: one is of after
 * `until`. */
static bool take_channels(const struct walk *w, int64_t until, struct found *out, size_t *n) {
    *n = 0;
    for (size_t i = 0; i < w->n; i++) {
        size_t len;
        int64_t score;
        const char *id = walk_item(w, i, &len, &score);
        if (score > until)
            return false;
        if (channel_parse(id, len, &out[*n].id))
            out[(*n)++].activity = score;
    }
    return true;
}

/* The public channel is always there, though chatd enters it into the index a little after its
 * first message. */
static enum status visit_public(struct invocation *in, channel_fn *fn, void *arg) {
    struct channel_id ch = channel_public();
    int64_t there;
    struct cmd *c = redis_sync_cmd(in->redis);
    cmd_begin(c, "EXISTS");
    cmd_channel_key(c, redis_sync_keys(in->redis), &ch, CHANNEL_META);
    enum status st = ask_i64(in, &there);
    return st == STATUS_DONE && there ? fn(in, &ch, 0, arg) : st;
}

struct visit {
    channel_fn *fn;
    void *arg;
    int64_t until;
    bool met_public;
};

static enum status visit_page(struct invocation *in, struct walk *w, void *arg) {
    struct visit *v = arg;
    struct found found[WALK_PAGE];
    size_t n;
    enum status st = STATUS_DONE;
    w->last |= !take_channels(w, v->until, found, &n);
    for (size_t i = 0; i < n && st == STATUS_DONE; i++) {
        v->met_public |= found[i].id.kind == CHANNEL_PUBLIC;
        st = v->fn(in, &found[i].id, found[i].activity, v->arg);
    }
    return st;
}

enum status channels_each(struct invocation *in, channel_fn *fn, void *arg) {
    struct walk w;
    struct visit v = {.fn = fn, .arg = arg};
    /* Without an end it would run after busy channels. */
    v.until = redis_sync_now(in->redis) + 1000;
    walk_global(&w, redis_sync_keys(in->redis), KEY_CHANNEL_INDEX);
    enum status st = walk_each(in, &w, visit_page, &v);
    return st == STATUS_DONE && !v.met_public ? visit_public(in, fn, arg) : st;
}

enum status channels_each_named(struct invocation *in, size_t first, channel_fn *fn, void *arg) {
    if (in->nargs <= first)
        return channels_each(in, fn, arg);
    for (size_t i = first; i < in->nargs; i++) {
        struct channel_id ch;
        enum status st = find_channel(in, in->args[i], &ch);
        if (st == STATUS_DONE)
            st = fn(in, &ch, 0, arg);
        if (st != STATUS_DONE)
            return st;
    }
    return STATUS_DONE;
}
