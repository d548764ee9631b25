/* plain - see plain.h. The order of things: sign in and join the public channel, open the channels
 * of --join, read stdin, wait until all is stored, leave.
 */
#include "chattui/app/plain.h"

#include "chattui/app/client.h"
#include "chattui/app/plain_input.h"
#include "chattui/app/plain_output.h"
#include "common/proto/validate.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define WHY_SIZE 512
#define AHEAD 100 /* lines of stdin that may wait to be stored */

enum phase { OPENING, READING, DRAINING, STAYING };

struct plain {
    struct client client;
    uv_signal_t on_int, on_term;
    uv_timer_t patience; /* runs while something waits for the server */
    size_t waiting;      /* how much did when it was started */
    struct plain_output output;
    enum phase phase;
    const char *join;                 /* the rest of --join */
    char opening[NAME_MAX_BYTES + 1]; /* the name before */
    size_t before;                    /* the channel that was current when it was asked for */
    bool takes_commands, input_open;
    bool refused;  /* the last line that was given */
    bool going_on; /* see go_on */
    bool asked;    /* a question, which the next line answers */
    size_t lost;   /* lines that could not even be kept */
};

/* --- Effects --- */

static void plain_carry_out(const struct effect *fx, void *arg) {
    struct plain *p = arg;
    switch (fx->kind) {
    case EFFECT_SET_INPUT: /* a line comes back that can't be sent */
        p->refused = p->refused || *fx->text;
        break;
    case EFFECT_OPEN_URL:
    case EFFECT_EDITOR:
        client_trouble(&p->client, "that needs a screen");
        break;
    default: /* bells and notifications are for frontends that are not looked at */
        break;
    }
}

/* --- Lines --- */

/* Text as it would be typed: a slash at its beginning is doubled. */
static void enter(struct plain *p, const char *text, size_t len, bool command) {
    struct buf b;
    buf_init(&b, INPUT_LINE_MAX + 2);
    if (!command && *text == '/')
        buf_char(&b, '/');
    buf_add(&b, text, len);
    struct event e = {.kind = EV_ENTER,
                      .u.input = {.text = buf_cstr(&b), .len = b.len, .uuid = uuid_make()}};
    p->refused = false;
    client_event(&p->client, &e);
    buf_free(&b);
}

static void take_line(struct plain *p, const char *line, size_t len, bool too_long) {
    bool command = p->takes_commands && len > 0 && *line == '/';
    if (len > 0 && line[len - 1] == '\r')
        len--;
    if (too_long || memchr(line, '\0', len) || !utf8_valid(line, len)) {
        client_trouble(&p->client, too_long ? "a line was too long, and is not sent"
                                            : "a line was no UTF-8 text, and is not sent");
        p->lost++;
        return;
    }
    enter(p, line, len, command);
    if (p->refused && !command)
        p->lost++;
}

/* Whose lines they are is known, also while the server is away: they can be kept. */
static bool is_known_user(const struct model *m) {
    return !uuid_is_nil(&m->me) && *m->key;
}

/* A private channel that is being looked up would be missed by the lines behind. */
static bool may_read(const struct plain *p) {
    const struct model *m = &p->client.model;
    const struct conversation *c = model_current(m);
    return !p->client.ended && p->phase == READING && !*m->lookup.name && c &&
           (c->join == JOIN_DONE || is_known_user(m)) &&
           outbox_count(&m->outbox, NULL, false) < AHEAD;
}

static void read_lines(struct plain *p) {
    size_t len;
    bool too_long, ended = false;
    const char *line;
    while (may_read(p) && (line = plain_input_take(&len, &too_long, &ended)))
        take_line(p, line, len, too_long);
    if (ended && plain_input_error()) {
        fprintf(stderr, "chattui: can't read stdin: %s\n", strerror(plain_input_error()));
        p->lost++;
    }
    if (ended && p->phase == READING)
        p->phase = p->client.settings->stay ? STAYING : DRAINING;
}

/* --- The order of things --- */

static void go_on(struct plain *p);

static void on_input(void *arg) {
    go_on(arg);
}

static bool open_input(struct plain *p) {
    if (p->input_open)
        return true;
    p->takes_commands = isatty(STDIN_FILENO);
    p->input_open = plain_input_open(&p->client.loop, on_input, p);
    return p->input_open;
}

