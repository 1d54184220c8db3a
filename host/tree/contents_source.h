/*
 * One source of `contents` or `closure` on the host: a directory, a tarball of any compression, or
 * a single file. Its entries are visited in a fixed order (directories sorted by bytes, tarballs in
 * their own order), the same in every visit. Only the user's own inputs are read this way: their
 * paths are looked up below a directory that was opened once, and symlinks in them are never
 * followed.
 */
#ifndef VMBUILD_CONTENTS_SOURCE_H
#define VMBUILD_CONTENTS_SOURCE_H

#include <archive.h>
#include <archive_entry.h>
#include <stdbool.h>
#include <sys/types.h>

#include "host/lib/error.h"
#include "host/lib/stream.h"

struct contents_source {
    const char *path; /* absolute path on the host */
    bool at_own_path; /* a closure: its entries are at the source's own absolute path */
};

/* An entry being visited. The pathname of ENTRY is relative, without "." and ".." parts; the root
 * itself is not visited. In a tarball, a hard link has archive_entry_hardlink set; in a directory,
 * entries with the same device and inode are the same file. */
struct contents_entry {
    struct archive_entry *entry;
    struct archive *tarball; /* the data of a tarball's entry; or NULL */
    int fd; /* the data of a directory's regular file, if data was requested; or -1 */
};

typedef struct error *(*contents_visit)(void *context, struct contents_entry *entry);

/* Calls VISIT for each entry of SOURCE. WITH_DATA: regular files can be read, and xattrs are
 * set. Errors: EXIT_INPUT naming the source, and whatever VISIT returns. */
[[nodiscard]] struct error *contents_source_visit(const struct contents_source *source,
                                                  bool with_data, contents_visit visit,
                                                  void *context);

/* Passes the data of ENTRY, a regular file called NAME in the source PATH, to SINK. Errors:
 * EXIT_INPUT (damaged, or shorter than its header states), and those of SINK. */
[[nodiscard]] struct error *contents_entry_copy(const struct contents_entry *entry,
                                                const char *path, const char *name,
                                                struct sink sink);

#endif
