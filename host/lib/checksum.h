/*
 * Checksums of files, against bytes that change by themselves, on a disk or in memory. What
 * somebody may have changed on purpose takes a digest (digest.h), which costs several times as
 * much: of 170 MB in memory, SHA-256 takes 0.1 s with the processor's instructions for it, this
 * 0.02 s.
 *
 * They are CRC-64 (ECMA-182), by ISA-L: a change within 64 bits in a row is always found, any other
 * one but for one in 2^64.
 *
 * A file is cut into blocks, each of which has a checksum, so that a part of it can be checked by
 * itself. Blocks of zeros have none, whether they are holes or not: a copy of a sparse file has the
 * same checksums, and taking them costs what the file holds, not its size.
 */
#ifndef VMBUILD_CHECKSUM_H
#define VMBUILD_CHECKSUM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/lib/buffer.h"

#define CHECKSUM_BLOCK (64u << 10) /* bytes; the last block of a file may be shorter */

struct checksum_item {
    uint64_t block; /* its number: its offset in blocks */
    uint64_t sum;
};

/* Returns the checksum of LENGTH bytes. */
uint64_t checksum_of(const void *bytes, size_t length);

/* Appends to RET a struct checksum_item for each block of the file FD that is not only zeros, in
 * their order. Returns false if the file cannot be read, or if *STOPPED has become true; STOPPED
 * may be NULL. Moves FD's position. */
bool checksum_of_file(int fd, const atomic_bool *stopped, struct buffer *ret);

#endif
