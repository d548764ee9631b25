/* parse - see parse.h. */
#include "chatctl/table/parse.h"

#include "chatctl/table/commands.h"
#include "common/base/suggest.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

const struct opt GLOBAL_OPTS[] = {
    {"redis", 'r', VALUE_TEXT, "URI", NULL,
     "the Redis: redis, unix, sentinel or cluster://…, or embedded; as for chatd"},
    {"prefix", 'p', VALUE_TEXT, "P", NULL, "what all key names begin with"},
    {"config", 0, VALUE_FILE, "FILE", NULL, "read settings from FILE"},
    {"timeout", 0, VALUE_DURATION, "TIME", NULL, "how long to wait for Redis"},
    {"json", 'j', VALUE_NONE, NULL, NULL, "print JSON: the same as --format json"},
    {"format", 'F', VALUE_CHOICE, "FORMAT", "table|tsv|json|jsonl", "how to print"},
    {"yes", 'y', VALUE_NONE, NULL, NULL, "don't ask before destroying something"},
    {"dry-run", 0, VALUE_NONE, NULL, NULL, "change nothing, say what would be done"},
    {"quiet", 'q', VALUE_NONE, NULL, NULL, "no talk, no progress; errors and data only"},
    {"no-color", 0, VALUE_NONE, NULL, NULL, "no colours (so does NO_COLOR)"},
    {"no-pager", 0, VALUE_NONE, NULL, NULL, "no pager for long listings"},
    {"help", 'h', VALUE_NONE, NULL, NULL, "explain the command"},
    {"version", 'V', VALUE_NONE, NULL, NULL, "print the version and exit"},
    {NULL, 0, VALUE_NONE, NULL, NULL, NULL},
};

bool parse_init(struct command_line *l, size_t words) {
    *l = (struct command_line){.room = words + 1};
    l->args = calloc(l->room, sizeof *l->args);
    l->parsed = calloc(l->room * 2, sizeof *l->parsed); /* -xyz: a few in a word */
    if (l->args && l->parsed)
        return true;
    parse_free(l);
    return false;
}

void parse_free(struct command_line *l) {
    free(l->args);
    free(l->parsed);
    *l = (struct command_line){0};
}

