/* plain - see plain.h. What happens in which order: sign in and join the public channel, open the
 * channels of --join, read stdin, wait until all is stored, leave.
 */
#include "chattui/app/plain.h"

#include "chattui/app/plain_parts.h"
#include "chattui/base/alarm.h"
#include "chattui/io/journal.h"
#include "chattui/io/net.h"
#include "chattui/io/password.h"
#include "chattui/io/settings.h"
#include "chattui/update/update.h"
#include "common/base/clock.h"
#include "common/proto/validate.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <uv.h>

#define WHY_SIZE 512
#define AHEAD 100       /* lines of stdin that may wait to be stored */
#define GOODBYE_MS 1000 /* for the closing handshake, when the program ends */

enum phase { OPENING, READING, DRAINING, STAYING, ENDING };

struct plain {
    const struct tui_settings *settings;
    uv_loop_t loop;
    struct model model;
    struct effects fx;
    bool is_carrying; /* effects are being carried out: what comes is appended to them */
    struct tui_net *net;
    struct tui_journal *journal;
    uv_timer_t wake, patience;
    uv_signal_t on_int, on_term;
    struct plain_output output;
    enum phase phase;
    const char *join;                 /* what is left of --join */
    char opening[NAME_MAX_BYTES + 1]; /* the name before */
    size_t before;                    /* the channel that was current when it was asked for */
    bool takes_commands, is_input_open;
    bool is_refused;  /* the last line that was given */
    bool is_going_on; /* see go_on */
    size_t lost;      /* lines that could not even be kept */
    int status;
};

static void event(struct plain *p, struct event *e);
static void go_on(struct plain *p);

static void end(struct plain *p, int status) {
    if (p->phase == ENDING)
        return;
    p->phase = ENDING;
    p->status = status;
    uv_stop(&p->loop);
}

/* --- Effects --- */

static void on_event(struct event *e, void *arg) {
    struct plain *p = arg;
    if (e->kind == EV_RESPONSE)
        plain_output_response(&p->output, &p->model, e->u.answer);
    event(p, e);
}

static void on_wake(uv_timer_t *timer) {
    struct event e = {.kind = EV_TICK};
    event(timer->data, &e);
}

static void trouble(struct plain *p, const char *text) {
    struct event e = {.kind = EV_TROUBLE, .u.line = {.text = text, .len = strlen(text)}};
    event(p, &e);
}

static void read_password(struct plain *p) {
    struct event e = {.kind = EV_PASSWORD, .u.line = {.text = "out of memory"}};
    if (!tui_password_read(&p->loop, p->settings, on_event, p))
        event(p, &e);
}

static void load(struct plain *p) {
    struct event e = {.kind = EV_LOADED};
    tui_journal_load(p->journal, &e);
    e.u.loaded.has_password = tui_password_has(p->settings);
    event(p, &e);
}

static void carry_out_here(struct plain *p, const struct effect *fx) {
    switch (fx->kind) {
    case EFFECT_SET_INPUT: /* a line comes back that can't be sent */
        p->is_refused = p->is_refused || *fx->text;
        break;
    case EFFECT_LOAD:
        load(p);
        break;
    case EFFECT_READ_PASSWORD:
        read_password(p);
        break;
    case EFFECT_WAKE:
        alarm_at(&p->wake, on_wake, fx->at_ms);
        break;
    case EFFECT_QUIT:
        end(p, fx->status);
        break;
    case EFFECT_OPEN_URL:
    case EFFECT_EDITOR:
        trouble(p, "that needs a screen");
        break;
    default: /* net's or journal's; bells and notifications are for faces that are not looked at */
        break;
    }
}

static void carry_out(struct plain *p, const struct effect *fx) {
    const char *why;
    if (!tui_journal_carry_out(p->journal, fx, on_event, p) && !tui_net_carry_out(p->net, fx))
        carry_out_here(p, fx);
    if ((why = tui_journal_trouble(p->journal)))
        trouble(p, why);
}

