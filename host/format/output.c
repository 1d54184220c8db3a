#include "host/format/output.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "host/format/dir_image.h"
#include "host/format/docker_archive_writer.h"
#include "host/format/layer_folder_writer.h"
#include "host/format/oci_writer.h"
#include "host/image/layer_blob.h"
#include "host/lib/cleanup.h"
#include "host/lib/file.h"
#include "host/lib/memory.h"
#include "host/lib/progress.h"
#include "host/lib/rfc3339.h"
#include "host/lib/temporary.h"

struct layer_form_wanted output_wants_new(const struct output *output)
{
    const struct output_format_row *format = output_format_row(output->format);
    bool packed = !format->is_layer && output->compression != COMPRESSION_NONE;

    return (struct layer_form_wanted){.tar = !packed,
                                      .blob = packed,
                                      .blob_digest = format->names_blobs,
                                      .compression =
                                          packed ? output->compression : COMPRESSION_NONE,
                                      .tarsum = format->has_tarsum};
}

unsigned int output_wants_base(const struct output *output)
{
    return output_format_row(output->format)->needed;
}

/* What is written: an image, or a bundle. */
struct content {
    const struct image *image; /* or NULL */
    const struct image_bundle *bundle;
    struct store *store;
};

/* Checks all that OUTPUT is made of: what was written to a stream cannot be taken back. */
static struct error *check_first(const struct content *content, const struct output *output)
{
    bool names_blobs = output_format_row(output->format)->names_blobs;
    size_t layers = content->image != NULL ? content->image->layer_count : 0;
    size_t blobs = content->bundle != NULL ? content->bundle->blob_count : 0;

    for (size_t i = 0; i < layers; i++) {
        const struct layer *layer = &content->image->layers[i];

        if (names_blobs && layer->blob.path != NULL)
            store_use(content->store, layer->blob.path);
        else if (output->compression == COMPRESSION_NONE)
            store_use(content->store, layer->tar_path);
        else
            layer_blob_use(&layer->diff_id, output->compression, content->store);
    }
    for (size_t i = 0; i < blobs; i++)
        store_use(content->store, content->bundle->blobs[i].path);
    return store_settle(content->store);
}

static struct error *make_oci(const struct content *content, const struct output *output,
                              struct oci_writer **ret)
{
    if (content->image != NULL)
        TRY(oci_writer_new(content->image, output->compression, output->format == FORMAT_DIR,
                           content->store, ret));
    else
        *ret = oci_writer_of_bundle(content->bundle, content->store);
    if (output->ret_manifest != NULL)
        oci_writer_manifest(*ret, &output->ret_manifest->digest, &output->ret_manifest->size);
    progress_expect(oci_writer_size(*ret));
    return NULL;
}

static uint64_t size_of_tars(const struct image *image)
{
    uint64_t size = 0;

    for (size_t i = 0; image != NULL && i < image->layer_count; i++)
        size += image->layers[i].size;
    return size;
}

static int64_t created_of(const struct content *content)
{
    const struct image *image = content->image;
    const char *text = image != NULL ? json_get_string(image->config, "created") : NULL;
    int64_t created;

    return text != NULL && rfc3339_parse(text, &created) ? created : 0;
}

static struct error *write_archive(const struct content *content, const struct output *output,
                                   int fd)
{
    CLEANUP(tar_writer_freep) struct tar_writer *writer = NULL;
    CLEANUP(oci_writer_freep) struct oci_writer *oci = NULL;
    int64_t created = created_of(content);

    if (output->format == FORMAT_DOCKER_ARCHIVE) {
        progress_expect(size_of_tars(content->image));
        TRY(tar_writer_new(fd, output->path, output->compression, created, &writer));
        TRY(docker_archive_write(content->image, output->compression, content->store, writer));
    } else {
        TRY(make_oci(content, output, &oci));
        TRY(tar_writer_new(fd, output->path, COMPRESSION_NONE, created, &writer));
        TRY(oci_writer_fill_archive(oci, writer));
    }
    return tar_writer_finish(writer);
}

static struct error *make_temporary(const char *path, bool folder, char **ret_path, int *ret_fd)
{
    CLEANUP(freep) char *parent = file_folder(path);
    struct error *err = folder ? temporary_output_folder(parent, ret_path)
                               : temporary_output_file(parent, ret_path, ret_fd);

    return error_advise(error_context(err, "write '%s'", path),
                        "choose another path with --output");
}

