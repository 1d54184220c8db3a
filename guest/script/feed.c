#include "guest/script/feed.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest/lib/file.h"

/* A FIFO of one page is ready for output only when it is empty. */
#define FIFO_SIZE 4096
#define FIFO_SIZE_WHOLE (1 << 20) /* a longer script is written bit by bit */

#define WAIT_LEAST_MS 1
#define WAIT_MOST_MS 16 /* for the shell to open the FIFO */
#define LOOK_MOST_MS 64 /* between looks at how far it has read */

/* Sets ASIDE, which has PATH_MAX bytes, to where the file waits. */
static void aside_path(const struct feed *feed, char *aside)
{
    const char *slash = strrchr(feed->path, '/');

    snprintf(aside, PATH_MAX, "%.*s.%s", (int)(slash + 1 - feed->path), feed->path, slash + 1);
}

static void close_fifo(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void stop(struct feed *feed)
{
    close_fifo(&feed->fifo);
    close_fifo(&feed->left);
    feed->ready = feed->milliseconds = -1;
}

/* Puts the file back. */
static void restore(const struct feed *feed)
{
    char aside[PATH_MAX];

    aside_path(feed, aside);
    (void)rename(aside, feed->path);
}

void feed_prepare(struct feed *feed, const char *path)
{
    char aside[PATH_MAX];

    *feed = FEED_NONE;
    if (snprintf(feed->path, sizeof feed->path, "%s", path) >= (int)sizeof feed->path - 1)
        return;
    feed->text = file_read_whole(AT_FDCWD, path, &feed->length);
    if (feed->text == NULL || feed->length == 0)
        return;
    aside_path(feed, aside);
    if (rename(path, aside))
        return;
    if (mkfifo(path, 0644)) /* the shell may be another user's */
        restore(feed);
    else
        feed->milliseconds = WAIT_LEAST_MS;
}

/* Whether the shell is bash, under whatever name it was started. */
static bool is_bash(const struct feed *feed)
{
    char path[64], program[PATH_MAX];

    snprintf(path, sizeof path, "/proc/%ld/exe", (long)feed->shell);
    ssize_t length = readlink(path, program, sizeof program - 1);

    if (length < 0)
        return false;
    program[length] = '\0';
    const char *slash = strrchr(program, '/');

    return slash != NULL && strcmp(slash + 1, "bash") == 0;
}

/* Opens the FIFO if the shell has: it is blocked in its own open(2) until then. */
static void open_fifo(struct feed *feed)
{
    feed->fifo = open(feed->path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    if (feed->fifo < 0 && errno == ENXIO) {
        if (feed->milliseconds < WAIT_MOST_MS)
            feed->milliseconds *= 2;
        return;
    }
    if (feed->fifo >= 0 && is_bash(feed))
        feed->left = open(feed->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    restore(feed);
    feed->milliseconds = feed->left >= 0 ? WAIT_LEAST_MS : -1;
    feed->ready = feed->left >= 0 ? -1 : feed->fifo;
    if (feed->fifo >= 0)
        (void)fcntl(feed->fifo, F_SETPIPE_SZ, feed->left >= 0 ? FIFO_SIZE_WHOLE : FIFO_SIZE);
}

/* Notes how far the shell has read, and stops. */
static void note_line(struct feed *feed)
{
    int left = 0;

    if (feed->fifo >= 0 && ioctl(feed->fifo, FIONREAD, &left) == 0 && (size_t)left < feed->piece)
        feed->line = feed->next_line;
    stop(feed);
}

/* Notes how far the shell has read of what it has got as a whole. The script may have written to
 * the FIFO as well. */
static void look(struct feed *feed)
{
    size_t before = feed->taken;
    int left = 0;

    if (ioctl(feed->left, FIONREAD, &left))
        return;
    for (; feed->taken + (size_t)left < feed->written; feed->taken++)
        if (feed->taken == 0 || feed->text[feed->taken - 1] == '\n')
            feed->line++;
    if (feed->taken != before)
        feed->milliseconds = WAIT_LEAST_MS;
    else if (feed->milliseconds < LOOK_MOST_MS)
        feed->milliseconds *= 2;
}

/* Writes what there is room for, and after the last of it lets the shell see the end. */
static void write_rest(struct feed *feed)
{
    size_t left = feed->length - feed->written;
    ssize_t count = write(feed->fifo, feed->text + feed->written, left);

    if (count > 0)
        feed->written += (size_t)count;
    if (feed->written == feed->length || (count < 0 && errno != EAGAIN && errno != EINTR))
        close_fifo(&feed->fifo);
}

/* Writes the next line, or as much of it as there is room for. The shell has all that was written
 * before. */
static void write_line(struct feed *feed)
{
    const char *start = feed->text + feed->written;
    size_t left = feed->length - feed->written;
    const char *end = memchr(start, '\n', left);
    size_t length = end != NULL ? (size_t)(end + 1 - start) : left;

    if (length > FIFO_SIZE)
        length = FIFO_SIZE;
    ssize_t count = length > 0 ? write(feed->fifo, start, length) : 0;

    if (count < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (count <= 0) { /* the shell has all of it, or reads no more */
        note_line(feed);
        return;
    }
    feed->line = feed->next_line;
    if (feed->written == 0 || start[-1] == '\n')
        feed->next_line++;
    feed->written += (size_t)count;
    feed->piece = (size_t)count;
}

void feed_serve(struct feed *feed)
{
    if (feed->fifo < 0 && feed->left < 0 && feed->milliseconds >= 0)
        open_fifo(feed);
    else if (feed->fifo >= 0 && feed->left < 0)
        write_line(feed);
    if (feed->left >= 0 && feed->fifo >= 0)
        write_rest(feed);
    if (feed->left >= 0)
        look(feed);
}

void feed_end(struct feed *feed)
{
    if (feed->left >= 0)
        look(feed);
    else if (feed->milliseconds >= 0)
        restore(feed);
    if (feed->left < 0)
        note_line(feed);
    stop(feed);
    free(feed->text);
    feed->text = NULL;
}
