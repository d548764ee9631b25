/* text - UTF-8 in steps of what takes up columns: a character with the marks that belong to it.
 * Widths are the C library's, as ncurses, readline and tmux have them: needs a UTF-8 locale.
 */
#ifndef CHATTUI_BASE_TEXT_H
#define CHATTUI_BASE_TEXT_H

#include <stddef.h>
#include <stdint.h>

#define TEXT_BAD 0xfffdu

/* The code point that begins at `s` and its length in bytes (len > 0); TEXT_BAD and 1 where none
 * does. */
uint32_t text_char(const char *s, size_t len, size_t *used);

/* The length in bytes of the character that begins at `s` together with the marks behind it, and
 * its columns. len > 0. A line feed stands alone and has no columns. */
size_t text_cluster(const char *s, size_t len, int *columns);

/* Columns of a text without line feeds. */
int text_columns(const char *s, size_t len);

uint32_t text_lower(uint32_t c); /* of ASCII letters; everything else stays as it is */

#endif
