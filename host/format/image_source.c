#include "host/format/image_source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/format/dir_image.h"
#include "host/format/docker_archive.h"
#include "host/format/docker_chain.h"
#include "host/format/image_archive.h"
#include "host/format/image_files.h"
#include "host/format/image_folder.h"
#include "host/format/image_record.h"
#include "host/format/oci_layout.h"
#include "host/image/architecture.h"
#include "host/lib/cleanup.h"
#include "host/lib/file_identity.h"
#include "host/lib/memory.h"
#include "host/registry/registry_bundle.h"
#include "host/registry/registry_pull.h"
#include "host/store/store.h"

/* A name in the reference takes precedence over what is requested beside it. */
static struct image_choice combine(const struct reference *reference,
                                   const struct image_choice *choice)
{
    struct image_choice combined = *choice;

    if (reference->name != NULL || reference->tag != NULL) {
        combined.name = reference->name;
        combined.tag = reference->tag;
    }
    if (reference->position > 0)
        combined.position = reference->position;
    return combined;
}

static struct error *not_an_image(const struct image_files *files)
{
    struct error *err =
        error_new(EXIT_INPUT, "open image '%s': not an image of the requested kind", files->path);

    if (oci_layout_is(files))
        return error_advise(err, "it contains an OCI layout: use oci-archive:%s", files->path);
    if (docker_archive_is(files) || docker_chain_is(files))
        return error_advise(err, "it is a Docker archive: use docker-archive:%s", files->path);
    error_free(err);
    return error_advise(
        error_new(EXIT_INPUT,
                  "open image '%s': it contains no manifest.json, index.json or repositories",
                  files->path),
        "expected an archive made by `docker save`, an OCI archive or an OCI layout directory");
}

/* Reads the image from FILES, whatever kind it turns out to be, of those that TRANSPORT allows. */
static struct error *read_files(enum transport transport, const struct image_files *files,
                                const struct image_request *request, struct image **ret)
{
    bool docker = transport == TRANSPORT_PATH || transport == TRANSPORT_DOCKER_ARCHIVE;
    bool oci = transport != TRANSPORT_DOCKER_ARCHIVE;

    if (docker && docker_archive_is(files)) {
        bool has_more = request->choice.architecture != NULL && oci_layout_is(files);

        /* Docker 25 and later list in manifest.json only one of the platforms of an image. */
        if (has_more && docker_archive_lacks_platform(files, &request->choice))
            return oci_layout_read(files, request, ret);
        return docker_archive_read(files, request, ret);
    }
    if (oci && oci_layout_is(files))
        return oci_layout_read(files, request, ret);
    if (docker && docker_chain_is(files))
        return docker_chain_read(files, request, ret);
    return not_an_image(files);
}

static struct error *open_folder(const struct reference *reference,
                                 const struct image_request *request, struct image **ret)
{
    enum transport transport = reference->transport;
    CLEANUP(image_folder_freep) struct image_folder *folder = NULL;

    TRY(image_folder_open(reference->path, request->store, &folder));
    struct image_files files = image_folder_files(folder);

    if (transport == TRANSPORT_DIR ||
        (transport == TRANSPORT_PATH && dir_image_is(&files) && !oci_layout_is(&files))) {
        if (!dir_image_is(&files))
            return error_new(EXIT_INPUT, "open image '%s': a directory without " DIR_IMAGE_MANIFEST,
                             files.path);
        return dir_image_read(&files, request, ret);
    }
    if (transport != TRANSPORT_OCI && transport != TRANSPORT_PATH)
        return error_new(EXIT_INPUT, "open image '%s': a directory, not an archive", files.path);
    if (!oci_layout_is(&files))
        return error_new(EXIT_INPUT,
                         "open image '%s': a directory without index.json, so not an OCI layout",
                         files.path);
    return oci_layout_read(&files, request, ret);
}

static struct error *read_archive(const struct reference *reference, int fd,
                                  const struct image_request *request, struct image **ret)
{
    CLEANUP(image_archive_freep) struct image_archive *archive = NULL;
    const char *path = reference_is_stdin(reference) ? "standard input" : reference->path;
    struct error *err = image_archive_open(path, fd, request->forms, request->store, &archive);

    if (err != NULL && err->code == EXIT_INPUT)
        return error_advise(err, "expected an archive made by `docker save`, an OCI archive or an "
                                 "OCI layout directory, complete and undamaged");
    TRY(err);
    struct image_files files = image_archive_files(archive);

    return read_files(reference->transport, &files, request, ret);
}

/* Returns everything beside the archive itself that decides which image is read; the caller's. */
static char *purpose_of(enum transport transport, const struct image_choice *choice)
{
    return xasprintf("image/2 %d %s\n%s\n%zu\n%s%s", (int)transport,
                     choice->name != NULL ? choice->name : "",
                     choice->tag != NULL ? choice->tag : "", choice->position,
                     choice->architecture != NULL ? "=" : "",
                     choice->architecture != NULL ? choice->architecture : architecture_of_host());
}

