#include "host/lib/progress.h"

#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "host/lib/buffer.h"
#include "host/lib/cleanup.h"
#include "host/lib/json_text.h"
#include "host/lib/memory.h"
#include "host/lib/printable.h"

#define LINE_MAX_BYTES 8192 /* of a script's line; longer lines are shown in parts */
#define TEXT_MAX_BYTES 4096 /* of a message; what a longer one has in its middle is left out */
#define DETAILS_MAX_BYTES 16384
#define BYTES_INTERVAL 0.1    /* seconds between two byte counts shown */
#define ERASE_LINE "\r\033[K" /* ECMA-48: back to column 1, erase to the end */

static struct {
    pthread_mutex_t mutex;
    enum progress_mode mode;
    int verbosity;
    char *stage; /* in progress, or NULL */
    double stage_start;
    uint64_t stage_bytes;
    double bytes_shown;  /* when */
    bool line_is_status; /* tty: the cursor stands on a stage line */
    struct buffer line;  /* of a script, not complete yet */
    bool raw;            /* scripts may control the terminal */
    uint64_t limit;      /* of what is shown of one script, bytes */
    uint64_t shown;      /* of the current script */
    uint64_t left_out;   /* bytes that it wrote, not noted yet */
    bool is_exceeded;    /* the limit, by the current script */
} progress = {
    .mutex = PTHREAD_MUTEX_INITIALIZER, .mode = PROGRESS_PLAIN, .limit = PROGRESS_NO_LIMIT};

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

void progress_setup(enum progress_mode mode, int verbosity)
{
    if (mode == PROGRESS_AUTO)
        mode = isatty(STDERR_FILENO) ? PROGRESS_TTY : PROGRESS_PLAIN;
    progress.mode = mode;
    progress.verbosity = verbosity;
}

void progress_setup_output(uint64_t limit, bool raw)
{
    progress.limit = limit;
    progress.raw = raw;
}

/* Writes TEXT to standard error, which another program may have set to non-blocking. There is
 * nowhere to report a failure. */
static void show(const char *text, size_t length)
{
    struct pollfd writable = {.fd = STDERR_FILENO, .events = POLLOUT};

    while (length > 0) {
        ssize_t written = write(STDERR_FILENO, text, length);

        if (written < 0 && (errno == EINTR || (errno == EAGAIN && poll(&writable, 1, -1) > 0)))
            continue;
        if (written <= 0)
            return;
        text += written;
        length -= (size_t)written;
    }
}

/* Shows TEXT as a line, above the stage line of a terminal. */
static void show_line(const char *text)
{
    struct buffer line = {0};

    if (progress.line_is_status)
        buffer_printf(&line, ERASE_LINE);
    progress.line_is_status = false;
    buffer_printf(&line, "%s\n", text);
    show(line.data, line.length);
    buffer_free(&line);
}

/* Shows EVENT, which is freed. */
static void show_event(struct json *event)
{
    struct buffer text = {0};

    json_write(event, false, &text);
    json_free(event);
    buffer_append(&text, "\n", 1);
    show(text.data, text.length);
    buffer_free(&text);
}

static struct json *new_event(const char *kind)
{
    struct json *event = json_object();

    json_set(event, "event", json_string(kind));
    return event;
}

static struct json *seconds_value(double seconds)
{
    struct json *value = json_integer(0);

    free(value->text);
    value->text = xasprintf("%.6f", seconds);
    return value;
}

static bool shows_stages(void)
{
    return progress.mode == PROGRESS_TTY ||
           (progress.mode == PROGRESS_PLAIN && progress.verbosity >= 0);
}

/* Rewrites the stage line of a terminal. */
static void show_status(void)
{
    struct buffer line = {0};

    if (progress.verbosity < 0)
        return;
    buffer_printf(&line, ERASE_LINE "%s", progress.stage);
    if (progress.stage_bytes > 0)
        buffer_printf(&line, " %.1f MB", (double)progress.stage_bytes / 1e6);
    show(line.data, line.length);
    buffer_free(&line);
    progress.line_is_status = true;
}

