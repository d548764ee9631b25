/* page - a page of a channel's messages: entries of its stream, encoded as an answer lists them, as
 * many as one answer holds. */
#ifndef CHATD_CHANNEL_PAGE_H
#define CHATD_CHANNEL_PAGE_H

#include "common/base/buf.h"
#include "common/proto/model.h"

struct redisReply;

struct page {
    void (*encode)(struct buf *b, const struct message *m, bool first);
    struct buf texts; /* the messages, encoded */
    size_t messages;
    uint64_t *bad; /* counts entries that were no messages, and left out */
};

/* `encode` is response_encode_join_message or response_encode_read_message. */
void page_init(struct page *p, void (*encode)(struct buf *b, const struct message *m, bool first),
               uint64_t *bad);
/* So many entries are to come: room for as many of the usual length, at once. */
void page_expect(struct page *p, size_t n);
void page_reset(struct page *p); /* empty again */
void page_free(struct page *p);

/* Takes one entry in. *m is its message, which lives as long as the entry; of a spoilt one it has
 * the seq (0: not even that) and a nil UUID. False: the page is full, and is as it was. */
bool page_take(struct page *p, const struct redisReply *entry, const struct channel_id *id,
               struct message *m);

#endif
