/* screen - see screen.h. */
#define NCURSES_WIDECHAR 1
#include "chattui/term/screen.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <curses.h>
#include <term.h>

#define FALLBACK_TERM "xterm-256color"
#define INSTEAD "--plain works on any, and TERM=NAME names another type"
#define MODES_ON "\033[?2004h\033[?1004h"
#define MODES_OFF "\033[?1006l\033[?1000l\033[?1004l\033[?2004l"
#define MOUSE_ON "\033[?1000h\033[?1006h"
#define MOUSE_OFF "\033[?1006l\033[?1000l"
#define RESCUE_SIZE 256

static struct {
    SCREEN *curses;
    bool open, ours; /* ours: not given back for a while */
    bool mouse, has_colors;
    int rows, cols;
    struct grid shown; /* on the terminal now; 0 x 0 = unknown */
    attr_t attrs[STYLES];
    struct termios before;
    bool has_before;
    char rescue[RESCUE_SIZE]; /* takes the terminal out of all modes */
    size_t rescue_len;
} scr;

/* --- Modes --- */

/* Past curses, whose buffer is empty by then. */
static void send_bytes(const char *bytes, size_t n) {
    while (n) {
        ssize_t done = write(STDOUT_FILENO, bytes, n);
        if (done <= 0)
            return; /* nobody is there any more */
        bytes += done;
        n -= (size_t)done;
    }
}

static void send_str(const char *s) {
    send_bytes(s, strlen(s));
}

static void modes_on(void) {
    send_str(MODES_ON);
    if (scr.mouse)
        send_str(MOUSE_ON);
}

/* A capability as bytes, if it is plain ones. */
static void add_capability(const char *name) {
    const char *s = tigetstr(name);
    if (!s || s == (char *)-1 || strstr(s, "$<") || scr.rescue_len + strlen(s) >= sizeof scr.rescue)
        return;
    memcpy(scr.rescue + scr.rescue_len, s, strlen(s));
    scr.rescue_len += strlen(s);
}

/* Prepared while it is safe to look things up. */
static void prepare_rescue(void) {
    static const char *const NAMES[] = {"sgr0", "cnorm", "rmcup", "rmkx"};
    scr.rescue_len = strlen(MODES_OFF);
    memcpy(scr.rescue, MODES_OFF, scr.rescue_len);
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++)
        add_capability(NAMES[i]);
}

void screen_rescue(void) {
    if (!scr.open || !scr.ours)
        return;
    scr.ours = false;
    send_bytes(scr.rescue, scr.rescue_len);
    if (scr.has_before)
        tcsetattr(STDIN_FILENO, TCSANOW, &scr.before);
}

/* --- Looks --- */

static attr_t curses_attrs(uint8_t attrs) {
    return (attrs & LOOK_BOLD ? A_BOLD : 0) | (attrs & LOOK_DIM ? A_DIM : 0) |
           (attrs & LOOK_ITALIC ? A_ITALIC : 0) | (attrs & LOOK_UNDERLINE ? A_UNDERLINE : 0) |
           (attrs & LOOK_REVERSE ? A_REVERSE : 0);
}

/* Pair i + 1 is style i's. */
static void set_up_looks(const struct screen_options *options) {
    struct theme theme = *options->theme;
    scr.has_colors = !options->no_color && has_colors() && start_color() == OK &&
                     use_default_colors() == OK && COLOR_PAIRS > STYLES;
    theme_fit(&theme, scr.has_colors ? COLORS : 0);
    for (int i = 0; i < STYLES; i++) {
        const struct look *look = &theme.looks[i];
        scr.attrs[i] = curses_attrs(look->attrs);
        if (scr.has_colors)
            init_pair((short)(i + 1), look->fg, look->bg);
    }
}

/* --- Opening and closing --- */

bool screen_size(int *rows, int *cols) {
    struct winsize w;
    int r = scr.rows, c = scr.cols;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_row > 0 && w.ws_col > 0) {
        r = w.ws_row < GRID_MAX ? w.ws_row : GRID_MAX;
        c = w.ws_col < GRID_MAX ? w.ws_col : GRID_MAX;
    }
    bool changed = r != scr.rows || c != scr.cols;
    if (changed && scr.open) {
        resizeterm(r, c);
        screen_redraw();
    }
    *rows = scr.rows = r;
    *cols = scr.cols = c;
    return changed;
}

