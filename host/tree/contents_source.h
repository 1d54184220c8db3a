/*
 * One source of `contents` or `closure`: on the host a directory, a tarball of any compression, or
 * a single file; or a text or a directory of the spec's own. Its entries are visited in a fixed
 * order (directories sorted by bytes, tarballs in their own order), the same in every visit. Only
 * the user's own inputs are read this way: their paths are looked up below a directory that was
 * opened once, and symlinks in them are never followed.
 */
#ifndef VMBUILD_CONTENTS_SOURCE_H
#define VMBUILD_CONTENTS_SOURCE_H

#include <archive.h>
#include <archive_entry.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "host/lib/buffer.h"
#include "host/lib/digest.h"
#include "host/lib/error.h"
#include "host/lib/mode_change.h"
#include "host/lib/stream.h"
#include "host/tree/contents_filter.h"

/* What a source is. */
enum contents_kind {
    CONTENTS_FILES,   /* the contents of a directory, the members of a tarball, or a file */
    CONTENTS_CLOSURE, /* whatever is at PATH, which lies at this same path in the layer */
    CONTENTS_COPY,    /* as with COPY: a tarball is a file like others, and a file does not replace
                         * a directory */
    CONTENTS_TEXT,    /* a file with the bytes of TEXT, mode 0644 */
    CONTENTS_DIRECTORY, /* the directory PATH of the layer and those above it, mode 0755, as far as
                         * they are missing; it has no target */
};

/* What becomes of the modes of a source's entries. */
enum contents_mode {
    /* `chmod ug+w`, but no g+w for what is setuid, setgid or sticky or what its owner must not
     * write either, as programs such as sudo would refuse it. */
    CONTENTS_MODE_ADD_WRITE,
    CONTENTS_MODE_KEEP,
    CONTENTS_MODE_SET,    /* the source's own, for all but symlinks */
    CONTENTS_MODE_CHANGE, /* as MODE_CHANGE has it, for all but symlinks */
};

struct contents_source {
    const char *path;    /* absolute path on the host; see also enum contents_kind */
    const char *name;    /* what errors and the manifest call it; NULL: its path */
    const char *context; /* the directory that it is found in, of which many sources may be parts;
                          * NULL: itself */
    const char *text;
    const char *target;    /* the directory that they lie in: a relative path without "." and ".."
                            * parts; NULL or empty: the root */
    const char *file_name; /* of a single file; NULL: the last of its path */
    struct contents_filter filter; /* what is left out */
    const char *mode_change;       /* mode_change.h */
    int64_t mtime;                 /* of what is fetched, seconds since 1970 */
    enum contents_kind kind;
    enum contents_mode mode_rule;
    mode_t mode;
    uid_t uid;
    gid_t gid;
    bool is_followed;  /* TARGET, or the path of CONTENTS_DIRECTORY, is where its symlinks lead, as
                          * with COPY, also if nothing is there yet */
    bool is_replacing; /* a directory of the tarball takes the place of a symlink or a file */
    bool is_exact;     /* it is one file, which becomes TARGET, unless that is a directory */
    bool is_one_of_many; /* which have the same target: it has to be a directory */
    bool is_fetched;     /* a file that is root's, with mode 0600 and the time MTIME */
    bool keep_owner;     /* the owners' numbers in a tarball, or on the host; else UID and GID */
};

/* Returns what errors call SOURCE. */
static inline const char *contents_source_name(const struct contents_source *source)
{
    return source->name != NULL ? source->name : source->path;
}

/* Returns what SOURCE, a single file, is called in its target. */
static inline const char *contents_source_file_name(const struct contents_source *source)
{
    const char *path = contents_source_name(source);
    const char *slash = strrchr(path, '/');

    return source->file_name != NULL ? source->file_name : slash != NULL ? slash + 1 : path;
}

struct tarball; /* contents_tarball.h */

/* An entry being visited. The pathname of ENTRY is relative to the source's root, without "." and
 * ".." parts; the root itself is not visited. A hard link has archive_entry_hardlink set if the
 * source is a tarball; in a directory, entries with the same device and inode are the same file. */
struct contents_entry {
    struct archive_entry *entry;
    struct tarball *tarball; /* the data of a tarball's entry; or NULL */
    const char *text;        /* the data, if it is a text of the spec's own; or NULL */
    int fd;         /* the data of a directory's regular file, if data was asked for; or -1 */
    bool excluded;  /* left out; visited in a tarball alone, where others may be links to it */
    uint64_t holes; /* bytes without data that were copied as zeros */

    /* For contents_source_digest: of the data and xattrs; or NULL. Of a tarball, which is then one
     * entry without a name, of its bytes. */
    const struct digest *digest;
    bool is_tarball;
};

/* Digests that were made before, by what stat(2) tells of a file. */
struct contents_digests {
    bool (*find)(void *context, const struct stat *status, struct digest *ret);
    void (*add)(void *context, const struct stat *status, const struct digest *digest);
    void *context;
};

typedef struct error *(*contents_visit)(void *context, struct contents_entry *entry);

/* Calls VISIT for each entry of SOURCE. WITH_DATA: regular files can be read, and xattrs are
 * set. Errors: EXIT_INPUT naming the source, and whatever VISIT returns. */
[[nodiscard]] struct error *contents_source_visit(const struct contents_source *source,
                                                  bool with_data, contents_visit visit,
                                                  void *context);

/* The same, with a digest of each file: what DIGESTS knows is not opened, the others are read and
 * added. A tarball is not looked into, and its patterns do not apply. */
[[nodiscard]] struct error *contents_source_digest(const struct contents_source *source,
                                                   const struct contents_digests *digests,
                                                   contents_visit visit, void *context);

/* Passes the data of ENTRY, a regular file called NAME in the source PATH, to SINK; holes as zeros,
 * which it counts. Errors: EXIT_INPUT (damaged, or shorter than its header states), and those of
 * SINK. */
[[nodiscard]] struct error *contents_entry_copy(struct contents_entry *entry, const char *path,
                                                const char *name, struct sink sink);

#endif
