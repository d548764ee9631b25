/* password - a new password, never from the command line: by prompt without echo, or from a file or
 * stdin. */
#ifndef CHATCTL_TABLE_PASSWORD_H
#define CHATCTL_TABLE_PASSWORD_H

#include "chatctl/table/invocation.h"
#include "common/base/secret.h"

/* From --password-file (- is stdin; the first line counts) or, without it, from a terminal, asked
 * for twice; hashed as chatd does by default (it hashes anew at the next sign-in where it is set
 * otherwise). An error is complained about. */
enum status password_hash(struct invocation *in, char hash[SECRET_HASH_MAX]);

#endif