void progress_start(const char *name)
{
    pthread_mutex_lock(&progress.mutex);
    free(progress.stage);
    progress.stage = xstrdup(name);
    progress.stage_start = now();
    progress.stage_bytes = 0;
    progress.bytes_shown = 0;
    if (progress.mode == PROGRESS_JSON) {
        struct json *event = new_event("stage");

        json_set(event, "stage", json_string(name));
        json_set(event, "state", json_string("start"));
        show_event(event);
    } else if (progress.mode == PROGRESS_TTY) {
        show_status();
    } else if (shows_stages()) {
        show_line(name);
    }
    pthread_mutex_unlock(&progress.mutex);
}

void progress_bytes(uint64_t done, uint64_t total)
{
    pthread_mutex_lock(&progress.mutex);
    progress.stage_bytes = done;
    if (progress.stage != NULL && now() - progress.bytes_shown >= BYTES_INTERVAL) {
        progress.bytes_shown = now();
        if (progress.mode == PROGRESS_TTY) {
            show_status();
        } else if (progress.mode == PROGRESS_JSON) {
            struct json *event = new_event("progress");

            json_set(event, "stage", json_string(progress.stage));
            json_set(event, "bytes", json_integer((int64_t)done));
            if (total > 0)
                json_set(event, "total", json_integer((int64_t)total));
            show_event(event);
        }
    }
    pthread_mutex_unlock(&progress.mutex);
}

void progress_done(void)
{
    pthread_mutex_lock(&progress.mutex);
    if (progress.stage != NULL) {
        double seconds = now() - progress.stage_start;

        if (progress.mode == PROGRESS_JSON) {
            struct json *event = new_event("stage");

            json_set(event, "stage", json_string(progress.stage));
            json_set(event, "state", json_string("done"));
            json_set(event, "seconds", seconds_value(seconds));
            json_set(event, "bytes", json_integer((int64_t)progress.stage_bytes));
            show_event(event);
        } else if (progress.mode == PROGRESS_TTY && progress.verbosity >= 0) {
            char *text = xasprintf("%s %.1f s", progress.stage, seconds);

            show_status();
            show_line(text);
            free(text);
        }
        free(progress.stage);
        progress.stage = NULL;
    }
    pthread_mutex_unlock(&progress.mutex);
}

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

/* Returns the script's line as it is shown, without its end; the caller's. */
static struct buffer shown_line(const struct buffer *line)
{
    struct buffer out = {0};

    if (progress.mode == PROGRESS_JSON)
        printable_append(&out, line->data, line->length,
                         progress.raw ? PRINTABLE_ANY_UTF8 : PRINTABLE_UTF8, PRINTABLE_CARET);
    else if (progress.raw)
        buffer_append(&out, line->data, line->length);
    else
        printable_append(&out, line->data, line->length, PRINTABLE_UTF8, PRINTABLE_CARET);
    return out;
}

/* Shows LINE above the stage line, if there is one. ENDS: a line end follows it. */
static void show_output_line(const struct buffer *line, bool ends)
{
    CLEANUP(buffer_free) struct buffer out = {0};

    if (progress.line_is_status)
        buffer_append(&out, ERASE_LINE, strlen(ERASE_LINE));
    progress.line_is_status = false;
    buffer_append(&out, line->data, line->length);
    buffer_append(&out, "\n", ends ? 1 : 0);
    show(out.data, out.length);
    if (progress.mode == PROGRESS_TTY && progress.stage != NULL && ends)
        show_status();
}

/* Returns the event for LINE as a line of text. */
static struct buffer output_event(const struct buffer *line)
{
    struct json *event = new_event("output");
    struct buffer text = {0};

    json_set(event, "line", json_string(line->length > 0 ? line->data : ""));
    json_write(event, false, &text);
    json_free(event);
    return text;
}

/* What has been collected: a whole line, a part of a longer one, or what a script wrote last. */
enum line_kind { WHOLE_LINE, PART_OF_LINE, LAST_LINE };

/* Shows the script's line that was collected. */
static void flush_line(enum line_kind kind)
{
    struct buffer *line = &progress.line;
    uint64_t written = line->length + (kind == WHOLE_LINE);

    if (line->length > 0 && line->data[line->length - 1] == '\r' && !progress.raw)
        line->data[--line->length] = '\0';
    CLEANUP(buffer_free) struct buffer text = shown_line(line);

    line->length = 0;
    if (progress.mode == PROGRESS_NONE)
        return;
    if (progress.mode == PROGRESS_JSON) {
        CLEANUP(buffer_free) struct buffer plain = text;

        text = output_event(&plain);
    }
    bool ends = kind != PART_OF_LINE || !progress.raw || progress.mode == PROGRESS_JSON;

    if (take_from_limit(text.length + ends))
        show_output_line(&text, ends);
    else
        progress.left_out += written;
}

