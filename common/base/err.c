/* err - the tables of err.h as look-ups, and the one function that fills a struct err. */
#include "common/base/err.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

struct row {
    enum err_code code;
    const char *name, *text;
    int close;
    enum err_retry retry;
};

static const struct row ROWS[] = {
#define X(sym, code, name, text, close, retry) {ERR_##sym, name, text, close, RETRY_##retry},
    ERR_TABLE(X)
#undef X
};

static const struct row *row_of(enum err_code code) {
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++)
        if (ROWS[i].code == code)
            return &ROWS[i];
    return NULL;
}

enum err_code err_set(struct err *e, enum err_code code, const char *fmt, ...) {
    if (!e)
        return code;
    e->code = code;
    e->retry_after_ms = 0;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(e->detail, sizeof e->detail, fmt, ap);
    va_end(ap);
    return code;
}

enum err_code err_refuse(struct err *e, enum err_code code) {
    return err_set(e, code, "%s", "");
}

const char *err_name(enum err_code code) {
    const struct row *r = row_of(code);
    return r ? r->name : "ok";
}

const char *err_text(enum err_code code) {
    const struct row *r = row_of(code);
    return r ? r->text : "";
}

enum close_code err_close(enum err_code code) {
    const struct row *r = row_of(code);
    return r ? (enum close_code)r->close : CLOSE_NONE;
}

enum err_retry err_retry(enum err_code code) {
    const struct row *r = row_of(code);
    return r ? r->retry : RETRY_NEVER;
}

enum err_code err_at(unsigned i) {
    return i < sizeof ROWS / sizeof *ROWS ? ROWS[i].code : ERR_OK;
}

const char *err_close_text(enum close_code code) {
    switch (code) {
#define X(sym, num, text)                                                                          \
    case CLOSE_##sym:                                                                              \
        return text;
        CLOSE_TABLE(X)
#undef X
    case CLOSE_NONE:
        break;
    }
    return "";
}
