#include "host/lib/log_file.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/lib/buffer.h"
#include "host/lib/cleanup.h"
#include "host/lib/file.h"
#include "host/lib/file_system.h"
#include "host/lib/memory.h"
#include "host/lib/printable.h"
#include "host/lib/temporary.h"
#include "host/lib/utf8.h"

#define CHARACTER_MAX 4 /* bytes of one in UTF-8 */

struct log_file {
    char *path;
    int fd;
    bool raw;
    char held[CHARACTER_MAX]; /* the start of a character whose rest has not come yet */
    size_t held_length;
    pthread_mutex_t mutex; /* for what follows */
    bool has_failed;
    struct error *err;
};

/* Opens what is at PATH if it is written to and not replaced. *RET_FD is below 0 if it is replaced,
 * or not there. */
static struct error *open_stream(const char *path, int *ret_fd)
{
    struct stat status;

    *ret_fd = -1;
    if (stat(path, &status) < 0 || S_ISREG(status.st_mode))
        return NULL;
    if (S_ISDIR(status.st_mode))
        return error_advise(error_new(EXIT_OTHER, "write the log '%s': it is a directory", path),
                            "name a file with --log");
    *ret_fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
    return *ret_fd < 0 ? error_errno(EXIT_OTHER, "write the log '%s'", path) : NULL;
}

/* Makes the file PATH under another name, which is locked meanwhile, and gives it its own. */
static struct error *make_file(const char *path, int *ret_fd)
{
    CLEANUP(freep) char *folder = file_folder(path);
    CLEANUP(temporary_removep) char *temporary = NULL;
    CLEANUP(closep) int fd = -1;

    TRY(temporary_output_file(folder, &temporary, &fd));
    if (fchmod(fd, file_mode(0666)) < 0)
        return error_errno(EXIT_OTHER, "create '%s'", temporary);
    TRY(temporary_rename(temporary, path));
    *ret_fd = steal_fd(&fd);
    return NULL;
}

struct error *log_file_open(const char *path, bool raw, struct log_file **ret)
{
    CLEANUP(closep) int fd = -1;

    TRY(open_stream(path, &fd));
    if (fd < 0)
        TRY(error_advise(error_context(make_file(path, &fd), "write the log '%s'", path),
                         "choose another path with --log"));
    struct log_file *log = xcalloc(1, sizeof *log);

    log->path = xstrdup(path);
    log->fd = steal_fd(&fd);
    log->raw = raw;
    pthread_mutex_init(&log->mutex, NULL);
    *ret = log;
    return NULL;
}

/* Keeps ERR, if it is one. Returns whether it is none. */
static bool note(struct log_file *log, struct error *err)
{
    if (err == NULL)
        return true;
    err = file_system_explain(error_context(err, "keep the log"), log->path);
    pthread_mutex_lock(&log->mutex);
    log->has_failed = true;
    error_free(log->err);
    log->err = err;
    pthread_mutex_unlock(&log->mutex);
    return false;
}

/* Returns the length of the start of a character at the end of TEXT, of LENGTH bytes; 0 if the text
 * does not end within one. */
static size_t unfinished_length(const char *text, size_t length)
{
    for (size_t back = 1; back < CHARACTER_MAX && back <= length; back++) {
        unsigned char byte = (unsigned char)text[length - back];
        size_t wanted = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;

        if (wanted > 1)
            return wanted > back ? back : 0;
        if (byte < 0x80)
            return 0;
    }
    return 0;
}

static struct error *write_harmless(const struct log_file *log, const struct buffer *text,
                                    size_t length)
{
    CLEANUP(buffer_free) struct buffer out = {0};

    printable_append(&out, text->data, length, PRINTABLE_LINES, PRINTABLE_CARET);
    return file_write(out.data, out.length, log->fd, log->path);
}

bool log_file_write(struct log_file *log, const void *bytes, size_t length)
{
    CLEANUP(buffer_free) struct buffer text = {0};

    if (log->has_failed)
        return false;
    if (log->raw)
        return note(log, file_write(bytes, length, log->fd, log->path));
    buffer_append(&text, log->held, log->held_length);
    buffer_append(&text, bytes, length);
    log->held_length = unfinished_length(text.data, text.length);
    size_t whole = text.length - log->held_length;

    memcpy(log->held, text.data + whole, log->held_length);
    return note(log, write_harmless(log, &text, whole));
}

struct error *log_file_take_error(struct log_file *log)
{
    pthread_mutex_lock(&log->mutex);
    struct error *err = STEAL(log->err);

    pthread_mutex_unlock(&log->mutex);
    return err;
}

struct error *log_file_finish(struct log_file *log)
{
    CLEANUP(buffer_free) struct buffer rest = {0};

    TRY(log_file_take_error(log));
    buffer_append(&rest, log->held, log->held_length);
    log->held_length = 0;
    if (!log->has_failed)
        TRY(write_harmless(log, &rest, rest.length));
    if (close(steal_fd(&log->fd)) < 0)
        return error_errno(EXIT_OTHER, "write the log '%s'", log->path);
    return NULL;
}

void log_file_free(struct log_file *log)
{
    if (log == NULL)
        return;
    closep(&log->fd);
    pthread_mutex_destroy(&log->mutex);
    error_free(log->err);
    free(log->path);
    free(log);
}
