#include "host/tree/contents_source.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "host/lib/buffer.h"
#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/tar/archive_cleanup.h"
#include "host/tree/contents_tarball.h"
#include "host/tree/contents_visit.h"
#include "host/tree/entry_path.h"

#define XATTR_NAMES_MAX (64u << 10) /* the kernel's own limits: XATTR_LIST_MAX, XATTR_SIZE_MAX */
#define XATTR_VALUE_MAX (64u << 10)
#define BLOCK_SIZE (256u << 10) /* bytes of a file read at a time */

struct error *contents_visit_failed(const struct visit *visit, const char *operation,
                                    const char *path)
{
    return error_errno(EXIT_INPUT, "%s '%s' of '%s'", operation, path,
                       contents_source_name(visit->source));
}

/* Whether an xattr belongs to the file: not one that the host's security module or file system
 * keeps, nor one that only root can read. */
static bool is_portable_xattr(const char *name)
{
    return strncmp(name, "user.", 5) == 0 || strcmp(name, "security.capability") == 0 ||
           strcmp(name, "system.posix_acl_access") == 0 ||
           strcmp(name, "system.posix_acl_default") == 0;
}

/* Adds the portable xattrs of the open file or directory FD, sorted by name. */
static struct error *add_xattrs(const struct visit *visit, int fd, const char *path)
{
    CLEANUP(freep) char *names = xreallocarray(NULL, XATTR_NAMES_MAX, 1);
    CLEANUP(freep) char *value = NULL;
    ssize_t length = flistxattr(fd, names, XATTR_NAMES_MAX);
    CLEANUP(strings_free) struct strings sorted = {0};

    if (length < 0)
        return errno == ENOTSUP ? NULL : contents_visit_failed(visit, "list the xattrs of", path);
    for (const char *name = names; name < names + length; name += strlen(name) + 1)
        if (is_portable_xattr(name))
            strings_add(&sorted, name);
    strings_sort(&sorted);
    if (sorted.count > 0)
        value = xreallocarray(NULL, XATTR_VALUE_MAX, 1);
    for (size_t i = 0; i < sorted.count; i++) {
        ssize_t size = fgetxattr(fd, sorted.items[i], value, XATTR_VALUE_MAX);

        if (size < 0)
            return contents_visit_failed(visit, "read an xattr of", path);
        archive_entry_xattr_add_entry(visit->entry, sorted.items[i], value, (size_t)size);
    }
    return NULL;
}

static struct error *add_link_target(const struct visit *visit, int dir, const char *name,
                                     const char *path)
{
    char target[PATH_MAX];
    ssize_t length = readlinkat(dir, name, target, sizeof target - 1);

    if (length < 0)
        return contents_visit_failed(visit, "read the symlink", path);
    target[length] = '\0';
    archive_entry_set_symlink(visit->entry, target);
    return NULL;
}

/* Whether a file of MODE may have xattrs that are portable, and can be opened for them. */
static bool may_have_xattrs(mode_t mode)
{
    return S_ISREG(mode) || S_ISDIR(mode) || S_ISFIFO(mode);
}

/* Passes the first SIZE bytes of the file FD, NAME in the source PATH, to SINK. */
static struct error *copy_file(const char *path, int fd, int64_t size, const char *name,
                               struct sink sink);

/* sink_write: adds to the hash CONTEXT. */
static struct error *add_to_hash(void *context, const void *bytes, size_t length)
{
    sha256_update(context, bytes, length);
    return NULL;
}

/* Adds the xattrs of the visit's entry to HASH. */
static void hash_xattrs(const struct visit *visit, struct sha256 *hash)
{
    const char *name;
    const void *value;
    size_t size;

    archive_entry_xattr_reset(visit->entry);
    while (archive_entry_xattr_next(visit->entry, &name, &value, &size) == ARCHIVE_OK) {
        CLEANUP(freep) char *text = xasprintf("%s %zu", name, size);

        sha256_update(hash, text, strlen(text) + 1);
        sha256_update(hash, value, size);
    }
    sha256_update(hash, "", 1);
}

