/* editor - a message written in $VISUAL or $EDITOR (else vi): the text goes into a file for the
 * user alone, the editor gets the terminal, and what it leaves in the file comes back. The loop
 * runs on meanwhile, so that the connection stays. Without a shell: the variable is words, split at
 * spaces.
 */
#ifndef CHATTUI_IO_EDITOR_H
#define CHATTUI_IO_EDITOR_H

#include <stdbool.h>
#include <stddef.h>

#include <uv.h>

#define EDITOR_TEXT_MAX (256u << 10) /* bytes that are read back */

/* `text` is NULL when the editor failed or its file can't be read: then `why` says what. Line feeds
 * at the end are cut, since editors add one. Both are valid during the call. */
typedef void editor_fn(const char *text, const char *why, void *arg);

struct editor;

/* The terminal must be the editor's by now. NULL: `why` says what is wrong; nothing runs. Else `fn`
 * is called once, from the loop, and the editor freed behind it. */
struct editor *editor_start(uv_loop_t *loop, const char *text, editor_fn *fn, void *arg, char *why,
                            size_t size);

/* The program ends before the editor does: its file goes, `fn` is not called. */
void editor_abandon(struct editor *e);

#endif
