/* standard - the three files that every program is started with. */
#ifndef COMMON_BASE_STANDARD_H
#define COMMON_BASE_STANDARD_H

#include <stdbool.h>

/* First thing in main. A program that was started with 0, 1 or 2 closed would get its first files
 * and sockets in their place: what it prints would go to Redis, and Redis' answers be its input. So
 * those get /dev/null: there is nothing to read, nothing can be written to stdout, and what is said
 * on stderr is heard by nobody. Without /dev/null the program ends with status 1. */
void standard_open(void);

/* Behind the last that was printed. False: not all of it could be written to stdout, and stderr has
 * heard why. A reader who has had enough (EPIPE) is no failure. */
bool standard_printed(const char *program);

#endif