static bool wrong(struct command_line *l, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
static bool wrong(struct command_line *l, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(l->why, sizeof l->why, fmt, ap);
    va_end(ap);
    return false;
}

/* --- Options --- */

static const struct opt *find_name(const struct opt *table, const char *name, size_t len) {
    for (const struct opt *o = table; o && o->name; o++)
        if (strncmp(o->name, name, len) == 0 && !o->name[len])
            return o;
    return NULL;
}

static const struct opt *find_letter(const struct opt *table, char letter) {
    for (const struct opt *o = table; o && o->name; o++)
        if (o->letter == letter)
            return o;
    return NULL;
}

const struct opt *parse_find_opt(const struct command_line *l, const char *name, size_t len) {
    const struct opt *own = l->command ? find_name(l->command->opts, name, len) : NULL;
    return own ? own : find_name(GLOBAL_OPTS, name, len);
}

static bool is_global(const struct opt *o) {
    return o >= GLOBAL_OPTS && o < GLOBAL_OPTS + sizeof GLOBAL_OPTS / sizeof *GLOBAL_OPTS;
}

static bool set_global(struct command_line *l, const struct opt *o, const char *text) {
    const struct {
        const char *name, **text;
        bool *flag;
    } PLACES[] = {{"redis", &l->redis, NULL},       {"prefix", &l->prefix, NULL},
                  {"config", &l->config, NULL},     {"timeout", &l->timeout, NULL},
                  {"format", &l->format, NULL},     {"json", NULL, &l->json},
                  {"yes", NULL, &l->yes},           {"dry-run", NULL, &l->dry_run},
                  {"quiet", NULL, &l->quiet},       {"no-color", NULL, &l->no_color},
                  {"no-pager", NULL, &l->no_pager}, {"help", NULL, &l->help},
                  {"version", NULL, &l->version}};
    for (size_t i = 0; i < sizeof PLACES / sizeof *PLACES; i++) {
        if (strcmp(PLACES[i].name, o->name) != 0)
            continue;
        if (PLACES[i].flag)
            *PLACES[i].flag = true;
        else
            *PLACES[i].text = text;
    }
    return true;
}

static bool take_opt(struct command_line *l, const struct opt *o, const char *text) {
    l->pending = NULL;
    if (is_global(o))
        return set_global(l, o, text);
    if (l->nparsed == l->room * 2)
        return wrong(l, "too many options");
    l->parsed[l->nparsed++] = (struct parsed_opt){.opt = o, .text = text};
    return true;
}

static bool unknown_opt(struct command_line *l, const char *name, size_t len) {
    struct suggest s = suggest_begin(name, len);
    for (const struct opt *o = l->command ? l->command->opts : NULL; o && o->name; o++)
        suggest_try(&s, o->name);
    for (const struct opt *o = GLOBAL_OPTS; o->name; o++)
        suggest_try(&s, o->name);
    if (s.best)
        return wrong(l, "unknown option --%.*s; did you mean --%s?", (int)len, name, s.best);
    if (!l->command)
        return wrong(l, "unknown option --%.*s; an option of a command goes behind its name",
                     (int)len, name);
    return wrong(l, "unknown option --%.*s", (int)len, name);
}

static bool feed_long(struct command_line *l, const char *name) {
    size_t len = strcspn(name, "=");
    const char *value = name[len] ? name + len + 1 : NULL;
    const struct opt *o = parse_find_opt(l, name, len);
    if (!o)
        return unknown_opt(l, name, len);
    if (o->value == VALUE_NONE)
        return value ? wrong(l, "--%s takes no value", o->name) : take_opt(l, o, NULL);
    if (value)
        return take_opt(l, o, value);
    l->pending = o;
    return true;
}

/* -yq, -n10, -n 10 */
static bool feed_letters(struct command_line *l, const char *letters) {
    for (const char *p = letters; *p; p++) {
        const struct opt *o = l->command ? find_letter(l->command->opts, *p) : NULL;
        if (!o)
            o = find_letter(GLOBAL_OPTS, *p);
        if (!o)
            return wrong(l, "unknown option -%c%s", *p,
                         *p >= '0' && *p <= '9' ? "; behind -- it is no option" : "");
        if (o->value != VALUE_NONE && p[1])
            return take_opt(l, o, p + 1);
        if (o->value != VALUE_NONE)
            l->pending = o;
        else if (!take_opt(l, o, NULL))
            return false;
    }
    return true;
}

/* --- Words --- */

static bool is_noun(const char *word) {
    for (size_t i = 0; commands_at(i); i++)
        if (commands_at(i)->noun && strcmp(commands_at(i)->noun, word) == 0)
            return true;
    return false;
}

static const struct command *find_command(const char *noun, const char *verb) {
    const struct command *c;
    for (size_t i = 0; (c = commands_at(i)); i++)
        if (strcmp(c->verb, verb) == 0 &&
            (noun ? c->noun && strcmp(c->noun, noun) == 0 : c->noun == NULL))
            return c;
    return NULL;
}

static bool unknown_word(struct command_line *l, const char *word) {
    struct suggest s = suggest_begin(word, strlen(word));
    const struct command *c;
    for (size_t i = 0; !l->noun && (c = commands_at(i)); i++)
        if (c->noun && strcmp(c->verb, word) == 0)
            return wrong(l, "no command '%s'; did you mean '%s %s'?", word, c->noun, word);
    for (size_t i = 0; (c = commands_at(i)); i++)
        if (!l->noun)
            suggest_try(&s, c->noun ? c->noun : c->verb);
        else if (c->noun && strcmp(c->noun, l->noun) == 0)
            suggest_try(&s, c->verb);
    const char *noun = l->noun ? l->noun : "", *space = l->noun ? " " : "";
    if (s.best)
        return wrong(l, "no command '%s%s%.60s'; did you mean '%s%s%s'?", noun, space, word, noun,
                     space, s.best);
    return wrong(l, "no command '%s%s%.60s'; see chatctl%s%s --help", noun, space, word, space,
                 noun);
}

static bool feed_word(struct command_line *l, const char *word) {
    if (l->command) {
        l->args[l->nargs++] = word;
        return true;
    }
    l->command = find_command(l->noun, word);
    if (l->command)
        return true;
    if (l->noun || !is_noun(word))
        return unknown_word(l, word);
    l->noun = word;
    return true;
}

bool parse_feed(struct command_line *l, const char *word) {
    if (l->nargs + 1 >= l->room)
        return wrong(l, "too many words");
    if (l->pending)
        return take_opt(l, l->pending, word);
    if (l->only_args || word[0] != '-' || !word[1])
        return feed_word(l, word);
    if (strcmp(word, "--") == 0) {
        l->only_args = true;
        return true;
    }
    return word[1] == '-' ? feed_long(l, word + 2) : feed_letters(l, word + 1);
}

/* --- Values --- */

static bool expect(char *why, const char *what) {
    snprintf(why, WHY_MAX, "expected %s", what);
    return false;
}

static bool parse_number(const char *text, size_t len, int64_t *out) {
    int64_t v = 0;
    if (len == 0 || len > 16)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        v = v * 10 + (text[i] - '0');
    }
    *out = v;
    return v <= 1000000000000000;
}

