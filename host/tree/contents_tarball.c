#include "host/tree/contents_tarball.h"

#include <archive_entry.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/tar/archive_cleanup.h"
#include "host/tar/archive_header.h"
#include "host/tar/decompression.h"
#include "host/tar/gzip_reader.h"
#include "host/tree/entry_path.h"
#include "host/tree/path_tree.h"

#define BLOCK_SIZE (1u << 20) /* bytes read at a time */
#define RECORD_SIZE 10240     /* bytes that tar(1) pads a tarball to */

/* A tarball, or another file, read by libarchive: its own bytes, or what GZIP makes of them. */
struct tarball {
    int fd;
    struct gzip_reader *gzip; /* or NULL */
    struct archive *archive;
    struct error *err; /* of GZIP, while libarchive was reading */
};

static void tarball_free(struct tarball *tarball)
{
    archive_read_free(tarball->archive);
    gzip_reader_free(tarball->gzip);
    error_free(tarball->err);
}

/* Returns the cause of a failure. */
static struct error *cause_of(struct tarball *tarball)
{
    if (tarball->err != NULL)
        return STEAL(tarball->err);
    return error_new(EXIT_INPUT, "%s", archive_error_string(tarball->archive));
}

static struct error *failed(const char *path, struct tarball *tarball)
{
    return error_context(cause_of(tarball), "read tarball '%s'", path);
}

/* source_read over the file of the tarball CONTEXT. */
static ssize_t read_file(void *context, void *buffer, size_t capacity, struct error **err)
{
    const struct tarball *tarball = context;
    ssize_t got;

    do
        got = read(tarball->fd, buffer, capacity);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        *err = error_new(EXIT_INPUT, "%s", strerror(errno));
    return got;
}

static la_ssize_t on_read(struct archive *archive, void *context, const void **ret)
{
    struct tarball *tarball = context;
    size_t length = 0;

    tarball->err = gzip_reader_read(tarball->gzip, ret, &length);
    if (tarball->err == NULL)
        return (la_ssize_t)length;
    archive_set_error(archive, EIO, "the source failed");
    return -1;
}

/* Starts reading the file FD from its beginning, as FORMAT (a tarball, or raw bytes) in any
 * compression. Returns libarchive's status, and if that is good, the first header in ENTRY. *RET is
 * zeroed before, and freed by tarball_free in any case. */
static int open_tarball(int fd, int (*format)(struct archive *), struct archive_entry *entry,
                        struct tarball *ret)
{
    char magic[DECOMPRESSION_MAGIC_SIZE];
    ssize_t got = pread(fd, magic, sizeof magic, 0);
    int status = ARCHIVE_FATAL;

    ret->fd = fd;
    ret->archive = xallocated(archive_read_new());
    format(ret->archive);
    archive_read_support_filter_all(ret->archive);
    if (got > 0 && decompression_sniff(magic, (size_t)got) == COMPRESSION_GZIP)
        ret->gzip = gzip_reader_new((struct source){read_file, ret});
    if (lseek(fd, 0, SEEK_SET) == 0)
        status = ret->gzip != NULL ? archive_read_open(ret->archive, ret, NULL, on_read, NULL)
                                   : archive_read_open_fd(ret->archive, fd, BLOCK_SIZE);
    return status == ARCHIVE_OK ? archive_header_read(ret->archive, entry) : status;
}

/* Fails if the file FD, which is not a tarball, cannot even be decompressed. A file that is not
 * compressed can. */
static struct error *check_compression(const char *path, int fd, struct archive_entry *entry)
{
    char bytes[512];
    CLEANUP(tarball_free) struct tarball file = {0};
    int status = open_tarball(fd, archive_read_support_format_raw, entry, &file);

    if (status == ARCHIVE_EOF ||
        (file.gzip == NULL && archive_filter_code(file.archive, 0) == ARCHIVE_FILTER_NONE))
        return NULL;
    if (status < ARCHIVE_WARN || archive_read_data(file.archive, bytes, sizeof bytes) < 0)
        return failed(path, &file);
    return NULL;
}

/* Whether the file FD has only zeros, and no more of them than a tarball without entries: one
 * record. libarchive takes a single block of them for the end of a tarball, but file systems and
 * disks begin with some, too. */
static bool is_empty_tarball(int fd, struct archive_entry *entry)
{
    char bytes[RECORD_SIZE + 1];
    CLEANUP(tarball_free) struct tarball file = {0};
    int status = open_tarball(fd, archive_read_support_format_raw, entry, &file);
    la_ssize_t length =
        status < ARCHIVE_WARN ? -1 : archive_read_data(file.archive, bytes, sizeof bytes);

    for (la_ssize_t i = 0; i < length; i++)
        if (bytes[i] != 0)
            return false;
    return length > 0 && length <= RECORD_SIZE;
}

