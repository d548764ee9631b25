/* output - see output.h. */
#include "chatctl/term/output.h"

#include "chatctl/term/pager.h"
#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/sanitize.h"
#include "common/proto/json_write.h"
#include "common/proto/validate.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROWS_MEASURED 500 /* of a table; later rows are streamed in the widths of these */
#define COLUMNS_MAX 16
#define TEXT_MAX                                                                                   \
    ((size_t)4 << 20) /* bytes buffered: 500 rows of messages at their largest fit not quite */
#define FLUSH_AT ((size_t)64 * 1024)
#define WIDTH_MAX 60 /* a wider cell shifts its row */
#define GAP 2

/* A cell of a row that waits: its text is in `texts`, `columns` is how wide it shows. */
struct cell {
    size_t at, len, columns;
    bool right;
};

struct output {
    enum format format;
    bool color, single, open;
    bool pager, paged; /* allowed; wanted for these rows */
    bool terminal;     /* stdout is one: nothing that acts on it may pass */
    const struct column *columns;
    size_t ncolumns, column; /* column: of the next cell */
    uint64_t rows;
    struct buf out; /* what goes to stdout next */
    /* a table's rows that wait to be aligned */
    struct buf texts;
    struct cell *cells;
    size_t ncells, room, widths[COLUMNS_MAX];
    bool measured;
    bool broken; /* stdout can't be written; it was said */
};

static const char *const NAMES[] = {"table", "tsv", "json", "jsonl"};

bool output_format_parse(const char *name, enum format *out) {
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++)
        if (strcmp(name, NAMES[i]) == 0) {
            *out = (enum format)i;
            return true;
        }
    return false;
}

struct output *output_new(enum format format) {
    struct output *o = calloc(1, sizeof *o);
    if (!o)
        return NULL;
    o->format = format;
    o->terminal = isatty(STDOUT_FILENO);
    buf_init(&o->out, 2 * TEXT_MAX);
    buf_init(&o->texts, TEXT_MAX);
    return o;
}

void output_free(struct output *o) {
    if (!o)
        return;
    buf_free(&o->out);
    buf_free(&o->texts);
    free(o->cells);
    free(o);
}

void output_set_color(struct output *o, bool on) {
    o->color = on;
}

void output_set_pager(struct output *o, bool on) {
    o->pager = on;
}

void output_page(struct output *o) {
    o->paged = o->pager;
}

/* --- To stdout --- */

static void on_write_error(struct output *o) {
    if (errno == EINTR)
        return;
    if (errno == EPIPE && !pager_runs())
        exit(0);
    if (errno == EPIPE)
        pager_left();
    else
        fprintf(stderr, "chatctl: stdout: %s\n", strerror(errno));
    o->broken = true;
}

static void flush_out(struct output *o) {
    size_t done = 0;
    if (o->paged && o->out.len) {
        pager_start();
        o->paged = false;
    }
    while (!o->broken && done < o->out.len) {
        ssize_t n = write(STDOUT_FILENO, o->out.data + done, o->out.len - done);
        if (n < 0)
            on_write_error(o);
        else
            done += (size_t)n;
    }
    if (o->out.failed && !o->broken) {
        fprintf(stderr, "chatctl: out of memory\n");
        o->broken = true;
    }
    buf_reset(&o->out);
}

/* --- Tables --- */

static void add_spaces(struct buf *b, size_t n) {
    while (n--)
        buf_char(b, ' ');
}

static void add_cell(struct output *o, const struct cell *c, size_t i, bool last) {
    size_t width = o->widths[i];
    size_t pad = c->columns < width ? width - c->columns : 0;
    if (c->right)
        add_spaces(&o->out, pad);
    buf_add(&o->out, o->texts.data + c->at, c->len);
    if (!c->right && !last)
        add_spaces(&o->out, pad);
    if (!last)
        add_spaces(&o->out, GAP);
}

static bool is_right(const struct output *o, size_t i) {
    return o->columns[i].type == COLUMN_NUMBER;
}

/* "unread_count" as UNREAD COUNT */
static char heading(char c) {
    if (c == '_')
        return ' ';
    return (char)(c >= 'a' && c <= 'z' ? c - 32 : c);
}

