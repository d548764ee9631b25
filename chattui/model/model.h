/* model - everything that chattui knows: view draws it, plain prints it. Changed by update()
 * alone.
 *
 * All of it is bounded, whatever a server or its users send: channels, rows and their bytes,
 * people, requests under way. Foreign text (names, messages, error texts, the server's name) is
 * stored raw and passes sanitize() where it is shown.
 */
#ifndef CHATTUI_MODEL_MODEL_H
#define CHATTUI_MODEL_MODEL_H

#include "chattui/base/place.h"
#include "chattui/model/members.h"
#include "chattui/model/outbox.h"
#include "chattui/model/roster.h"
#include "chattui/model/timeline.h"
#include "chattui/model/tuning.h"
#include "common/base/secret.h"
#include "common/proto/response.h"
#include "common/proto/validate.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONVERSATIONS_MAX 200
#define ASKS_MAX 64 /* requests under way */
#define URL_MAX 512
#define STATUS_MAX 200
#define DRAFT_MAX (64u << 10)
#define ALIASES_MAX 50
#define FIRST_ROWS 50u /* a channel with fewer loads a page when it is opened */
#define NOTIFY_MAX 500 /* bytes of a message in a notification */

/* --- Channels --- */

enum join_state {
    JOIN_NONE,   /* listed, not joined: left, or opened by an `unread` event */
    JOIN_WANTED, /* to be joined when there is a connection */
    JOIN_ASKED,
    JOIN_DONE,
    JOIN_REFUSED /* and so it stays until somebody asks: see the last notice */
};

/* The most important kind of news in a channel, in rising order. */
enum activity { ACTIVITY_NONE, ACTIVITY_MESSAGE, ACTIVITY_PRIVATE, ACTIVITY_MENTION };

struct conversation {
    struct recipient to;
    char name[NAME_MAX_BYTES + 1]; /* "public", or the other user; raw */
    enum join_state join;
    bool self;   /* notes to self */
    bool muted;  /* no activity, bell or notification but for mentions */
    bool pinned; /* at the head of the list */
    struct timeline timeline;
    struct members members;
    enum activity activity;
    unsigned unread;           /* messages of others since `read`; UNREAD_MAX = that many or more */
    struct place read;         /* the newest that was read */
    struct place unread_after; /* the unread line stands before the first message behind it;
                                * PLACE_NONE = there is no line */
    struct position saved_read; /* as it came from the file, until the channel is joined */
    uint64_t unread_from;       /* first seq that an `unread` event told of; 0 = none */
    bool was_loaded;            /* joined once: messages that come now are new */
    struct scroll scroll;
    unsigned below; /* messages that came while scrolled up: "N new below" */
    char *draft;    /* the input while another conversation is current; NULL = "" */
    size_t draft_cursor;
    bool dirty;            /* to be saved: see conversation_save */
    unsigned pages_wanted; /* older history to load, in pages */
    unsigned hole_pages;   /* the same, of holes */
    struct uuid awaited;   /* an epoch of which a page came before its event; nil: none */
    uint64_t pause_ms;     /* refused for the moment: nothing is asked before then */
    unsigned tries;        /* so refused in a row */
    uint64_t order;        /* of opening: the list's order within pinned and the rest */
};

#define UNREAD_MAX 999

/* --- The connection --- */

enum conn_state {
    CONN_OFFLINE,    /* and nobody is trying: `trouble` says why; /connect, or the dialogue */
    CONN_WAITING,    /* tries again at retry_ms */
    CONN_CONNECTING, /* the socket is being opened */
    CONN_GREETING,   /* open; the server has not said `ready` yet */
    CONN_SIGNED_OUT, /* greeted, and waiting for the dialogue */
    CONN_SIGNING_IN, /* the first request is under way */
    CONN_ONLINE
};

struct conn {
    enum conn_state state;
    uint64_t since_ms;        /* monotonic: in this state since */
    uint64_t retry_ms;        /* WAITING: when */
    uint64_t deadline_ms;     /* CONNECTING, GREETING, SIGNING_IN: then it has failed; 0 = none */
    unsigned attempt;         /* failed ones in a row */
    uint32_t go_away_ms;      /* as the server asked; 0 = it did not */
    uint64_t strange_before;  /* the model's count when it was opened */
    char trouble[STATUS_MAX]; /* the last failure; "" = none; may hold foreign text */
    struct server_limits limits;
    char server[64]; /* as it names itself: "chatd 0.1.0"; foreign */
    bool was_online; /* in this run */
    bool key_sent;   /* on this connection */
    bool has_users;  /* asked for, on this connection */
};

