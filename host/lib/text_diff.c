#include "host/lib/text_diff.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/lib/printable.h"

#define CONTEXT 2          /* lines around what differs */
#define LINE_SHOWN_MAX 500 /* bytes */

struct line {
    const char *text;
    size_t length; /* with its end */
};

/* The lines of a text. */
struct lines {
    struct line *items;
    size_t count;
};

/* Both texts, and which of their lines are in one of them only. */
struct comparison {
    struct lines one, other;
    bool *removed, *added;
    int *trace[TEXT_DIFF_EDITS_MAX + 1]; /* the furthest points for each number of edits */
};

static struct lines split(const struct buffer *text)
{
    struct lines lines = {0};
    size_t capacity = 0;

    for (size_t start = 0; start < text->length;) {
        const char *end = memchr(text->data + start, '\n', text->length - start);
        size_t length =
            end != NULL ? (size_t)(end + 1 - (text->data + start)) : text->length - start;

        if (lines.count == capacity) {
            capacity = capacity * 2 + 64;
            lines.items = xreallocarray(lines.items, capacity, sizeof *lines.items);
        }
        lines.items[lines.count++] = (struct line){text->data + start, length};
        start += length;
    }
    return lines;
}

static bool is_same(const struct line *one, const struct line *other)
{
    return one->length == other->length && memcmp(one->text, other->text, one->length) == 0;
}

/* Follows the lines that are the same from line X of one text and Y of the other. Returns where X
 * is then. */
static int follow(const struct comparison *comparison, int x, int y)
{
    const struct lines *one = &comparison->one, *other = &comparison->other;

    while (x < (int)one->count && y < (int)other->count &&
           is_same(&one->items[x], &other->items[y])) {
        x++;
        y++;
    }
    return x;
}

/* Whether diagonal K is reached by adding a line, from the one above, rather than by removing one.
 * FURTHEST: of EDITS - 1, its middle is diagonal 0. */
static bool comes_from_above(const int *furthest, int edits, int k)
{
    return k == -edits || (k != edits && furthest[k - 1] < furthest[k + 1]);
}

/* Finds the furthest points of EDITS edits. Returns whether the ends of both texts are reached. */
static bool take_step(struct comparison *comparison, int edits)
{
    int *row = xcalloc((size_t)edits * 2 + 3, sizeof *row);
    int *furthest = row + edits + 1;
    const int *before = edits > 0 ? comparison->trace[edits - 1] + edits : NULL;

    comparison->trace[edits] = row;
    for (int k = -edits; k <= edits; k += 2) {
        int x = 0;

        if (edits > 0)
            x = comes_from_above(before, edits, k) ? before[k + 1] : before[k - 1] + 1;
        x = x - k >= 0 ? follow(comparison, x, x - k) : x;
        furthest[k] = x;
        if (x >= (int)comparison->one.count && x - k >= (int)comparison->other.count)
            return true;
    }
    return false;
}

/* Goes back from the end of both texts, which EDITS edits have led to, and marks these. */
static void mark_edits(struct comparison *comparison, int edits)
{
    int x = (int)comparison->one.count, y = (int)comparison->other.count;

    for (; edits > 0; edits--) {
        const int *before = comparison->trace[edits - 1] + edits;
        bool above = comes_from_above(before, edits, x - y);
        int k = above ? x - y + 1 : x - y - 1;

        x = before[k];
        y = x - k;
        if (above)
            comparison->added[y] = true;
        else
            comparison->removed[x] = true;
    }
}

/* Returns whether the edits are within the limit. */
static bool compare(struct comparison *comparison)
{
    for (int edits = 0; edits <= TEXT_DIFF_EDITS_MAX; edits++)
        if (take_step(comparison, edits)) {
            mark_edits(comparison, edits);
            return true;
        }
    return false;
}

static void append_line(struct buffer *out, char mark, const struct line *line)
{
    bool has_end = line->text[line->length - 1] == '\n';
    size_t length = line->length - has_end;
    size_t shown = length < LINE_SHOWN_MAX ? length : LINE_SHOWN_MAX;

    buffer_append(out, &mark, 1);
    printable_append(out, line->text, shown, PRINTABLE_UTF8, PRINTABLE_ESCAPE);
    buffer_printf(out, "%s\n%s", shown < length ? "..." : "",
                  has_end ? "" : "\\ No newline at end of file\n");
}

/* A place in both texts. */
struct place {
    size_t x, y;
};

static bool is_edit(const struct comparison *comparison, struct place at)
{
    return (at.x < comparison->one.count && comparison->removed[at.x]) ||
           (at.y < comparison->other.count && comparison->added[at.y]);
}

/* Moves AT behind the edit, or the line that is the same, there. Appends it to OUT unless that is
 * NULL. */
static void pass(const struct comparison *comparison, struct place *at, struct buffer *out)
{
    const struct lines *one = &comparison->one, *other = &comparison->other;

    if (at->x < one->count && comparison->removed[at->x]) {
        if (out != NULL)
            append_line(out, '-', &one->items[at->x]);
        at->x++;
    } else if (at->y < other->count && comparison->added[at->y]) {
        if (out != NULL)
            append_line(out, '+', &other->items[at->y]);
        at->y++;
    } else {
        if (out != NULL)
            append_line(out, ' ', &one->items[at->x]);
        at->x++;
        at->y++;
    }
}

static bool is_end(const struct comparison *comparison, struct place at)
{
    return at.x >= comparison->one.count && at.y >= comparison->other.count;
}

/* Returns the end of the hunk that begins at AT: after CONTEXT lines without an edit, if as many
 * more follow before the next. */
static struct place find_end(const struct comparison *comparison, struct place at)
{
    struct place end = at;
    size_t same = 0;

    while (!is_end(comparison, at) && same <= 2 * (size_t)CONTEXT) {
        same = is_edit(comparison, at) ? 0 : same + 1;
        pass(comparison, &at, NULL);
        if (same <= CONTEXT)
            end = at;
    }
    return end;
}

static void write_hunk(const struct comparison *comparison, struct place *at, struct buffer *out)
{
    struct place end = find_end(comparison, *at);

    buffer_printf(out, "@@ -%zu,%zu +%zu,%zu @@\n", at->x + 1, end.x - at->x, at->y + 1,
                  end.y - at->y);
    while (at->x < end.x || at->y < end.y)
        pass(comparison, at, out);
}

static void write_hunks(const struct comparison *comparison, struct buffer *out)
{
    struct place at = {0}, start = {0};
    size_t same = 0; /* lines between START and AT */

    while (!is_end(comparison, at)) {
        if (is_edit(comparison, at)) {
            write_hunk(comparison, &start, out);
            at = start;
            same = 0;
            continue;
        }
        pass(comparison, &at, NULL);
        if (++same > CONTEXT)
            pass(comparison, &start, NULL);
    }
}

char *text_diff(const struct buffer *one, const struct buffer *other)
{
    struct comparison comparison = {.one = split(one), .other = split(other)};
    struct buffer out = {0};

    comparison.removed = xcalloc(comparison.one.count + 1, sizeof *comparison.removed);
    comparison.added = xcalloc(comparison.other.count + 1, sizeof *comparison.added);
    bool done = compare(&comparison);

    if (done) {
        buffer_append(&out, "", 0);
        write_hunks(&comparison, &out);
    }
    for (size_t i = 0; i <= TEXT_DIFF_EDITS_MAX; i++)
        free(comparison.trace[i]);
    free(comparison.removed);
    free(comparison.added);
    free(comparison.one.items);
    free(comparison.other.items);
    return done ? buffer_steal(&out) : NULL;
}
