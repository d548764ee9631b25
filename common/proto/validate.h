/* validate - is this text what it claims to be? Pure functions. utf8proc is used only here. */
#ifndef COMMON_PROTO_VALIDATE_H
#define COMMON_PROTO_VALIDATE_H

#include "common/base/err.h"
#include "common/proto/model.h"

#include <stdbool.h>
#include <stddef.h>

/* Strict UTF-8 (RFC 3629): no overlongs, surrogates or truncated sequences. NUL is valid UTF-8. */
bool utf8_valid(const char *s, size_t len);

/* The same without a NUL, which no client can send and no client's JSON need take: what a name or a
 * message in Redis must be. */
bool text_valid(const char *s, size_t len);

/* Code points in valid UTF-8. */
size_t utf8_count(const char *s, size_t len);

/* Checks a username and brings it to the form it is stored in (NFC). `out` gets at most
 * NAME_MAX_BYTES bytes and a NUL. ERR_BAD_NAME says in e->detail what is wrong. The rules:
 *  - 1 to 32 characters after NFC, each a letter, a mark after a letter, a decimal digit or one of
 *    _ . - ' and single inner spaces;
 *  - all letters of one script, digits likewise; Japanese (Han, Hiragana, Katakana), Korean (Han,
 *    Hangul) and Chinese (Han, Bopomofo) count as one script each;
 *  - at least one letter or digit. */
enum err_code name_check(const char *s, size_t len, char out[NAME_MAX_BYTES + 1], size_t *out_len,
                         struct err *e);

/* The form in which names are compared for uniqueness: case-folded NFC of a name that name_check
 * accepted. `out` gets at most NAME_FOLDED_MAX bytes and a NUL. False: out of memory or too long.
 */
#define NAME_FOLDED_MAX 384
bool name_fold(const char *name, size_t len, char out[NAME_FOLDED_MAX + 1], size_t *out_len);

/* The sender's name in messages of a deleted user, and of the server's own. Names like any other,
 * so nobody may have them. */
#define NAME_DELETED "deleted user"
#define NAME_SERVER "server"
bool name_is_of_deleted(const char *folded, size_t len);
/* Means something else than a user, or looks like a word that does: nobody gets such a name any
 * more. Those who have one keep it. Wider than name_is_of_deleted. */
bool name_reserved(const char *folded, size_t len);

/* A message text: 1 to MESSAGE_MAX_CHARS characters, at most MESSAGE_MAX_BYTES bytes;
 * ERR_TOO_LARGE. `s` is valid UTF-8. */
#define MESSAGE_MAX_CHARS 4096
#define MESSAGE_MAX_BYTES 16384
enum err_code message_check(const char *s, size_t len, struct err *e);

/* A password: 1 to PASSWORD_MAX bytes; ERR_BAD_FIELD. */
#define PASSWORD_MAX 1024
enum err_code password_check(const char *s, size_t len, struct err *e);

#endif
