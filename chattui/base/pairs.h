/* pairs - the little files beside the configuration, themes and keys: lines `name = value`, with #
 * for comments.
 */
#ifndef CHATTUI_BASE_PAIRS_H
#define CHATTUI_BASE_PAIRS_H

#include <stdbool.h>
#include <stddef.h>

#define PAIRS_LINE 256 /* bytes of a line */

/* Takes one pair; false: `why` says what is wrong with it. */
typedef bool pair_fn(void *arg, const char *name, const char *value, char *why, size_t size);

/* Reads a file; the first error ends it. False: `why` says file, line and what is wrong. */
bool pairs_read(const char *path, pair_fn *fn, void *arg, char *why, size_t size);

#endif
