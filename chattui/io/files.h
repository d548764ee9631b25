/* files - files that are whole whatever happens: read with a cap, replaced by rename, locked by
 * name. All of them are for the user alone. Names are relative to a directory's descriptor.
 */
#ifndef CHATTUI_IO_FILES_H
#define CHATTUI_IO_FILES_H

#include "common/base/buf.h"

#include <stdbool.h>
#include <stddef.h>

/* Opens a directory, which is made if need be, with those above it. `at` may be AT_FDCWD. -1:
 * errno. */
int files_dir(int at, const char *path);

/* Appends what the file holds to `out`, up to its cap (failed: there was more). False: errno. */
bool files_read(int dir, const char *name, struct buf *out);
bool files_read_fd(int fd, struct buf *out);

/* Writes all of it at the end, and waits for the disk if asked to. False: errno; a part may be
 * there. */
bool files_append(int fd, const char *data, size_t len, bool sync);

/* The file has the new content or the old, never anything between, also if the machine stops.
 * Returns a descriptor for appending, locked by flock, or -1: errno. */
int files_replace(int dir, const char *name, const char *data, size_t len);

/* Opens the file for appending and locks it: made if need be, if `make`. -1: errno (EWOULDBLOCK:
 * somebody else has it). */
int files_lock(int dir, const char *name, bool make);

/* A file's name for any text: letters, digits and -._ as they are, %XX for others; a hash when that
 * is too long. */
#define FILES_NAME 256
void files_name(const char *text, char out[FILES_NAME]);

#endif
