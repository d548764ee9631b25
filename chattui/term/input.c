/* input - see input.h. */
#include "chattui/term/input.h"

#include "chattui/base/text.h"
#include "common/base/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <readline/history.h>
#include <readline/readline.h>

#define CTRL_D CTRL('D')
#define CTRL_G CTRL('G')

/* Readline's call-backs carry no pointer of ours. */
static struct {
    struct input_hooks hooks;
    void *arg;
    FILE *nowhere;
    const char *bytes; /* the key under way */
    size_t len, at;
    char *submitted; /* readline empties its line when the handler returns: handed on later */
} in;

/* --- What readline asks for --- */

static int is_available(void) {
    return in.at < in.len;
}

/* A command that wants one more key than there is would wait: it is aborted instead. */
static int next_byte(FILE *stream) {
    (void)stream;
    return is_available() ? (unsigned char)in.bytes[in.at++] : CTRL_G;
}

static void redisplay(void) {
    in.hooks.changed(in.arg);
}

static void prepare_nothing(int meta) {
    (void)meta;
}

static void restore_nothing(void) {
}

static void on_line(char *line) {
    free(in.submitted);
    in.submitted = line; /* NULL: end of file, which input_key keeps away */
}

static char **no_completion(const char *text, int start, int end) {
    (void)text;
    (void)start;
    (void)end;
    rl_attempted_completion_over = 1;
    return NULL;
}

/* --- Opening --- */

static void set_up_readline(void) {
    rl_readline_name = "chattui"; /* for `$if chattui` in the inputrc */
    rl_instream = in.nowhere;
    rl_outstream = in.nowhere;
    rl_catch_signals = 0;
    rl_catch_sigwinch = 0;
    rl_change_environment = 0;
    rl_prep_term_function = prepare_nothing;
    rl_deprep_term_function = restore_nothing;
    rl_redisplay_function = redisplay;
    rl_getc_function = next_byte;
    rl_input_available_hook = is_available;
    rl_attempted_completion_function = no_completion;
}

/* Keys that most terminals send and not every inputrc knows. */
static void bind_more_keys(void) {
    static const struct {
        const char *keys;
        rl_command_func_t *function;
    } KEYS[] = {
        {"\\e[1;5C", rl_forward_word}, {"\\e[1;5D", rl_backward_word},
        {"\\e[1;3C", rl_forward_word}, {"\\e[1;3D", rl_backward_word},
        {"\\e[3~", rl_delete},         {"\\e[3;5~", rl_kill_word},
        {"\\e[H", rl_beg_of_line},     {"\\e[F", rl_end_of_line},
        {"\\e[1~", rl_beg_of_line},    {"\\e[4~", rl_end_of_line},
    };
    for (size_t i = 0; i < sizeof KEYS / sizeof *KEYS; i++)
        rl_bind_keyseq_if_unbound(KEYS[i].keys, KEYS[i].function);
}

void input_open(const struct input_hooks *hooks, void *arg) {
    memset(&in, 0, sizeof in);
    in.hooks = *hooks;
    in.arg = arg;
    in.nowhere = fopen("/dev/null", "r+");
    set_up_readline();
    rl_callback_handler_install("", on_line);
    bind_more_keys();
    using_history();
    stifle_history(INPUT_HISTORY);
}

void input_close(void) {
    rl_callback_handler_remove();
    clear_history();
    free(in.submitted);
    if (in.nowhere)
        fclose(in.nowhere);
    memset(&in, 0, sizeof in);
}

/* --- Keys --- */

static bool is_searching(void) {
    return RL_ISSTATE(RL_STATE_ISEARCH | RL_STATE_NSEARCH);
}

static bool is_vi(void) {
    return rl_editing_mode == 0;
}

bool input_is_bound(const char *bytes, size_t len) {
    int type = ISFUNC;
    rl_command_func_t *function = rl_function_of_keyseq_len(bytes, len, rl_get_keymap(), &type);
    return function && type != ISKMAP;
}

