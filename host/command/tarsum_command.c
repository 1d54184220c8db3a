#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "host/command/commands.h"
#include "host/command/options.h"
#include "host/lib/cleanup.h"
#include "host/lib/file.h"
#include "host/lib/memory.h"
#include "host/lib/stream.h"
#include "host/tar/decompression.h"
#include "host/tar/tarsum.h"

struct input {
    const char *name;
    int fd;
};

static ssize_t read_input(void *context, void *buffer, size_t capacity, struct error **err)
{
    const struct input *input = context;
    ssize_t got;

    do {
        got = read(input->fd, buffer, capacity);
    } while (got < 0 && errno == EINTR);
    if (got < 0)
        *err = error_errno(EXIT_INPUT, "read tar '%s'", input->name);
    return got;
}

static struct error *sum_stream(const char *name, int fd, enum tarsum_version version, char **ret)
{
    struct input input = {name, fd};
    CLEANUP(decompressor_freep) struct decompressor *decompressor = NULL;
    CLEANUP(tarsum_freep) struct tarsum *sum = tarsum_new(version, 0);
    const void *bytes = NULL;
    size_t length = 0;

    TRY(decompressor_new(name, (struct source){read_input, &input}, &decompressor));
    do {
        TRY(decompressor_read(decompressor, &bytes, &length));
        TRY(error_context(tarsum_update(sum, bytes, length), "read tar '%s'", name));
    } while (length > 0);
    return error_context(tarsum_finish(STEAL(sum), ret), "read tar '%s'", name);
}

struct error *tarsum_command(const struct options *options)
{
    const char *path = options->arguments.count > 0 ? options->arguments.items[0] : "-";
    bool is_stdin = strcmp(path, "-") == 0;
    CLEANUP(closep)
    int fd = is_stdin ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    CLEANUP(freep) char *sum = NULL;

    if (fd < 0)
        return error_errno(EXIT_INPUT, "read tar '%s'", path);
    TRY(sum_stream(is_stdin ? "standard input" : path, fd, options->tarsum_version, &sum));
    CLEANUP(freep) char *line = xasprintf("%s\n", sum);

    return file_write(line, strlen(line), STDOUT_FILENO, "standard output");
}
