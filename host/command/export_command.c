#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/command/commands.h"
#include "host/command/options.h"
#include "host/format/image_source.h"
#include "host/image/image.h"
#include "host/image/reference.h"
#include "host/lib/cleanup.h"
#include "host/lib/file.h"
#include "host/lib/memory.h"
#include "host/lib/stream.h"
#include "host/lib/temporary.h"
#include "host/store/store.h"
#include "host/store/store_pruning.h"
#include "host/tar/compression.h"
#include "host/tree/export.h"

/* Where the tar goes. */
struct target {
    const char *name; /* for errors */
    int fd;
    uint64_t written;
};

static struct error *write_bytes(void *context, const void *bytes, size_t length)
{
    struct target *target = context;

    TRY(file_write_sparse(bytes, length, target->fd, target->name));
    target->written += length;
    progress_bytes(target->written, 0);
    return NULL;
}

static struct error *compress_bytes(void *context, const void *bytes, size_t length)
{
    return compressor_write(context, bytes, length);
}

/* Writes the tar to FD, compressed if NAME, which errors call it, ends so. */
static struct error *write_to(const struct image *image, const char *name, int fd)
{
    struct target target = {.name = name, .fd = fd};
    struct sink sink = {.write = write_bytes, .context = &target};
    CLEANUP(compressor_freep) struct compressor *compressor = NULL;
    enum compression compression;

    if (!output_named_compression(name, &compression) || compression == COMPRESSION_NONE)
        return export_write(image, sink);
    TRY(compressor_new(compression, sink, &compressor));
    TRY(export_write(image, (struct sink){compress_bytes, compressor}));
    return compressor_finish(STEAL(compressor));
}

/* Writes to standard output, a device or a FIFO, none of which can be replaced by a rename. */
static struct error *write_in_place(const struct image *image, const char *path)
{
    CLEANUP(closep) int opened = -1;

    if (strcmp(path, "-") == 0)
        return write_to(image, "standard output", STDOUT_FILENO);
    opened = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
    if (opened < 0)
        return error_errno(EXIT_OTHER, "open output '%s'", path);
    TRY(write_to(image, path, opened));
    if (close(steal_fd(&opened)) < 0)
        return error_errno(EXIT_OTHER, "write output '%s'", path);
    return NULL;
}

/* Writes to a temporary next to PATH, which is renamed to PATH once it is complete. */
static struct error *write_file(const struct image *image, const char *path)
{
    CLEANUP(freep) char *folder = file_folder(path);
    CLEANUP(temporary_removep) char *temporary = NULL;
    CLEANUP(closep) int fd = -1;

    TRY(error_context(temporary_output_file(folder, &temporary, &fd), "write output '%s'", path));
    TRY(write_to(image, path, fd));
    if (fchmod(fd, file_mode(0666)) < 0 || close(steal_fd(&fd)) < 0)
        return error_errno(EXIT_OTHER, "write output '%s'", path);
    return temporary_rename(temporary, path);
}

static bool is_special(const char *path)
{
    struct stat status;

    return strcmp(path, "-") == 0 || (stat(path, &status) == 0 && !S_ISREG(status.st_mode));
}

struct error *export_command(const struct options *options)
{
    CLEANUP(reference_free) struct reference reference = {0};
    CLEANUP(store_freep) struct store *store = NULL;
    CLEANUP(image_freep) struct image *image = NULL;
    const char *path = options->output;

    TRY(output_check(&(struct output){
        .format = FORMAT_DOCKER_ARCHIVE, .compression = COMPRESSION_NONE, .path = path}));
    TRY(reference_parse(options->arguments.items[0], &reference));
    TRY(store_open(options->cache_dir, options->no_cache, &store));
    struct image_request request = options_image_request(options, LAYER_TAR, store);

    progress_start("read");
    TRY(image_open(&reference, &request, &image));
    progress_done();
    progress_start("export");
    TRY(is_special(path) ? write_in_place(image, path) : write_file(image, path));
    progress_done();
    store_trim(store);
    progress_written(path, NULL);
    return NULL;
}