static void add_header(struct output *o) {
    if (o->color)
        buf_str(&o->out, "\x1b[1m");
    for (size_t i = 0; i < o->ncolumns; i++) {
        size_t len = strlen(o->columns[i].name);
        size_t pad = o->widths[i] > len ? o->widths[i] - len : 0;
        bool last = i + 1 == o->ncolumns;
        if (is_right(o, i))
            add_spaces(&o->out, pad);
        for (const char *p = o->columns[i].name; *p; p++)
            buf_char(&o->out, heading(*p));
        if (!last)
            add_spaces(&o->out, GAP + (is_right(o, i) ? 0 : pad));
    }
    buf_str(&o->out, o->color ? "\x1b[0m\n" : "\n");
}

static void measure(struct output *o) {
    for (size_t i = 0; i < o->ncolumns; i++)
        o->widths[i] = strlen(o->columns[i].name);
    for (size_t k = 0; k < o->ncells; k++) {
        /* NOLINTNEXTLINE(clang-analyzer-core.DivideZero): a cell has a column */
        size_t *w = &o->widths[k % o->ncolumns], n = o->cells[k].columns;
        if (n > *w)
            *w = n < WIDTH_MAX ? n : WIDTH_MAX;
    }
}

/* The rows that waited. */
static void add_rows(struct output *o) {
    if (!o->measured) {
        measure(o);
        add_header(o);
        o->measured = true;
    }
    for (size_t k = 0; k < o->ncells; k++) {
        bool last = k % o->ncolumns + 1 == o->ncolumns;
        add_cell(o, &o->cells[k], k % o->ncolumns, last);
        if (!last)
            continue;
        while (o->out.len &&
               o->out.data[o->out.len - 1] == ' ') /* in front of an empty last cell */
            o->out.len--;
        buf_char(&o->out, '\n');
    }
    o->ncells = 0;
    buf_reset(&o->texts);
    if (o->out.len >= FLUSH_AT)
        flush_out(o);
}

/* One record: a line a column. */
static void add_record(struct output *o) {
    size_t widest = 0;
    for (size_t i = 0; i < o->ncolumns; i++)
        if (strlen(o->columns[i].name) > widest)
            widest = strlen(o->columns[i].name);
    for (size_t k = 0; k < o->ncells; k++) {
        /* NOLINTNEXTLINE(clang-analyzer-core.DivideZero): a cell has a column */
        size_t i = k % o->ncolumns;
        buf_str(&o->out, o->columns[i].name);
        buf_char(&o->out, ':');
        add_spaces(&o->out, widest - strlen(o->columns[i].name) + 1);
        buf_add(&o->out, o->texts.data + o->cells[k].at, o->cells[k].len);
        buf_char(&o->out, '\n');
    }
    o->ncells = 0;
    buf_reset(&o->texts);
}

static void table_cell(struct output *o, const char *s, size_t len) {
    if (o->ncells == o->room) {
        size_t room = o->room ? o->room * 2 : 256;
        struct cell *cells = realloc(o->cells, room * sizeof *cells);
        if (!cells) {
            o->out.failed = true;
            return;
        }
        o->cells = cells;
        o->room = room;
    }
    struct cell *c = &o->cells[o->ncells++];
    *c = (struct cell){.at = o->texts.len, .right = !o->single && is_right(o, o->column)};
    c->columns = sanitize(&o->texts, s, len, false);
    if (o->texts.failed) {
        o->out.failed = true;
        o->texts.failed = false;
    }
    c->len = o->texts.len - c->at;
}

/* --- The other formats --- */

/* U+0080 to U+009F, which terminals obey like ESC and what follows it. */
static bool is_c1(const char *s, size_t len) {
    return len > 1 && (unsigned char)s[0] == 0xc2 && (unsigned char)s[1] >= 0x80 &&
           (unsigned char)s[1] <= 0x9f;
}

