/*
 * --progress=tty: lines that stay, such as one for each stage that is done, and below them what is
 * live: the current stage with its clock or a bar, and a window with the last lines of the script.
 *
 * The cursor stays at the beginning of what is live. So whatever comes next erases it with one
 * control function, without knowing how many rows it takes by then: a terminal that gets narrower
 * may have wrapped them. Only control functions of ECMA-48 are used, which all terminals have but
 * those whose TERM is dumb.
 */
#include <stdlib.h>
#include <string.h>

#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/lib/progress_renderer.h"
#include "host/lib/progress_text.h"
#include "host/lib/text_width.h"
#include "host/lib/transcript.h"

#define INTERVAL 0.1 /* seconds between two frames */
#define ROWS 24      /* of a terminal that does not tell */
#define COLUMNS 80
#define WINDOW_SHARE 4 /* of the terminal's rows, one in so many is the window's */
#define WINDOW_MAX 12  /* rows */
#define LINE_KEPT 4096 /* bytes of a line of the window: more than any terminal shows */
#define NAME_WIDTH 13
#define BAR_MIN 10
#define BAR_MAX 40
#define BAR_PARTS 5       /* one in so many columns is full, of a total that is not known */
#define RATE_INTERVAL 0.5 /* seconds between two measurements of the rate */
#define RATE_WEIGHT 0.3   /* of the latest one */

#define ERASE_BELOW "\r\033[J" /* ED; CR first */
#define ERASE_REST "\033[K"    /* EL */

enum colour { PLAIN_TEXT, DIM, GREEN, CYAN, RED };

struct terminal {
    struct progress_renderer base;
    bool has_colour;
    struct text_width width;
    double lasted;    /* when a line was shown that stays */
    double began;     /* the program */
    bool has_begun;   /* a stage */
    bool shows_total; /* the command has shown how long it took */
    bool mid_line;    /* raw output has left the cursor inside a line */
    bool streams;     /* output is shown as it comes, since nothing can keep it */
    bool shows_all;   /* of what a script has written that failed */
    struct buffer window[WINDOW_MAX];
    size_t window_lines; /* in all; line I is at I % WINDOW_MAX */
    struct transcript transcript;
    double rate; /* bytes per second */
    double rate_time;
    uint64_t rate_bytes;
};

static const char *mark(const struct terminal *terminal, const char *utf8, const char *ascii)
{
    return terminal->width.is_utf8 ? utf8 : ascii;
}

/* Switches to COLOUR (SGR). */
static void set_colour(const struct terminal *terminal, enum colour colour, struct buffer *out)
{
    static const char *const codes[] = {
        [PLAIN_TEXT] = "", [DIM] = "2", [GREEN] = "32", [CYAN] = "36", [RED] = "1;31"};

    if (terminal->has_colour)
        buffer_printf(out, "\033[%sm", codes[colour]);
}

/* --- What stays ------------------------------------------------------------------------------- */

static void erase(struct terminal *terminal, struct buffer *out)
{
    if (terminal->base.live.length > 0)
        buffer_append(out, ERASE_BELOW, strlen(ERASE_BELOW));
    else if (terminal->mid_line)
        buffer_append(out, "\n", 1);
    terminal->base.live.length = 0;
    terminal->mid_line = false;
}

/* "✓ launch       1.9 s" */
static void show_end(struct terminal *terminal, const struct progress_event *event,
                     struct buffer *out)
{
    bool failed = event->kind == PROGRESS_STAGE_FAILED;

    set_colour(terminal, failed ? RED : GREEN, out);
    buffer_printf(out, "%s", failed ? mark(terminal, "✗", "!") : mark(terminal, "✓", "*"));
    set_colour(terminal, PLAIN_TEXT, out);
    buffer_printf(out, " %-*s ", NAME_WIDTH, event->stage);
    progress_text_seconds(out, event->seconds, true);
    if (event->bytes > 0) {
        buffer_printf(out, "  ");
        progress_text_bytes(out, event->bytes, 0);
    }
    buffer_append(out, "\n", 1);
}

/* Shows all that the script has written, which failed. */
static void show_transcript(struct terminal *terminal, struct buffer *out)
{
    terminal->shows_all = terminal->transcript.length > 0 && terminal->transcript.left_out == 0;
    transcript_show(&terminal->transcript, out, terminal->base.write);
    if (terminal->transcript.left_out > 0)
        buffer_printf(out, "vmbuild: " PROGRESS_LEFT_OUT "\n", terminal->transcript.left_out,
                      terminal->base.output_most >> 20);
    transcript_clear(&terminal->transcript);
}