static bool parse_duration(const char *text, int64_t *out) {
    static const struct {
        const char *suffix;
        int64_t ms;
    } UNITS[] = {{"ms", 1},      {"s", 1000},     {"m", 60000},
                 {"h", 3600000}, {"d", 86400000}, {"w", 604800000}};
    size_t digits = strspn(text, "0123456789");
    int64_t n;
    if (!parse_number(text, digits, &n))
        return false;
    if (n == 0 && !text[digits]) { /* of any unit */
        *out = 0;
        return true;
    }
    for (size_t i = 0; i < sizeof UNITS / sizeof *UNITS; i++)
        if (strcmp(text + digits, UNITS[i].suffix) == 0)
            return !__builtin_mul_overflow(n, UNITS[i].ms, out) && *out <= 1000000000000000;
    return false;
}

/* A day or a moment, in UTC: 2024-05-01, 2024-05-01T12:00, 2024-05-01T12:00:30.5Z */
static bool parse_moment(const char *text, int64_t *out) {
    static const char *const FORMS[] = {"%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d"};
    for (size_t i = 0; i < sizeof FORMS / sizeof *FORMS; i++) {
        struct tm tm = {0}, given;
        const char *end = strptime(text, FORMS[i], &tm);
        int64_t ms = 0;
        if (!end)
            continue;
        if (i == 0 && *end == '.') {
            size_t digits = strspn(end + 1, "0123456789");
            for (size_t d = 1; d <= 3; d++)
                ms = ms * 10 + (d <= digits ? end[d] - '0' : 0);
            end += 1 + digits;
        }
        if (i < 2 && *end == 'Z')
            end++;
        given = tm;
        time_t t = timegm(&tm); /* brings 31 February to March: that is no date */
        if (*end || tm.tm_mday != given.tm_mday || tm.tm_mon != given.tm_mon)
            return false;
        *out = (int64_t)t * 1000 + ms;
        return true;
    }
    return false;
}

static bool is_choice(const char *choices, const char *text) {
    size_t len = strlen(text);
    for (const char *c = choices; c; c = strchr(c, '|') ? strchr(c, '|') + 1 : NULL)
        if (strcspn(c, "|") == len && strncmp(c, text, len) == 0)
            return true;
    return false;
}

