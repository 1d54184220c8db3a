/*
 * --progress=json: an object a line. manual/events.schema.json describes them.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "host/lib/cleanup.h"
#include "host/lib/json_text.h"
#include "host/lib/memory.h"
#include "host/lib/printable.h"
#include "host/lib/progress_renderer.h"
#include "host/lib/progress_text.h"
#include "host/lib/rfc3339.h"

#define VERSION 1          /* of the events; members and kinds may be added to one */
#define BYTES_INTERVAL 0.1 /* seconds between two byte counts */

struct events {
    struct progress_renderer base;
    double bytes_shown; /* when */
};

static struct json *seconds_value(double seconds, int digits)
{
    struct json *number = json_new(JSON_NUMBER);

    number->text = xasprintf("%.*f", digits, seconds);
    return number;
}

static struct json *new_event(const char *kind, const struct progress_event *event)
{
    struct json *object = json_object();
    CLEANUP(freep) char *seconds = rfc3339_format(event->time.tv_sec);
    CLEANUP(freep)
    char *time =
        xasprintf("%.*s.%06ldZ", (int)strcspn(seconds, "Z"), seconds, event->time.tv_nsec / 1000);

    json_set(object, "event", json_string(kind));
    json_set(object, "time", json_string(time));
    if (event->image_name != NULL)
        json_set(object, "image", json_string(event->image_name));
    return object;
}

static void set_text(struct json *object, const char *key, const char *text)
{
    if (text != NULL)
        json_set(object, key, json_string(text));
}

/* Sets KEY to TEXT, made harmless; NULL: does not. */
static void set_lines(struct json *object, const char *key, const char *text, size_t max)
{
    CLEANUP(freep) char *lines = text != NULL ? progress_text_lines(text, max) : NULL;

    set_text(object, key, lines);
}

static void set_line(struct json *object, const char *key, const char *text)
{
    CLEANUP(freep) char *line = text != NULL ? progress_text_line(text) : NULL;

    set_text(object, key, line);
}

static struct json *begin_event(const struct progress_event *event)
{
    struct json *object = new_event("start", event);

    json_set(object, "version", json_integer(VERSION));
    json_set(object, "vmbuild", json_string(VMBUILD_VERSION));
    set_text(object, "command", event->text);
    return object;
}

static struct json *stage_event(const struct progress_event *event, const char *state)
{
    struct json *object = new_event("stage", event);

    json_set(object, "stage", json_string(event->stage));
    json_set(object, "state", json_string(state));
    if (event->kind != PROGRESS_STAGE_START) {
        json_set(object, "seconds", seconds_value(event->seconds, 6));
        json_set(object, "bytes", json_integer((int64_t)event->bytes));
    }
    return object;
}

/* NULL: one was shown just now. */
static struct json *bytes_event(struct events *events, const struct progress_event *event)
{
    if (event->now - events->bytes_shown < BYTES_INTERVAL)
        return NULL;
    events->bytes_shown = event->now;
    struct json *object = new_event("progress", event);

    json_set(object, "stage", json_string(event->stage));
    json_set(object, "bytes", json_integer((int64_t)event->bytes));
    if (event->total > 0)
        json_set(object, "total", json_integer((int64_t)event->total));
    return object;
}

static struct json *output_event(const struct events *events, const struct progress_event *event)
{
    struct json *object = new_event("output", event);
    size_t length = event->length;

    if (!events->base.raw && length > 0 && event->text[length - 1] == '\r')
        length--;
    CLEANUP(freep)
    char *line =
        printable_copy(event->text, length, events->base.raw ? PRINTABLE_ANY_UTF8 : PRINTABLE_UTF8,
                       PRINTABLE_CARET);

    set_text(object, "stage", event->stage);
    if (event->stream != PROGRESS_BOTH)
        json_set(object, "stream",
                 json_string(event->stream == PROGRESS_STDERR ? "stderr" : "stdout"));
    json_set(object, "line", json_string(line));
    return object;
}

