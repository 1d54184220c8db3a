/*
 * The base disk: the layers of a base image, unpacked once into one merged tree on an ext4 disk and
 * kept in the store under the chain of their diff IDs. A later build on the same base attaches it
 * read-only and unpacks nothing; what QEMU reads of it is checked (vm/disk_server.h).
 *
 * Life: base_disk_open finds it, or makes an empty one under the entry's lock. The guest fills the
 * new one and unmounts it; base_disk_publish then copies it to the store, before any script of the
 * spec runs in that guest: a script is root there and could write to the disk that it sees, but
 * never to the copy. The lock is held until then, so that concurrent builds unpack a base once.
 *
 * A disk that is made again holds the same tree in other blocks. So each has a mark, random bytes
 * in front of its file system (ext4 leaves the first 1024 alone): a saved VM that has mounted a
 * disk (snapshot.h) fits that one alone.
 */
#ifndef VMBUILD_BASE_DISK_H
#define VMBUILD_BASE_DISK_H

#include <stdbool.h>

#include "host/image/image.h"
#include "host/lib/error.h"
#include "host/store/store.h"

#define BASE_DISK_MARK 32 /* bytes */

struct base_disk {
    char *path;                        /* the store's entry, or a temporary if it is new */
    bool is_new;                       /* to be filled by the guest */
    char key[DIGEST_HEX_LENGTH + 1];   /* of the store's entry */
    char mark[2 * BASE_DISK_MARK + 1]; /* in hex; "" if it has none */
    int lock;                          /* held while new; -1 otherwise */
};

/* Finds the disk of IMAGE's layers, or makes an empty one; in that case each layer gets its
 * tar_path, too. *RET is released with base_disk_release. Errors: EXIT_DISK_FULL, EXIT_INPUT,
 * EXIT_OTHER. */
[[nodiscard]] struct error *base_disk_open(struct store *store, struct image *image,
                                           struct base_disk *ret);

/* Returns DISK's mark, borrowed; NULL if it has none, as a new disk. */
const char *base_disk_mark(const struct base_disk *disk);

/* Copies the filled DISK to the store and releases its lock. Errors: EXIT_DISK_FULL, EXIT_OTHER. */
[[nodiscard]] struct error *base_disk_publish(struct store *store, struct base_disk *disk);

/* Drops the store entry of DISK, which the guest could not use. */
void base_disk_discard(struct store *store, struct base_disk *disk);

/* Releases DISK's lock, temporary and path. A zeroed one with lock -1 is empty. */
void base_disk_release(struct base_disk *disk);

#endif
