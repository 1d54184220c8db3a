#include "host/lib/progress.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "host/lib/buffer.h"
#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/lib/printable.h"
#include "host/lib/progress_renderer.h"
#include "host/lib/progress_screen.h"
#include "host/lib/progress_text.h"

#define LINE_MAX_BYTES 8192 /* of a script's line; longer lines are shown in parts */
#define WRITE_BYTES 65536   /* of a text that is written before it is complete */
#define NANOSECONDS 1000000000
#define PROGRESS_STREAMS (PROGRESS_STDERR + 1)

static struct {
    pthread_mutex_t mutex;
    struct progress_renderer *renderer; /* NULL: not chosen yet */
    int verbosity;
    char *image; /* that this process builds while others build others, or NULL */

    char *stage; /* in progress, or NULL */
    double stage_start;
    uint64_t stage_bytes;
    uint64_t stage_total; /* 0: unknown */
    bool has_output;      /* a line of a script, in this stage */

    struct buffer lines[PROGRESS_STREAMS]; /* of a script, not complete yet */
    uint64_t limit;                        /* of what is shown of one script, bytes */
    uint64_t shown;                        /* of the current script */
    uint64_t left_out;                     /* bytes that it wrote, not noted yet */
    bool is_exceeded;                      /* the limit, by the current script */

    pthread_t ticker;
    pthread_cond_t wake; /* the ticker: there is a stage, or it has to end */
    bool has_ticker;
    bool ticker_ends;
} progress = {.mutex = PTHREAD_MUTEX_INITIALIZER,
              .wake = PTHREAD_COND_INITIALIZER,
              .limit = PROGRESS_NO_LIMIT};

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* --- Writing ---------------------------------------------------------------------------------- */

/* Writes TEXT to FD, which another program may have set to non-blocking. There is nowhere to report
 * a failure. */
static void write_all(int fd, const char *text, size_t length)
{
    struct pollfd writable = {.fd = fd, .events = POLLOUT};

    while (length > 0) {
        ssize_t written = write(fd, text, length);

        if (written < 0 && (errno == EINTR || (errno == EAGAIN && poll(&writable, 1, -1) > 0)))
            continue;
        if (written <= 0)
            return;
        text += written;
        length -= (size_t)written;
    }
}

/* The renderers' write. */
static void write_part(struct buffer *out)
{
    if (out->length < WRITE_BYTES)
        return;
    write_all(STDERR_FILENO, out->data, out->length);
    out->length = 0;
}

static struct progress_renderer *choose(enum progress_mode mode, int verbosity)
{
    const char *term = getenv("TERM");
    const char *no_colour = getenv("NO_COLOR"); /* no-color.org */
    bool is_terminal = isatty(STDERR_FILENO);
    bool is_dumb = term != NULL && strcmp(term, "dumb") == 0;

    if (mode == PROGRESS_JSON)
        return progress_json_new();
    if (mode == PROGRESS_NONE || verbosity < 0)
        return progress_quiet_new(mode != PROGRESS_NONE);
    if (mode == PROGRESS_TTY || (mode == PROGRESS_AUTO && is_terminal && !is_dumb))
        return progress_terminal_new(is_terminal && !is_dumb &&
                                     (no_colour == NULL || *no_colour == '\0'));
    return progress_plain_new();
}

void progress_setup(enum progress_mode mode, int verbosity)
{
    bool raw = progress.renderer != NULL && progress.renderer->raw;

    if (progress.renderer != NULL) {
        progress_rest(); /* the thread uses it */
        progress.renderer->free(progress.renderer);
    }
    progress.renderer = choose(mode, verbosity);
    progress.renderer->raw = raw;
    progress.renderer->output_most = progress.limit;
    progress.renderer->write = write_part;
    progress.verbosity = verbosity;
    if (progress.renderer->has_screen)
        progress_screen_share();
}

/* The renderer; a program that has chosen none, such as a test of another module, gets one. */
static struct progress_renderer *renderer(void)
{
    if (progress.renderer == NULL)
        progress_setup(PROGRESS_PLAIN, 0);
    return progress.renderer;
}

void progress_setup_output(uint64_t limit, bool raw)
{
    progress.limit = limit;
    renderer()->raw = raw;
    renderer()->output_most = limit;
}

