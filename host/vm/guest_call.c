#include "host/vm/guest_handle.h"

#include <stdlib.h>

#include "host/lib/cleanup.h"
#include "host/vm/guest_feed.h"
#include "host/vm/guest_handle_private.h"
#include "host/vm/layer_frames.h"
#include "host/vm/outcome.h"

/* Calls guestfs_command, as guest_handle_command, with the watchdog armed for SECONDS already. */
static struct error *call(struct guest_handle *handle, const char *operation, uint64_t seconds,
                          struct strings *words, char **ret_reply)
{
    char *reply = guestfs_command(handle->g, words->items);
    bool fired = watchdog_disarm(handle->watchdog);

    strings_free(words);
    if (reply == NULL)
        return guest_error_of_call(handle, operation, fired, seconds);
    if (ret_reply != NULL)
        *ret_reply = reply;
    else
        free(reply);
    return NULL;
}

struct error *guest_handle_command(struct guest_handle *handle, const char *operation,
                                   uint64_t seconds, struct strings *words, char **ret_reply)
{
    watchdog_arm(handle->watchdog, seconds);
    return call(handle, operation, seconds, words, ret_reply);
}

/* An upload under way. */
struct upload {
    struct guest_handle *handle;
    const char *target;
    const void *bytes;
    size_t length;
};

static int call_upload(void *context, const char *path)
{
    struct upload *upload = context;

    return guestfs_upload(upload->handle->g, path, upload->target);
}

static void cancel_upload(void *context)
{
    struct upload *upload = context;

    guestfs_user_cancel(upload->handle->g);
}

static struct error *produce_bytes(void *context, struct sink sink)
{
    struct upload *upload = context;

    return sink.write(sink.context, upload->bytes, upload->length);
}

struct error *guest_handle_upload(struct guest_handle *handle, const char *operation,
                                  const void *bytes, size_t length, const char *target)
{
    struct upload upload = {handle, target, bytes, length};
    const struct guest_feed feed = {call_upload, cancel_upload, &upload};
    int result = -1;

    watchdog_arm(handle->watchdog, GUEST_HANDLE_CALL_SECONDS);
    struct error *err = guest_feed_send(&feed, produce_bytes, &upload, &result);
    bool fired = watchdog_disarm(handle->watchdog);

    if (err != NULL || result == 0)
        return guest_handle_explain(handle, operation, err);
    return guest_error_of_call(handle, operation, fired, GUEST_HANDLE_CALL_SECONDS);
}

struct error *guest_handle_sync(struct guest_handle *handle, const char *operation)
{
    watchdog_arm(handle->watchdog, GUEST_HANDLE_CALL_SECONDS);
    int result = guestfs_sync(handle->g);
    bool fired = watchdog_disarm(handle->watchdog);

    return result == 0 ? NULL
                       : guest_error_of_call(handle, operation, fired, GUEST_HANDLE_CALL_SECONDS);
}

/* A transfer under way. */
struct stream {
    struct guest_handle *handle;

    /* To the guest. */
    const char *folder; /* in it */
    struct error *(*produce)(void *context, struct sink sink);
    void *producer;
    struct sink sink;

    /* From it. */
    struct sparse_sink layer;
    struct layer_frames frames;
};

static int call_tar_in(void *context, const char *path)
{
    struct stream *stream = context;

    return guestfs_tar_in(stream->handle->g, path, stream->folder);
}

static void cancel_call(void *context)
{
    struct stream *stream = context;

    guestfs_user_cancel(stream->handle->g);
}

/* The sink between both ends of a transfer to the guest, whose turn it is while this lasts. */
static struct error *pass_on(void *context, const void *bytes, size_t length)
{
    struct stream *stream = context;

    pace_guest(&stream->handle->pace);
    struct error *err = stream->sink.write(stream->sink.context, bytes, length);

    pace_host(&stream->handle->pace, length);
    return err;
}