struct error *contents_tarball_recognise(const char *path, int fd, bool *ret)
{
    CLEANUP(archive_entry_freep) struct archive_entry *entry = xallocated(archive_entry_new());
    CLEANUP(tarball_free) struct tarball tarball = {0};
    int status = open_tarball(fd, archive_read_support_format_tar, entry, &tarball);

    *ret = status >= ARCHIVE_WARN &&
           (archive_format(tarball.archive) & ARCHIVE_FORMAT_BASE_MASK) == ARCHIVE_FORMAT_TAR &&
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

/* Reads what follows the end of the tar: the checksum comes after everything. */
static struct error *read_rest(const char *path, const struct tarball *tarball)
{
    const void *bytes;
    size_t length = tarball->gzip != NULL;

    while (length > 0)
        TRY(error_context(gzip_reader_read(tarball->gzip, &bytes, &length), "read tarball '%s'",
                          path));
    return NULL;
}

static enum contents_verdict judge(const struct contents_source *source,
                                   struct archive_entry *header)
{
    return contents_filter_judge(&source->filter, archive_entry_pathname(header),
                                 archive_entry_filetype(header) == AE_IFDIR);
}

/* contents_visit: adds to the struct path_tree CONTEXT what is taken, and so what is above it. */
static struct error *add_taken(void *context, struct contents_entry *entry)
{
    if (!entry->excluded)
        path_tree_put(context, archive_entry_pathname(entry->entry), true, 0);
    return NULL;
}

/* Whether ENTRY of SOURCE is left out; TAKEN is of all that is taken, or NULL. */
static bool is_left_out(const struct contents_source *source, struct path_tree *taken,
                        struct archive_entry *entry)
{
    enum contents_verdict verdict = judge(source, entry);

    return verdict == CONTENTS_LEFT_OUT ||
           (verdict == CONTENTS_IMPLIED &&
            (taken == NULL || path_tree_find(taken, archive_entry_pathname(entry)) == NULL));
}

static struct error *visit_all(const struct contents_source *source, int fd,
                               struct path_tree *taken, contents_visit visit, void *context)
{
    const char *path = contents_source_name(source);
    CLEANUP(archive_entry_freep) struct archive_entry *header = xallocated(archive_entry_new());
    CLEANUP(tarball_free) struct tarball tarball = {0};
    int status = open_tarball(fd, archive_read_support_format_tar, header, &tarball);

    for (; status != ARCHIVE_EOF; status = archive_header_read(tarball.archive, header)) {
        struct contents_entry entry = {.entry = header, .tarball = &tarball, .fd = -1};
        bool root = false;

        if (status < ARCHIVE_WARN)
            return failed(path, &tarball);
        TRY(clean_names(path, header, &root));
        drop_overlay_xattrs(header);
        entry.excluded = is_left_out(source, taken, header);
        if (!root)
            TRY(visit(context, &entry));
    }
    return read_rest(path, &tarball);
}

/* What directories are taken is known only at the end of the tarball if they are for what is in
 * them. */
struct error *contents_tarball_visit(const struct contents_source *source, int fd,
                                     contents_visit visit, void *context)
{
    CLEANUP(path_tree_freep) struct path_tree *taken = NULL;

    if (contents_filter_implies(&source->filter)) {
        taken = path_tree_new(NULL);
        TRY(visit_all(source, fd, NULL, add_taken, taken));
    }
    return visit_all(source, fd, taken, visit, context);
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

struct error *contents_tarball_copy(const char *path, struct tarball *tarball, int64_t size,
                                    const char *name, struct sink sink, uint64_t *holes)
{
    const void *block;
    size_t length;
    la_int64_t offset;
    int64_t end = 0;

    for (;;) {
        int status = archive_read_data_block(tarball->archive, &block, &length, &offset);

        if (status == ARCHIVE_EOF) {
            *holes += end < size ? (uint64_t)(size - end) : 0;
            return write_zeros(sink, end, size);
        }
        if (status < ARCHIVE_WARN)
            return error_context(cause_of(tarball), "read '%s' of tarball '%s'", name, path);
        TRY(write_zeros(sink, end, offset));
        *holes += offset > end ? (uint64_t)(offset - end) : 0;
        TRY(sink.write(sink.context, block, length));
        end = offset + (int64_t)length;
    }
}
