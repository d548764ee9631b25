/* wrap - see wrap.h. */
#include "chattui/base/wrap.h"

#include "chattui/base/text.h"

void wrap_init(struct wrap *w, const char *text, size_t len, int width) {
    *w = (struct wrap){.text = text, .len = len, .width = width < 1 ? 1 : width};
}

/* A place where a line may end, and the beginning of the next one then. */
struct cut {
    size_t end, next;
    int columns;
};

/* Is there a break behind the character of `columns` that ends at `at`? */
static bool breaks_here(const struct wrap *w, size_t at, int columns) {
    int next;
    if (at >= w->len || w->text[at] == ' ' || w->text[at] == '\n')
        return false; /* the break is behind the spaces */
    text_cluster(w->text + at, w->len - at, &next);
    return columns == 2 || next == 2;
}

static size_t skip_spaces(const struct wrap *w, size_t at) {
    while (at < w->len && w->text[at] == ' ')
        at++;
    return at;
}

static void end_line(struct wrap *w, struct wrap_line *line, const struct cut *cut) {
    line->len = cut->end - line->start;
    line->columns = cut->columns;
    w->at = cut->next;
}

bool wrap_next(struct wrap *w, struct wrap_line *line) {
    if (w->done)
        return false;
    *line = (struct wrap_line){.start = w->at};
    struct cut best = {0};
    int columns = 0, width;
    bool words = false; /* spaces that begin a line are no place to break it */
    for (size_t at = w->at, n; at < w->len; at += n) {
        const char *s = w->text + at;
        n = text_cluster(s, w->len - at, &width);
        if (*s == '\n') {
            end_line(w, line, &(struct cut){at, at + 1, columns});
            return true;
        }
        if (*s == ' ' && words && (at == line->start || s[-1] != ' '))
            best = (struct cut){at, skip_spaces(w, at), columns};
        if (columns + width > w->width && at > line->start) {
            if (best.end <= line->start)
                best = (struct cut){at, at, columns};
            end_line(w, line, &best);
            w->done = w->at >= w->len;
            return true;
        }
        words = words || *s != ' ';
        columns += width;
        if (*s != ' ' && breaks_here(w, at + n, width))
            best = (struct cut){at + n, at + n, columns};
    }
    line->len = w->len - line->start;
    line->columns = columns;
    w->done = true;
    return true;
}

int wrap_count(const char *text, size_t len, int width) {
    struct wrap w;
    struct wrap_line line;
    int n = 0;
    for (wrap_init(&w, text, len, width); wrap_next(&w, &line);)
        n++;
    return n;
}