static struct error *write_archive_file(const struct content *content, const struct output *output)
{
    CLEANUP(temporary_removep) char *temporary = NULL;
    CLEANUP(closep) int fd = -1;

    TRY(make_temporary(output->path, false, &temporary, &fd));
    TRY(write_archive(content, output, fd));
    TRY(store_settle(content->store));
    if (fchmod(fd, file_mode(0666)) < 0 || close(steal_fd(&fd)) < 0)
        return error_errno(EXIT_OTHER, "write '%s'", output->path);
    return temporary_rename(temporary, output->path);
}

static struct error *write_archive_stream(const struct content *content,
                                          const struct output *output)
{
    CLEANUP(closep) int fd = open(output->path, O_WRONLY | O_CLOEXEC | O_NOCTTY);

    if (fd < 0)
        return error_errno(EXIT_OTHER, "write '%s'", output->path);
    TRY(write_archive(content, output, fd));
    if (close(steal_fd(&fd)) < 0)
        return error_errno(EXIT_OTHER, "write '%s'", output->path);
    return NULL;
}

/* Returns whether NAME is that of a blob or a manifest, by its digest, in one of skopeo's
 * directories. */
static bool is_blob(const char *name)
{
    CLEANUP(freep) char *hex = xstrndup(name, strcspn(name, "."));
    const char *suffix = name + strlen(hex);

    return digest_is_hex(hex) &&
           (*suffix == '\0' || strcmp(suffix, DIR_IMAGE_MANIFEST_SUFFIX) == 0);
}

/* Returns whether the directory PATH contains only names that an output of FORMAT has. Then it may
 * be replaced by another one. */
static bool is_replaceable(const char *path, enum output_format format)
{
    DIR *dir = opendir(path);
    bool only_members = dir != NULL;

    while (only_members) {
        errno = 0;
        const struct dirent *entry = readdir(dir);
        const char *const *name = output_format_row(format)->members;

        if (entry == NULL) {
            only_members = errno == 0; /* what cannot be read may be anything */
            break;
        }
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        while (*name != NULL && strcmp(*name, entry->d_name) != 0)
            name++;
        only_members =
            *name != NULL || (output_format_row(format)->has_blobs && is_blob(entry->d_name));
    }
    if (dir != NULL)
        closedir(dir);
    return only_members;
}

/* Replaces the directory TARGET by the directory TEMPORARY, and removes the old one. */
static struct error *exchange(const char *temporary, const char *target)
{
    CLEANUP(temporary_removep) char *aside = NULL;

    if (renameat2(AT_FDCWD, temporary, AT_FDCWD, target, RENAME_EXCHANGE) == 0) {
        temporary_remove(temporary);
        return NULL;
    }
    if (errno != EINVAL && errno != ENOSYS)
        return error_errno(EXIT_OTHER, "rename '%s' to '%s'", temporary, target);
    /* The file system cannot exchange directories: for a moment TARGET does not exist. */
    TRY(make_temporary(target, true, &aside, NULL));
    if (rename(target, aside) < 0)
        return error_errno(EXIT_OTHER, "rename '%s' to '%s'", target, aside);
    struct error *err = temporary_rename(temporary, target);

    if (err != NULL && rename(aside, target) < 0)
        err = error_context(err, "the previous output is lost");
    return err;
}

static bool is_folder_format(enum output_format format)
{
    return output_format_row(format)->is_folder;
}

static struct error *check_folder(const struct output *output, const char *path)
{
    struct stat status;

    if (strcmp(path, "-") == 0)
        return error_new(EXIT_USAGE, "write '-': a directory cannot be written to standard output");
    if (lstat(path, &status) < 0 ||
        (S_ISDIR(status.st_mode) && is_replaceable(path, output->format)))
        return NULL;
    return error_advise(
        error_new(EXIT_OTHER, "write '%s': it exists and is not an output of this format", path),
        "remove it, or choose another path with --output");
}

/* Returns whether PATH is a device, pipe or socket, which is written to and not replaced. */
static bool is_stream(const char *path)
{
    struct stat status;

    return stat(path, &status) == 0 && !S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode);
}

struct error *output_temporaries(const struct output *output, char **ret, const char **ret_name)
{
    CLEANUP(freep) char *path = file_without_slash(output->path);
    CLEANUP(freep) char *beside = file_folder(path);
    bool to_stream =
        !is_folder_format(output->format) && (strcmp(path, "-") == 0 || is_stream(path));

