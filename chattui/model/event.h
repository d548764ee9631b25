/* event - everything that update() can be told: one tagged union. Events come from the frontend
 * (terminal or plain), from net, journal, and timers.
 *
 * Time comes in with events, since update() has no clock. Strings and pointers are borrowed for the
 * call; the model copies those it keeps.
 */
#ifndef CHATTUI_MODEL_EVENT_H
#define CHATTUI_MODEL_EVENT_H

#include "chattui/base/action.h"
#include "chattui/base/place.h"
#include "chattui/base/saved.h"
#include "common/proto/model.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct response; /* common/proto/response.h */

enum event_kind {
    /* From the frontend. */
    EV_ENTER, /* Enter: text, uuid. The frontend has emptied its input; SET_INPUT gives it back if
               * it can't be sent */
    EV_DRAFT, /* the draft changed: text, cursor. Kept by conversation */
    EV_COMPLETE, /* Tab: text, cursor, back */
    EV_ACTION,   /* action, one that update() carries out */
    EV_SCROLL,   /* the frontend scrolled: scroll */
    EV_REPLY,    /* to model.question: yes, uuid (as in EV_ENTER: an answer may send the message) */
    EV_FIELD,    /* typed into the sign-in dialogue, while it is open: field */
    EV_FOCUS,    /* the terminal has the focus or lost it: yes */
    EV_TROUBLE,  /* something that was asked for can't be done: text, for the user */
    EV_QUIT,     /* end now, without a question: SIGTERM, a terminal that is gone */
    EV_RESIZE,   /* rows, cols. Only those of the frontend; the model keeps them for what asks */

    /* From net. */
    EV_NET_OPEN,   /* the WebSocket stands; the server's `ready` comes as a response */
    EV_NET_CLOSED, /* also: it could not be opened. closed */
    EV_RESPONSE,   /* response */

    /* From journal. */
    EV_LOADED,    /* before anything else, and in answer to LOAD: loaded */
    EV_PERSISTED, /* uuid: an OUTBOX_ADD was carried out; yes = it is on disk, else text says why */
    EV_PASSWORD,  /* the outcome of READ_PASSWORD: text, yes = found; else text says why. Wiped by
                   * the  sender afterwards */

    EV_TICK /* the time that WAKE asked for has come, or any other */
};

enum field_op {
    FIELD_TEXT,   /* append text (UTF-8) to the field in focus */
    FIELD_ERASE,  /* its last character */
    FIELD_CLEAR,  /* all of it */
    FIELD_NEXT,   /* focus the next field: Tab, Down */
    FIELD_PREV,   /* Shift+Tab, Up */
    FIELD_TOGGLE, /* the yes/no field in focus; does nothing elsewhere */
    FIELD_SUBMIT, /* Enter: the next empty field, or go */
    FIELD_CANCEL  /* Esc, Ctrl+C: close it if there is anything behind it; else quit */
};

struct event {
    enum event_kind kind;
    uint64_t now_ms; /* monotonic; for waits */
    int64_t wall_ms; /* since 1970; for what people read and for what survives a restart */
    union {
        struct {
            const char *text;   /* LINE, DRAFT, COMPLETE; PASSWORD; PERSISTED: why not */
            size_t len, cursor; /* bytes */
            struct uuid uuid;   /* LINE, REPLY: random and fresh, for the message it may become */
            bool back;          /* COMPLETE: Shift+Tab */
            bool yes;
        } input;
        enum action action;
        struct scroll scroll;
        struct {
            enum field_op op;
            const char *text;
            size_t len;
        } field;
        bool yes; /* FOCUS */
        struct {
            int rows, cols;
        } size;
        struct {
            unsigned code;      /* of the close frame; 0 = none, or never opened */
            bool final;         /* trying again can't help: bad URL, bad certificate */
            const char *reason; /* for people; foreign text */
        } closed;
        const struct response *response;
        struct {
            const char *server; /* whose all this is; "" = none */
            bool has_key;
            struct uuid user;
            const char *name, *key;
            bool has_password; /* a file or command to read it from was configured */
            const struct saved_conversation *conversations;
            size_t nconversations;
            const struct saved_entry *entries; /* in the order they were entered */
            size_t nentries;
        } loaded;
    } u;
};

#endif