/* What acts on a terminal is escaped into a pipe, too: head(1) may be at its end. */
static void add_escaped(struct buf *b, const char *s, size_t len) {
    for (size_t i = 0; i < len; i++)
        switch (s[i]) {
        case '\t':
            buf_str(b, "\\t");
            break;
        case '\n':
            buf_str(b, "\\n");
            break;
        case '\r':
            buf_str(b, "\\r");
            break;
        case '\\':
            buf_str(b, "\\\\");
            break;
        default:
            if ((unsigned char)s[i] < ' ' || s[i] == 0x7f)
                buf_fmt(b, "\\x%02x", (unsigned char)s[i]);
            else if (is_c1(s + i, len - i))
                buf_fmt(b, "\\x%02x", (unsigned char)s[++i]);
            else
                buf_char(b, s[i]);
        }
}

/* Bytes that are no UTF-8 can't be in JSON: each is shown as U+FFFD. */
static void add_json_text(struct buf *b, const char *s, size_t len) {
    if (utf8_valid(s, len)) {
        json_put_string(b, s, len);
        return;
    }
    struct buf fixed;
    buf_init(&fixed, 4 * len + 16);
    sanitize(&fixed, s, len, true);
    json_put_string(b, fixed.data ? fixed.data : "", fixed.len);
    buf_free(&fixed);
}

/* One character of two or more bytes: its code point and length. The text is valid UTF-8. */
static uint32_t code_point(const unsigned char *s, size_t *len) {
    *len = 2 + (size_t)(*s >= 0xe0) + (size_t)(*s >= 0xf0);
    uint32_t c = *s & (0xffu >> (*len + 1));
    for (size_t i = 1; i < *len; i++)
        c = c << 6 | (s[i] & 0x3fu);
    return c;
}

/* JSON for a terminal: what would act on it or hide is written as \u…, so that it stays exact. */
static void add_visible(struct buf *b, const char *json, size_t size) {
    struct buf safe;
    buf_init(&safe, 64);
    for (size_t i = 0, len; i < size; i += len) {
        len = 1;
        uint32_t c = (unsigned char)json[i];
        if (c >= 0x80)
            c = code_point((const unsigned char *)json + i, &len);
        buf_reset(&safe);
        sanitize(&safe, json + i, len, false);
        if (safe.len == len && memcmp(safe.data, json + i, len) == 0)
            buf_add(b, json + i, len);
        else if (c > 0xffff)
            buf_fmt(b, "\\u%04x\\u%04x", 0xd7c0 + (c >> 10), 0xdc00 + (c & 0x3ff));
        else
            buf_fmt(b, "\\u%04x", c);
    }
    buf_free(&safe);
}

/* JSON for others: exact, but for DEL and C1, which JSON lets stand. */
static void add_uncontrolled(struct buf *b, const char *json, size_t size) {
    for (size_t i = 0; i < size; i++)
        if (json[i] == 0x7f)
            buf_str(b, "\\u007f");
        else if (is_c1(json + i, size - i))
            buf_fmt(b, "\\u00%02x", (unsigned char)json[++i]);
        else
            buf_char(b, json[i]);
}

static void add_json(struct output *o, const char *s, size_t len) {
    struct buf text;
    buf_init(&text, 8 * len + 64);
    add_json_text(&text, s, len);
    if (text.failed)
        o->out.failed = true;
    if (o->terminal)
        add_visible(&o->out, text.data, text.len);
    else
        add_uncontrolled(&o->out, text.data, text.len);
    buf_free(&text);
}

static void add_tsv(struct output *o, const char *s, size_t len) {
    if (!o->terminal) {
        add_escaped(&o->out, s, len);
        return;
    }
    struct buf text;
    buf_init(&text, 4 * len + 64);
    sanitize(&text, s, len, false);
    add_escaped(&o->out, text.data, text.len);
    buf_free(&text);
}

static void begin_row(struct output *o) {
    bool json = o->format == FORMAT_JSON;
    if (o->format == FORMAT_TSV || o->format == FORMAT_TABLE)
        return;
    if (json && !o->single)
        buf_str(&o->out, o->rows ? ",\n" : "\n");
    buf_char(&o->out, '{');
}