static void event(struct plain *p, struct event *e) {
    e->now_ms = clock_mono_ms();
    e->wall_ms = clock_wall_ms();
    update(&p->model, e, &p->fx);
    if (p->is_carrying) /* it came of an effect: its own are behind those under way */
        return;
    p->is_carrying = true;
    for (size_t i = 0; i < p->fx.n; i++)
        carry_out(p, &p->fx.items[i]);
    p->is_carrying = false;
    effects_clear(&p->fx);
    plain_output_show(&p->output, &p->model);
    if (p->output.is_closed) /* as with head(1): nobody is to be told */
        end(p, EXIT_FAILURE);
    go_on(p);
}

/* --- Lines --- */

/* Text as it would be typed: a slash at its beginning is doubled. */
static void enter(struct plain *p, const char *text, size_t len, bool is_command) {
    struct buf b;
    buf_init(&b, INPUT_LINE_MAX + 2);
    if (!is_command && *text == '/')
        buf_char(&b, '/');
    buf_add(&b, text, len);
    struct event e = {.kind = EV_LINE,
                      .u.line = {.text = buf_cstr(&b), .len = b.len, .uuid = uuid_make()}};
    p->is_refused = false;
    event(p, &e);
    buf_free(&b);
}

static void take_line(struct plain *p, const char *line, size_t len, bool too_long) {
    bool is_command = p->takes_commands && len > 0 && *line == '/';
    if (len > 0 && line[len - 1] == '\r')
        len--;
    if (too_long || memchr(line, '\0', len) || !utf8_valid(line, len)) {
        trouble(p, too_long ? "a line was too long, and is not sent"
                            : "a line was no UTF-8 text, and is not sent");
        p->lost++;
        return;
    }
    enter(p, line, len, is_command);
    if (p->is_refused && !is_command)
        p->lost++;
}

/* A private channel that is being looked up would be missed by the lines behind. */
static bool may_read(const struct plain *p) {
    const struct channel *c = model_current(&p->model);
    return p->phase == READING && !*p->model.lookup.name && c && c->join == JOIN_DONE &&
           outbox_count(&p->model.outbox, NULL, false) < AHEAD;
}

static void read_lines(struct plain *p) {
    size_t len;
    bool too_long, ended = false;
    const char *line;
    while (may_read(p) && (line = plain_input_take(&len, &too_long, &ended)))
        take_line(p, line, len, too_long);
    if (ended && p->phase == READING)
        p->phase = p->settings->stay ? STAYING : DRAINING;
}

static void on_input(void *arg) {
    go_on(arg);
}

/* --- The order of things --- */

static bool open_input(struct plain *p) {
    p->takes_commands = isatty(STDIN_FILENO);
    p->is_input_open = plain_input_open(&p->loop, on_input, p);
    return p->is_input_open;
}

/* The next name of --join; false: there is none. */
static bool next_name(struct plain *p, char name[NAME_MAX_BYTES + 1]) {
    size_t len = strcspn(p->join, ",");
    if (!*p->join)
        return false;
    snprintf(name, NAME_MAX_BYTES + 1, "%.*s", (int)len, p->join);
    p->join += len + (p->join[len] == ',');
    return true;
}

/* Is the last name that was asked for the channel we are in now? Else why not was said. */
static bool was_opened(const struct plain *p, const struct channel *c) {
    return !*p->opening || p->model.current != p->before || strcasecmp(c->name, p->opening) == 0;
}

static void open_channels(struct plain *p) {
    char command[NAME_MAX_BYTES + 16];
    const struct channel *c;
    while ((c = model_current(&p->model)) && !*p->model.lookup.name && p->phase == OPENING) {
        if (!was_opened(p, c) || c->join == JOIN_REFUSED) {
            end(p, EXIT_FAILURE);
        } else if (c->join != JOIN_DONE) {
            return;
        } else if (next_name(p, p->opening)) {
            p->before = p->model.current;
            snprintf(command, sizeof command, "/join %s", p->opening);
            enter(p, command, strlen(command), true);
        } else {
            p->phase = READING;
            if (!open_input(p))
                end(p, EXIT_FAILURE);
        }
    }
}

static size_t failed_now(const struct plain *p) {
    size_t n = p->lost;
    for (size_t i = 0; i < p->model.outbox.n; i++)
        n += p->model.outbox.lines[i]->state == OUT_FAILED && !p->model.outbox.lines[i]->is_old;
    return n;
}

