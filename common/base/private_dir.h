/* private_dir - a directory that is its user's alone: nobody else may read what is in it, or put
 * something in its place. */
#ifndef COMMON_BASE_PRIVATE_DIR_H
#define COMMON_BASE_PRIVATE_DIR_H

#include <stdbool.h>
#include <stddef.h>

/* Makes the directory (0700) and those above it (0755), or takes one that is there if it is ours,
 * with a mode of 0700 or less, and nobody but us and root may rename what is above it. `real` is
 * its path without symbolic links. False: `why` names what is in the way. */
bool private_dir_make(const char *path, char *real, size_t real_size, char *why, size_t size);
/* The same for one that is there, and for who uses what is in it: root may use another user's. */
bool private_dir_find(const char *path, char *real, size_t real_size, char *why, size_t size);

#endif
