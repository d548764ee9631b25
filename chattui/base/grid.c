/* grid - see grid.h. */
#include "chattui/base/grid.h"

#include "chattui/base/text.h"

#include <stdlib.h>
#include <string.h>

static const struct cell BLANK = {.ch = {' '}, .width = 1};

static int clamp(int v) {
    if (v < 1)
        return 1;
    return v > GRID_MAX ? GRID_MAX : v;
}

bool grid_resize(struct grid *g, int rows, int cols) {
    rows = clamp(rows);
    cols = clamp(cols);
    struct cell *cells = calloc((size_t)rows * (size_t)cols, sizeof *cells);
    if (!cells)
        return false;
    free(g->cells);
    *g = (struct grid){.cells = cells, .rows = rows, .cols = cols};
    grid_clear(g);
    return true;
}

void grid_free(struct grid *g) {
    free(g->cells);
    *g = (struct grid){0};
}

void grid_clear(struct grid *g) {
    for (int i = 0; i < g->rows * g->cols; i++)
        g->cells[i] = BLANK;
    g->cursor_on = false;
}

struct cell *grid_row(const struct grid *g, int row) {
    return g->cells + (ptrdiff_t)row * g->cols;
}

bool grid_row_eq(const struct grid *a, const struct grid *b, int row) {
    return memcmp(grid_row(a, row), grid_row(b, row), (size_t)a->cols * sizeof *a->cells) == 0;
}

/* Half a wide character can't stay when the other half is written over. */
static void set(struct cell *row, int cols, int col, struct cell cell) {
    if (row[col].width == 0 && col > 0)
        row[col - 1] = (struct cell){.ch = {' '}, .width = 1, .style = row[col - 1].style};
    if (row[col].width == 2 && col + 1 < cols)
        row[col + 1] = (struct cell){.ch = {' '}, .width = 1, .style = row[col + 1].style};
    row[col] = cell;
}

static uint32_t harmless(uint32_t c) {
    return c < ' ' || (c >= 0x7f && c < 0xa0) ? TEXT_BAD : c;
}

/* A character and its marks. */
static struct cell make_cell(const char *text, size_t len, int columns, uint8_t style) {
    struct cell cell = {.width = (uint8_t)columns, .style = style};
    size_t n = 0;
    for (size_t i = 0, used; i < len && n < CELL_CHARS; i += used)
        cell.ch[n++] = harmless(text_char(text + i, len - i, &used));
    return cell;
}

int grid_put(struct grid *g, int row, int col, int end, uint8_t style, const char *text,
             size_t len) {
    if (row < 0 || row >= g->rows || col < 0)
        return col;
    struct cell *cells = grid_row(g, row);
    if (end > g->cols)
        end = g->cols;
    for (size_t i = 0, n; i < len && text[i] != '\n'; i += n) {
        int columns;
        n = text_cluster(text + i, len - i, &columns);
        if (columns == 0) /* marks without a character */
            continue;
        if (col + columns > end)
            break;
        set(cells, g->cols, col, make_cell(text + i, n, columns, style));
        if (columns == 2)
            set(cells, g->cols, col + 1, (struct cell){.style = style});
        col += columns;
    }
    return col;
}

int grid_str(struct grid *g, int row, int col, int end, uint8_t style, const char *text) {
    return grid_put(g, row, col, end, style, text, strlen(text));
}

int grid_put_cut(struct grid *g, int row, int col, int end, uint8_t style, const char *text,
                 size_t len) {
    if (text_columns(text, len) <= end - col)
        return grid_put(g, row, col, end, style, text, len);
    return grid_str(g, row, grid_put(g, row, col, end - 1, style, text, len), end, style, "…");
}

void grid_fill(struct grid *g, int row, int col, int end, uint8_t style, uint32_t c) {
    if (row < 0 || row >= g->rows)
        return;
    struct cell *cells = grid_row(g, row);
    for (int i = col < 0 ? 0 : col; i < end && i < g->cols; i++)
        set(cells, g->cols, i, (struct cell){.ch = {c}, .width = 1, .style = style});
}

/* One code point as UTF-8. */
static void put_char(struct buf *out, uint32_t c) {
    if (c < 0x80)
        buf_char(out, (char)c);
    else {
        int more = 1 + (c >= 0x800) + (c >= 0x10000);
        static const unsigned LEAD[] = {0, 0xc0, 0xe0, 0xf0};
        buf_char(out, (char)(LEAD[more] | c >> (6 * more)));
        while (more-- > 0)
            buf_char(out, (char)(0x80 | (c >> (6 * more) & 0x3f)));
    }
}

void grid_text(const struct grid *g, struct buf *out) {
    for (int r = 0; r < g->rows; r++) {
        const struct cell *row = grid_row(g, r);
        int end = g->cols;
        while (end > 0 && row[end - 1].ch[0] == ' ' && !row[end - 1].ch[1])
            end--;
        for (int c = 0; c < end; c++)
            for (int i = 0; i < CELL_CHARS && row[c].ch[i]; i++)
                put_char(out, row[c].ch[i]);
        buf_char(out, '\n');
    }
}