/* A key that readline had better not see. */
static bool is_swallowed(const char *bytes, size_t len, bool named) {
    if (len == 0)
        return true;
    if (len == 1 && bytes[0] == CTRL_D) /* on an empty line it would be the end of the file */
        return rl_end == 0;
    if (len == 1 && bytes[0] == ESC) /* waits for a second key, which nobody would expect */
        return !is_vi() && !is_searching();
    return named && !is_searching() && !input_is_bound(bytes, len);
}

static void hand_on_line(void) {
    char *line = in.submitted;
    in.submitted = NULL;
    if (line)
        in.hooks.enter(line, in.arg);
    free(line);
}

void input_key(const char *bytes, size_t len, bool named) {
    if (is_swallowed(bytes, len, named) || (rl_end >= (int)INPUT_MAX && !named && len > 1))
        return;
    in.bytes = bytes;
    in.len = len;
    in.at = 0;
    while (is_available()) {
        rl_callback_read_char();
        hand_on_line();
    }
    in.bytes = NULL;
    in.len = in.at = 0;
    in.hooks.changed(in.arg);
}

/* --- Text --- */

/* A character that a paste may bring: see input_insert. */
static void clean(struct buf *out, const char *text, size_t len) {
    for (size_t i = 0, used; i < len; i += used) {
        uint32_t c = text_char(text + i, len - i, &used);
        if (c == '\r') {
            if (i + 1 == len || text[i + 1] != '\n')
                buf_char(out, '\n');
        } else if (c == TEXT_BAD)
            buf_str(out, "\xef\xbf\xbd");
        else if (c >= ' ' ? c != 0x7f && !(c >= 0x80 && c < 0xa0) : c == '\n' || c == '\t')
            buf_add(out, text + i, used);
    }
}

/* The longest beginning of `text` that has at most `max` bytes and ends with a character. */
static size_t whole_chars(const char *text, size_t len, size_t max) {
    if (len <= max)
        return len;
    while (max > 0 && ((unsigned char)text[max] & 0xc0) == 0x80)
        max--;
    return max;
}

bool input_insert(const char *text, size_t len) {
    struct buf b;
    buf_init(&b, 3 * len + 1); /* a bad byte becomes three */
    clean(&b, text, len);
    size_t room = (size_t)rl_end < INPUT_MAX ? INPUT_MAX - (size_t)rl_end : 0;
    size_t fits = b.failed ? 0 : whole_chars(b.data, b.len, room);
    bool all = !b.failed && fits == b.len;
    b.len = fits;
    if (fits)
        rl_insert_text(buf_cstr(&b));
    buf_free(&b);
    in.hooks.changed(in.arg);
    return all;
}

void input_set(const char *text, size_t cursor) {
    if (is_searching() || RL_ISSTATE(RL_STATE_NUMERICARG))
        input_key("\a", 1, false);
    rl_end_of_history(1, 0); /* and forget the line that was saved when Up left it */
    rl_replace_line(text, 1);
    rl_point = cursor < (size_t)rl_end ? (int)cursor : rl_end;
    rl_mark = 0;
    in.hooks.changed(in.arg);
}

void input_cancel(void) {
    if (is_searching())
        input_key("\a", 1, false);
    else
        input_set("", 0);
}

void input_remember(const char *line) {
    const HIST_ENTRY *last = history_length ? history_get(history_base + history_length - 1) : NULL;
    if (*line && (!last || strcmp(last->line, line) != 0))
        add_history(line);
    using_history();
}

struct input_look input_look(void) {
    bool asks = is_searching() || RL_ISSTATE(RL_STATE_NUMERICARG);
    return (struct input_look){.prompt = asks && rl_display_prompt ? rl_display_prompt : "",
                               .text = rl_line_buffer ? rl_line_buffer : "",
                               .len = (size_t)rl_end,
                               .cursor = (size_t)rl_point,
                               .command = is_vi() && rl_get_keymap() == vi_movement_keymap};
}

void input_resize(int rows, int cols) {
    rl_set_screen_size(rows, cols);
}