static void show_total(struct terminal *terminal, const struct progress_event *event,
                       struct buffer *out)
{
    if (!terminal->has_begun || terminal->shows_total)
        return;
    buffer_printf(out, "  %-*s ", NAME_WIDTH, "total");
    progress_text_seconds(out, event->now - terminal->began, true);
    buffer_append(out, "\n", 1);
    terminal->shows_total = true;
}

static void show_error(struct terminal *terminal, const struct progress_event *event,
                       struct buffer *out)
{
    CLEANUP(buffer_free) struct buffer text = {0};

    progress_text_error(&text, "vmbuild: ", event->error, !terminal->shows_all);
    size_t first = strcspn(text.data, "\n");

    set_colour(terminal, RED, out);
    buffer_append(out, text.data, first);
    set_colour(terminal, PLAIN_TEXT, out);
    buffer_append(out, text.data + first, text.length - first);
}

/* --- A script's output ------------------------------------------------------------------------ */

/* Returns what a terminal shows of the line of *LENGTH bytes at TEXT, whose program may have
 * returned to its beginning and rewritten it. */
static const char *last_state(const char *text, size_t *length)
{
    while (*length > 0 && text[*length - 1] == '\r')
        (*length)--;
    const char *turn = *length > 0 ? memrchr(text, '\r', *length) : NULL;

    if (turn == NULL)
        return text;
    *length -= (size_t)(turn + 1 - text);
    return turn + 1;
}

/* Keeps the line for the window, and to be shown if the script fails. */
static void keep_line(struct terminal *terminal, const struct progress_event *event)
{
    struct buffer *line = &terminal->window[terminal->window_lines++ % WINDOW_MAX];
    CLEANUP(buffer_free) struct buffer shown = {0};
    size_t length = event->length;
    const char *text = last_state(event->text, &length);

    line->length = 0;
    buffer_append(line, text, length < LINE_KEPT ? length : LINE_KEPT);
    progress_text_output(&shown, text, length, false);
    buffer_append(&shown, "\n", 1);
    if (!transcript_append(&terminal->transcript, shown.data, shown.length,
                           terminal->base.output_most, event->length + 1))
        terminal->streams = true;
}

static void show_line(struct terminal *terminal, const struct progress_event *event,
                      struct buffer *out)
{
    bool ends = event->line != PROGRESS_PART_OF_LINE || !terminal->base.raw;

    if (terminal->base.live.length > 0)
        erase(terminal, out);
    progress_text_output(out, event->text, event->length, terminal->base.raw);
    buffer_append(out, "\n", ends ? 1 : 0);
    terminal->mid_line = !ends;
}

static void show_output(struct terminal *terminal, const struct progress_event *event,
                        struct buffer *out)
{
    bool was_streaming = terminal->streams;

    if (terminal->base.raw || was_streaming) {
        show_line(terminal, event, out);
        return;
    }
    keep_line(terminal, event);
    if (!terminal->streams)
        return;
    erase(terminal, out);
    show_transcript(terminal, out);
}

/* --- What is live ----------------------------------------------------------------------------- */

static void measure_rate(struct terminal *terminal, const struct progress_event *event)
{
    double passed = event->now - terminal->rate_time;

    if (passed < RATE_INTERVAL)
        return;
    double latest = event->bytes >= terminal->rate_bytes
                        ? (double)(event->bytes - terminal->rate_bytes) / passed
                        : 0;

    terminal->rate = terminal->rate_bytes == 0 && terminal->rate <= 0
                         ? latest
                         : terminal->rate + RATE_WEIGHT * (latest - terminal->rate);
    terminal->rate_time = event->now;
    terminal->rate_bytes = event->bytes;
}

/* The rate, or until it is measured the average, in bytes per second. */
static double rate_of(const struct terminal *terminal, const struct progress_event *event)
{
    if (event->seconds >= RATE_INTERVAL || event->seconds <= 0)
        return terminal->rate;
    return (double)event->bytes / event->seconds;
}

/* Which part of a bar of SIZE columns is full: from the left if the total is known, else some of
 * it, which goes to and fro. */