static struct error *produce_watched(void *context, struct sink sink)
{
    struct stream *stream = context;

    stream->sink = sink;
    pace_host(&stream->handle->pace, 0);
    struct error *err =
        stream->produce(stream->producer, (struct sink){.write = pass_on, .context = stream});

    pace_guest(&stream->handle->pace); /* to unpack what it has got */
    return err;
}

struct error *guest_handle_tar_in(struct guest_handle *handle, const char *operation,
                                  const char *target,
                                  struct error *(*produce)(void *context, struct sink sink),
                                  void *context)
{
    struct stream stream = {
        .handle = handle, .folder = target, .produce = produce, .producer = context};
    const struct guest_feed feed = {.call = call_tar_in, .cancel = cancel_call, .context = &stream};
    int result = -1;

    pace_start(&handle->pace, handle->watchdog);
    struct error *err = guest_feed_send(&feed, produce_watched, &stream, &result);
    bool fired = watchdog_disarm(handle->watchdog);

    if (err != NULL || result == 0)
        err = guest_handle_explain(handle, operation, err);
    else
        err = guest_error_of_call(handle, operation, fired, PACE_STALL_SECONDS);
    pace_end(&handle->pace);
    return err;
}

/* The sink of the frames' tar: while it works, it is the host's turn. */
static struct error *pass_layer(void *context, const void *bytes, size_t length)
{
    struct stream *stream = context;

    pace_host(&stream->handle->pace, length);
    struct error *err = stream->layer.write(stream->layer.context, bytes, length);

    pace_guest(&stream->handle->pace);
    return err;
}

/* A hole is eight bytes to the guest, which earn it nothing. */
static struct error *pass_hole(void *context, uint64_t length)
{
    struct stream *stream = context;

    pace_host(&stream->handle->pace, 0);
    struct error *err = stream->layer.skip(stream->layer.context, length);

    pace_guest(&stream->handle->pace);
    return err;
}

/* The sink of the layer's port. If it fails, nothing else ends the guest's call. */
static struct error *take_frames(void *context, const void *bytes, size_t length)
{
    struct stream *stream = context;
    struct error *err = layer_frames_write(&stream->frames, bytes, length);

    if (err != NULL)
        watchdog_kill(stream->handle->watchdog);
    return err;
}

/* Makes the call of WORDS and takes the layer. Returns the error of the call; *RET_SINK_ERR is that
 * of the sink. */
static struct error *take_layer(struct guest_handle *handle, const char *operation,
                                struct strings *words, struct stream *stream,
                                struct error **ret_sink_err)
{
    CLEANUP(freep) char *reply = NULL;
    uint64_t count = 0;

    pace_start(&handle->pace, handle->watchdog);
    struct error *err =
        guest_port_start(handle->layer, (struct sink){take_frames, stream}, NULL, NULL);

    if (err != NULL)
        strings_free(words);
    else
        err = call(handle, operation, PACE_STALL_SECONDS, words, &reply);
    if (err == NULL)
        err = outcome_parse_layer(reply, &count);
    if (err == NULL)
        err = guest_port_wait(handle->layer, count);
    *ret_sink_err = (err == NULL ? guest_port_pause : guest_port_stop)(handle->layer);
    watchdog_disarm(handle->watchdog);
    pace_end(&handle->pace);
    return err;
}

struct error *guest_handle_receive_layer(struct guest_handle *handle, const char *operation,
                                         struct strings *words, struct sparse_sink sink)
{
    struct stream stream = {.handle = handle, .layer = sink};
    struct error *sink_err = NULL;

    stream.frames.sink = (struct sparse_sink){pass_layer, pass_hole, &stream};
    struct error *err = take_layer(handle, operation, words, &stream, &sink_err);

    if (sink_err == NULL)
        return err != NULL ? guest_handle_explain(handle, operation, err)
                           : layer_frames_finish(&stream.frames);
    error_free(err);
    return sink_err;
}