/* raw: Ctrl-C, Ctrl-Z and Ctrl-S are keys; nonl: Enter is not Ctrl-J. Keys are taken apart in
 * keys.c, so keypad stays off. */
static void set_up_terminal(void) {
    raw();
    noecho();
    nonl();
    intrflush(stdscr, FALSE);
    scrollok(stdscr, FALSE);
    idlok(stdscr, FALSE);
    leaveok(stdscr, FALSE);
}

/* newterm by itself would end the program, or leak, over a type that it does not know. */
static bool is_known(const char *term, bool *moves) {
    int status;
    if (!term || !*term || setupterm(term, STDOUT_FILENO, &status) != OK)
        return false;
    *moves = tigetstr("cup") != NULL;
    del_curterm(cur_term);
    return true;
}

/* curses leaves SIGTSTP alone for good if somebody else has it at this moment. Its own handler
 * would be put back after each refresh, and what comes during one would be lost: it is ignored
 * then. */
static SCREEN *new_terminal(const char *type) {
    void (*before)(int) = signal(SIGTSTP, SIG_IGN);
    SCREEN *terminal = newterm(type, stdout, stdin);
    signal(SIGTSTP, before);
    return terminal;
}

bool screen_open(const struct screen_options *options, char *why, size_t size) {
    const char *term = getenv("TERM");
    bool moves = true;
    if (!is_known(term, &moves))
        term = FALLBACK_TERM;
    if (!moves) {
        snprintf(why, size, "a terminal of the type \"%s\" has no cursor to move: " INSTEAD, term);
        return false;
    }
    scr.has_before = tcgetattr(STDIN_FILENO, &scr.before) == 0;
    scr.curses = new_terminal(term);
    if (!scr.curses) {
        term = getenv("TERM");
        snprintf(why, size,
                 "the terminal type \"%s\" is not known here, nor is " FALLBACK_TERM
                 ": apt install ncurses-base; " INSTEAD,
                 term ? term : "");
        return false;
    }
    set_term(scr.curses);
    prepare_rescue();
    scr.open = scr.ours = true;
    set_up_terminal();
    set_up_looks(options);
    getmaxyx(stdscr, scr.rows, scr.cols);
    modes_on();
    return true;
}

void screen_leave(void) {
    if (!scr.open || !scr.ours)
        return;
    scr.ours = false;
    send_str(MODES_OFF);
    endwin();
    if (scr.has_before)
        tcsetattr(STDIN_FILENO, TCSANOW, &scr.before);
}

void screen_enter(void) {
    if (!scr.open || scr.ours)
        return;
    scr.has_before = tcgetattr(STDIN_FILENO, &scr.before) == 0;
    scr.ours = true;
    set_up_terminal();
    clearok(curscr, TRUE);
    refresh();
    modes_on();
    screen_redraw();
}

void screen_close(void) {
    if (!scr.open)
        return;
    screen_leave();
    delscreen(scr.curses);
    grid_free(&scr.shown);
    scr.curses = NULL;
    scr.open = false;
}

/* --- What it sends --- */

static void tell_key(const char *capability, struct key key, screen_key_fn *fn, void *arg) {
    const char *bytes = tigetstr(capability);
    if (bytes && bytes != (char *)-1)
        fn(bytes, key, arg);
}

/* kLFT is Shift+Left, kLFT3 … kLFT8 have xterm's number of the modifiers. */
static void tell_modified(const char *name, enum key_code code, screen_key_fn *fn, void *arg) {
    char capability[8];
    tell_key(name, (struct key){code, MOD_SHIFT}, fn, arg);
    for (unsigned n = 3; n <= 8; n++) {
        unsigned bits = n - 1;
        unsigned mods =
            (bits & 1 ? MOD_SHIFT : 0u) | (bits & 2 ? MOD_ALT : 0u) | (bits & 4 ? MOD_CTRL : 0u);
        snprintf(capability, sizeof capability, "%s%u", name, n);
        tell_key(capability, (struct key){code, (uint8_t)mods}, fn, arg);
    }
}

