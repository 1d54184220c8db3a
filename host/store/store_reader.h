/*
 * Reading a disk of the store block by block, each of which is checked as it is read, against the
 * entry's facts (store_facts.h). So what is used of a disk is checked, at a cost that does not
 * depend on its size. A build that does nothing reads 5 MB of a base of 170 MB, which takes less
 * than a millisecond to check; to check all of it on a second processor while the VM starts made
 * that build a tenth slower, and a guest under TCG would hash 66 MB a second (SHA-256, dm-verity).
 *
 * If a block is damaged, the entry counts as damaged for store_settle, and store_run does its work
 * again without it.
 */
#ifndef VMBUILD_STORE_READER_H
#define VMBUILD_STORE_READER_H

#include <stdbool.h>
#include <stdint.h>

#include "host/lib/error.h"
#include "host/store/store.h"

struct store_reader;

/* Opens the disk at PATH, which store_find_for_reader returned. *RET is freed with
 * store_reader_free, before STORE. Errors: EXIT_OTHER. */
[[nodiscard]] struct error *store_reader_open(struct store *store, const char *path,
                                              struct store_reader **ret);

/* Opens the entry of STORE at PATH in the same way. Returns NULL, without an error, if it is none
 * or nothing is known of its blocks. */
struct store_reader *store_reader_try(struct store *store, const char *path);

/* The disk's size in bytes. */
uint64_t store_reader_size(const struct store_reader *reader);

/* Returns the offset of the first block from OFFSET on that is not only zeros, or the size. OFFSET
 * is returned if it is within one. */
uint64_t store_reader_skip_zeros(const struct store_reader *reader, uint64_t offset);

/* Returns the offset of the first block from OFFSET's on that is only zeros, or the size. */
uint64_t store_reader_skip_data(const struct store_reader *reader, uint64_t offset);

/* Reads LENGTH bytes at OFFSET, a range within the disk, to BYTES. Returns false if they are
 * damaged or cannot be read. */
bool store_reader_read(struct store_reader *reader, uint64_t offset, size_t length, void *bytes);

void store_reader_free(struct store_reader *reader);
static inline void store_reader_freep(struct store_reader **reader)
{
    store_reader_free(*reader);
}

#endif
