/* output - data for people and for programs: one description of columns, four formats.
 * A table is aligned to its first 500 rows and then streamed: memory does not grow with it.
 *
 * table: aligned, with a header, names made safe for the terminal (the default on a terminal); tsv:
 * no header, no colour, exact but for \t \n \\ escapes (the default in a pipe); json: one array;
 * jsonl: an object a line. A closed pipe ends the program quietly, with status 0: its reader had
 * enough. When it is the pager's, the command ends, as by Ctrl-C.
 */
#ifndef CHATCTL_TERM_OUTPUT_H
#define CHATCTL_TERM_OUTPUT_H

#include "common/base/uuid.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum format { FORMAT_TABLE, FORMAT_TSV, FORMAT_JSON, FORMAT_JSONL };

enum column_type { COLUMN_TEXT, COLUMN_NUMBER, COLUMN_BOOL, COLUMN_TIME /* ms; 0 = none */ };

struct column {
    const char *name; /* json key and (upper-cased) header */
    enum column_type type;
};

struct output;

struct output *output_new(enum format format);                /* to stdout */
bool output_format_parse(const char *name, enum format *out); /* "table" … */
void output_set_color(struct output *o, bool on);             /* a table's header; default off */
void output_set_pager(struct output *o, bool on); /* whether output_page counts; default off */
/* Begins rows of these columns (ended by name NULL; must live until output_end). `single`: one
 * record, shown as `name: value` lines in a table and as a bare object in json. */
void output_begin(struct output *o, const struct column *columns, bool single);
/* These rows are a listing: they go through the user's pager (pager.h), beginning with the first
 * that is written. */
void output_page(struct output *o);
/* The cells of a row, in the order of the columns. */
void output_text(struct output *o, const char *s, size_t len);
void output_uuid(struct output *o, const struct uuid *u);
void output_number(struct output *o, int64_t v);
void output_bool(struct output *o, bool v);
void output_time(struct output *o, int64_t ms);
void output_none(struct output *o); /* json null, empty elsewhere */
/* Shows the rows so far at once, for what goes on (tail -f). False: stdout can't be written. */
bool output_flush(struct output *o);
/* Ends the rows; flushes. False: stdout can't be written. */
bool output_end(struct output *o);
void output_free(struct output *o);

#endif