void screen_keys(screen_key_fn *fn, void *arg) {
    /* clang-format off */
    static const struct {
        enum key_code code;
        const char *plain, *modified;
    } KEYS[] = {
        {KEYCODE_UP, "kcuu1", "kUP"},        {KEYCODE_DOWN, "kcud1", "kDN"},
        {KEYCODE_LEFT, "kcub1", "kLFT"},     {KEYCODE_RIGHT, "kcuf1", "kRIT"},
        {KEYCODE_HOME, "khome", "kHOM"},     {KEYCODE_END, "kend", "kEND"},
        {KEYCODE_PAGE_UP, "kpp", "kPRV"},    {KEYCODE_PAGE_DOWN, "knp", "kNXT"},
        {KEYCODE_INSERT, "kich1", "kIC"},    {KEYCODE_DELETE, "kdch1", "kDC"},
        {KEYCODE_ENTER, "kent", NULL},       {KEYCODE_BACKSPACE, "kbs", NULL},
    };
    /* clang-format on */
    char capability[8];
    for (size_t i = 0; i < sizeof KEYS / sizeof *KEYS; i++) {
        tell_key(KEYS[i].plain, (struct key){KEYS[i].code, 0}, fn, arg);
        if (KEYS[i].modified)
            tell_modified(KEYS[i].modified, KEYS[i].code, fn, arg);
    }
    for (unsigned n = 0; n < 12; n++) {
        snprintf(capability, sizeof capability, "kf%u", n + 1);
        tell_key(capability, (struct key){KEYCODE_F1 + n, 0}, fn, arg);
    }
    tell_key("kcbt", (struct key){KEYCODE_TAB, MOD_SHIFT}, fn, arg);
}

/* --- Showing --- */

void screen_redraw(void) {
    grid_free(&scr.shown);
    if (scr.open)
        clearok(curscr, TRUE);
}

/* A cell as curses has it; a wide one counts once. */
static void to_curses(const struct cell *cell, cchar_t *out) {
    wchar_t text[CELL_CHARS + 1];
    size_t n = 0;
    for (; n < CELL_CHARS && cell->ch[n]; n++)
        text[n] = (wchar_t)cell->ch[n];
    text[n] = L'\0';
    short pair = 0;
    if (scr.has_colors)
        pair = (short)(cell->style + 1);
    if (setcchar(out, text, scr.attrs[cell->style], pair, NULL) != OK)
        setcchar(out, L" ", scr.attrs[cell->style], pair, NULL);
}

static void show_row(const struct grid *g, int row) {
    static cchar_t line[GRID_MAX];
    const struct cell *cells = grid_row(g, row);
    int n = 0;
    for (int c = 0; c < g->cols; c++)
        if (cells[c].width)
            to_curses(&cells[c], &line[n++]);
    mvadd_wchnstr(row, 0, line, n);
}

/* The copy of what is shown; of the grid's size. */
static bool has_copy(const struct grid *g) {
    return scr.shown.rows == g->rows && scr.shown.cols == g->cols;
}

void screen_show(const struct grid *g) {
    if (!scr.open || !scr.ours)
        return;
    bool known = has_copy(g);
    if (!known && !grid_resize(&scr.shown, g->rows, g->cols))
        grid_free(&scr.shown); /* no memory: then each row is shown each time */
    for (int r = 0; r < g->rows && r < LINES; r++) {
        if (known && grid_row_eq(g, &scr.shown, r))
            continue;
        show_row(g, r);
        if (has_copy(g))
            memcpy(grid_row(&scr.shown, r), grid_row(g, r), (size_t)g->cols * sizeof *g->cells);
    }
    curs_set(g->cursor_on);
    if (g->cursor_on)
        move(g->cursor_row, g->cursor_col);
    refresh();
}

void screen_mouse(bool on) {
    if (on == scr.mouse)
        return;
    scr.mouse = on;
    if (scr.ours)
        send_str(on ? MOUSE_ON : MOUSE_OFF);
}

void screen_bell(void) {
    if (scr.ours)
        send_str("\a");
}

void screen_notify(const char *title, const char *body) {
    if (!scr.ours)
        return;
    send_str("\033]9;");
    send_str(title);
    send_str(": ");
    send_str(body);
    send_str("\a");
}
