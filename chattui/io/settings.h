/* settings - the options of chattui: one table makes flags, CHATTUI_… variables, the keys of the
 * configuration file, --help, completion, and is held against the manual pages by a test.
 */
#ifndef CHATTUI_IO_SETTINGS_H
#define CHATTUI_IO_SETTINGS_H

#include "chattui/model/tuning.h"
#include "common/option/option.h"

#include <stdbool.h>
#include <stdint.h>

struct tui_settings {
    char *server;                           /* URL as ws_url_parse reads it; "" = ask */
    char *user;                             /* "" = the one who was last signed in there, or ask */
    char *password_file, *password_command; /* "" = none; at most one */
    char *ca;                               /* "" = the system's authorities */
    char *theme; /* file as of theme_read; "" = none. By default the one beside the configuration */
    char *background; /* "auto", "dark" or "light" */
    char *keys;       /* file as of keymap_read, likewise */
    char *state;      /* directory; by default $XDG_STATE_HOME/chattui */
    char *join;       /* names of users whose private channels are opened, by comma; --plain */
    bool plain;
    char *format;        /* "text" or "jsonl"; --plain */
    bool stay;           /* --plain: go on printing when the input has ended */
    uint64_t timeout_ms; /* --plain: how long to wait for the server; 0 = for ever */
    bool list_options;   /* for completions; see option_list */
    char *man_part;      /* NULL = none; see manual.h */
    union tuning_value {
        bool on;
        uint64_t number;
    } tuned[sizeof(struct tuning) / sizeof(int)];
};

extern const struct option_program TUI_PROGRAM;

/* Fills a zeroed *set; mistakes were told on stderr. To be freed with tui_settings_free in any
 * case. */
enum option_outcome tui_settings_load(struct tui_settings *set, int argc, char **argv);
/* Nothing is run: something is to be printed. */
bool tui_settings_only_prints(const struct tui_settings *set);
void tui_settings_free(struct tui_settings *set);
void tui_settings_tuning(const struct tui_settings *set, struct tuning *out);

#endif