/* The purposes of requests: (symbol, request, refused). update calls ask_refused_REFUSED when the
 * answer is an error; `say` tells the user, and does for most. */
#define ASK_TABLE(X)                                                                               \
    X(SIGN, SIGN_IN, sign) /* or SIGN_UP */                                                        \
    X(SIGN_OUT, SIGN_OUT, sign_out)                                                                \
    X(JOIN, CHANNEL_JOIN, join)                                                                    \
    X(LEAVE, CHANNEL_LEAVE, say)                                                                   \
    X(SEND, CHANNEL_MESSAGE, send)        /* uuid: the outbox entry's */                           \
    X(HISTORY, CHANNEL_MESSAGES, history) /* older than all that is here */                        \
    X(HOLE, CHANNEL_MESSAGES, history)    /* a hole's newer end */                                 \
    X(USERS, USERS, users)                /* the list, at the beginning */                         \
    X(LIST, USERS, say)                   /* /users: the list, to be shown */                      \
    X(LOOKUP, USERS, lookup)              /* the list, page by page, for a name */

/* A request under way, found again by its requestID. */
enum ask_kind {
    ASK_NONE,
#define X(sym, ...) ASK_##sym,
    ASK_TABLE(X)
#undef X
};

struct ask {
    enum ask_kind kind;
    uint64_t id; /* requestID */
    uint64_t sent_ms;
    struct recipient to;
    struct uuid uuid;
    uint16_t epoch;        /* HISTORY, HOLE: the timeline's number of it */
    uint64_t low, high;    /* HISTORY, HOLE: both ends, exclusive */
    struct position since; /* JOIN: as it was asked; nil epoch = not at all */
    bool has_key;          /* carried the access key: the first of a connection */
};

#define ASK_TIMEOUT_MS 30000 /* no answer: the connection is dead, whatever the socket says */

/* --- The sign-in dialogue --- */

enum dialog_state { DIALOG_CLOSED, DIALOG_EDITING, DIALOG_BUSY };

/* (symbol, label) in the order of the screen. REGISTER is a yes/no. */
#define FIELD_TABLE(X)                                                                             \
    X(SERVER, "Server")                                                                            \
    X(NAME, "Name")                                                                                \
    X(PASSWORD, "Password")                                                                        \
    X(REGISTER, "New account")

enum field {
#define X(sym, label) FIELD_##sym,
    FIELD_TABLE(X)
#undef X
        FIELDS
};

const char *model_field_label(enum field f);

#define FIELD_MAX PASSWORD_MAX

struct dialog {
    enum dialog_state state;
    enum field focus;
    char text[FIELDS][FIELD_MAX + 1]; /* PASSWORD is wiped as soon as it was sent */
    bool sign_up;
    bool offered;           /* sign_up is ours, since nobody has the name: until that is changed */
    char error[STATUS_MAX]; /* told above the fields; may hold foreign text */
};

/* --- A question that wants y or n --- */

enum question_kind { QUESTION_NONE, QUESTION_PASTE, QUESTION_QUIT, QUESTION_NEW_ACCOUNT };

struct question {
    enum question_kind kind;
    char text[STATUS_MAX]; /* "Send 12 lines? y/n" */
    char *held;            /* PASTE: the message */
    struct recipient to;
};

/* --- Searching, completing, looking up --- */

#define SEARCH_MAX 200

struct search {
    char text[SEARCH_MAX + 1]; /* "" = none; for the view to mark */
    struct place at;           /* the match that is shown; PLACE_NONE = none yet */
    unsigned pages;            /* that it may still load */
    bool loading;              /* goes on when a page has come */
};

#define COMPLETIONS_MAX 200

struct completion {
    char *text; /* as the frontend had it after the last completion; NULL = none is under way */
    size_t len;
    char *base;        /* as it was before the first */
    size_t start, end; /* of the word in `base` */
    char *words[COMPLETIONS_MAX];
    size_t n, at;
};