void progress_setup_image(const char *name)
{
    char *line = progress_text_line(name);

    pthread_mutex_lock(&progress.mutex);
    char *before = progress.image;

    progress.image = line;
    pthread_mutex_unlock(&progress.mutex);
    free(before);
    if (renderer()->has_screen)
        progress_setup(PROGRESS_PLAIN, progress.verbosity);
}

/* Puts the image's name before each line of TEXT, and ends the last. */
static void name_lines(struct buffer *text)
{
    struct buffer named = {0};

    for (size_t at = 0; at < text->length;) {
        const char *line = text->data + at;
        const char *end = memchr(line, '\n', text->length - at);
        size_t length = end != NULL ? (size_t)(end - line) : text->length - at;

        buffer_printf(&named, "%s: ", progress.image);
        buffer_append(&named, line, length);
        buffer_append(&named, "\n", 1);
        at += length + (end != NULL);
    }
    buffer_free(text);
    *text = named;
}

/* Returns what the renderer makes of EVENT, which it completes; the caller's. */
static struct buffer render(struct progress_event *event)
{
    struct buffer out = {0};
    struct winsize size = {0};

    event->now = now();
    clock_gettime(CLOCK_REALTIME, &event->time);
    if (renderer()->has_screen && event->kind != PROGRESS_OUTPUT)
        (void)ioctl(STDERR_FILENO, TIOCGWINSZ, &size);
    event->rows = size.ws_row;
    event->columns = size.ws_col;
    event->stage = progress.stage;
    event->seconds = progress.stage != NULL ? event->now - progress.stage_start : 0;
    event->bytes = progress.stage_bytes;
    event->total = progress.stage_total;
    event->image_name = progress.image;
    renderer()->show(renderer(), event, &out);
    if (progress.image != NULL && !renderer()->names_images && event->kind != PROGRESS_IMAGE)
        name_lines(&out);
    return out;
}

static void write_shown(const struct buffer *out)
{
    write_all(STDERR_FILENO, out->data, out->length);
    if (renderer()->has_screen && out->length > 0)
        progress_screen_keep(renderer()->live.data, renderer()->live.length);
}

static void emit(struct progress_event event)
{
    CLEANUP(buffer_free) struct buffer out = render(&event);

    write_shown(&out);
}

/* --- The clock -------------------------------------------------------------------------------- */

/* Waits for as long as the renderer wants, and returns whether that was all that happened. */
static bool await_tick(void)
{
    struct timespec until;
    long interval = (long)(renderer()->interval * NANOSECONDS);

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (until.tv_nsec + interval) / NANOSECONDS;
    until.tv_nsec = (until.tv_nsec + interval) % NANOSECONDS;
    return pthread_cond_clockwait(&progress.wake, &progress.mutex, CLOCK_MONOTONIC, &until) ==
           ETIMEDOUT;
}

static void *run_ticker(void *unused)
{
    (void)unused;
    pthread_mutex_lock(&progress.mutex);
    while (!progress.ticker_ends) {
        if (progress.stage == NULL)
            pthread_cond_wait(&progress.wake, &progress.mutex);
        else if (await_tick() && progress.stage != NULL)
            emit((struct progress_event){
                .kind = PROGRESS_TICK,
                .text = progress.lines[PROGRESS_BOTH].data,
                .length = progress.lines[PROGRESS_BOTH].length,
                .is_covered = renderer()->has_screen && progress_screen_is_covered(),
                .is_lost = renderer()->has_screen && progress_screen_is_lost()});
    }
    pthread_mutex_unlock(&progress.mutex);
    return NULL;
}

