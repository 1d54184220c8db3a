/*
 * Snapshots: a VM that has booted, has mounted its disks and waits at its gate (gatekeeper.h), kept
 * in the store: the scratch disk, with its holes, and after it the VM's saved state. A VM that
 * resumes from one starts in a fraction of the time that it takes to boot under emulation.
 *
 * A snapshot fits one make of machine alone: its key is made of everything that shapes the machine,
 * down to the very base disk. It takes longer to make than it saves once, and a store may see but
 * one build; so it is made by the second VM of its key, or by the first where the store is known to
 * be used again. Where that fails, or QEMU will not resume from it, it is given up for good; one
 * whose guest has not reported in time, which may be the host's fault, is made anew.
 *
 * It holds nothing of any build but the base, nor randomness that a guest goes by: the gate gives
 * it new.
 */
#ifndef VMBUILD_SNAPSHOT_H
#define VMBUILD_SNAPSHOT_H

#include <stdbool.h>
#include <stdint.h>

#include "host/lib/buffer.h"
#include "host/lib/digest.h"
#include "host/lib/error.h"
#include "host/store/store.h"

/* The key of the machine that the COUNT files at PATHS make, QEMU and what it boots, and that
 * TRAITS describes. Returns false where a file has been changed too recently to be known by its
 * times. */
bool snapshot_key(const char *const *paths, size_t count, const struct buffer *traits,
                  struct digest *ret);

/* Returns a descriptor of the snapshot; below 0 where there is none. */
int snapshot_open(struct store *store, const struct digest *key);

/* Whether one is to be made now. Notes that a VM of this key is started. USED_AGAIN: the store has
 * served a build before. */
bool snapshot_is_due(struct store *store, const struct digest *key, bool used_again);

/* Waits until no other process makes this one; then it may be there. Until *RET_FD is closed, none
 * makes it. */
[[nodiscard]] struct error *snapshot_lock(struct store *store, const struct digest *key,
                                          int *ret_fd);

/* Where the state is written to, or read from, in a snapshot with a scratch disk of DISK_SIZE
 * bytes: sets the position of FD. Errors: EXIT_OTHER. */
[[nodiscard]] struct error *snapshot_seek_state(int fd, uint64_t disk_size);

/* Makes the file DISK, which loses what it holds, the scratch disk of the snapshot FD. Errors:
 * EXIT_OTHER, EXIT_DISK_FULL. */
[[nodiscard]] struct error *snapshot_restore_disk(int fd, uint64_t disk_size, const char *disk);

/* Keeps the snapshot that is the store's temporary PATH, open as FD, which has the state already:
 * adds the scratch disk DISK. Errors: EXIT_OTHER, EXIT_DISK_FULL. */
[[nodiscard]] struct error *snapshot_keep(struct store *store, const struct digest *key,
                                          const char *path, int fd, uint64_t disk_size,
                                          const char *disk);

/* Drops it; it is due again. */
void snapshot_drop(struct store *store, const struct digest *key);

/* Drops it, and makes it no more. */
void snapshot_give_up(struct store *store, const struct digest *key);

#endif
