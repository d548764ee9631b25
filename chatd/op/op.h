/* op - the driver of one request: a list of steps, each of which may issue commands whose answers
 * the next one reads.
 *
 * The requests of a session are started and answered in the order they came. One is started when
 * all before it have been answered; only appends to one channel that follow one another are in
 * flight together, since the link and Redis keep their order. The driver runs a step, waits until
 * everything the step has issued has been answered, and runs the next; the first error ends the op;
 * a NULL step ends it well. An op ends exactly once: its answer is sent when all before it in its
 * session have been, then it is freed.
 *
 * A lost connection makes each pending answer come once as NULL, which is an ordinary error. An op
 * keeps a pointer to its session, which outlives it, though its socket may be gone. Loop thread
 * only.
 *
 * Re-entrancy. An answer may come before the call that asked for it returns (the link is down), and
 * the end of one op starts others:
 *
 *   a request arrives                              an answer arrives, at once or later
 *           |                                                   |
 *       op_submit                                           op_release
 *           |                                                   | the last hold
 *           v                                                   v
 *        advance ----------- op_start: its first step -------> run <----------+
 *         ^   ^                                                 |   its steps | op_call, op_hold,
 *         |   |                                                 |             | answered at once
 *         |   |                                                 v             |
 *         |   +----------- the session's next request ------ op_end          step
 *         |                                                     |
 *         +-- other sessions' requests -- leave_admission <-----+
 *
 * The rule: each of the loops runs once at a time for one object, under a mark. A call that finds
 * the mark set leaves its news in the object and returns; the loop that runs comes to it. And
 * nothing is freed that a call further up the stack still uses.
 *
 *   op.running         in run. op_release only counts down; run goes on when the step returns.
 *   session.advancing  in advance. op_end doesn't advance, and session_release doesn't free; the
 *                      loop looks for the next request anew, its caller releases the session.
 *   admission.opening  in leave_admission. A place that is given back meanwhile is filled there.
 *   op.holds           the op stays for as long as an answer is to come.
 *   channel.pins       the channel stays: an op has one from hub_pin to its end, and a function
 * that may end ops takes one for itself.
 */
#ifndef CHATD_OP_OP_H
#define CHATD_OP_OP_H

#include "chatd/base/counters.h"
#include "chatd/base/settings.h"
#include "chatd/op/admission.h"
#include "chatd/redis/redis.h"
#include "common/proto/request.h"

#include <stdbool.h>

struct account;
struct buf;
struct channel;
struct frame;
struct node;
struct op;
struct session;

/* A step: issues commands with op_call, or works at once; fails with op_fail. */
typedef void (*op_step)(struct op *op);
/* Reads the answer to one command. */
typedef void (*op_reply)(struct op *op, const struct redisReply *reply);

/* One for all ops of a process. */
struct ops {
    /* Dependencies. */
    struct redis *redis;
    struct hub *hub;
    struct counters *count;
    const struct chatd_settings *set;
    uv_loop_t *loop;
    struct node *node; /* for the verbs: nothing here looks into it */

    struct admission admission;
};

/* A kind of request, as the table of the dispatcher has it. */
struct verb {
    const op_step *steps; /* ended by NULL */
    bool anyone;          /* may be asked without being signed in */
    /* Called when the op's turn has come: sets its first steps and account, or its error. */
    void (*begin)(struct op *op);
    /* May it start while those before it, which all append to session->append_to, are under way?
     * NULL: no. */
    bool (*may_follow)(const struct op *op);
    bool costly; /* costs Redis many times what a message does: see admission.h */
};

struct op {
    struct op *next; /* in its session */
    struct ops *all;
    struct node *node; /* all->node, for the verbs */
    struct session *session;
    const struct verb *verb;
    const op_step *step;  /* the next one */
    const op_step *after; /* the list to go on with at the end of this one */
    unsigned holds;       /* answers that have yet to come */
    uint64_t came_ms;     /* when, by the loop's clock */
    const struct account
        *charged; /* whose rate it was held to when it came, or NULL; only compared */
    bool started, running, done;
    bool inside; /* of admission's limit */
    struct err err;
    struct frame *answer; /* NULL: none, or it has been delivered by the hub */
    struct request req;
    struct account *account;          /* that asks; a reference */
    struct channel *channel;          /* pinned */
    struct message message;           /* what is appended; borrows from req and account */
    struct op *batch_next;            /* of those that share a call of append.lua, or a reading */
    void *state;                      /* of the verb; freed with the op */
    void (*state_clear)(void *state); /* releases what state points to; may be NULL */
};

/* Makes an op from a decoded request and takes the request over. `early` (may be NULL) is an error
 * found before the op could start: it is answered in its turn. Out of memory closes the session. */
void op_submit(struct ops *all, struct session *s, const struct verb *verb, struct request *req,
               const struct err *early);

/* --- For steps --- */

/* Sends the command in redis->cmd. The op goes on when all answers have come; `fn` may be NULL
 * (only errors matter). */
void op_call(struct op *op, op_reply fn);
/* The same where several answers are told apart by a number: in a Cluster they come in any order.
 */
typedef void (*op_item_reply)(struct op *op, const struct redisReply *reply, size_t item);
void op_call_item(struct op *op, op_item_reply fn, size_t item);
/* Sends the command in redis->cmd without waiting: an answer that nobody needs. */
void op_tell(struct op *op);
/* One more answer is to come, from elsewhere than Redis; then op_release, once. */
void op_hold(struct op *op);
void op_release(struct op *op);
/* The first failure counts. */
enum err_code op_fail(struct op *op, enum err_code code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void op_refuse(struct op *op, enum err_code code);        /* without a detail */
void op_fail_as(struct op *op, const struct err *reason); /* as something else failed */
/* Goes on with another list of steps instead of the rest of this one. */
void op_goto(struct op *op, const op_step *steps);
/* State of the verb, zeroed. NULL: the op has failed. */
void *op_state(struct op *op, size_t size, void (*clear)(void *state));
void op_state_free(struct op *op); /* … gives way to the state of the next list of steps */
/* Goes on after `ms`. */
void op_sleep(struct op *op, uint32_t ms);
/* The answer: encoded JSON; the buf is reset. */
void op_answer(struct op *op, struct buf *json);

#endif
