/*
 * The facts of an entry: what it is recognised by when it is found again. They are its size and the
 * checksums of its blocks (checksum.h), recorded when it is published. A blob has them too, since
 * to hash it costs several times as much.
 *
 * They tell whether the bytes have changed by themselves: on the disk, in memory, because the host
 * crashed before all of them were written, or because one file has become another. They are no
 * defence against a user who can write to the store, and who could record other facts.
 *
 * A facts file is a line, "SIZE CHECKSUM PROOF", and the checksums of the blocks, of which CHECKSUM
 * is the checksum. The proof is a digest of the entry's name and of the other two words, so facts
 * that have changed themselves, or are another entry's, do not count.
 */
#ifndef VMBUILD_STORE_FACTS_H
#define VMBUILD_STORE_FACTS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "host/lib/buffer.h"
#include "host/lib/error.h"
#include "host/store/store_session.h"

enum store_facts_verdict {
    STORE_FACTS_MATCH,
    STORE_FACTS_DIFFER,  /* the entry is not what was published */
    STORE_FACTS_UNKNOWN, /* there are no facts, or none that count */
};

/* The facts of an entry; a zeroed one holds none. */
struct store_facts {
    uint64_t size;
    struct buffer items; /* struct checksum_item: the blocks that are not only zeros, in order */
};

void store_facts_free(struct store_facts *facts);

/* Reads the facts of the entry NAME ("disks/KEY") of the store FOLDER. *RET, zeroed, is freed with
 * store_facts_free. Returns false if there are none that count. */
bool store_facts_read(const char *folder, const char *name, struct store_facts *ret);

/* Records the facts of the new entry NAME, open as FD and about to be published. Errors:
 * EXIT_OTHER, EXIT_DISK_FULL. */
[[nodiscard]] struct error *store_facts_record(struct store_session *session, const char *name,
                                               int fd);

/* Reads the entry NAME of the store FOLDER, open as FD, and compares it with its facts. Once
 * *STOPPED is true the result does not count; STOPPED may be NULL. */
enum store_facts_verdict store_facts_compare(const char *folder, const char *name, int fd,
                                             const atomic_bool *stopped);

/* Removes the facts of the entry NAME of the store FOLDER. */
void store_facts_remove(const char *folder, const char *name);

#endif