/* Opens an archive. While one process reads it, others with the same request wait, and then find
 * what it has recorded. */
static struct error *open_archive(const struct reference *reference, int fd,
                                  const struct image_request *request, struct image **ret)
{
    CLEANUP(freep) char *purpose = purpose_of(reference->transport, &request->choice);
    CLEANUP(closep) int lock = -1;
    struct digest before;
    struct digest after;

    if (!file_identity(fd, purpose, &before))
        return read_archive(reference, fd, request, ret);
    CLEANUP(freep) char *key = xasprintf("inputs/%s", before.hex);

    TRY(store_lock(request->store, STORE_DERIVED, key, &lock));
    *ret = image_record_get(request->store, &before, request->forms);
    if (*ret != NULL)
        return NULL;
    TRY(read_archive(reference, fd, request, ret));
    if (file_identity(fd, purpose, &after) && digest_equal(&before, &after))
        image_record_put(request->store, &before, *ret);
    return NULL;
}

/* Opens the file or directory of REFERENCE, or standard input. */
static struct error *open_path(const struct reference *reference, int *ret_fd, bool *ret_is_folder)
{
    bool is_stdin = reference_is_stdin(reference);
    struct stat status;

    if (is_stdin && isatty(STDIN_FILENO))
        return error_new(EXIT_USAGE, "open image '-': refusing to read an image from a terminal");
    CLEANUP(closep)
    int fd = is_stdin ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0)
                      : open(reference->path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

    if (fd < 0 || fstat(fd, &status) < 0) {
        bool missing = errno == ENOENT && reference->transport == TRANSPORT_PATH;
        struct error *err = error_errno(EXIT_INPUT, "open image '%s'", reference->path);

        CLEANUP(freep) char *advice = missing ? reference_advice(reference->path) : NULL;

        return missing ? error_advise(err, "%s", advice) : err;
    }
    *ret_is_folder = S_ISDIR(status.st_mode);
    if (!*ret_is_folder && reference->transport == TRANSPORT_DIR)
        return error_new(EXIT_INPUT, "open image '%s': not a directory", reference->path);
    if (!*ret_is_folder && reference->transport == TRANSPORT_OCI)
        return error_advise(
            error_new(EXIT_INPUT, "open image '%s': not a directory", reference->path),
            "for an OCI layout in an archive, use oci-archive:%s", reference->path);
    *ret_fd = steal_fd(&fd);
    return NULL;
}

struct error *image_open(const struct reference *reference, const struct image_request *request,
                         struct image **ret)
{
    struct image_request combined = *request;
    CLEANUP(closep) int fd = -1;
    bool is_folder = false;

    combined.choice = combine(reference, &request->choice);
    if (reference->transport == TRANSPORT_DOCKER)
        return registry_pull(reference, &combined, ret);
    TRY(open_path(reference, &fd, &is_folder));
    return is_folder ? open_folder(reference, &combined, ret)
                     : open_archive(reference, fd, &combined, ret);
}

static struct error *read_archive_bundle(const struct reference *reference, int fd,
                                         const struct image_request *request, bool root_only,
                                         struct image_bundle *ret)
{
    CLEANUP(image_archive_freep) struct image_archive *archive = NULL;
    const char *path = reference_is_stdin(reference) ? "standard input" : reference->path;

    TRY(image_archive_open(path, fd, LAYER_BLOB, request->store, &archive));
    struct image_files files = image_archive_files(archive);

    if (reference->transport != TRANSPORT_DOCKER_ARCHIVE && oci_layout_is(&files))
        return oci_layout_read_bundle(&files, request, root_only, ret);
    if (docker_archive_is(&files) || docker_chain_is(&files))
        return NULL;
    return not_an_image(&files);
}

struct error *image_open_bundle(const struct reference *reference,
                                const struct image_request *request, bool root_only,
                                struct image_bundle *ret)
{
    struct image_request combined = *request;
    CLEANUP(image_folder_freep) struct image_folder *folder = NULL;
    CLEANUP(closep) int fd = -1;
    bool is_folder = false;

    combined.choice = combine(reference, &request->choice);
    if (reference->transport == TRANSPORT_DOCKER)
        return registry_pull_bundle(reference, &combined, root_only, ret);
    TRY(open_path(reference, &fd, &is_folder));
    if (!is_folder)
        return read_archive_bundle(reference, fd, &combined, root_only, ret);
    TRY(image_folder_open(reference->path, request->store, &folder));
    struct image_files files = image_folder_files(folder);

    if (reference->transport != TRANSPORT_DIR && oci_layout_is(&files))
        return oci_layout_read_bundle(&files, &combined, root_only, ret);
    if (reference->transport != TRANSPORT_OCI && dir_image_is(&files))
        return dir_image_read_bundle(&files, &combined, root_only, ret);
    return error_new(EXIT_INPUT, "open image '%s': a directory without an image", files.path);
}
