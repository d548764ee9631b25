/* internal - what the files of this room share. Nobody else includes it. */
#ifndef COMMON_OPTION_INTERNAL_H
#define COMMON_OPTION_INTERNAL_H

#include "common/option/option.h"

/* --- option_def.c --- */

/* The flags that every program has; rows, so that look-up, help and listing need no special case.
 */
enum { OPTION_CONFIG, OPTION_HELP, OPTION_VERSION };
extern const struct option_def OPTION_BUILTIN[];

/* The row called `name` (len bytes) in one table, or NULL. */
const struct option_def *option_find(const struct option_def *table, const char *name, size_t len);

/* The placeholder of the option's value in texts: "HOST:PORT"; "" for a flag. */
const char *option_arg(const struct option_def *d);

/* Prints "chatd: …" to stderr, or tells the program's `complain`, and returns false, so that a
 * failing function can end in it. */
bool option_complain(const struct option_program *p, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* --- option_file.c --- */

/* Fills `settings` from the file at `path`. False: message printed, with file:line. A file that
 * can't be opened is an error only when `required`. */
bool option_file_load(const struct option_program *p, const char *path, bool required,
                      void *settings);

#endif
