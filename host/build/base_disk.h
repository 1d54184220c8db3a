/*
 * The base disk: the layers of a base image, unpacked once into one merged tree on an ext4 disk and
 * kept in the store under the chain of their diff IDs. A later build on the same base attaches it
 * read-only and unpacks nothing; what QEMU reads of it is checked (vm/disk_server.h).
 *
 * Life: base_disk_open finds it, or makes a new one under the entry's lock: one that lies over the
 * disk of the lower layers, if that is in the store, so that a link of a chain costs what its own
 * layer costs (store_disk.h), or an empty file. The guest unpacks the layers that it lacks and
 * unmounts it; base_disk_publish then makes it an entry, before any script of the spec runs in that
 * guest: a script is root there and could write to the disk that it sees, but never to the entry,
 * which is a copy, or not writable any more. The lock is held until then, so that concurrent builds
 * unpack a base once.
 *
 * A VM that builds on what it has made itself (held_vm.h) needs the disk of its own base with one
 * layer more: base_disk_go_on makes it of the disk that the VM has, which base_disk_hold has made
 * ready for that before the VM started. While a script runs, the disk cannot be written to.
 *
 * A disk that is made again holds the same tree in other blocks. So each has a mark, random bytes
 * in front of its file system (ext4 leaves the first 1024 alone): a saved VM that has mounted a
 * disk (snapshot.h) fits that one alone.
 */
#ifndef VMBUILD_BASE_DISK_H
#define VMBUILD_BASE_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/image/image.h"
#include "host/lib/error.h"
#include "host/store/store.h"
#include "host/store/store_disk.h"

struct base_disk {
    struct store_disk *stored; /* that it is or lies over; NULL: it is a file */
    char *path;                /* of that, a temporary; or NULL */
    bool is_new;               /* to be filled by the guest */
    bool is_held;              /* whoever serves it takes writes (base_disk_hold) */
    size_t first;              /* the first layer that a new one lacks */
    size_t below;              /* how many layers it has that are not empty */
    size_t count;              /* of the image's layers */
    uint64_t content, layers;  /* of all: the bytes of their tars, and those that are not empty */
    char key[DIGEST_HEX_LENGTH + 1];    /* of the store's entry */
    char mark[2 * STORE_DISK_MARK + 1]; /* in hex; "" if it has none */
    int lock;                           /* held while new; -1 otherwise */
};

/* Finds the disk of IMAGE's layers, or makes a new one; in that case each layer that it lacks gets
 * its tar_path, too. *RET is released with base_disk_release. Errors: EXIT_DISK_FULL, EXIT_INPUT,
 * EXIT_OTHER. */
[[nodiscard]] struct error *base_disk_open(struct store *store, struct image *image,
                                           struct base_disk *ret);

/* Whether the store has neither a disk of IMAGE's layers, nor one of its lowest COUNT or more.
 * Errors: EXIT_OTHER. */
[[nodiscard]] struct error *base_disk_lacks(struct store *store, const struct image *image,
                                            size_t count, bool *ret);

/* Makes DISK, unless it is new, one that base_disk_go_on can be called for: the VM sees it as a new
 * one. Has no effect on a disk that lacks what this needs. Errors: EXIT_OTHER. */
[[nodiscard]] struct error *base_disk_hold(struct base_disk *disk);

/* Keeps the guest from writing to DISK, which is published or not new. */
void base_disk_freeze(struct base_disk *disk);

/* Makes DISK, which a VM has, a new one for IMAGE, whose further layers are at most MOST bytes and
 * get their tar_path; it stays as it is if there are none. *RET_FITS: whether it could. Errors:
 * EXIT_OTHER. */
[[nodiscard]] struct error *base_disk_go_on(struct store *store, struct image *image, uint64_t most,
                                            struct base_disk *disk, bool *ret_fits);

/* Returns DISK's mark, borrowed; NULL if it has none, as a new disk. */
const char *base_disk_mark(const struct base_disk *disk);

/* Copies the filled DISK to the store and releases its lock. Errors: EXIT_DISK_FULL, EXIT_OTHER. */
[[nodiscard]] struct error *base_disk_publish(struct store *store, struct base_disk *disk);

/* Returns where DISK lies, for messages too; borrowed, NULL if there is none. */
const char *base_disk_path(const struct base_disk *disk);

/* Whether DISK, or one that it lies over, was found to be damaged. */
bool base_disk_is_damaged(const struct base_disk *disk);

/* Drops the store entries of DISK that are damaged, or all, if it cannot be used otherwise. */
void base_disk_discard(struct base_disk *disk);

/* Releases DISK's lock, temporary and path. A zeroed one with lock -1 is empty. */
void base_disk_release(struct base_disk *disk);

#endif