static void fill_bar(const struct progress_event *event, size_t size, size_t *ret_start,
                     size_t *ret_end)
{
    if (event->total > 0) {
        uint64_t done = event->bytes < event->total ? event->bytes : event->total;

        *ret_start = 0;
        *ret_end = (size_t)((double)done / (double)event->total * (double)size);
        return;
    }
    size_t part = size / BAR_PARTS, way = size - part;
    size_t step = (size_t)(event->seconds / INTERVAL) % (2 * way);

    *ret_start = step < way ? step : 2 * way - step;
    *ret_end = *ret_start + part;
}

static void append_cells(const struct terminal *terminal, bool full, size_t count,
                         struct buffer *out)
{
    if (count == 0)
        return;
    set_colour(terminal, full ? CYAN : DIM, out);
    for (size_t i = 0; i < count; i++)
        buffer_printf(out, "%s", full ? mark(terminal, "━", "#") : mark(terminal, "─", "-"));
}

static void append_bar(const struct terminal *terminal, const struct progress_event *event,
                       size_t columns, struct buffer *out)
{
    size_t size = columns < BAR_MAX ? columns : BAR_MAX;
    size_t start, end;

    if (columns < BAR_MIN)
        return;
    fill_bar(event, size, &start, &end);
    buffer_printf(out, "  ");
    append_cells(terminal, false, start, out);
    append_cells(terminal, true, end - start, out);
    append_cells(terminal, false, size - end, out);
    set_colour(terminal, PLAIN_TEXT, out);
}

/* Appends the row of the stage, in less than COLUMNS. */
static void append_stage(const struct terminal *terminal, const struct progress_event *event,
                         size_t columns, struct buffer *out)
{
    CLEANUP(buffer_free) struct buffer name = {0};
    CLEANUP(buffer_free) struct buffer amount = {0};

    buffer_printf(&name, " %-*s ", NAME_WIDTH, event->stage);
    progress_text_seconds(&name, event->seconds, false);
    if (event->bytes > 0) {
        buffer_printf(&amount, "  ");
        progress_text_bytes(&amount, event->bytes, event->total);
        buffer_printf(&amount, "  %.1f MB/s", rate_of(terminal, event) / 1e6);
    }
    size_t room = columns > 2 ? columns - 2 : 0; /* without the mark and the last column */
    size_t used = name.length + amount.length + 2;

    set_colour(terminal, CYAN, out);
    buffer_printf(out, "%s", mark(terminal, "▸", ">"));
    set_colour(terminal, PLAIN_TEXT, out);
    room -= text_width_fit(&terminal->width, name.data, name.length, room, out);
    if (event->bytes > 0 && used < columns - 2)
        append_bar(terminal, event, columns - 2 - used, out);
    if (amount.length > 0)
        text_width_fit(&terminal->width, amount.data, amount.length, room, out);
}

static void append_window_line(const struct terminal *terminal, const char *text, size_t length,
                               size_t columns, struct buffer *out)
{
    buffer_printf(out, ERASE_REST "\n");
    set_colour(terminal, DIM, out);
    buffer_printf(out, "  %s ", mark(terminal, "│", "|"));
    text_width_fit(&terminal->width, text, length, columns > 5 ? columns - 5 : 0, out);
    set_colour(terminal, PLAIN_TEXT, out);
}

/* Appends the last lines of the script, and the one that it is writing. */
static void append_window(const struct terminal *terminal, const struct progress_event *event,
                          size_t rows, size_t columns, struct buffer *out)
{
    size_t length = event->kind == PROGRESS_TICK ? event->length : 0;
    const char *unfinished = last_state(event->text, &length);
    size_t room = rows / WINDOW_SHARE < WINDOW_MAX ? rows / WINDOW_SHARE : WINDOW_MAX;
    size_t lines = terminal->window_lines;

    if (terminal->base.raw || terminal->streams)
        return;
    if (length > 0 && room > 0)
        room--;
    for (size_t i = lines > room ? lines - room : 0; i < lines; i++) {
        const struct buffer *line = &terminal->window[i % WINDOW_MAX];

        append_window_line(terminal, line->data, line->length, columns, out);
    }
    if (length > 0)
        append_window_line(terminal, unfinished, length, columns, out);
}

static size_t count_rows(const struct buffer *text)
{
    size_t rows = 1;

    for (size_t i = 0; i < text->length; i++)
        rows += text->data[i] == '\n';
    return rows;
}

/* Draws what is live if it is not there already, in one piece: nothing is erased that is then
 * written again, so that nothing flickers. */
