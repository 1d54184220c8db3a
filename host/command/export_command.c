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
};

static struct error *write_bytes(void *context, const void *bytes, size_t length)
{
    const struct target *target = context;

    return file_write_sparse(bytes, length, target->fd, target->name);
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

/* An export in progress. */
struct export
{
    const struct options *options;
    struct reference reference;
    struct store *store;
};

static void export_free(struct export *export)
{
    reference_free(&export->reference);
    store_free(export->store);
}

/* Writes to standard output, a device or a FIFO, none of which can be replaced by a rename. */
static struct error *write_in_place(const struct export *export, const struct image *image)
{
    const char *path = export->options->output;
    CLEANUP(closep) int opened = -1;

    TRY(store_settle(export->store)); /* what was written cannot be taken back */
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

/* Writes to a temporary next to the output, which is renamed once it is complete. */
static struct error *write_file(const struct export *export, const struct image *image)
{
    const char *path = export->options->output;
    CLEANUP(freep) char *folder = file_folder(path);
    CLEANUP(temporary_removep) char *temporary = NULL;
    CLEANUP(closep) int fd = -1;

    TRY(error_context(temporary_output_file(folder, &temporary, &fd), "write output '%s'", path));
    TRY(write_to(image, path, fd));
    TRY(store_settle(export->store));
    if (fchmod(fd, file_mode(0666)) < 0 || close(steal_fd(&fd)) < 0)
        return error_errno(EXIT_OTHER, "write output '%s'", path);
    return temporary_rename(temporary, path);
}

static bool is_special(const char *path)
{
    struct stat status;

    return strcmp(path, "-") == 0 || (stat(path, &status) == 0 && !S_ISREG(status.st_mode));
}

/* store_run: reads and writes. */
static struct error *export_all(void *context)
{
    const struct export *export = context;
    CLEANUP(image_freep) struct image *image = NULL;
    struct image_request request = options_image_request(export->options, LAYER_TAR, export->store);

    progress_start("read");
    TRY(image_open(&export->reference, &request, &image));
    progress_done();
    progress_start("export");
    for (size_t i = 0; i < image->layer_count; i++)
        store_use(export->store, image->layers[i].tar_path);
    TRY((is_special(export->options->output) ? write_in_place : write_file)(export, image));
    progress_done();
    return NULL;
}

struct error *export_command(const struct options *options)
{
    CLEANUP(export_free) struct export export = {.options = options};
    const char *path = options->output;

    TRY(output_check(&(struct output){
        .format = FORMAT_DOCKER_ARCHIVE, .compression = COMPRESSION_NONE, .path = path}));
    TRY(reference_parse(options->arguments.items[0], &export.reference));
    TRY(store_open(options->cache_dir, options->no_cache, &export.store));
    /* Standard input can be read only once. */
    TRY(store_run(export.store, !reference_is_stdin(&export.reference), export_all, &export));
    store_trim(export.store);
    progress_written(path, NULL);
    return NULL;
}