    *ret_name = output->path;
    if (!to_stream)
        return error_advise(
            error_context(temporary_run_folder_in(beside, ret), "write '%s'", output->path),
            "choose another path with --output");
    TRY(temporary_run_folder(ret_name));
    *ret = xstrdup(*ret_name);
    return NULL;
}

struct error *output_check(const struct output *output)
{
    CLEANUP(freep) char *path = file_without_slash(output->path);
    CLEANUP(freep) char *parent = file_folder(path);
    struct stat status;

    if (output_format_row(output->format)->is_remote)
        return NULL;
    if (is_folder_format(output->format))
        TRY(check_folder(output, path));
    else if (strcmp(path, "-") == 0 && isatty(STDOUT_FILENO))
        return error_new(EXIT_USAGE, "write '-': refusing to write an image to a terminal");
    else if (strcmp(path, "-") == 0 || is_stream(path))
        return NULL;
    else if (strcmp(path, output->path) != 0 ||
             (stat(path, &status) == 0 && S_ISDIR(status.st_mode)))
        return error_advise(
            error_new(EXIT_OTHER, "write '%s': must be a file, not a directory", output->path),
            "name a file with --output");
    if (lstat(path, &status) < 0 && errno == ENAMETOOLONG)
        return error_advise(error_errno(EXIT_OTHER, "write '%s'", output->path),
                            "choose another path with --output");
    if (access(parent, W_OK | X_OK) < 0)
        return error_advise(
            error_errno(EXIT_OTHER, "write '%s': create a file in '%s'", output->path, parent),
            "choose another path with --output");
    return NULL;
}

/* Fills the directory TEMPORARY, which will be PATH. EXISTS: there is one at PATH. */
static struct error *fill_folder(const struct content *content, const struct output *output,
                                 const char *path, bool exists, const char *temporary)
{
    CLEANUP(oci_writer_freep) struct oci_writer *oci = NULL;

    if (output->format == FORMAT_LAYER)
        return layer_folder_write(content->image, content->store, temporary);
    TRY(make_oci(content, output, &oci));
    if (output->format == FORMAT_DIR)
        return oci_writer_fill_dir(oci, temporary);
    if (output->is_added && exists)
        TRY(oci_writer_add_layout(oci, path));
    return oci_writer_fill_folder(oci, temporary);
}

static struct error *write_folder(const struct content *content, const struct output *output,
                                  const char *path)
{
    CLEANUP(temporary_removep) char *temporary = NULL;
    struct stat status;
    bool exists = lstat(path, &status) == 0;

    TRY(make_temporary(path, true, &temporary, NULL));
    TRY(error_context(fill_folder(content, output, path, exists, temporary), "write '%s'", path));
    TRY(store_settle(content->store));
    if (chmod(temporary, file_mode(0777)) < 0)
        return error_errno(EXIT_OTHER, "write '%s'", path);
    return exists ? exchange(temporary, path) : temporary_rename(temporary, path);
}

static struct error *write_content(const struct content *content, const struct output *output)
{
    TRY(output_check(output));
    if (is_folder_format(output->format)) {
        CLEANUP(freep) char *path = file_without_slash(output->path);

        return write_folder(content, output, path);
    }
    if (strcmp(output->path, "-") != 0 && !is_stream(output->path))
        return write_archive_file(content, output);
    TRY(check_first(content, output));
    if (strcmp(output->path, "-") == 0) {
        struct output named = *output;

        named.path = "standard output";
        return write_archive(content, &named, STDOUT_FILENO);
    }
    return write_archive_stream(content, output);
}

struct error *output_write(const struct image *image, const struct output *output,
                           struct store *store)
{
    struct image named = *image;
    const struct content content = {.image = &named, .store = store};

    if (output->name != NULL || output->tag != NULL) {
        named.name = output->name;
        named.tag = output->tag;
    }
    return write_content(&content, output);
}

struct error *output_write_bundle(const struct image_bundle *bundle, const struct output *output,
                                  struct store *store)
{
    struct image_bundle named = *bundle;
    const struct content content = {.bundle = &named, .store = store};

    if (output->name != NULL || output->tag != NULL) {
        named.name = output->name;
        named.tag = output->tag;
    }
    if (!output_format_row(output->format)->names_blobs || output->format == FORMAT_LAYER)
        return error_advise(
            error_new(EXIT_USAGE, "write '%s': a docker-archive holds images for one platform only",
                      output->path),
            "use oci-archive:FILE, oci:DIR or dir:DIR, or leave --all out");
    return write_content(&content, output);
}
