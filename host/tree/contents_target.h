/*
 * Where contents go: into a layer, as a tar stream, or into a directory on the host, as files. Both
 * are written with libarchive, entry by entry: header, data, end.
 *
 * Files are made below the directory only, whatever the sources' names and symlinks are. They
 * belong to the user who runs the program.
 */
#ifndef VMBUILD_CONTENTS_TARGET_H
#define VMBUILD_CONTENTS_TARGET_H

#include <archive_entry.h>
#include <stdbool.h>
#include <stddef.h>

#include "host/lib/error.h"
#include "host/lib/stream.h"

struct contents_target;

/* Makes the target of a tar stream into SINK. Errors: EXIT_OTHER. */
[[nodiscard]] struct error *contents_target_tar(struct sink sink, struct contents_target **ret);

/* Returns the target of files below FOLDER, an absolute path without symlinks, which is borrowed;
 * never NULL. */
struct contents_target *contents_target_folder(const char *folder);

/* Whether the contents become files. */
bool contents_target_is_folder(const struct contents_target *target);

/* Starts the entry HEADER at PATH, relative and without "." and ".." parts; its names are changed.
 * Errors: EXIT_INPUT if a tar cannot hold it; of this function and those below, the sink's,
 * EXIT_DISK_FULL or EXIT_OTHER. */
[[nodiscard]] struct error *contents_target_header(struct contents_target *target,
                                                   struct archive_entry *header, const char *path);

/* Returns a sink for the data of the entry at PATH, which is borrowed. */
struct sink contents_target_data(struct contents_target *target, const char *path);

/* Ends the entry at PATH. What a file system or the user's rights do not allow, such as
 * capabilities, is left out with a note. */
[[nodiscard]] struct error *contents_target_end_entry(struct contents_target *target,
                                                      const char *path);

/* Ends the tar, or sets what is left of modes and times. */
[[nodiscard]] struct error *contents_target_finish(struct contents_target *target);

/* Frees TARGET. If it was not finished, nothing more is written, and directories stay writable so
 * that they can be removed. */
void contents_target_free(struct contents_target *target);
static inline void contents_target_freep(struct contents_target **target)
{
    contents_target_free(*target);
}

#endif
