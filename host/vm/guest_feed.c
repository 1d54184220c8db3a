#include "host/vm/guest_feed.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/lib/stream.h"

#define PIPE_BYTES (1 << 20) /* the most that an unprivileged user gets by default */

/* What the thread works on. */
struct stream {
    const struct guest_feed *feed;
    int fd; /* the thread's end of the pipe */
    struct error *(*produce)(void *context, struct sink sink);
    void *producer;
    bool refused; /* the call has stopped reading, for which it has an error of its own */
    struct error *err;
};

static struct error *make_pipe(int *ret_read, int *ret_write)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) < 0)
        return error_errno(EXIT_OTHER, "create a pipe");
    (void)fcntl(ends[1], F_SETPIPE_SZ, PIPE_BYTES); /* only speed depends on it */
    *ret_read = ends[0];
    *ret_write = ends[1];
    return NULL;
}

/* The sink that a producer writes to. */
static struct error *write_pipe(void *context, const void *bytes, size_t length)
{
    struct stream *stream = context;
    const char *next = bytes;

    while (length > 0) {
        ssize_t written = write(stream->fd, next, length);

        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0) {
            stream->refused = errno == EPIPE;
            return error_errno(EXIT_OTHER, "write to the guest");
        }
        next += written;
        length -= (size_t)written;
    }
    return NULL;
}

static void *send_stream(void *argument)
{
    struct stream *stream = argument;

    stream->err =
        stream->produce(stream->producer, (struct sink){.write = write_pipe, .context = stream});
    /* Before the pipe is closed, so that the call does not take what it has read for a whole file.
     */
    if (stream->err != NULL)
        stream->feed->cancel(stream->feed->context);
    close(stream->fd);
    return NULL;
}

/* Produces in a thread and runs the call in this one. OTHER is the call's end of the pipe. */
static struct error *run(struct stream *stream, int *other, int *ret_result)
{
    CLEANUP(freep) char *path = xasprintf("/proc/self/fd/%d", *other);
    pthread_t thread;
    int cause = pthread_create(&thread, NULL, send_stream, stream);

    if (cause != 0) {
        close(stream->fd);
        return error_new(EXIT_OTHER, "start a thread that feeds the guest: %s", strerror(cause));
    }
    *ret_result = stream->feed->call(stream->feed->context, path);
    /* The call has closed the file that it opened; with this one closed, the thread's writes fail.
     */
    close(steal_fd(other));
    pthread_join(thread, NULL);
    return stream->err;
}

struct error *guest_feed_send(const struct guest_feed *feed,
                              struct error *(*produce)(void *context, struct sink sink),
                              void *producer, int *ret_result)
{
    CLEANUP(closep) int other = -1;
    struct stream stream = {.feed = feed, .produce = produce, .producer = producer};

    TRY(make_pipe(&other, &stream.fd));
    struct error *err = run(&stream, &other, ret_result);

    if (err != NULL && stream.refused && *ret_result < 0) {
        error_free(err);
        return NULL;
    }
    return err;
}
