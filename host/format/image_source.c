#include "host/format/image_source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/format/archive_index.h"
#include "host/format/docker_archive.h"
#include "host/format/image_files.h"
#include "host/format/image_record.h"
#include "host/format/oci_folder.h"
#include "host/format/oci_layout.h"
#include "host/image/architecture.h"
#include "host/lib/cleanup.h"
#include "host/lib/file_identity.h"
#include "host/lib/memory.h"
#include "host/registry/registry_pull.h"

/* An image being opened. */
struct opening {
    const struct reference *reference;
    struct image_choice choice;
    unsigned int forms;
    struct store *store;
};

/* What a name in the reference says comes before what is asked for beside it. */
static struct image_choice combine(const struct reference *reference,
                                   const struct image_choice *choice)
{
    struct image_choice combined = choice != NULL ? *choice : (struct image_choice){0};

    if (reference->name != NULL || reference->tag != NULL) {
        combined.name = reference->name;
        combined.tag = reference->tag;
    }
    if (combined.architecture == NULL)
        combined.architecture = architecture_of_host();
    return combined;
}

static struct error *not_an_image(const struct image_files *files)
{
    struct error *err =
        error_new(EXIT_INPUT, "open image '%s': it is no image of the kind asked for", files->path);

    if (oci_layout_is(files))
        return error_advise(err, "it holds an OCI layout: oci-archive:%s", files->path);
    if (docker_archive_has_manifest(files) || docker_archive_has_repositories(files))
        return error_advise(err, "it is a Docker archive: docker-archive:%s", files->path);
    error_free(err);
    return error_advise(
        error_new(EXIT_INPUT,
                  "open image '%s': it has no manifest.json, no index.json and no repositories",
                  files->path),
        "expected is an archive made by `docker save`, an OCI archive or an OCI folder");
}

/* Reads the image from the files, whatever it turns out to be. */
static struct error *read_files(const struct opening *opening, const struct image_files *files,
                                struct image **ret)
{
    enum transport transport = opening->reference->transport;
    bool docker = transport == TRANSPORT_PATH || transport == TRANSPORT_DOCKER_ARCHIVE;
    bool oci = transport != TRANSPORT_DOCKER_ARCHIVE;

    if (docker && docker_archive_has_manifest(files))
        return docker_archive_read(files, &opening->choice, opening->forms, opening->store, ret);
    if (oci && oci_layout_is(files))
        return oci_layout_read(files, &opening->choice, opening->forms, opening->store, ret);
    if (docker && docker_archive_has_repositories(files))
        return docker_archive_read_chain(files, &opening->choice, opening->forms, opening->store,
                                         ret);
    return not_an_image(files);
}

static struct error *open_folder(const struct opening *opening, struct image **ret)
{
    enum transport transport = opening->reference->transport;
    CLEANUP(oci_folder_freep) struct oci_folder *folder = NULL;

    TRY(oci_folder_open(opening->reference->path, opening->store, &folder));
    struct image_files files = oci_folder_files(folder);

    if ((transport != TRANSPORT_OCI && transport != TRANSPORT_PATH) || !oci_layout_is(&files))
        return error_new(
            EXIT_INPUT, "open image '%s': it is a folder, and no OCI one%s", files.path,
            transport == TRANSPORT_PATH || transport == TRANSPORT_OCI ? ": it has no index.json"
                                                                      : " was asked for");
    return oci_layout_read(&files, &opening->choice, opening->forms, opening->store, ret);
}

static struct error *read_archive(const struct opening *opening, int fd, struct image **ret)
{
    CLEANUP(archive_index_freep) struct archive_index *index = NULL;

    struct error *err =
        archive_index_open(opening->reference->path, fd, opening->forms, opening->store, &index);

    if (err != NULL && err->code == EXIT_INPUT)
        return error_advise(err, "expected is an archive made by `docker save`, an OCI archive or "
                                 "an OCI folder, whole and undamaged");
    TRY(err);
    struct image_files files = archive_index_files(index);

    return read_files(opening, &files, ret);
}

/* What an archive is read for, as far as it decides what is found. */
static char *purpose_of(const struct opening *opening)
{
    const struct image_choice *choice = &opening->choice;

    return xasprintf("image/1 %d %s\n%s\n%s", (int)opening->reference->transport,
                     choice->name != NULL ? choice->name : "",
                     choice->tag != NULL ? choice->tag : "", choice->architecture);
}

/* Opens an archive. While one process reads it, others with the same wish wait and then find what
 * it has recorded. */
static struct error *open_archive(const struct opening *opening, int fd, struct image **ret)
{
    CLEANUP(freep) char *purpose = purpose_of(opening);
    CLEANUP(closep) int lock = -1;
    struct digest before;
    struct digest after;

    if (!file_identity(fd, purpose, &before))
        return read_archive(opening, fd, ret);
    CLEANUP(freep) char *key = xasprintf("inputs/%s", before.hex);

    TRY(store_lock(opening->store, STORE_DERIVED, key, &lock));
    *ret = image_record_get(opening->store, &before, opening->forms);
    if (*ret != NULL)
        return NULL;
    TRY(read_archive(opening, fd, ret));
    if (file_identity(fd, purpose, &after) && digest_equal(&before, &after))
        image_record_put(opening->store, &before, *ret);
    return NULL;
}

struct error *image_open(const struct reference *reference, const struct image_choice *choice,
                         unsigned int forms, struct store *store, struct image **ret)
{
    struct opening opening = {.reference = reference,
                              .choice = combine(reference, choice),
                              .forms = forms,
                              .store = store};
    struct stat status;

    if (reference->transport == TRANSPORT_DOCKER) {
        /* The name here is the repository, not a choice. */
        struct image_choice platform = {.architecture = opening.choice.architecture};

        return registry_pull(reference, &platform, forms, store, ret);
    }
    CLEANUP(closep) int fd = open(reference->path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

    if (fd < 0 || fstat(fd, &status) < 0) {
        bool missing = errno == ENOENT && reference->transport == TRANSPORT_PATH;
        struct error *err = error_errno(EXIT_INPUT, "open image '%s'", reference->path);

        return missing ? error_advise(err, "an image in a registry is docker://HOST/NAME[:TAG]")
                       : err;
    }
    if (S_ISDIR(status.st_mode))
        return open_folder(&opening, ret);
    if (reference->transport == TRANSPORT_OCI)
        return error_advise(
            error_new(EXIT_INPUT, "open image '%s': it is no folder", reference->path),
            "an OCI layout in an archive is oci-archive:%s", reference->path);
    return open_archive(&opening, fd, ret);
}
