/*
 * --progress=plain, for logs: a line for each stage that is done, with its duration; before a
 * script's first line its name, and a line a minute while nothing else is written.
 */
#include <stdlib.h>

#include "host/lib/memory.h"
#include "host/lib/progress_renderer.h"
#include "host/lib/progress_text.h"

#define SILENCE_SECONDS 60.0

struct plain {
    struct progress_renderer base;
    double written; /* when, at the latest */
};

static void append_bytes(const struct progress_event *event, struct buffer *out)
{
    if (event->bytes == 0)
        return;
    buffer_printf(out, ", ");
    progress_text_bytes(out, event->bytes,
                        event->kind == PROGRESS_TICK && event->total > event->bytes ? event->total
                                                                                    : 0);
}

/* Shows that the stage has ended, or goes on. */
static void show_stage(const struct progress_event *event, const char *how, struct buffer *out)
{
    buffer_printf(out, "%s: %s", event->stage, how);
    progress_text_seconds(out, event->seconds, event->kind != PROGRESS_TICK);
    append_bytes(event, out);
    buffer_append(out, "\n", 1);
}

static void show_output(struct plain *plain, const struct progress_event *event, struct buffer *out)
{
    bool ends = event->line != PROGRESS_PART_OF_LINE || !plain->base.raw;

    progress_text_output(out, event->text, event->length, plain->base.raw);
    buffer_append(out, "\n", ends ? 1 : 0);
}

static void show_event(struct plain *plain, const struct progress_event *event, struct buffer *out)
{
    switch (event->kind) {
    case PROGRESS_STAGE_START:
        plain->written = event->now;
        break;
    case PROGRESS_STAGE_DONE:
        show_stage(event, "", out);
        break;
    case PROGRESS_STAGE_FAILED:
        show_stage(event, "failed after ", out);
        break;
    case PROGRESS_TICK:
        if (event->now - plain->written >= SILENCE_SECONDS)
            show_stage(event, "goes on after ", out);
        break;
    case PROGRESS_OUTPUT_BEGIN:
        if (event->stage != NULL)
            buffer_printf(out, "%s:\n", event->stage);
        break;
    case PROGRESS_OUTPUT:
        show_output(plain, event, out);
        break;
    case PROGRESS_NOTE:
    case PROGRESS_DETAIL:
        progress_text_note(out, "vmbuild: ", event->text);
        break;
    case PROGRESS_IMAGE:
        progress_text_image(out, &event->image);
        break;
    case PROGRESS_DIFFERENCE:
        progress_text_difference(out, "vmbuild: ", &event->difference);
        break;
    case PROGRESS_ERROR:
        progress_text_error(out, "vmbuild: ", event->error, true);
        break;
    case PROGRESS_RESULT:
        progress_text_result(out, event->text);
        break;
    case PROGRESS_BEGIN:
    case PROGRESS_BYTES:
        break;
    }
}

static void show(struct progress_renderer *renderer, const struct progress_event *event,
                 struct buffer *out)
{
    struct plain *plain = (struct plain *)renderer;
    size_t before = out->length;

    show_event(plain, event, out);
    if (out->length > before)
        plain->written = event->now;
}

static void plain_free(struct progress_renderer *renderer)
{
    free(renderer);
}

struct progress_renderer *progress_plain_new(void)
{
    struct plain *plain = xcalloc(1, sizeof *plain);

    plain->base = (struct progress_renderer){.show = show, .free = plain_free, .interval = 1};
    return &plain->base;
}
