/* channels - see channels.h. */
#include "chatctl/ops/channels.h"

#include "chatctl/ops/ask.h"
#include "chatctl/ops/find.h"
#include "chatctl/ops/walk.h"
#include "common/base/clock.h"

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

/* chatd enters a channel into the index a little after its first message. The public one is always
 * there. */
static enum status visit_public(struct invocation *in, channel_fn *fn, void *arg) {
    struct channel_id ch = channel_public();
    int64_t there;
    struct cmd *c = redis_sync_cmd(in->redis);
    cmd_begin(c, "EXISTS");
    cmd_channel_key(c, redis_sync_keys(in->redis), &ch, CHANNEL_META);
    enum status st = ask_i64(in, &there);
    return st == STATUS_DONE && there ? fn(in, &ch, 0, arg) : st;
}

static enum status walk_channels(struct invocation *in, channel_fn *fn, void *arg,
                                 bool *met_public) {
    struct walk w;
    int64_t until =
        clock_wall_ms() + 1000; /* clocks differ; else it would run after those who talk */
    bool more, on = true;
    walk_global(&w, redis_sync_keys(in->redis), KEY_CHANNEL_INDEX);
    while (on) {
        struct found found[WALK_PAGE];
        size_t n;
        enum status st = walk_page(in, &w, &more);
        if (st != STATUS_DONE || !more)
            return st;
        on = take_channels(&w, until, found, &n);
        for (size_t i = 0; i < n; i++) {
            *met_public |= found[i].id.kind == CHANNEL_PUBLIC;
            st = fn(in, &found[i].id, found[i].activity, arg);
            if (st != STATUS_DONE)
                return st;
        }
    }
    return STATUS_DONE;
}

enum status channels_each(struct invocation *in, channel_fn *fn, void *arg) {
    bool met_public = false;
    enum status st = walk_channels(in, fn, arg, &met_public);
    return st == STATUS_DONE && !met_public ? visit_public(in, fn, arg) : st;
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
