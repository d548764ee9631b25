/* match - what a text has in it: a name, other text, links. Case is folded as the locale has it.
 * Pure.
 */
#ifndef CHATTUI_BASE_MATCH_H
#define CHATTUI_BASE_MATCH_H

#include <stdbool.h>
#include <stddef.h>

/* Are they the same bytes, ASCII case apart? */
bool match_same(const char *a, const char *b, size_t len);
/* Does the text mention that name, as a word, ASCII case apart? */
bool match_name(const char *text, size_t len, const char *name);
/* Is `what` anywhere in the text, case apart? */
bool match_text(const char *text, size_t len, const char *what);
/* The next http(s) link from *at on, not NUL-terminated; NULL: no more. *at moves behind it. */
const char *match_link(const char *text, size_t len, size_t *at, size_t *link_len);

#endif