/* Sets *RET to the digest of the xattrs and the data of the file FD, at PATH. */
static struct error *make_digest(const struct visit *visit, int fd, const char *path,
                                 struct digest *ret)
{
    CLEANUP(sha256_freep) struct sha256 *hash = sha256_new();
    struct stat before, after;

    if (fstat(fd, &before) < 0)
        return contents_visit_failed(visit, "read", path);
    TRY(add_xattrs(visit, fd, path));
    hash_xattrs(visit, hash);
    archive_entry_xattr_clear(visit->entry);
    if (S_ISREG(before.st_mode))
        TRY(copy_file(contents_source_name(visit->source), fd, before.st_size, path,
                      (struct sink){add_to_hash, hash}));
    sha256_finish(STEAL(hash), ret);
    if (fstat(fd, &after) == 0 &&
        memcmp(&before.st_ctim, &after.st_ctim, sizeof before.st_ctim) == 0)
        visit->digests->add(visit->digests->context, &before, ret);
    return NULL;
}

/* Calls the visitor for the visit's entry, with a digest. */
static struct error *call_with_digest(struct visit *visit, int dir, const char *name,
                                      const char *path, const struct stat *status)
{
    struct digest digest = {0};
    struct contents_entry entry = {.entry = visit->entry, .fd = -1, .digest = &digest};

    if (!visit->digests->find(visit->digests->context, status, &digest)) {
        CLEANUP(closep)
        int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

        if (fd < 0 && !S_ISFIFO(status->st_mode))
            return contents_visit_failed(visit, "open", path);
        if (fd >= 0)
            TRY(make_digest(visit, fd, path, &digest));
    }
    return visit->call(visit->context, &entry);
}

/* Gives the visit's entry what SOURCE says of it. */
static void set_fetched(const struct visit *visit)
{
    const struct contents_source *source = visit->source;

    if (!source->is_fetched)
        return;
    archive_entry_set_uid(visit->entry, 0);
    archive_entry_set_gid(visit->entry, 0);
    archive_entry_set_perm(visit->entry, 0600);
    archive_entry_set_mtime(visit->entry, source->mtime, 0);
    archive_entry_set_nlink(visit->entry, 1);
}

struct error *contents_visit_file(struct visit *visit, int dir, const char *name, const char *path,
                                  const struct stat *status)
{
    CLEANUP(closep) int fd = -1;

    archive_entry_clear(visit->entry);
    archive_entry_copy_stat(visit->entry, status);
    archive_entry_set_pathname(visit->entry, path);
    set_fetched(visit);
    if (S_ISLNK(status->st_mode))
        TRY(add_link_target(visit, dir, name, path));
    if (visit->digests != NULL && may_have_xattrs(status->st_mode))
        return call_with_digest(visit, dir, name, path, status);
    if (visit->with_data && may_have_xattrs(status->st_mode)) {
        fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        if (fd < 0 && !S_ISFIFO(status->st_mode))
            return contents_visit_failed(visit, "open", path);
        if (fd >= 0)
            TRY(add_xattrs(visit, fd, path));
    }
    struct contents_entry entry = {.entry = visit->entry, .fd = S_ISREG(status->st_mode) ? fd : -1};

    return visit->call(visit->context, &entry);
}

/* Whether the source, a single file, is left out. */
static bool is_left_out(const struct visit *visit)
{
    const char *name = contents_source_file_name(visit->source);

    return contents_filter_judge(&visit->source->filter, name, false) == CONTENTS_LEFT_OUT;
}

static struct error *visit_file(struct visit *visit, int fd)
{
    const char *name = contents_source_file_name(visit->source);
    struct stat status;

    if (fstat(fd, &status) < 0)
        return error_errno(EXIT_INPUT, "read '%s'", contents_source_name(visit->source));
    if (is_left_out(visit))
        return NULL;
    archive_entry_clear(visit->entry);
    archive_entry_copy_stat(visit->entry, &status);
    archive_entry_set_pathname(visit->entry, name);
    if (visit->with_data)
        TRY(add_xattrs(visit, fd, name));
    struct contents_entry entry = {.entry = visit->entry, .fd = visit->with_data ? fd : -1};

    return visit->call(visit->context, &entry);
}

