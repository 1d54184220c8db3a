/*
 * A shared directory as an ext4 file system in a sparse file, for a machine that cannot be shown
 * the directory itself: User-Mode Linux. It has what is there as it is made: files with their data,
 * holes, hard links, symlinks, modes, owners' numbers and times; not extended attributes. Made with
 * libext2fs, as scratch disks are.
 *
 * What the user may not read is left out, with a note, and so is what vanishes meanwhile.
 */
#ifndef VMBUILD_SHARE_DISK_H
#define VMBUILD_SHARE_DISK_H

#include "host/lib/error.h"

/* Makes the file system of the directory SOURCE in the existing file PATH, which is truncated.
 * Errors: EXIT_INPUT if SOURCE cannot be read, or has grown meanwhile; EXIT_DISK_FULL; EXIT_OTHER
 * with libext2fs' words. */
[[nodiscard]] struct error *share_disk_make(const char *path, const char *source);

#endif