static void draw(struct terminal *terminal, const struct progress_event *event, struct buffer *out)
{
    size_t rows = event->rows > 0 ? event->rows : ROWS;
    size_t columns = event->columns > 0 ? event->columns : COLUMNS;
    struct buffer *live = &terminal->base.live;
    struct buffer frame = {0};

    append_stage(terminal, event, columns, &frame);
    append_window(terminal, event, rows, columns, &frame);
    if (frame.length == live->length && memcmp(frame.data, live->data, frame.length) == 0) {
        buffer_free(&frame);
        return;
    }
    size_t below = count_rows(&frame) - 1;

    buffer_printf(out, "\r");
    buffer_append(out, frame.data, frame.length);
    buffer_printf(out, "\033[J\r");
    if (below > 0)
        buffer_printf(out, "\033[%zuA", below); /* CUU */
    buffer_free(live);
    *live = frame;
}

/* --- Events ----------------------------------------------------------------------------------- */

static void start_stage(struct terminal *terminal, const struct progress_event *event)
{
    terminal->has_begun = true;
    terminal->window_lines = 0;
    terminal->rate = 0;
    terminal->rate_bytes = 0;
    terminal->rate_time = event->now;
    transcript_clear(&terminal->transcript);
}

/* Shows what stays of EVENT. */
static void show_lasting(struct terminal *terminal, const struct progress_event *event,
                         struct buffer *out)
{
    switch (event->kind) {
    case PROGRESS_STAGE_DONE:
        show_end(terminal, event, out);
        break;
    case PROGRESS_STAGE_FAILED:
        show_end(terminal, event, out);
        show_transcript(terminal, out);
        break;
    case PROGRESS_NOTE:
    case PROGRESS_DETAIL:
        progress_text_note(out, "vmbuild: ", event->text);
        break;
    case PROGRESS_IMAGE:
        terminal->shows_total = true;
        progress_text_image(out, &event->image);
        break;
    case PROGRESS_DIFFERENCE:
        progress_text_difference(out, "vmbuild: ", &event->difference);
        break;
    case PROGRESS_ERROR:
        show_error(terminal, event, out);
        break;
    case PROGRESS_RESULT:
        show_total(terminal, event, out);
        progress_text_result(out, event->text);
        break;
    default:
        break;
    }
}

static void tick(struct terminal *terminal, const struct progress_event *event, struct buffer *out)
{
    measure_rate(terminal, event);
    if (event->is_lost)
        terminal->base.live.length = 0;
    if (!event->is_covered && !terminal->mid_line)
        draw(terminal, event, out);
}

static void show(struct progress_renderer *renderer, const struct progress_event *event,
                 struct buffer *out)
{
    struct terminal *terminal = (struct terminal *)renderer;
    bool was_live = renderer->live.length > 0;

    switch (event->kind) {
    case PROGRESS_BEGIN:
        terminal->began = event->now;
        return;
    case PROGRESS_STAGE_START:
        start_stage(terminal, event);
        return;
    case PROGRESS_BYTES:
    case PROGRESS_OUTPUT_BEGIN:
        return;
    case PROGRESS_TICK:
        tick(terminal, event, out);
        return;
    case PROGRESS_OUTPUT:
        show_output(terminal, event, out);
        break;
    default:
        erase(terminal, out);
        show_lasting(terminal, event, out);
        break;
    }
    bool is_running = event->stage != NULL && event->kind != PROGRESS_STAGE_DONE &&
                      event->kind != PROGRESS_STAGE_FAILED;
    bool is_one_of_many = event->now - terminal->lasted < INTERVAL;

    if (was_live && renderer->live.length == 0 && is_running && !terminal->mid_line &&
        !is_one_of_many)
        draw(terminal, event, out);
    if (out->length > 0)
        terminal->lasted = event->now;
}

static void terminal_renderer_free(struct progress_renderer *renderer)
{
    struct terminal *terminal = (struct terminal *)renderer;

    for (size_t i = 0; i < WINDOW_MAX; i++)
        buffer_free(&terminal->window[i]);
    transcript_free(&terminal->transcript);
    text_width_free(&terminal->width);
    buffer_free(&renderer->live);
    free(terminal);
}

struct progress_renderer *progress_terminal_new(bool has_colour)
{
    struct terminal *terminal = xcalloc(1, sizeof *terminal);

    terminal->base = (struct progress_renderer){
        .show = show, .free = terminal_renderer_free, .interval = INTERVAL, .has_screen = true};
    terminal->has_colour = has_colour;
    terminal->width = text_width_of_user();
    return &terminal->base;
}