/* Whoever pipes lines into it has nobody to ask, and means what is said. */
static void answer_question(struct plain *p) {
    static const char MADE[] = "a new account is made, since nobody here has this name";
    const struct question *q = &p->client.model.question;
    struct event e = {.kind = EV_REPLY, .u.input = {.text = "", .yes = true}};
    bool too_long, ended = false;
    size_t len;
    const char *line;
    if (!isatty(STDIN_FILENO)) {
        plain_output_talk(MADE, sizeof MADE - 1);
    } else if (!p->asked) {
        plain_output_talk(q->text, strlen(q->text));
        p->asked = open_input(p);
        return;
    } else if ((line = plain_input_take(&len, &too_long, &ended)) || ended)
        e.u.input.yes = line && (*line == 'y' || *line == 'Y');
    else
        return;
    p->asked = false;
    client_event(&p->client, &e);
}

/* Takes the next name of --join from *rest; false: there is none. */
static bool next_name(const char **rest, char name[NAME_MAX_BYTES + 1]) {
    size_t len = strcspn(*rest, ",");
    if (!**rest)
        return false;
    snprintf(name, NAME_MAX_BYTES + 1, "%.*s", (int)len, *rest);
    *rest += len + ((*rest)[len] == ',');
    return true;
}

/* Is the last name that was asked for the channel we are in now? Else why not was said. */
static bool was_opened(const struct plain *p, const struct conversation *c) {
    return !*p->opening || p->client.model.current != p->before ||
           strcasecmp(c->name, p->opening) == 0;
}

/* Is the next channel, or the input if there is none, to be opened now? An unjoined channel of a
 * known user is one that the server hasn't been asked for yet. */
static bool may_open_next(const struct plain *p, const struct conversation *c) {
    const struct model *m = &p->client.model;
    char name[NAME_MAX_BYTES + 1];
    const char *rest = p->join;
    if (c->join == JOIN_DONE || !next_name(&rest, name))
        return c->join == JOIN_DONE || is_known_user(m);
    for (size_t i = 0; is_known_user(m) && i < m->nconversations; i++)
        if (name_order(m->conversations[i]->name, name) == 0)
            return true;
    return false;
}

static void open_channels(struct plain *p) {
    char join[NAME_MAX_BYTES + 16];
    const struct conversation *c;
    while (!p->client.ended && p->phase == OPENING && (c = model_current(&p->client.model)) &&
           !*p->client.model.lookup.name) {
        if (!was_opened(p, c) || c->join == JOIN_REFUSED) {
            client_end(&p->client, EXIT_FAILURE);
        } else if (!may_open_next(p, c)) {
            return;
        } else if (next_name(&p->join, p->opening)) {
            p->before = p->client.model.current;
            snprintf(join, sizeof join, "/join %s", p->opening);
            enter(p, join, strlen(join), true);
        } else {
            p->phase = READING;
            if (!open_input(p))
                client_end(&p->client, EXIT_FAILURE);
        }
    }
}

static size_t failed_now(const struct plain *p) {
    size_t n = p->lost;
    for (size_t i = 0; i < p->client.model.outbox.n; i++)
        n += p->client.model.outbox.entries[i]->state == OUT_FAILED &&
             !p->client.model.outbox.entries[i]->old;
    return n;
}

/* --- Patience --- */

static void plain_on_impatience(uv_timer_t *timer) {
    struct plain *p = timer->data;
    fprintf(stderr, "chattui: the server has not answered in time\n");
    client_end(&p->client, EXIT_FAILURE);
}

/* What waits for the server: the sign-in and the channels, or lines. */
static size_t count_waiting(const struct plain *p) {
    size_t lines = outbox_count(&p->client.model.outbox, NULL, false);
    return p->phase == OPENING ? lines + 1 : lines;
}

/* Starts anew whenever the server has taken something. */
static void watch_patience(struct plain *p) {
    size_t waiting = count_waiting(p);
    uint64_t ms = p->client.settings->timeout_ms;
    if (waiting == 0 || ms == 0 || p->asked)
        uv_timer_stop(&p->patience);
    else if (waiting < p->waiting || !uv_is_active((uv_handle_t *)&p->patience))
        uv_timer_start(&p->patience, plain_on_impatience, ms, 0);
    p->waiting = waiting;
}

static bool is_refused(const struct plain *p) {
    const struct conversation *c = model_current(&p->client.model);
    return c && c->join == JOIN_REFUSED && p->phase != STAYING;
}

