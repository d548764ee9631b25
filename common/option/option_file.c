/* option_file - the config file: libconfuse's `key = value`, where every value is a string to
 * libconfuse and option_set makes of it what the row says.
 *
 * libconfuse's lexer is lenient in ways that change what was meant (a bare * vanishes, an
 * unterminated comment swallows the rest, comments upset its line count), so the text is checked
 * and its comments are blanked before libconfuse sees it. The dialect that remains: comments from #
 * or // to the end of the line, "..." with escapes and ${VARIABLES}, '...' as it stands, and bare
 * words. */
#include "common/option/internal.h"

#include <confuse.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX ((size_t)1 << 20)
#define WHY_MAX 256

/* For the callbacks of libconfuse, which carry no pointer of ours. */
static struct {
    const struct option_program *program;
    const char *path;
    void *settings;
} reading;

static void on_error(cfg_t *cfg, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
static void on_error(cfg_t *cfg, const char *fmt, va_list ap) {
    char why[WHY_MAX];
    vsnprintf(why, sizeof why, fmt, ap);
    option_complain(reading.program, "%s:%d: %s", reading.path, cfg->line, why);
}

static int on_value(cfg_t *cfg, cfg_opt_t *opt) {
    const struct option_def *d =
        option_find(reading.program->options, cfg_opt_name(opt), strlen(cfg_opt_name(opt)));
    char why[WHY_MAX];
    if (!option_set(d, reading.settings, cfg_opt_getstr(opt), why, sizeof why)) {
        option_complain(reading.program, "%s:%d: %s: %s", reading.path, cfg->line, d->name, why);
        return -1;
    }
    if (reading.program->on_file_value)
        reading.program->on_file_value(reading.settings, d, reading.path);
    return 0;
}

/* Returns behind the quoted string that begins at `s`, or NULL when its line ends first. */
static char *skip_quoted(char *s) {
    char quote = *s++;
    for (; *s && *s != '\n'; s++) {
        if (*s == quote)
            return s + 1;
        if (*s == '\\' && s[1] && s[1] != '\n')
            s++;
    }
    return NULL;
}

/* Blanks the comments in `s` and refuses what libconfuse would take amiss: see the top. */
static bool check_syntax(const struct option_program *p, const char *path, char *s) {
    bool in_word = false;
    for (int line = 1; *s; s++) {
        if (!in_word && (*s == '#' || (s[0] == '/' && s[1] == '/')))
            while (*s && *s != '\n')
                *s++ = ' ';
        if (*s == '"' || *s == '\'') {
            char *end = skip_quoted(s);
            if (!end)
                return option_complain(p, "%s:%d: a quote is opened and not closed", path, line);
            s = end - 1;
        } else if (*s && strchr("#*+(){},", *s))
            return option_complain(p, "%s:%d: '%c' must stand in quotes", path, line, *s);
        if (!*s)
            break;
        line += *s == '\n';
        in_word = !strchr(" \t\r\n=", *s);
    }
    return true;
}

static bool parse_text(const struct option_program *p, const char *path, const char *text,
                       void *settings) {
    size_t n = 0;
    while (p->options[n].name)
        n++;
    cfg_opt_t *opts = calloc(n + 1, sizeof *opts); /* all zero = CFG_END */
    for (size_t i = 0; opts && i < n; i++)
        opts[i] = (cfg_opt_t)CFG_STR(p->options[i].name, NULL, CFGF_NONE);
    cfg_t *cfg = opts ? cfg_init(opts, CFGF_NONE) : NULL;
    free(opts); /* cfg_init copied them */
    if (!cfg)
        return option_complain(p, "%s: out of memory", path);
    cfg_set_error_function(cfg, on_error);
    for (size_t i = 0; i < n; i++)
        cfg_set_validate_func(cfg, p->options[i].name, on_value);
    reading.program = p;
    reading.path = path;
    reading.settings = settings;
    bool ok = cfg_parse_buf(cfg, text) == CFG_SUCCESS;
    cfg_free(cfg);
    return ok;
}

/* Reads the file whole, terminated with a NUL. False: message printed. */
static bool read_file(const struct option_program *p, const char *path, FILE *f, struct buf *out) {
    char chunk[4096];
    size_t n;
    while (!out->failed && (n = fread(chunk, 1, sizeof chunk, f)) > 0)
        buf_add(out, chunk, n);
    if (ferror(f)) /* a directory opens, and fails here */
        return option_complain(p, "%s: %s", path, strerror(errno));
    size_t len = out->len;
    if (strlen(buf_cstr(out)) != len || out->failed)
        return option_complain(p, "%s: not a text file, or over %zu bytes", path, FILE_MAX);
    return true;
}

/* NULL: errno says why. */
static FILE *open_file(const char *path, bool again) {
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | (again ? O_NONBLOCK : 0));
    FILE *f = fd < 0 ? NULL : fdopen(fd, "r");
    if (!f && fd >= 0)
        close(fd);
    if (!f || !again || (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)))
        return f;
    fclose(f);
    errno = EINVAL;
    return NULL;
}

bool option_file_load(const struct option_program *p, const char *path, bool required,
                      void *settings) {
    FILE *f = path ? open_file(path, p->again) : NULL;
    if (!f && path && errno == EINVAL)
        return option_complain(p, "%s: is no regular file", path);
    if (!f)
        return !required || option_complain(p, "%s: %s", path, strerror(errno));
    struct buf text;
    buf_init(&text, FILE_MAX);
    bool ok = read_file(p, path, f, &text) && check_syntax(p, path, text.data) &&
              parse_text(p, path, text.data, settings);
    buf_free(&text);
    fclose(f);
    return ok;
}
