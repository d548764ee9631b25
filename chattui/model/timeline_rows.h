/* timeline_rows - the array of rows, for timeline's own files. */
#ifndef CHATTUI_MODEL_TIMELINE_ROWS_H
#define CHATTUI_MODEL_TIMELINE_ROWS_H

#include "chattui/model/timeline.h"

/* A fresh row in no timeline; NULL: no memory. */
struct row *row_make(enum row_kind kind, struct place at, const char *name, size_t name_len,
                     const char *text, size_t text_len);

/* Takes the row over. False: no memory; the row is freed. Keeps the budget: other rows may go, but
 * never the last one of a timeline. */
bool rows_insert(struct timeline *t, size_t i, struct row *r);
void rows_remove(struct timeline *t, size_t from, size_t to); /* frees rows from … to - 1 */

/* At the place of a gap: those of numbers lo + 1 … hi - 1. Nothing if there are none. */
void rows_add_gap(struct timeline *t, enum gap_kind kind, uint16_t epoch, uint64_t lo, uint64_t hi);

/* Makes room by taking the oldest rows of whoever has most. */
void rows_keep_budget(struct timeline *t);

#endif
