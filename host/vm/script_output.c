#include "host/vm/script_output.h"

#include <pthread.h>
#include <stdlib.h>

#include "guest/contract.h"
#include "host/lib/mask.h"
#include "host/lib/memory.h"
#include "host/lib/progress.h"
#include "host/lib/stream.h"
#include "host/vm/output_tail.h"
#include "host/vm/stream_frames.h"

/* A stream that is told apart. */
struct shown_stream {
    enum progress_stream stream;
    struct mask *mask;
};

struct script_output {
    pthread_mutex_t mutex;
    struct script_output_plan plan;
    struct mask *mask; /* over what is kept, and shown unless streams are told apart */
    struct shown_stream streams[2];
    struct stream_frames frames;
    struct output_tail tail;
    bool is_invalid;
};

/* The sink of the mask. */
static struct error *take_masked(void *context, const void *bytes, size_t length)
{
    struct script_output *output = context;

    if (!output->plan.tells_streams)
        progress_output(PROGRESS_BOTH, bytes, length);
    output_tail_append(&output->tail, bytes, length);
    if (output->plan.log == NULL || log_file_write(output->plan.log, bytes, length))
        return NULL;
    return error_new(EXIT_OTHER, "keep the log"); /* log_file_take_error has the cause */
}

/* The sink of a stream's mask. */
static struct error *show(void *context, const void *bytes, size_t length)
{
    const struct shown_stream *stream = context;

    progress_output(stream->stream, bytes, length);
    return NULL;
}

/* Takes the content of a frame. */
static struct error *take_stream(void *context, enum guest_stream stream, const void *bytes,
                                 size_t length)
{
    struct script_output *output = context;
    struct shown_stream *shown = &output->streams[stream == GUEST_STREAM_ERROR];

    TRY(mask_write(shown->mask, bytes, length, (struct sink){show, shown}));
    return mask_write(output->mask, bytes, length, (struct sink){take_masked, output});
}

struct script_output *script_output_new(const struct script_output_plan *plan)
{
    struct script_output *output = xcalloc(1, sizeof *output);

    *output = (struct script_output){
        .plan = *plan,
        .mask = mask_new(plan->secrets),
        .streams = {{PROGRESS_STDOUT, mask_new(plan->secrets)},
                    {PROGRESS_STDERR, mask_new(plan->secrets)}},
        .frames = {.take = take_stream, .context = output},
    };
    pthread_mutex_init(&output->mutex, NULL);
    return output;
}

struct error *script_output_write(struct script_output *output, const void *bytes, size_t length)
{
    pthread_mutex_lock(&output->mutex);
    struct error *err =
        output->plan.tells_streams
            ? stream_frames_write(&output->frames, bytes, length)
            : mask_write(output->mask, bytes, length, (struct sink){take_masked, output});

    output->is_invalid = output->is_invalid || (err != NULL && err->code == EXIT_VM);
    pthread_mutex_unlock(&output->mutex);
    return err;
}

void script_output_end(struct script_output *output)
{
    pthread_mutex_lock(&output->mutex);
    for (size_t i = 0; i < sizeof output->streams / sizeof *output->streams; i++) {
        struct shown_stream *shown = &output->streams[i];

        error_free(mask_flush(shown->mask, (struct sink){show, shown}));
    }
    error_free(mask_flush(output->mask, (struct sink){take_masked, output}));
    pthread_mutex_unlock(&output->mutex);
}

bool script_output_is_valid(struct script_output *output)
{
    pthread_mutex_lock(&output->mutex);
    bool is_valid = !output->is_invalid;

    pthread_mutex_unlock(&output->mutex);
    return is_valid;
}

char *script_output_take_tail(struct script_output *output)
{
    pthread_mutex_lock(&output->mutex);
    char *lines = output_tail_lines(&output->tail);

    output_tail_clear(&output->tail);
    pthread_mutex_unlock(&output->mutex);
    return lines;
}

void script_output_free(struct script_output *output)
{
    if (output == NULL)
        return;
    for (size_t i = 0; i < sizeof output->streams / sizeof *output->streams; i++)
        mask_free(output->streams[i].mask);
    mask_free(output->mask);
    pthread_mutex_destroy(&output->mutex);
    free(output);
}
