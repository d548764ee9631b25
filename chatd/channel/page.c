/* page - see page.h. */
#include "chatd/channel/page.h"

#include "common/redis/reply.h"

#define PAGE_BYTES ((size_t)192 * 1024) /* a session's queue takes 256 KiB */
#define USUAL_BYTES ((size_t)384)       /* of a message, encoded */

void page_init(struct page *p, void (*encode)(struct buf *b, const struct message *m, bool first),
               uint64_t *bad) {
    *p = (struct page){.encode = encode, .bad = bad};
    buf_init(&p->texts, 2 * PAGE_BYTES);
}

void page_expect(struct page *p, size_t n) {
    buf_reserve(&p->texts, n < PAGE_BYTES / USUAL_BYTES ? n * USUAL_BYTES : PAGE_BYTES);
}

void page_reset(struct page *p) {
    buf_reset(&p->texts);
    p->messages = 0;
}

void page_free(struct page *p) {
    buf_free(&p->texts);
}

bool page_take(struct page *p, const struct redisReply *entry, const struct channel_id *id,
               struct message *m) {
    if (!reply_entry(entry, id, m)) {
        m->uuid = (struct uuid){{0}};
        ++*p->bad;
        return true;
    }
    size_t before = p->texts.len;
    p->encode(&p->texts, m, p->messages == 0);
    if (p->texts.failed || (p->messages && p->texts.len > PAGE_BYTES)) {
        p->texts.len = before;
        p->texts.failed = false;
        return false;
    }
    p->messages++;
    return true;
}