/* Behind each event. Not again from within itself: lines that are entered are events, too. */
static void go_on(struct plain *p) {
    if (p->is_going_on)
        return;
    p->is_going_on = true;
    if (p->phase == OPENING)
        open_channels(p);
    if (p->phase == READING)
        read_lines(p);
    if (p->phase == DRAINING && outbox_count(&p->model.outbox, NULL, false) == 0)
        end(p, failed_now(p) ? EXIT_FAILURE : EXIT_SUCCESS);
    p->is_going_on = false;
}

/* --- Beginning and end --- */

static void on_signal(uv_signal_t *handle, int number) {
    end(handle->data, 128 + number);
}

static bool open_rooms(struct plain *p, char *why, size_t size) {
    struct uuid random = uuid_make();
    struct model_options options = {
        .server = p->settings->server, .user = p->settings->user, .is_plain = true};
    memcpy(&options.seed, random.b, sizeof options.seed);
    tui_settings_tuning(p->settings, &options.tuning);
    if (!model_init(&p->model, &options))
        return false;
    p->journal = tui_journal_open(p->settings, why, size);
    if (p->journal)
        p->net = tui_net_new(&p->loop, p->settings->ca, on_event, p, why, size);
    return p->net;
}

static void start(struct plain *p) {
    signal(SIGPIPE, SIG_IGN);
    uv_timer_init(&p->loop, &p->wake);
    uv_timer_init(&p->loop, &p->patience);
    uv_signal_init(&p->loop, &p->on_int);
    uv_signal_init(&p->loop, &p->on_term);
    p->wake.data = p->on_int.data = p->on_term.data = p;
    uv_signal_start(&p->on_int, on_signal, SIGINT);
    uv_signal_start(&p->on_term, on_signal, SIGTERM);
    load(p);
}

static void on_impatience(uv_timer_t *timer) {
    uv_stop(timer->loop);
}

/* What was read to is saved, and the server hears a goodbye. */
static void finish(struct plain *p) {
    struct event e = {.kind = EV_QUIT};
    size_t waiting = outbox_count(&p->model.outbox, NULL, false);
    event(p, &e);
    if (waiting)
        fprintf(stderr, "chattui: %zu line%s not stored yet: kept, and sent the next time\n",
                waiting, waiting == 1 ? " is" : "s are");
    if (waiting && p->status == EXIT_SUCCESS)
        p->status = EXIT_FAILURE;
    tui_net_end(p->net);
    if (p->is_input_open)
        plain_input_close();
    uv_close((uv_handle_t *)&p->wake, NULL);
    uv_close((uv_handle_t *)&p->on_int, NULL);
    uv_close((uv_handle_t *)&p->on_term, NULL);
    uv_timer_start(&p->patience, on_impatience, GOODBYE_MS, 0);
    uv_unref((uv_handle_t *)&p->patience);
    uv_run(&p->loop, UV_RUN_DEFAULT);
    uv_close((uv_handle_t *)&p->patience, NULL);
    uv_run(&p->loop, UV_RUN_NOWAIT);
}

static void free_rooms(struct plain *p) {
    tui_net_free(p->net);
    tui_journal_close(p->journal);
    model_free(&p->model);
    effects_free(&p->fx);
    plain_output_free(&p->output);
    uv_loop_close(&p->loop);
}

int plain_run(const struct tui_settings *settings) {
    struct plain *p = calloc(1, sizeof *p);
    char why[WHY_SIZE] = "out of memory";
    if (!p)
        return EXIT_FAILURE;
    p->settings = settings;
    p->join = settings->join;
    p->status = EXIT_FAILURE;
    uv_loop_init(&p->loop);
    effects_init(&p->fx);
    plain_output_init(&p->output, strcmp(settings->format, "jsonl") == 0);
    if (open_rooms(p, why, sizeof why)) {
        start(p);
        uv_run(&p->loop, UV_RUN_DEFAULT);
        finish(p);
    } else
        fprintf(stderr, "chattui: %s\n", why);
    free_rooms(p);
    int status = p->status;
    free(p);
    return status;
}
