/*
 * Empty ext4 file systems in sparse files: the scratch disk of a build, and base disks before the
 * guest fills them. Made with libext2fs, which only this module knows: no journal, no
 * metadata_csum, lazily initialised, fixed UUID and hash seed, so that folder order is the same in
 * every run.
 */
#ifndef VMBUILD_SCRATCH_DISK_H
#define VMBUILD_SCRATCH_DISK_H

#include <stdint.h>

#include "error.h"

#define SCRATCH_DISK_MIN_MIB 16
#define SCRATCH_DISK_MAX_MIB (UINT64_C(16) << 20)

/* Makes a file system of SIZE bytes in the file PATH, which exists and is empty; it grows sparse to
 * that size. INODES: how many at least; 0 for the default ratio. Errors: EXIT_DISK_FULL, EXIT_OTHER
 * with libext2fs' words. */
[[nodiscard]] struct error *scratch_disk_make(const char *path, uint64_t size, uint64_t inodes);

#endif
