/* sanitize - foreign text made safe for a terminal: the one choke point for names and messages on
 * their way to a screen, a title or a tty. The stored text stays as it is; this is how it is shown.
 *
 *   C0, DEL                         ^X
 *   TAB                             four spaces
 *   LF                              kept in bodies, else ^J
 *   C1, U+2028, U+2029              U+FFFD
 *   of no width known to terminals  U+FFFD
 *   bytes that are no UTF-8         U+FFFD
 *   bidi, invisible format, tags    dropped
 *   variation selectors 15 and 16   dropped
 *   skin tones                      dropped
 *   ZWJ, ZWNJ                       kept behind U+0600-0DFF, where they shape letters
 *   combining marks                 at most 4 behind a character, none at the beginning
 *
 * Widths are the C library's (wcwidth): needs a UTF-8 locale.
 */
#ifndef COMMON_BASE_SANITIZE_H
#define COMMON_BASE_SANITIZE_H

#include "common/base/buf.h"

#include <stdbool.h>
#include <stddef.h>

/* Appends the safe form of `s` to `out` and returns how many columns it takes (of the last line, if
 * `lines`, which keeps line feeds). */
size_t sanitize(struct buf *out, const char *s, size_t len, bool lines);

#endif
