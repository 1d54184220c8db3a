#include "host/tree/contents_target.h"

#include <archive.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/lib/progress.h"
#include "host/tar/pax_writer.h"

struct contents_target {
    struct pax_writer *tar; /* NULL: files are made */
    const char *folder;     /* where; NULL: a tar is written */
    struct archive *archive;
    const char *data_path; /* of the entry whose data is being written */
    bool finished;
};

struct error *contents_target_tar(struct sink sink, struct contents_target **ret)
{
    CLEANUP(contents_target_freep) struct contents_target *target = xcalloc(1, sizeof *target);

    TRY(pax_writer_new(PAX_RESTRICTED, sink, &target->tar));
    target->archive = pax_writer_archive(target->tar);
    *ret = STEAL(target);
    return NULL;
}

struct contents_target *contents_target_folder(const char *folder)
{
    struct contents_target *target = xcalloc(1, sizeof *target);

    target->folder = folder;
    target->archive = xallocated(archive_write_disk_new());
    archive_write_disk_set_options(
        target->archive, ARCHIVE_EXTRACT_PERM | ARCHIVE_EXTRACT_TIME | ARCHIVE_EXTRACT_XATTR |
                             ARCHIVE_EXTRACT_ACL | ARCHIVE_EXTRACT_SPARSE |
                             ARCHIVE_EXTRACT_SECURE_SYMLINKS | ARCHIVE_EXTRACT_SECURE_NODOTDOT);
    return target;
}

bool contents_target_is_folder(const struct contents_target *target)
{
    return target->folder != NULL;
}

static struct error *failed(struct contents_target *target, const char *path)
{
    if (target->tar != NULL)
        return pax_writer_error(target->tar, "pack", path);
    const char *words = archive_error_string(target->archive);

    errno = archive_errno(target->archive);
    if (errno <= 0) /* libarchive's own */
        return error_new(EXIT_OTHER, "create '%s': %s", path, words);
    return error_errno(EXIT_OTHER, "create '%s': %s", path, words);
}

/* Refuses HEADER, of the entry at PATH, if it has an attribute that would get another name. */
static struct error *check_xattrs(struct archive_entry *header, const char *path)
{
    const char *name;
    const void *value;
    size_t size;

    archive_entry_xattr_reset(header);
    while (archive_entry_xattr_next(header, &name, &value, &size) == ARCHIVE_OK)
        if (!pax_writer_keeps_xattr(name))
            return error_new(EXIT_INPUT,
                             "pack '%s': a layer cannot hold the extended attribute '%s', whose "
                             "name has something else than printable ASCII, a space, '=' or '%%'",
                             path, name);
    return NULL;
}

struct error *contents_target_header(struct contents_target *target, struct archive_entry *header,
                                     const char *path)
{
    const char *link = archive_entry_hardlink(header);

    if (target->tar != NULL)
        TRY(check_xattrs(header, path));
    if (target->folder != NULL) {
        CLEANUP(freep) char *place = xasprintf("%s/%s", target->folder, path);
        CLEANUP(freep)
        char *link_place = link != NULL ? xasprintf("%s/%s", target->folder, link) : NULL;

        archive_entry_set_pathname(header, place);
        if (link != NULL)
            archive_entry_set_hardlink(header, link_place);
    }
    if (archive_write_header(target->archive, header) < ARCHIVE_WARN)
        return failed(target, path);
    return NULL;
}

static struct error *write_data(void *context, const void *bytes, size_t length)
{
    struct contents_target *target = context;

    if (archive_write_data(target->archive, bytes, length) < 0)
        return failed(target, target->data_path);
    return NULL;
}

struct sink contents_target_data(struct contents_target *target, const char *path)
{
    target->data_path = path;
    return (struct sink){write_data, target};
}

struct error *contents_target_end_entry(struct contents_target *target, const char *path)
{
    int status = archive_write_finish_entry(target->archive);

    if (status < ARCHIVE_WARN)
        return failed(target, path);
    if (status < ARCHIVE_OK)
        progress_note("create '%s': %s", path, archive_error_string(target->archive));
    return NULL;
}

struct error *contents_target_finish(struct contents_target *target)
{
    if (archive_write_close(target->archive) < ARCHIVE_WARN)
        return failed(target, "contents");
    target->finished = true;
    return NULL;
}

void contents_target_free(struct contents_target *target)
{
    if (target == NULL)
        return;
    if (target->folder != NULL) {
        if (!target->finished)
            archive_write_fail(target->archive);
        archive_write_free(target->archive);
    }
    pax_writer_free(target->tar);
    free(target);
}