void progress_output_begin(void)
{
    pthread_mutex_lock(&progress.mutex);
    progress.shown = 0;
    progress.is_exceeded = false;
    pthread_mutex_unlock(&progress.mutex);
}

void progress_output(const char *bytes, size_t length)
{
    pthread_mutex_lock(&progress.mutex);
    while (length > 0 && !progress.is_exceeded) {
        const char *newline = memchr(bytes, '\n', length);
        size_t step = newline != NULL ? (size_t)(newline - bytes) : length;
        size_t room = LINE_MAX_BYTES - progress.line.length;
        bool complete = newline != NULL && step <= room;

        if (step > room)
            step = room;
        buffer_append(&progress.line, bytes, step);
        if (complete)
            step++;
        bytes += step;
        length -= step;
        if (complete || progress.line.length >= LINE_MAX_BYTES)
            flush_line(complete ? WHOLE_LINE : PART_OF_LINE);
    }
    progress.left_out += length;
    pthread_mutex_unlock(&progress.mutex);
}

/* TEXT's lines, each made harmless and with PREFIX before it. The caller's. */
static char *make_lines_harmless(const char *prefix, const char *text)
{
    struct buffer out = {0};

    while (*text != '\0') {
        size_t length = strcspn(text, "\n");

        buffer_printf(&out, "%s%s", out.length > 0 ? "\n" : "", prefix);
        printable_append(&out, text, length, PRINTABLE_UTF8, PRINTABLE_ESCAPE);
        text += length;
        text += *text == '\n';
    }
    return buffer_steal(&out);
}

/* Shows a note unless the output is less verbose than VERBOSITY. It may contain file names and
 * words of libguestfs. */
static void __attribute__((format(printf, 3, 0)))
show_note(const char *kind, int verbosity, const char *format, va_list args)
{
    if (progress.mode == PROGRESS_NONE || progress.verbosity < verbosity)
        return;
    CLEANUP(freep) char *whole = xvasprintf(format, args);
    CLEANUP(freep) char *text = printable_cut(whole, TEXT_MAX_BYTES);
    bool is_event = progress.mode == PROGRESS_JSON;
    CLEANUP(freep) char *lines = make_lines_harmless(is_event ? "" : "vmbuild: ", text);

    pthread_mutex_lock(&progress.mutex);
    if (is_event) {
        struct json *event = new_event(kind);

        json_set(event, "text", json_string(lines));
        show_event(event);
    } else {
        show_line(lines);
    }
    pthread_mutex_unlock(&progress.mutex);
}

static void __attribute__((format(printf, 1, 2))) note_even_if_quiet(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    show_note("note", -1, format, args);
    va_end(args);
}

void progress_output_end(void)
{
    pthread_mutex_lock(&progress.mutex);
    if (progress.line.length > 0)
        flush_line(LAST_LINE);
    uint64_t left_out = progress.left_out, limit = progress.limit;

    progress.left_out = 0;
    pthread_mutex_unlock(&progress.mutex);
    if (left_out > 0)
        note_even_if_quiet("left out %" PRIu64 " bytes of the script's output, of which at most "
                           "%" PRIu64 " MiB are shown: --log-limit shows more, and --log keeps all",
                           left_out, limit >> 20);
}

void progress_note(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    show_note("note", 0, format, args);
    va_end(args);
}

void progress_detail(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    show_note("detail", 1, format, args);
    va_end(args);
}

/* Shows the event that progress_image describes. */
static void show_image_event(const char *name, bool is_cached, double seconds, const char *reason)
{
    struct json *event = new_event("image");
    struct json *number = json_new(JSON_NUMBER);

    number->text = xasprintf("%.3f", seconds);
    json_set(event, "image", json_string(name));
    json_set(event, "state", json_string(is_cached ? "cached" : "built"));
    json_set(event, "seconds", number);
    if (reason != NULL)
        json_set(event, "reason", json_string(reason));
    show_event(event);
}

