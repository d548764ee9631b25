/* reply_arena - memory for the answers of one Redis link. hiredis by itself allocates each element
 * of an answer twice: a page of 50 messages is 1,300 allocations, almost half of what it cost. Here
 * an answer lies in one piece, and goes as a whole when it has been read. */
#ifndef CHATD_BASE_REPLY_ARENA_H
#define CHATD_BASE_REPLY_ARENA_H

struct redisReader;
struct reply_arena;

struct reply_arena *reply_arena_new(void); /* NULL: no memory */
void reply_arena_free(struct reply_arena *a);

/* From now on the reader's answers are made in the arena, which must outlive it. They must not be
 * given to freeReplyObject; reply_arena_reset ends them all, and must not be called while an answer
 * has arrived in part: that is, only right after a whole one was handled. */
void reply_arena_attach(struct reply_arena *a, struct redisReader *reader);
void reply_arena_reset(struct reply_arena *a);

#endif