static struct json *image_event(const struct progress_event *event)
{
    struct json *object = new_event("image", event);

    json_set(object, "image", json_string(event->image.name));
    json_set(object, "state", json_string(event->image.is_cached ? "cached" : "built"));
    json_set(object, "seconds", seconds_value(event->image.seconds, 3));
    set_text(object, "reason", event->image.reason);
    return object;
}

static struct json *note_event(const struct progress_event *event)
{
    struct json *object = new_event(event->kind == PROGRESS_NOTE ? "note" : "detail", event);

    set_lines(object, "text", event->text, PROGRESS_TEXT_MAX);
    return object;
}

static struct json *difference_event(const struct progress_event *event)
{
    const struct progress_difference *difference = &event->difference;
    struct json *object = new_event("difference", event);

    set_line(object, "where", difference->where);
    set_line(object, "path", difference->path);
    set_line(object, "field", difference->field);
    set_line(object, "first", difference->first);
    set_line(object, "second", difference->second);
    set_lines(object, "diff", difference->diff, PROGRESS_DETAILS_MAX);
    return object;
}

static struct json *error_event(const struct progress_event *event)
{
    const struct error *err = event->error;
    struct json *object = new_event("error", event);

    json_set(object, "code", json_integer(err->code));
    set_line(object, "message", err->message);
    set_text(object, "stage", err->stage);
    if (err->end == ERROR_EXITED)
        json_set(object, "status", json_integer(err->number));
    if (err->end == ERROR_KILLED)
        json_set(object, "signal", json_integer(err->number));
    set_line(object, "advice", err->advice);
    set_line(object, "next", err->next);
    set_lines(object, "details", err->details, PROGRESS_DETAILS_MAX);
    return object;
}

static struct json *done_event(const struct progress_event *event)
{
    const struct json *result = event->result;
    struct json *object = new_event("done", event);

    for (size_t i = 0; result != NULL && i < result->count; i++)
        json_set(object, result->keys[i], json_copy(result->items[i]));
    return object;
}

/* NULL: there is no event for it. */
static struct json *make_event(struct events *events, const struct progress_event *event)
{
    switch (event->kind) {
    case PROGRESS_BEGIN:
        return begin_event(event);
    case PROGRESS_STAGE_START:
        events->bytes_shown = 0;
        return stage_event(event, "start");
    case PROGRESS_STAGE_DONE:
        return stage_event(event, "done");
    case PROGRESS_STAGE_FAILED:
        return stage_event(event, "failed");
    case PROGRESS_BYTES:
        return bytes_event(events, event);
    case PROGRESS_OUTPUT:
        return output_event(events, event);
    case PROGRESS_NOTE:
    case PROGRESS_DETAIL:
        return note_event(event);
    case PROGRESS_IMAGE:
        return image_event(event);
    case PROGRESS_DIFFERENCE:
        return difference_event(event);
    case PROGRESS_ERROR:
        return error_event(event);
    case PROGRESS_RESULT:
        return done_event(event);
    case PROGRESS_OUTPUT_BEGIN:
    case PROGRESS_TICK:
        break;
    }
    return NULL;
}

static void show(struct progress_renderer *renderer, const struct progress_event *event,
                 struct buffer *out)
{
    CLEANUP(json_freep) struct json *object = make_event((struct events *)renderer, event);

    if (object == NULL)
        return;
    json_write(object, false, out);
    buffer_append(out, "\n", 1);
}

static void json_renderer_free(struct progress_renderer *renderer)
{
    free(renderer);
}

struct progress_renderer *progress_json_new(void)
{
    struct events *events = xcalloc(1, sizeof *events);

    events->base = (struct progress_renderer){
        .show = show,
        .free = json_renderer_free,
        .wants_bytes = true,
        .tells_streams = true,
        .names_images = true,
    };
    return &events->base;
}