/* Behind each event. Not again from within itself: lines that are entered are events, too. */
static void go_on(struct plain *p) {
    if (p->going_on || p->client.ended)
        return;
    p->going_on = true;
    while (p->client.model.question.kind != QUESTION_NONE) {
        answer_question(p);
        if (p->asked)
            break;
    }
    if (p->phase == OPENING)
        open_channels(p);
    if (p->phase == READING)
        read_lines(p);
    if (p->phase != OPENING && is_refused(p))
        client_end(&p->client, EXIT_FAILURE);
    watch_patience(p);
    if (p->phase == DRAINING && outbox_count(&p->client.model.outbox, NULL, false) == 0)
        client_end(&p->client, failed_now(p) ? EXIT_FAILURE : EXIT_SUCCESS);
    p->going_on = false;
}

/* --- Beginning and end --- */

/* Before the model has it, while the messages that it removes are there. */
static void on_coming(const struct event *e, void *arg) {
    struct plain *p = arg;
    if (e->kind == EV_RESPONSE)
        plain_output_response(&p->output, &p->client.model, e->u.response);
}

static void plain_done(void *arg) {
    struct plain *p = arg;
    plain_output_show(&p->output, &p->client.model);
    if (p->output.closed) /* as with head(1): nobody is to be told */
        client_end(&p->client, EXIT_FAILURE);
    go_on(p);
}

static void plain_on_signal(uv_signal_t *handle, int number) {
    struct plain *p = handle->data;
    client_end(&p->client, 128 + number);
}

static void start(struct plain *p) {
    uv_loop_t *loop = &p->client.loop;
    signal(SIGPIPE, SIG_IGN);
    uv_signal_init(loop, &p->on_int);
    uv_signal_init(loop, &p->on_term);
    uv_timer_init(loop, &p->patience);
    p->on_int.data = p->on_term.data = p->patience.data = p;
    uv_signal_start(&p->on_int, plain_on_signal, SIGINT);
    uv_signal_start(&p->on_term, plain_on_signal, SIGTERM);
    client_start(&p->client);
    client_load(&p->client);
}

/* What is not done when the program ends: lines that are still in the pipe would be lost unseen.
 * False: something is. */
static bool say_what_is_left(const struct plain *p) {
    size_t kept = outbox_count(&p->client.model.outbox, NULL, false);
    size_t unread = p->phase == OPENING || p->phase == READING ? plain_input_rest() : 0;
    if (kept)
        fprintf(stderr, "chattui: %zu line%s not stored yet: kept, and sent the next time\n", kept,
                kept == 1 ? " is" : "s are");
    if (unread)
        fprintf(stderr, "chattui: %zu line%s not sent, and not kept\n", unread,
                unread == 1 ? "" : "s");
    return kept + unread == 0;
}

/* Read marks are saved, and the server hears a goodbye. */
static void plain_finish(struct plain *p) {
    struct client *c = &p->client;
    struct event e = {.kind = EV_QUIT};
    client_event(c, &e);
    if (!say_what_is_left(p) && c->status == EXIT_SUCCESS)
        c->status = EXIT_FAILURE;
    if (p->input_open)
        plain_input_close();
    uv_close((uv_handle_t *)&p->on_int, NULL);
    uv_close((uv_handle_t *)&p->on_term, NULL);
    uv_close((uv_handle_t *)&p->patience, NULL);
    client_finish(c);
}

int plain_run(const struct tui_settings *settings) {
    static const struct frontend PLAIN = {
        .coming = on_coming, .carry_out = plain_carry_out, .done = plain_done, .plain = true};
    struct plain *p = calloc(1, sizeof *p);
    char why[WHY_SIZE] = "out of memory";
    if (!p)
        return EXIT_FAILURE;
    p->join = settings->join;
    client_init(&p->client, settings, &PLAIN, p);
    plain_output_init(&p->output, strcmp(settings->format, "jsonl") == 0);
    if (client_open(&p->client, why, sizeof why)) {
        start(p);
        uv_run(&p->client.loop, UV_RUN_DEFAULT);
        plain_finish(p);
    } else
        fprintf(stderr, "chattui: %s\n", why);
    client_free(&p->client);
    plain_output_free(&p->output);
    int status = p->client.status;
    free(p);
    if (status == 128 + SIGINT) { /* a shell ends its loop only for one who dies of it */
        signal(SIGINT, SIG_DFL);
        raise(SIGINT);
    }
    return status;
}
