/*
 * Snapshots: the state of a VM that has booted, has mounted its disks and waits at its gate
 * (gatekeeper.h). A VM that resumes from one starts in a fraction of the time that it takes to boot
 * under emulation. A snapshot is one file in the store: the scratch disk, with its holes, followed
 * by the saved state.
 *
 * A snapshot fits exactly one machine: its key is made of everything that shapes the machine, down
 * to the base disk. It takes longer to make than it saves once, and a store may serve only one
 * build; so it is made by the second VM with its key, or by the first if the store is known to be
 * used again. If that fails, or QEMU does not resume from it, it is given up for good. If the guest
 * does not report in time, which may be the host's fault, it is made again.
 *
 * It holds nothing about any build but the base, and no randomness that a guest relies on, which
 * comes through the gate.
 */
#ifndef VMBUILD_SNAPSHOT_H
#define VMBUILD_SNAPSHOT_H

#include <stdbool.h>
#include <stdint.h>

#include "host/lib/buffer.h"
#include "host/lib/digest.h"
#include "host/lib/error.h"
#include "host/store/store.h"

/* Sets *RET to the key of the machine that TRAITS describes and that consists of the COUNT files at
 * PATHS, QEMU and what it boots. Returns false if a file is missing, or was changed too recently to
 * be identified by its times. */
bool snapshot_key(const char *const *paths, size_t count, const struct buffer *traits,
                  struct digest *ret);

/* Returns a descriptor of the snapshot, the caller's, or below 0 if there is none. */
int snapshot_open(struct store *store, const struct digest *key);

/* Returns whether a snapshot should be made now, and records that a VM with this KEY is started.
 * USED_AGAIN: the store has served a build before. */
bool snapshot_is_due(struct store *store, const struct digest *key, bool used_again);

/* Waits until no other process is making this snapshot, which may then exist. No other process
 * makes it until the caller closes *RET_FD. Errors: EXIT_OTHER. */
[[nodiscard]] struct error *snapshot_lock(struct store *store, const struct digest *key,
                                          int *ret_fd);

/* Sets the position of FD, a snapshot with a scratch disk of DISK_SIZE bytes, to the saved state.
 * Errors: EXIT_OTHER. */
[[nodiscard]] struct error *snapshot_seek_state(int fd, uint64_t disk_size);

/* Copies the scratch disk of the snapshot FD, of DISK_SIZE bytes, to the existing file DISK, which
 * is truncated. Errors: EXIT_OTHER, EXIT_DISK_FULL. */
[[nodiscard]] struct error *snapshot_restore_disk(int fd, uint64_t disk_size, const char *disk);

/* Publishes the store's temporary PATH, open as FD, as the snapshot KEY. It holds the saved state
 * already; the scratch disk DISK of DISK_SIZE bytes is added. Errors: EXIT_OTHER, EXIT_DISK_FULL.
 */
[[nodiscard]] struct error *snapshot_keep(struct store *store, const struct digest *key,
                                          const char *path, int fd, uint64_t disk_size,
                                          const char *disk);

/* Removes the snapshot; it will be made again. */
void snapshot_drop(struct store *store, const struct digest *key);

/* Removes the snapshot for good. */
void snapshot_give_up(struct store *store, const struct digest *key);

#endif
