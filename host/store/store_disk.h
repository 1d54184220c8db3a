/*
 * A disk of the store, as the guest sees it. An entry is either a whole disk, or what differs from
 * another disk of the store, which lies below it. So a disk that is made of another one by a few
 * writes takes the room of these. All that is read is checked (store_reader.h).
 *
 * An entry that lies over another one has the blocks that were written at their own places, then a
 * bit for each block of the disk that tells which these are, and a footer that names the disk below
 * by its key and by the bytes it begins with: one that was made again under the same key begins
 * with others. A whole disk consists of whole blocks, the other kind does not.
 *
 * A disk may be read and written from several threads.
 */
#ifndef VMBUILD_STORE_DISK_H
#define VMBUILD_STORE_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/lib/error.h"
#include "host/store/store.h"

#define STORE_DISK_MARK 32      /* bytes at the beginning of a disk by which it is known */
#define STORE_DISK_DEPTH_MAX 64 /* entries over one another: each costs whoever opens the disk */

struct store_disk;

/* Opens the disk KEY. *RET is freed with store_disk_free, before STORE. It is NULL if there is
 * none, or if one that it lies over is there no longer. Errors: EXIT_OTHER. */
[[nodiscard]] struct error *store_disk_open(struct store *store, const char *key,
                                            struct store_disk **ret);

/* Opens the file PATH, of whole blocks, as a writable disk that lies over none. It is not published
 * and remains the caller's. *RET is freed with store_disk_free. Errors: EXIT_OTHER. */
[[nodiscard]] struct error *store_disk_open_file(const char *path, struct store_disk **ret);

/* The path of the entry KEY or, once DISK was extended, of the temporary; borrowed. */
const char *store_disk_path(const struct store_disk *disk);

/* Its size in bytes. */
uint64_t store_disk_size(const struct store_disk *disk);

/* How many entries it consists of. */
size_t store_disk_depth(const struct store_disk *disk);

/* Reads LENGTH bytes at OFFSET, a range within the disk, to BYTES. Returns false if they are
 * damaged or cannot be read. */
bool store_disk_read(struct store_disk *disk, uint64_t offset, size_t length, void *bytes);

/* Makes DISK one that can be written to, until store_disk_publish or store_disk_freeze: what is
 * written goes to a temporary of the store. After either, it can be called again: what was
 * published lies below what is written from then on. Errors: EXIT_OTHER; EXIT_AGAIN, if that is
 * gone. */
[[nodiscard]] struct error *store_disk_extend(struct store_disk *disk);

/* Keeps DISK from being written to. What was written is part of what is published later. */
void store_disk_freeze(struct store_disk *disk);

bool store_disk_is_writable(const struct store_disk *disk);

/* Writes LENGTH bytes to DISK, a range within it. Returns 0, or an errno: EPERM if it is not
 * writable. */
int store_disk_write(struct store_disk *disk, uint64_t offset, size_t length, const void *bytes);

/* Makes what was written to DISK the entry KEY, which lies over the disk that was extended; or is a
 * whole disk, if that consists of STORE_DISK_DEPTH_MAX entries. DISK is not writable any more.
 * Errors: EXIT_OTHER, EXIT_DISK_FULL. */
[[nodiscard]] struct error *store_disk_publish(struct store_disk *disk, const char *key);

/* Whether a part of it was found to be damaged. */
bool store_disk_is_damaged(const struct store_disk *disk);

/* Removes the entries of DISK that were found to be damaged, and tells the user; if there are none,
 * all that it consists of: it cannot be used for another reason. */
void store_disk_drop(struct store_disk *disk);

/* Accepts NULL. */
void store_disk_free(struct store_disk *disk);
static inline void store_disk_freep(struct store_disk **disk)
{
    store_disk_free(*disk);
}

#endif