/* Visits the file FD, or the tarball as a whole, with a digest. */
static struct error *visit_file_for_digest(struct visit *visit, int fd, bool is_tarball)
{
    const char *name = contents_source_file_name(visit->source);
    struct digest digest = {0};
    struct contents_entry entry = {
        .entry = visit->entry, .fd = -1, .digest = &digest, .is_tarball = is_tarball};
    struct stat status;

    if (fstat(fd, &status) < 0)
        return error_errno(EXIT_INPUT, "read '%s'", contents_source_name(visit->source));
    if (!is_tarball && is_left_out(visit))
        return NULL;
    archive_entry_clear(visit->entry);
    archive_entry_copy_stat(visit->entry, &status);
    archive_entry_set_pathname(visit->entry, name);
    if (!visit->digests->find(visit->digests->context, &status, &digest))
        TRY(make_digest(visit, fd, name, &digest));
    return visit->call(visit->context, &entry);
}

static struct error *visit_file_or_tarball(struct visit *visit, int fd)
{
    bool is_tarball = false;

    TRY(contents_tarball_recognise(contents_source_name(visit->source), fd, &is_tarball));
    if (is_tarball && visit->digests == NULL)
        return contents_tarball_visit(visit->source, fd, visit->call, visit->context);
    if (lseek(fd, 0, SEEK_SET) < 0)
        return error_errno(EXIT_INPUT, "read '%s'", contents_source_name(visit->source));
    return visit->digests != NULL ? visit_file_for_digest(visit, fd, is_tarball)
                                  : visit_file(visit, fd);
}

/* Visits a closure's path itself, whatever kind of file it is, below the root. */
static struct error *visit_at_own_path(struct visit *visit)
{
    CLEANUP(freep) char *clean = entry_path_clean(visit->source->path);

    if (clean == NULL || *clean == '\0')
        return error_new(EXIT_INPUT, "read closure path '%s': not the path of a file below '/'",
                         contents_source_name(visit->source));
    CLEANUP(closep) int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

    if (root < 0)
        return error_errno(EXIT_INPUT, "open '/'");
    return contents_visit_tree(visit, root, clean, clean);
}

/* Visits what is at the source's path: not a symlink, as those on the way to it were followed. */
static struct error *visit_copy(struct visit *visit)
{
    const char *path = visit->source->path;
    struct stat status;

    if (lstat(path, &status) < 0)
        return error_errno(EXIT_INPUT, "read '%s'", path);
    if (S_ISSOCK(status.st_mode))
        return error_new(EXIT_INPUT, "read '%s': a layer cannot contain a socket", path);
    if (!S_ISDIR(status.st_mode))
        return contents_visit_file(visit, AT_FDCWD, path, contents_source_file_name(visit->source),
                                   &status);
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0)
        return error_errno(EXIT_INPUT, "open '%s'", path);
    return contents_visit_folder(visit, fd, "");
}

static struct error *visit_text(struct visit *visit)
{
    const char *text = visit->source->text;
    struct digest digest = {0};
    struct contents_entry entry = {.entry = visit->entry, .text = text, .fd = -1};

    archive_entry_clear(visit->entry);
    archive_entry_set_pathname(visit->entry, contents_source_file_name(visit->source));
    archive_entry_set_mode(visit->entry, AE_IFREG | 0644);
    archive_entry_set_size(visit->entry, (la_int64_t)strlen(text));
    archive_entry_set_mtime(visit->entry, INT64_MAX, 0); /* the latest that is allowed */
    if (visit->digests != NULL) {
        digest_of(text, strlen(text), &digest);
        entry.digest = &digest;
    }
    return visit->call(visit->context, &entry);
}

/* Visits the directory and those above it, topmost first. */
static struct error *visit_directory(struct visit *visit)
{
    const char *path = visit->source->path;
    struct contents_entry entry = {.entry = visit->entry, .fd = -1};