bool parse_value(const struct opt *o, const char *text, int64_t now_ms, int64_t *out, char *why) {
    *out = 0;
    switch (o->value) {
    case VALUE_NUMBER:
        return parse_number(text, strlen(text), out) || expect(why, "a number, 0 to 10^15");
    case VALUE_DURATION:
        return parse_duration(text, out) ||
               expect(why, "a time such as 90s, 30m, 2h, 30d or 4w, with its unit");
    case VALUE_DATE:
        if (parse_duration(text, out)) {
            *out = now_ms - *out;
            return true;
        }
        return parse_moment(text, out) ||
               expect(why,
                      "a date such as 2024-05-01 or 2024-05-01T12:00Z (UTC), or how long ago: 30d");
    case VALUE_CHOICE:
        if (is_choice(o->choices, text))
            return true;
        snprintf(why, WHY_MAX, "expected one of %s", o->choices);
        return false;
    case VALUE_FILE:
        return *text || expect(why, "a file");
    case VALUE_USER: /* an unset variable of a script names nobody */
        return *text || expect(why, "a user");
    case VALUE_CHANNEL:
        return *text || expect(why, "a channel");
    case VALUE_TEXT:
        return *text || expect(why, "a text that isn't empty");
    case VALUE_NONE:
        break;
    }
    return true;
}

/* --- The end of the line --- */

static bool check_count(struct command_line *l) {
    size_t most = 0, least = 0;
    const char *missing = NULL;
    bool many = false;
    for (const struct param *p = l->command->params; p && p->name; p++) {
        most++;
        least += !p->optional;
        many = many || p->many;
        if (!p->optional && !missing && most > l->nargs)
            missing = p->name;
    }
    if (l->nargs < least)
        return wrong(l, "%s is missing", missing);
    const struct param *p = l->command->params;
    for (size_t i = 0; p && p->name && i < l->nargs; i++) {
        if (!*l->args[i])
            return wrong(l, "%s is empty", p->name);
        p += !p->many;
    }
    if (l->nargs > most && !many)
        return wrong(l, "unexpected argument '%.60s'", l->args[most]);
    return true;
}

static bool check_globals(struct command_line *l, int64_t now_ms) {
    const struct {
        const char *name, *text;
    } GIVEN[] = {{"format", l->format}, {"timeout", l->timeout}};
    for (size_t i = 0; i < sizeof GIVEN / sizeof *GIVEN; i++) {
        const struct opt *o = find_name(GLOBAL_OPTS, GIVEN[i].name, strlen(GIVEN[i].name));
        int64_t number;
        char why[WHY_MAX];
        if (GIVEN[i].text && !parse_value(o, GIVEN[i].text, now_ms, &number, why))
            return wrong(l, "--%s: %.200s", o->name, why);
    }
    if (l->json && l->format && strcmp(l->format, "json") != 0)
        return wrong(l, "--json and --format %s contradict one another", l->format);
    return true;
}

void parse_dates(struct command_line *l, int64_t now_ms) {
    char why[WHY_MAX];
    for (size_t i = 0; i < l->nparsed; i++)
        if (l->parsed[i].opt->value == VALUE_DATE && l->parsed[i].text)
            parse_value(l->parsed[i].opt, l->parsed[i].text, now_ms, &l->parsed[i].number, why);
}

bool parse_finish(struct command_line *l, int64_t now_ms) {
    if (l->pending)
        return wrong(l, "--%s needs a value", l->pending->name);
    if (!check_globals(l, now_ms))
        return false;
    if (l->help || l->version)
        return true;
    if (!l->command)
        return !l->noun || wrong(l, "%s what? See chatctl %s --help", l->noun, l->noun);
    for (size_t i = 0; i < l->nparsed; i++) {
        struct parsed_opt *p = &l->parsed[i];
        char why[WHY_MAX];
        if (p->text && !parse_value(p->opt, p->text, now_ms, &p->number, why))
            return wrong(l, "--%s: %.200s", p->opt->name, why);
    }
    return check_count(l);
}
