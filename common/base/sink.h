/* sink - writes to a descriptor that others share, such as stderr, without ever waiting for its
 * reader. O_NONBLOCK would be set for all that share it, and their writes would fail: a pipe, a
 * FIFO or a terminal is opened once more for us alone, a socket is told with each write. One that
 * can't be opened, since it belongs to another user, is asked before each write: then only another
 * process that fills it in between can make us wait. */
#ifndef COMMON_BASE_SINK_H
#define COMMON_BASE_SINK_H

#include <stdbool.h>
#include <stddef.h>

#define SINK_LINE_MAX 10960 /* what is written at once, at most: its rest can be kept */

struct sink {
    int fd;
    bool own; /* fd was opened by us */
    bool socket;
    bool asks; /* writes to it may wait: it is asked before */
    size_t rest_len;
    char rest[SINK_LINE_MAX]; /* of what was taken in part: comes before the next */
};

/* `fd` stays the caller's and must stay open. */
void sink_open(struct sink *s, int fd);
void sink_close(struct sink *s);

/* Writes the line, newline included, whole or not at all; its rest, of which the other end took a
 * part, is written before the next. False: it was dropped, since the other end doesn't read or is
 * gone. */
bool sink_write(struct sink *s, const char *line, size_t n);
/* The same for a descriptor that gets one line only. */
bool sink_say(int fd, const char *line);

#endif