void progress_image(const char *name, bool is_cached, double seconds, const char *reason)
{
    CLEANUP(freep)
    char *because = reason != NULL ? xasprintf(" (%s)", reason) : xstrdup("");
    CLEANUP(freep)
    char *text = is_cached ? xasprintf("%s: cached", name)
                           : xasprintf("%s: built in %.1f s%s", name, seconds, because);
    CLEANUP(freep) char *line = make_lines_harmless("", text);

    if (progress.mode == PROGRESS_NONE || progress.verbosity < 0)
        return;
    pthread_mutex_lock(&progress.mutex);
    if (progress.mode == PROGRESS_JSON)
        show_image_event(name, is_cached, seconds, reason);
    else
        show_line(line);
    pthread_mutex_unlock(&progress.mutex);
}

/* Shows a part of an error: the member KEY of EVENT, or, if that is NULL, lines that begin with
 * PREFIX. */
static void show_part(struct json *event, const char *key, const char *prefix, const char *text)
{
    CLEANUP(freep) char *cut = printable_cut(text, DETAILS_MAX_BYTES);
    CLEANUP(freep) char *lines = make_lines_harmless(event != NULL ? "" : prefix, cut);

    if (event != NULL)
        json_set(event, key, json_string(lines));
    else
        show_line(lines);
}

/* The same for one that is a single line, whatever names it contains. */
static void show_line_part(struct json *event, const char *key, const char *text)
{
    CLEANUP(freep) char *cut = printable_cut(text, TEXT_MAX_BYTES);
    CLEANUP(freep) char *line = printable_copy(cut, strlen(cut), PRINTABLE_UTF8, PRINTABLE_ESCAPE);

    show_part(event, key, "vmbuild: ", line);
}

void progress_difference(const char *where, const char *path, const char *field, const char *one,
                         const char *other, const char *diff)
{
    struct json *event = progress.mode == PROGRESS_JSON ? new_event("difference") : NULL;
    CLEANUP(freep)
    char *line = xasprintf("%s: '%s': %s: %s in the first build, %s in the second", where, path,
                           field, one, other);

    pthread_mutex_lock(&progress.mutex);
    if (event != NULL) {
        show_part(event, "where", "", where);
        show_line_part(event, "path", path);
        show_part(event, "field", "", field);
        show_line_part(event, "first", one);
        show_line_part(event, "second", other);
    } else {
        show_line_part(NULL, NULL, line);
    }
    if (diff != NULL)
        show_part(event, "diff", "  | ", diff);
    if (event != NULL)
        show_event(event);
    pthread_mutex_unlock(&progress.mutex);
}

static void show_error(const struct error *err)
{
    struct json *event = progress.mode == PROGRESS_JSON ? new_event("error") : NULL;

    if (event != NULL)
        json_set(event, "code", json_integer(err->code));
    show_line_part(event, "message", err->message);
    if (err->advice != NULL)
        show_line_part(event, "advice", err->advice);
    if (err->next != NULL)
        show_line_part(event, "next", err->next);
    if (err->details != NULL)
        show_part(event, "details", "  | ", err->details);
    if (event != NULL)
        show_event(event);
}

void progress_error(const struct error *err)
{
    progress_output_end();
    pthread_mutex_lock(&progress.mutex);
    show_error(err);
    pthread_mutex_unlock(&progress.mutex);
}

void progress_result(const char *text, const struct json *result)
{
    pthread_mutex_lock(&progress.mutex);
    if (progress.mode == PROGRESS_JSON) {
        struct json *event = new_event("done");

        for (size_t i = 0; result != NULL && i < result->count; i++)
            json_set(event, result->keys[i], json_copy(result->items[i]));
        show_event(event);
    } else if (text != NULL && progress.mode != PROGRESS_NONE && progress.verbosity >= 0) {
        show_line(text);
    }
    pthread_mutex_unlock(&progress.mutex);
}

void progress_written(const char *path, const char *digest)
{
    CLEANUP(json_freep) struct json *result = json_object();

    json_set(result, "output", json_string(path));
    if (digest != NULL)
        json_set(result, "digest", json_string(digest));
    progress_result(strcmp(path, "-") != 0 ? path : NULL, result);
}
