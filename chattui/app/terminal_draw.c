/* terminal_draw - when the screen is drawn, and how large it is: see terminal.h. */
#include "chattui/app/internal.h"

#include "chattui/term/input.h"
#include "chattui/term/screen.h"

#define FRAME_MS 16
#define FRAME_NS (FRAME_MS * 1000000ull)

void terminal_stale(struct terminal *t, bool urgent) {
    t->stale = true;
    t->urgent = t->urgent || urgent;
}

struct layout terminal_layout(const struct terminal *t) {
    struct input_look look = input_look();
    return view_layout(&t->client.model, &look, t->grid.rows, t->grid.cols);
}

/* Loads older history if the window has room for it. */
static void fill(struct terminal *t) {
    const struct model *m = &t->client.model;
    const struct conversation *c = model_current(m);
    struct event e = {.kind = EV_SCROLL};
    if (!c || timeline_top(&c->timeline) != TOP_MORE ||
        (c == t->filled && c->timeline.version == t->filled_version))
        return;
    struct layout l = terminal_layout(t);
    t->filled = c;
    t->filled_version = c->timeline.version;
    if (l.too_small || !view_shows_top(m, &l))
        return;
    e.u.scroll = view_scroll(m, &l, 0);
    client_event(&t->client, &e);
}

static void draw(struct terminal *t) {
    struct input_look look = input_look();
    t->stale = t->urgent = false;
    t->drawn_ns = uv_hrtime();
    t->drawn_version = t->client.model.version;
    view_draw(&t->grid, &t->client.model, &look, &t->view);
    screen_mouse(t->client.model.tuning.mouse);
    screen_show(&t->grid);
    fill(t);
}

static void on_frame(uv_timer_t *timer) {
    (void)timer; /* the loop comes round, and on_prepare draws */
}

/* At the end of each turn, before the loop waits. */
static void on_prepare(uv_prepare_t *prepare) {
    struct terminal *t = prepare->data;
    uint64_t since = uv_hrtime() - t->drawn_ns;
    if (t->client.ended || !t->stale || t->editor)
        return;
    if (t->urgent || since >= FRAME_NS)
        draw(t);
    else if (!uv_is_active((uv_handle_t *)&t->frame))
        uv_timer_start(&t->frame, on_frame, FRAME_MS - since / 1000000, 0);
}

void terminal_draw_start(struct terminal *t) {
    uv_prepare_init(&t->client.loop, &t->prepare);
    uv_timer_init(&t->client.loop, &t->frame);
    t->prepare.data = t;
    uv_prepare_start(&t->prepare, on_prepare);
}

void terminal_draw_stop(struct terminal *t) {
    uv_close((uv_handle_t *)&t->prepare, NULL);
    uv_close((uv_handle_t *)&t->frame, NULL);
}

void terminal_resize(struct terminal *t) {
    int rows, cols;
    screen_size(&rows, &cols);
    struct event e = {.kind = EV_RESIZE, .u.size = {rows, cols}};
    if (!grid_resize(&t->grid, rows, cols))
        return;
    input_resize(rows, cols);
    client_event(&t->client, &e);
    terminal_stale(t, true);
}
