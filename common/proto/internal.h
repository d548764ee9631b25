/* internal - what request*.c, response*.c and the codec_*.c share. Nobody else includes it.
 *
 * A codec reads and writes the body of one kind of frame, or the members of one kind of event. It
 * is named by a row of REQUEST_TABLE, RESPONSE_TABLE or SYS_TABLE.
 */
#ifndef COMMON_PROTO_INTERNAL_H
#define COMMON_PROTO_INTERNAL_H

#include "common/proto/json.h"
#include "common/proto/json_write.h"
#include "common/proto/request.h"
#include "common/proto/response.h"

#define SEQ_MAX (((uint64_t)1 << 53) - 1) /* what json_u64 can give */

/* --- request_field.c: reading a client's frame --- */

#define REQUEST_STRINGS_MAX 4

/* A request that is being decoded. */
struct request_decoder {
    const struct json *root;
    const struct json *body; /* NULL: none, which finds nothing in it */
    const char *body_name;   /* "signIn"; NULL while the envelope is read */
    struct request *out;
    struct err *e;
    /* Strings of *out that still stand in the document, and have to outlive it. */
    struct {
        const char **at[REQUEST_STRINGS_MAX];
        size_t len[REQUEST_STRINGS_MAX], n;
    } kept;
    char id[6 * REQUEST_ID_MAX + 2]; /* out->id until it is packed */
};

/* An error whose detail begins with the field's path. All return the code. */
enum err_code request_fail(const struct request_decoder *d, enum err_code code, const char *key,
                           const char *why);
enum err_code request_bad(const struct request_decoder *d, const char *key, const char *why);

enum err_code request_bad_string(const struct request_decoder *d, const char *key,
                                 enum json_result result);

/* *s, which is in *out, points into the document: it is to be packed. */
void request_keep(struct request_decoder *d, const char **s, size_t len);
/* Fields of the body. A string is kept: *s points into out->mem in the end. */
enum err_code request_string(struct request_decoder *d, const char *key, const char **s,
                             size_t *len);
/* `v` keeps its value if the field is absent; then *given is false (`given` may be NULL). */
enum err_code request_number(const struct request_decoder *d, const char *key, uint64_t min,
                             uint64_t max, uint64_t *v, bool *given);
enum err_code request_recipient(struct request_decoder *d); /* out->to */

/* --- request_field.c: writing a client's frame --- */

void request_add_recipient(struct buf *b, const struct request *r);
void request_add_number(struct buf *b, const char *key, uint64_t v); /* 0: the default, left out */

/* --- response_field.c: reading a server's frame --- */

/* A response that is being decoded. */
struct response_decoder {
    const struct json *body;
    const char *body_name;
    struct response *out;
    struct err *e;
};

enum err_code response_bad(const struct response_decoder *d, const char *key, const char *why);

/* Fields. `obj` is the body or an element of one of its lists. "" and 0 if absent. */
enum err_code response_text(const struct response_decoder *d, const struct json *obj,
                            const char *key, const char **s, size_t *len); /* len may be NULL */
enum err_code response_u64(const struct response_decoder *d, const struct json *obj,
                           const char *key, uint64_t max, uint64_t *v);
enum err_code response_u32(const struct response_decoder *d, const struct json *obj,
                           const char *key, uint32_t *v);
/* Must be there. */
enum err_code response_uuid(const struct response_decoder *d, const struct json *obj,
                            const char *key, struct uuid *u);
enum err_code response_recipient(const struct response_decoder *d, const struct json *obj,
                                 struct recipient *to);
/* The body's epoch and seq; nil and 0 if absent. */
enum err_code response_position(const struct response_decoder *d, struct position *at);
/* A list's first element, with room made for all *n of `item_size`; *n is 0 if there is none. */
enum err_code response_list(const struct response_decoder *d, const char *key, size_t item_size,
                            const struct json **first, size_t *n, void **room);

/* --- Writing a server's frame --- */

/* Upper bounds, in bytes, of what surrounds the strings. Only hints: a buf grows when they fall
 * short. */
#define FRAME_ROOM 256
#define MESSAGE_ROOM 384
#define USER_ROOM 96

/* The end of a frame after its body: the echoed requestID, always the last member. */
static inline void response_put_end(struct buf *b, const struct request_id *id) {
    if (id && id->len > 0) {
        JSON_PUT(b, ",\"requestID\":");
        json_put(b, id->json, id->len);
    }
    JSON_PUT(b, "}");
}

/* A channel as its reader names it: NULL is the public one. */
static inline void response_put_recipient(struct buf *b, const struct uuid *u) {
    if (u)
        json_put_uuid(b, u);
    else
        JSON_PUT(b, "0");
}

static inline void response_put_position(struct buf *b, const struct position *at) {
    JSON_PUT(b, "\"epoch\":\"");
    json_put_uuid(b, &at->epoch);
    JSON_PUT(b, "\",\"seq\":");
    buf_u64(b, at->seq);
}

/* --- The codecs --- */

#define X(sym, type, body, ...)                                                                    \
    enum err_code request_decode_##body(struct request_decoder *d);                                \
    void request_encode_##body(struct buf *b, const struct request *r);
REQUEST_TABLE(X)
#undef X

#define X(sym, type, body, codec) enum err_code response_decode_##codec(struct response_decoder *d);
RESPONSE_TABLE(X)
#undef X

/* --- Shared by codecs --- */

/* codec_message.c: lists of messages, which a join has, too */
enum err_code codec_messages(struct response_decoder *d, const struct message **messages,
                             size_t *n);
void codec_put_message(struct buf *b, const struct message *m, bool first, bool twice);

/* codec_users.c: lists of users, whose members are spelled in two ways */
enum err_code codec_users(struct response_decoder *d, const char *name_key, const char *online_key,
                          const struct user_item **users, size_t *n);

#endif
