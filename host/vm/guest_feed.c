#include "host/vm/guest_feed.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/lib/stream.h"
#include "host/lib/temporary.h"

#define PIPE_BYTES (1 << 20) /* the most that an unprivileged user gets by default */

/* What the thread works on. */
struct stream {
    const struct guest_feed *feed;
    char *path;   /* of the pipe */
    int fd;       /* the thread's end of it */
    sem_t opened; /* posted when it is open, or has failed */
    struct error *(*produce)(void *context, struct sink sink);
    void *producer;
    bool refused; /* the call has stopped reading, for which it has an error of its own */
    struct error *err;
};

/* Makes the pipe. */
static struct error *make_pipe(char **ret_path)
{
    const char *run;

    TRY(temporary_run_folder(&run));
    CLEANUP(freep) char *path = xasprintf("%s/feed", run);

    unlink(path);
    if (mkfifo(path, 0600) < 0)
        return error_errno(EXIT_OTHER, "create the pipe '%s'", path);
    *ret_path = STEAL(path);
    return NULL;
}

/* Opens the thread's end, which waits for the call to open the other. */
static struct error *open_end(struct stream *stream)
{
    stream->fd = open(stream->path, O_WRONLY | O_CLOEXEC);
    struct error *err =
        stream->fd < 0 ? error_errno(EXIT_OTHER, "open the pipe '%s'", stream->path) : NULL;

    sem_post(&stream->opened);
    if (err == NULL)
        (void)fcntl(stream->fd, F_SETPIPE_SZ, PIPE_BYTES); /* only speed depends on it */
    return err;
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

    stream->err = open_end(stream);
    if (stream->err == NULL)
        stream->err = stream->produce(stream->producer,
                                      (struct sink){.write = write_pipe, .context = stream});
    /* Before the pipe is closed, so that the call does not take what it has read for a whole file.
     */
    if (stream->err != NULL)
        stream->feed->cancel(stream->feed->context);
    closep(&stream->fd);
    return NULL;
}

/* Makes the thread's writes fail. If the call has not even opened the pipe, the thread still waits
 * for that. */
static void end_thread(struct stream *stream, pthread_t thread)
{
    int fd = open(stream->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

    while (sem_wait(&stream->opened) < 0 && errno == EINTR) {
    }
    closep(&fd);
    pthread_join(thread, NULL);
}

/* Produces in a thread and runs the call in this one. */
static struct error *run(struct stream *stream, int *ret_result)
{
    pthread_t thread;
    int cause = pthread_create(&thread, NULL, send_stream, stream);

    if (cause != 0)
        return error_new(EXIT_OTHER, "start a thread that feeds the guest: %s", strerror(cause));
    *ret_result = stream->feed->call(stream->feed->context, stream->path);
    end_thread(stream, thread);
    return stream->err;
}

struct error *guest_feed_send(const struct guest_feed *feed,
                              struct error *(*produce)(void *context, struct sink sink),
                              void *producer, int *ret_result)
{
    struct stream stream = {.feed = feed, .fd = -1, .produce = produce, .producer = producer};

    TRY(make_pipe(&stream.path));
    sem_init(&stream.opened, 0, 0);
    struct error *err = run(&stream, ret_result);

    sem_destroy(&stream.opened);
    unlink(stream.path);
    free(stream.path);
    if (err != NULL && stream.refused && *ret_result < 0) {
        error_free(err);
        return NULL;
    }
    return err;
}