    for (const char *end = path; *end != '\0';) {
        end += strspn(end, "/");
        end += strcspn(end, "/");
        CLEANUP(freep) char *part = xstrndup(path, (size_t)(end - path));

        archive_entry_clear(visit->entry);
        archive_entry_set_pathname(visit->entry, part);
        archive_entry_set_mode(visit->entry, AE_IFDIR | 0755);
        archive_entry_set_mtime(visit->entry, INT64_MAX, 0);
        TRY(visit->call(visit->context, &entry));
    }
    return NULL;
}

/* Visits a directory, a tarball or a file. */
static struct error *visit_files(struct visit *visit)
{
    const struct contents_source *source = visit->source;
    CLEANUP(closep) int fd = open(source->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat status;

    if (fd < 0 || fstat(fd, &status) < 0)
        return error_errno(EXIT_INPUT, "open '%s'", contents_source_name(source));
    if (S_ISDIR(status.st_mode))
        return contents_visit_folder(visit, steal_fd(&fd), "");
    if (!S_ISREG(status.st_mode))
        return error_new(EXIT_INPUT, "read '%s': neither a directory nor a regular file",
                         contents_source_name(source));
    return visit_file_or_tarball(visit, fd);
}

static struct error *visit_source(struct visit *visit)
{
    switch (visit->source->kind) {
    case CONTENTS_CLOSURE:
        return visit_at_own_path(visit);
    case CONTENTS_COPY:
        return visit_copy(visit);
    case CONTENTS_TEXT:
        return visit_text(visit);
    case CONTENTS_DIRECTORY:
        return visit_directory(visit);
    default:
        return visit_files(visit);
    }
}

struct error *contents_source_visit(const struct contents_source *source, bool with_data,
                                    contents_visit call, void *context)
{
    CLEANUP(archive_entry_freep) struct archive_entry *entry = xallocated(archive_entry_new());
    struct visit visit = {
        .source = source, .with_data = with_data, .call = call, .context = context, .entry = entry};

    return visit_source(&visit);
}

struct error *contents_source_digest(const struct contents_source *source,
                                     const struct contents_digests *digests, contents_visit call,
                                     void *context)
{
    CLEANUP(archive_entry_freep) struct archive_entry *entry = xallocated(archive_entry_new());
    struct visit visit = {
        .source = source, .digests = digests, .call = call, .context = context, .entry = entry};

    return visit_source(&visit);
}

static struct error *copy_file(const char *path, int fd, int64_t size, const char *name,
                               struct sink sink)
{
    CLEANUP(freep) char *block = xcalloc(1, BLOCK_SIZE);

    for (int64_t left = size; left > 0;) {
        ssize_t length = read(fd, block, left < BLOCK_SIZE ? (size_t)left : BLOCK_SIZE);

        if (length < 0 && errno == EINTR)
            continue;
        if (length < 0)
            return error_errno(EXIT_INPUT, "read '%s' of '%s'", name, path);
        if (length == 0)
            return error_new(EXIT_INPUT, "read '%s' of '%s': it shrank while it was read", name,
                             path);
        TRY(sink.write(sink.context, block, (size_t)length));
        left -= length;
    }
    return NULL;
}

/* Bytes of FD, a file of SIZE at its start, that are in holes. */
static uint64_t holes_of(int fd, int64_t size)
{
    struct stat status;
    uint64_t holes = 0;
    off_t at = 0;

    if (fstat(fd, &status) < 0 || (int64_t)status.st_blocks * 512 >= size)
        return 0;
    while (at >= 0 && at < size) {
        off_t data = lseek(fd, at, SEEK_DATA);

        if (data < 0 || data > size)
            data = size;
        holes += (uint64_t)(data - at);
        at = data < size ? lseek(fd, data, SEEK_HOLE) : size;
    }
    lseek(fd, 0, SEEK_SET);
    return holes;
}

struct error *contents_entry_copy(struct contents_entry *entry, const char *path, const char *name,
                                  struct sink sink)
{
    int64_t size = archive_entry_size(entry->entry);

    if (entry->text != NULL)
        return sink.write(sink.context, entry->text, (size_t)size);
    if (entry->tarball != NULL)
        return contents_tarball_copy(path, entry->tarball, size, name, sink, &entry->holes);
    entry->holes = holes_of(entry->fd, size);
    return copy_file(path, entry->fd, size, name, sink);
}