/* Starts the ticker, in which no signal is handled but SIGURG, by which landlock.h reaches it. */
static void start_ticker(void)
{
    sigset_t all, before;

    if (progress.has_ticker || renderer()->interval <= 0)
        return;
    sigfillset(&all);
    sigdelset(&all, SIGURG);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    progress.has_ticker = pthread_create(&progress.ticker, NULL, run_ticker, NULL) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void progress_rest(void)
{
    pthread_mutex_lock(&progress.mutex);
    bool has_ticker = progress.has_ticker;

    progress.ticker_ends = true;
    pthread_cond_signal(&progress.wake);
    pthread_mutex_unlock(&progress.mutex);
    if (has_ticker)
        pthread_join(progress.ticker, NULL);
    progress.has_ticker = false;
    progress.ticker_ends = false;
}

/* --- Stages ----------------------------------------------------------------------------------- */

void progress_begin(const char *command)
{
    emit((struct progress_event){.kind = PROGRESS_BEGIN, .text = command});
}

void progress_start(const char *name)
{
    pthread_mutex_lock(&progress.mutex);
    free(progress.stage);
    progress.stage = xstrdup(name);
    progress.stage_start = now();
    progress.stage_bytes = 0;
    progress.stage_total = 0;
    progress.has_output = false;
    emit((struct progress_event){.kind = PROGRESS_STAGE_START});
    start_ticker();
    pthread_cond_signal(&progress.wake);
    pthread_mutex_unlock(&progress.mutex);
}

static void show_bytes(void)
{
    if (progress.stage != NULL && renderer()->wants_bytes)
        emit((struct progress_event){.kind = PROGRESS_BYTES});
}

void progress_bytes(uint64_t done, uint64_t total)
{
    pthread_mutex_lock(&progress.mutex);
    progress.stage_bytes = done;
    if (total > 0)
        progress.stage_total = total;
    show_bytes();
    pthread_mutex_unlock(&progress.mutex);
}

void progress_add(uint64_t bytes)
{
    pthread_mutex_lock(&progress.mutex);
    progress.stage_bytes += bytes;
    show_bytes();
    pthread_mutex_unlock(&progress.mutex);
}

void progress_expect(uint64_t total)
{
    pthread_mutex_lock(&progress.mutex);
    progress.stage_total = total;
    pthread_mutex_unlock(&progress.mutex);
}

/* Ends the current stage, if there is one. */
static void end_stage(enum progress_kind kind)
{
    if (progress.stage == NULL)
        return;
    emit((struct progress_event){.kind = kind});
    free(progress.stage);
    progress.stage = NULL;
}

void progress_done(void)
{
    pthread_mutex_lock(&progress.mutex);
    end_stage(PROGRESS_STAGE_DONE);
    pthread_mutex_unlock(&progress.mutex);
}

void progress_failed(struct error *err)
{
    progress_output_end();
    pthread_mutex_lock(&progress.mutex);
    if (progress.stage != NULL)
        error_set_stage(err, progress.stage);
    end_stage(PROGRESS_STAGE_FAILED);
    pthread_mutex_unlock(&progress.mutex);
}

/* --- A script's output ------------------------------------------------------------------------ */

/* Returns whether LENGTH more bytes may be shown of the script, and counts them if so. */
static bool take_from_limit(size_t length)
{
    if (progress.is_exceeded || length > progress.limit - progress.shown) {
        progress.is_exceeded = true;
        return false;
    }
    progress.shown += length;
    return true;
}

/* Shows the script's line that was collected of STREAM. */
static void flush_line(enum progress_stream stream, enum progress_line kind)
{
    struct buffer *line = &progress.lines[stream];

    if (!progress.has_output)
        emit((struct progress_event){.kind = PROGRESS_OUTPUT_BEGIN});
    progress.has_output = true;
    struct progress_event event = {.kind = PROGRESS_OUTPUT,
                                   .text = line->data != NULL ? line->data : "",
                                   .length = line->length,
                                   .line = kind,
                                   .stream = stream};
    CLEANUP(buffer_free) struct buffer out = render(&event);

    if (out.length > 0 && !take_from_limit(out.length))
        progress.left_out += line->length + (kind == PROGRESS_WHOLE_LINE);
    else
        write_shown(&out);
    line->length = 0;
}

void progress_output_begin(void)
{
    pthread_mutex_lock(&progress.mutex);
    progress.shown = 0;
    progress.is_exceeded = false;
    pthread_mutex_unlock(&progress.mutex);
}

bool progress_tells_streams(void)
{
    return renderer()->tells_streams;
}

void progress_output(enum progress_stream stream, const char *bytes, size_t length)
{
    pthread_mutex_lock(&progress.mutex);
    struct buffer *line = &progress.lines[stream];

    while (length > 0 && !progress.is_exceeded) {
        const char *newline = memchr(bytes, '\n', length);
        size_t step = newline != NULL ? (size_t)(newline - bytes) : length;
        size_t room = LINE_MAX_BYTES - line->length;
        bool complete = newline != NULL && step <= room;

        if (step > room)
            step = room;
        buffer_append(line, bytes, step);
        if (complete)
            step++;
        bytes += step;
        length -= step;
        if (complete || line->length >= LINE_MAX_BYTES)
            flush_line(stream, complete ? PROGRESS_WHOLE_LINE : PROGRESS_PART_OF_LINE);
    }
    progress.left_out += length;
    pthread_mutex_unlock(&progress.mutex);
}

/* --- Notes, results, errors ------------------------------------------------------------------- */

/* Shows a note unless the output is less verbose than VERBOSITY. It may contain file names and
 * words of libguestfs. */
static void __attribute__((format(printf, 3, 0)))
show_note(enum progress_kind kind, int verbosity, const char *format, va_list args)
{
    if (progress.verbosity < verbosity)
        return;
    CLEANUP(freep) char *text = xvasprintf(format, args);

    pthread_mutex_lock(&progress.mutex);
    emit((struct progress_event){.kind = kind, .text = text});
    pthread_mutex_unlock(&progress.mutex);
}

static void __attribute__((format(printf, 1, 2))) note_even_if_quiet(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    show_note(PROGRESS_NOTE, -1, format, args);
    va_end(args);
}

void progress_output_end(void)
{
    pthread_mutex_lock(&progress.mutex);
    for (enum progress_stream stream = PROGRESS_BOTH; stream < PROGRESS_STREAMS; stream++)
        if (progress.lines[stream].length > 0)
            flush_line(stream, PROGRESS_LAST_LINE);
    uint64_t left_out = progress.left_out, limit = progress.limit;

    progress.left_out = 0;
    pthread_mutex_unlock(&progress.mutex);
    if (left_out > 0)
        note_even_if_quiet(PROGRESS_LEFT_OUT, left_out, limit >> 20);
}

void progress_note(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    show_note(PROGRESS_NOTE, 0, format, args);
    va_end(args);
}

void progress_detail(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    show_note(PROGRESS_DETAIL, 1, format, args);
    va_end(args);
}

void progress_image(const char *name, bool is_cached, double seconds, const char *reason)
{
    if (progress.verbosity < 0)
        return;
    pthread_mutex_lock(&progress.mutex);
    if (progress.image != NULL)
        name = progress.image;
    emit((struct progress_event){
        .kind = PROGRESS_IMAGE,
        .image = {.name = name, .is_cached = is_cached, .seconds = seconds, .reason = reason}});
    pthread_mutex_unlock(&progress.mutex);
}

void progress_difference(const char *where, const char *path, const char *field, const char *one,
                         const char *other, const char *diff)
{
    pthread_mutex_lock(&progress.mutex);
    emit((struct progress_event){.kind = PROGRESS_DIFFERENCE,
                                 .difference = {.where = where,
                                                .path = path,
                                                .field = field,
                                                .first = one,
                                                .second = other,
                                                .diff = diff}});
    pthread_mutex_unlock(&progress.mutex);
}

void progress_error(struct error *err)
{
    progress_failed(err);
    pthread_mutex_lock(&progress.mutex);
    emit((struct progress_event){.kind = PROGRESS_ERROR, .error = err});
    pthread_mutex_unlock(&progress.mutex);
}

void progress_result_as(const char *text, const char *quiet, const struct json *result)
{
    pthread_mutex_lock(&progress.mutex);
    emit((struct progress_event){.kind = PROGRESS_RESULT, .text = text, .result = result});
    if (quiet != NULL && renderer()->prints_results) {
        CLEANUP(freep) char *line = xasprintf("%s\n", quiet);

        write_all(STDOUT_FILENO, line, strlen(line));
    }
    pthread_mutex_unlock(&progress.mutex);
}

void progress_result(const char *text, const struct json *result)
{
    progress_result_as(text, text, result);
}

void progress_written(const char *path, const struct json *digests)
{
    CLEANUP(json_freep) struct json *result = json_object();

    json_set(result, "output", json_string(path));
    for (size_t i = 0; digests != NULL && i < digests->count; i++)
        json_set(result, digests->keys[i], json_copy(digests->items[i]));
    progress_result(strcmp(path, "-") != 0 ? path : NULL, result);
}