struct lookup {
    char name[NAME_MAX_BYTES + 1]; /* "" = none */
    char *text;                    /* of /msg; NULL: only open the channel */
    struct uuid uuid;              /* for that message */
    uint32_t offset;
};

struct alias {
    char name[33];
    char text[200];
};

/* --- All of it --- */

struct model_options {
    const char *server; /* URL; "" = ask */
    const char *user;   /* "" = ask */
    bool plain;         /* no dialogue: needing one ends the program */
    uint64_t seed;      /* for jitter */
    struct tuning tuning;
};

struct model {
    /* The user. */
    char url[URL_MAX + 1];
    char user[NAME_MAX_BYTES + 1]; /* as signed in, or to sign in as; "" = not known */
    struct uuid me;                /* nil = not known */
    char key[ACCESS_KEY_TEXT + 1]; /* "" = none */
    bool has_password_source;      /* a file or command gives the password */
    char *password;   /* from there, until it was answered; NULL = none; wiped when freed */
    bool new_account; /* the user wants the name, which nobody has, to be one */
    bool plain;
    bool wants_online; /* false after /signout, and until the first dialogue is submitted */
    bool signed_in;    /* the server has accepted us on this connection */

    struct conn conn;
    struct dialog dialog;
    struct question question;

    struct conversation *conversations[CONVERSATIONS_MAX]; /* in the order of the list */
    size_t nconversations;
    size_t current; /* index; there is always one, public, once EV_LOADED came */

    struct roster roster;
    struct outbox outbox;
    struct timeline_budget budget;

    struct ask asks[ASKS_MAX]; /* unused ones have kind ASK_NONE */
    uint64_t last_id;

    struct tuning tuning;
    struct search search;
    struct completion completion;
    struct lookup lookup;
    struct alias aliases[ALIASES_MAX];
    size_t naliases;

    /* Shown beside the timeline. */
    bool show_members;
    bool show_whole; /* messages that are longer than tuning.fold_lines */
    bool show_help;
    bool has_focus; /* true as long as nobody says otherwise */
    int rows, cols;
    char status[STATUS_MAX]; /* the last word to the user; "" = none; may be foreign */
    bool status_error;
    uint64_t status_until_ms;
    uint64_t version; /* changes whenever something that is drawn did */

    uint64_t now_ms; /* of the event at hand */
    int64_t wall_ms;
    uint64_t wake_ms; /* as it was asked for; 0 = not at all */
    uint64_t save_ms; /* when drafts and the like are saved; 0 = nothing is to be */
    uint64_t seed;
    uint64_t last_order;
    uint64_t bell_ms, notify_ms; /* not again before */
    uint64_t strange;            /* frames of the server that made no sense and were ignored */
    bool quitting;
    int exit_status; /* of model_quit */
};

/* False: no memory. */
bool model_init(struct model *m, const struct model_options *options);
void model_free(struct model *m); /* wipes the key and what there is of passwords */

struct conversation *model_current(const struct model *m); /* NULL before EV_LOADED */
/* NULL: not in the list. */
struct conversation *model_conversation(const struct model *m, const struct recipient *to);
/* "offline", "connecting", … in words for the status line. */
const char *model_conn_text(enum conn_state s);

/* For update() and its files. */

/* Finds or adds it (JOIN_NONE). NULL: CONVERSATIONS_MAX, or no memory. */
struct conversation *model_open(struct model *m, const struct recipient *to, const char *name);
void model_close(struct model *m, struct conversation *c); /* out of the list; frees it */
void model_sort(struct model *m);                          /* the list, after pinning */
size_t model_index(const struct model *m, const struct conversation *c);
uint32_t model_random(struct model *m, uint32_t below); /* for jitter */
void model_end_completion(struct model *m);
struct alias *model_alias(struct model *m, const char *name, size_t len); /* NULL: there is none */
/* The program ends with this status (the first one asked for) when the event at hand is done. */
void model_quit(struct model *m, int status);
/* Tells the user, in the status line, for a while. */
void model_say(struct model *m, bool error, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* The same as a row in the current channel, or in `c`. */
void model_notice(struct model *m, struct conversation *c, enum notice_level level, const char *fmt,
                  ...) __attribute__((format(printf, 4, 5)));

#endif
