/* timeline_rows - the array of rows, for timeline's own files. */
#ifndef CHATTUI_MODEL_TIMELINE_ROWS_H
#define CHATTUI_MODEL_TIMELINE_ROWS_H

#include "chattui/model/timeline.h"

/* A fresh row in no timeline; NULL: no memory. */
struct row *timeline_make_row(enum row_kind kind, struct place at, const char *name,
                              size_t name_len, const char *text, size_t text_len);

/* Takes the row over. False: no memory; the row is freed. Keeps the budget: other rows may go, but
 * never the last one of a timeline. */
bool timeline_insert(struct timeline *t, size_t i, struct row *r);
void timeline_remove(struct timeline *t, size_t from, size_t to); /* frees rows from … to - 1 */

/* Makes room by taking the oldest rows of the timeline that has most. */
void timeline_keep_budget(struct timeline *t);

#endif
