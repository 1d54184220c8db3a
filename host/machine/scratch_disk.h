/*
 * Empty ext4 file systems in sparse files: the scratch disk of a build, and base disks before the
 * guest fills them. Made with libext2fs, which only this module and share_disk.h know.
 *
 * They do not have to survive a crash of the VM: no metadata_csum, no reserved blocks, no backups
 * of the superblock, no lost+found. A scratch disk has a journal all the same: without one, ext4
 * does not reuse an inode that was freed within the last minutes, and looks at every such inode for
 * each new file (recently_deleted() in the kernel's fs/ext4/ialloc.c).
 *
 * The block groups are marked as never used and their inode tables as zeroed, as they are in a
 * sparse file. Making a disk of any size therefore writes a few kilobytes, and the guest's kernel
 * starts no thread to initialise the rest. UUID (one of scratch disks, another of base disks), hash
 * seed and times are fixed: the same size gives the same bytes, and a directory's order in the
 * guest is the same in every run.
 *
 * libext2fs keeps a table of its messages in the process, which is set up once, at the first disk.
 */
#ifndef VMBUILD_SCRATCH_DISK_H
#define VMBUILD_SCRATCH_DISK_H

#include <stdint.h>

#include "host/lib/error.h"

#define SCRATCH_DISK_MIN_MIB 16
#define SCRATCH_DISK_MAX_MIB (UINT64_C(16) << 20)

/* Makes the file system of a scratch disk in the existing file PATH, which is truncated and becomes
 * a sparse file of SIZE bytes (SCRATCH_DISK_MIN_MIB to SCRATCH_DISK_MAX_MIB). It has an inode for
 * each 8 KiB, and a journal. Errors: EXIT_DISK_FULL, EXIT_OTHER with libext2fs' words. */
[[nodiscard]] struct error *scratch_disk_make(const char *path, uint64_t size);

/* The same for a base disk: with at least INODES inodes, and without a journal. */
[[nodiscard]] struct error *scratch_disk_make_for_base(const char *path, uint64_t size,
                                                       uint64_t inodes);

#endif