static void begin_cell(struct output *o) {
    if (o->column == 0)
        begin_row(o);
    if (o->format == FORMAT_TSV && o->column > 0)
        buf_char(&o->out, '\t');
    if (o->format != FORMAT_JSON && o->format != FORMAT_JSONL)
        return;
    if (o->column > 0)
        buf_char(&o->out, ',');
    json_put_string(&o->out, o->columns[o->column].name, strlen(o->columns[o->column].name));
    buf_char(&o->out, ':');
}

static void end_row(struct output *o) {
    o->column = 0;
    o->rows++;
    if (o->format == FORMAT_TABLE) {
        if (!o->single && (o->measured || o->rows >= ROWS_MEASURED || o->texts.len > TEXT_MAX / 2))
            add_rows(o);
        return;
    }
    if (o->format == FORMAT_TSV)
        buf_char(&o->out, '\n');
    else
        buf_str(&o->out, o->format == FORMAT_JSONL ? "}\n" : "}");
    if (o->out.len >= FLUSH_AT)
        flush_out(o);
}

static void end_cell(struct output *o) {
    if (++o->column == o->ncolumns)
        end_row(o);
}

/* --- Rows --- */

void output_begin(struct output *o, const struct column *columns, bool single) {
    o->columns = columns;
    o->single = single;
    o->open = true;
    o->measured = false;
    o->column = 0;
    o->rows = 0;
    for (o->ncolumns = 0; columns[o->ncolumns].name; o->ncolumns++)
        ;
    if (o->ncolumns > COLUMNS_MAX)
        abort();
    if (o->format == FORMAT_JSON && !single)
        buf_char(&o->out, '[');
}

static bool is_json(const struct output *o) {
    return o->format == FORMAT_JSON || o->format == FORMAT_JSONL;
}

/* A cell that needs no quoting in JSON. */
static void put_plain(struct output *o, const char *s) {
    begin_cell(o);
    if (o->format == FORMAT_TABLE)
        table_cell(o, s, strlen(s));
    else
        buf_str(&o->out, s);
    end_cell(o);
}

void output_text(struct output *o, const char *s, size_t len) {
    begin_cell(o);
    if (o->format == FORMAT_TABLE)
        table_cell(o, s, len);
    else if (o->format == FORMAT_TSV)
        add_tsv(o, s, len);
    else
        add_json(o, s, len);
    end_cell(o);
}

void output_number(struct output *o, int64_t v) {
    char text[24];
    snprintf(text, sizeof text, "%" PRId64, v);
    put_plain(o, text);
}

void output_bool(struct output *o, bool v) {
    if (o->format == FORMAT_TABLE)
        put_plain(o, v ? "yes" : "no");
    else
        put_plain(o, v ? "true" : "false");
}

void output_time(struct output *o, int64_t ms) {
    char text[CLOCK_TEXT + 1];
    if (ms == 0) {
        output_none(o);
        return;
    }
    clock_rfc3339(ms, text);
    if (o->format == FORMAT_TABLE) { /* 2024-05-01 12:00:00Z: a line for people */
        text[10] = ' ';
        memcpy(text + 19, "Z", 2);
    }
    output_text(o, text, strlen(text));
}

void output_uuid(struct output *o, const struct uuid *u) {
    char text[UUID_TEXT + 1];
    uuid_format(u, text);
    output_text(o, text, UUID_TEXT);
}

void output_none(struct output *o) {
    put_plain(o, is_json(o) ? "null" : "");
}

bool output_flush(struct output *o) {
    if (o->open && o->format == FORMAT_TABLE && !o->single)
        add_rows(o);
    flush_out(o);
    return !o->broken;
}

bool output_end(struct output *o) {
    if (!o->open)
        return !o->broken;
    o->open = false;
    if (o->format == FORMAT_TABLE && o->single)
        add_record(o);
    else if (o->format == FORMAT_TABLE)
        add_rows(o);
    else if (o->format == FORMAT_JSON && o->single)
        buf_str(&o->out, "\n");
    else if (o->format == FORMAT_JSON)
        buf_str(&o->out, o->rows ? "\n]\n" : "]\n");
    flush_out(o);
    return !o->broken;
}
