#include "host/tree/contents_tarball.h"

#include <archive_entry.h>
#include <string.h>
#include <unistd.h>

#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/tar/archive_cleanup.h"
#include "host/tree/entry_path.h"
#include "host/tree/exclude.h"

#define BLOCK_SIZE (1u << 20) /* bytes read at a time */
#define RECORD_SIZE 10240     /* bytes that tar(1) pads a tarball to */

static struct error *failed(const char *path, struct archive *archive)
{
    return error_new(EXIT_INPUT, "read tarball '%s': %s", path, archive_error_string(archive));
}

/* Starts reading the file FD from its beginning, as FORMAT (a tarball, or raw bytes) in any
 * compression. Returns the caller's; its header is in ENTRY if *RET_STATUS is good. */
static struct archive *open_archive(int fd, int (*format)(struct archive *),
                                    struct archive_entry *entry, int *ret_status)
{
    struct archive *archive = xallocated(archive_read_new());

    format(archive);
    archive_read_support_filter_all(archive);
    *ret_status =
        lseek(fd, 0, SEEK_SET) == 0 ? archive_read_open_fd(archive, fd, BLOCK_SIZE) : ARCHIVE_FATAL;
    if (*ret_status == ARCHIVE_OK)
        *ret_status = archive_read_next_header2(archive, entry);
    return archive;
}

/* Fails if the file FD, which is not a tarball, cannot even be decompressed. A file that is not
 * compressed can. */
static struct error *check_compression(const char *path, int fd, struct archive_entry *entry)
{
    char bytes[512];
    int status;
    CLEANUP(archive_read_freep)
    struct archive *archive = open_archive(fd, archive_read_support_format_raw, entry, &status);

    if (archive_filter_code(archive, 0) == ARCHIVE_FILTER_NONE || status == ARCHIVE_EOF)
        return NULL;
    if (status < ARCHIVE_WARN || archive_read_data(archive, bytes, sizeof bytes) < 0)
        return failed(path, archive);
    return NULL;
}

/* Whether the file FD has only zeros, and no more of them than a tarball without entries: one
 * record. libarchive takes a single block of them for the end of a tarball, but file systems and
 * disks begin with some, too. */
static bool is_empty_tarball(int fd, struct archive_entry *entry)
{
    char bytes[RECORD_SIZE + 1];
    int status;
    CLEANUP(archive_read_freep)
    struct archive *archive = open_archive(fd, archive_read_support_format_raw, entry, &status);
    la_ssize_t length =
        status < ARCHIVE_WARN ? -1 : archive_read_data(archive, bytes, sizeof bytes);

    for (la_ssize_t i = 0; i < length; i++)
        if (bytes[i] != 0)
            return false;
    return length > 0 && length <= RECORD_SIZE;
}

struct error *contents_tarball_recognise(const char *path, int fd, bool *ret)
{
    CLEANUP(archive_entry_freep) struct archive_entry *entry = xallocated(archive_entry_new());
    int status;
    CLEANUP(archive_read_freep)
    struct archive *archive = open_archive(fd, archive_read_support_format_tar, entry, &status);

    *ret = status >= ARCHIVE_WARN &&
           (archive_format(archive) & ARCHIVE_FORMAT_BASE_MASK) == ARCHIVE_FORMAT_TAR &&
           (status != ARCHIVE_EOF || is_empty_tarball(fd, entry));
    return *ret ? NULL : check_compression(path, fd, entry);
}

/* Rewrites ENTRY's names as contents_entry has them. *RET_ROOT: it is the root itself. */
static struct error *clean_names(const char *path, struct archive_entry *entry, bool *ret_root)
{
    const char *name = archive_entry_pathname(entry);
    const char *link = archive_entry_hardlink(entry);
    CLEANUP(freep) char *clean = name != NULL ? entry_path_clean(name) : NULL;
    CLEANUP(freep) char *clean_link = link != NULL ? entry_path_clean(link) : NULL;

    if (clean == NULL || (link != NULL && clean_link == NULL))
        return error_new(EXIT_INPUT, "read tarball '%s': the name '%.200s' contains '..'", path,
                         name != NULL ? name : "");
    *ret_root = *clean == '\0';
    archive_entry_set_pathname(entry, clean);
    if (link != NULL)
        archive_entry_set_hardlink(entry, clean_link);
    return NULL;
}

/* overlayfs' own xattrs would hide files of the image below if the layer were unpacked as root. */
static bool is_overlay_xattr(const char *name)
{
    return strncmp(name, "trusted.overlay.", strlen("trusted.overlay.")) == 0;
}

static void drop_overlay_xattrs(struct archive_entry *entry)
{
    CLEANUP(archive_entry_freep) struct archive_entry *given = NULL;
    const char *name;
    const void *value;
    size_t size;

    if (archive_entry_xattr_reset(entry) == 0)
        return;
    given = xallocated(archive_entry_clone(entry));
    archive_entry_xattr_clear(entry);
    archive_entry_xattr_reset(given);
    while (archive_entry_xattr_next(given, &name, &value, &size) == ARCHIVE_OK)
        if (!is_overlay_xattr(name))
            archive_entry_xattr_add_entry(entry, name, value, size);
}

struct error *contents_tarball_visit(const struct contents_source *source, int fd,
                                     contents_visit visit, void *context)
{
    const char *path = contents_source_name(source);
    CLEANUP(archive_entry_freep) struct archive_entry *header = xallocated(archive_entry_new());
    int status;
    CLEANUP(archive_read_freep)
    struct archive *archive = open_archive(fd, archive_read_support_format_tar, header, &status);

    for (; status != ARCHIVE_EOF; status = archive_read_next_header2(archive, header)) {
        struct contents_entry entry = {.entry = header, .tarball = archive, .fd = -1};
        bool root = false;

        if (status < ARCHIVE_WARN)
            return failed(path, archive);
        TRY(clean_names(path, header, &root));
        drop_overlay_xattrs(header);
        entry.excluded = exclude_matches(source->exclude, archive_entry_pathname(header),
                                         archive_entry_filetype(header) == AE_IFDIR);
        if (!root)
            TRY(visit(context, &entry));
    }
    return NULL;
}

/* Writes the hole that a sparse tarball has from START to END. */
static struct error *write_zeros(struct sink sink, int64_t start, int64_t end)
{
    static const char zeros[256 << 10];

    while (start < end) {
        size_t length = end - start < (int64_t)sizeof zeros ? (size_t)(end - start) : sizeof zeros;

        TRY(sink.write(sink.context, zeros, length));
        start += (int64_t)length;
    }
    return NULL;
}

struct error *contents_tarball_copy(const char *path, struct archive *tarball, int64_t size,
                                    const char *name, struct sink sink, uint64_t *holes)
{
    const void *block;
    size_t length;
    la_int64_t offset;
    int64_t end = 0;

    for (;;) {
        int status = archive_read_data_block(tarball, &block, &length, &offset);

        if (status == ARCHIVE_EOF) {
            *holes += end < size ? (uint64_t)(size - end) : 0;
            return write_zeros(sink, end, size);
        }
        if (status < ARCHIVE_WARN)
            return error_new(EXIT_INPUT, "read '%s' of tarball '%s': %s", name, path,
                             archive_error_string(tarball));
        TRY(write_zeros(sink, end, offset));
        *holes += offset > end ? (uint64_t)(offset - end) : 0;
        TRY(sink.write(sink.context, block, length));
        end = offset + (int64_t)length;
    }
}
