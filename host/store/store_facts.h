/*
 * The facts of an entry, by which damage is noticed without reading all of it.
 *
 * A published entry never changes and has a constant mtime, so that a later write shows. When it is
 * published, its facts are recorded in facts/: its size, a digest of its first and last bytes, and
 * the boot that wrote it. An entry is whole if it still matches them. Entries are not synchronized,
 * since no build should wait for that, so one that an earlier boot wrote may have been cut short by
 * a crash, although it looks whole at both ends. Once an entry is known to be on the disk, its
 * facts say "durable" in place of the boot.
 *
 * A blob that does not match is hashed, and kept if its name is still its digest: a copied store
 * has other times. Any other entry that does not match is damaged.
 *
 * A facts file is one line: "SIZE SAMPLE-DIGEST BOOT".
 */
#ifndef VMBUILD_STORE_FACTS_H
#define VMBUILD_STORE_FACTS_H

#include <stdbool.h>

#include "host/lib/error.h"
#include "host/store/store_session.h"

/* Sets the times of the entry FD: found now, never changed. Has no effect on another user's entry,
 * whose age is then not known to pruning. */
void store_facts_touch(int fd);

/* Records the facts of the new entry NAME ("disks/KEY"), open as FD and about to be published.
 * Errors: EXIT_OTHER, EXIT_DISK_FULL. */
[[nodiscard]] struct error *store_facts_record(struct store_session *session, const char *name,
                                               int fd);

/* Returns whether the entry NAME, open as FD, is what was published. DIGEST: for a blob the hex by
 * which it is hashed again if its facts do not match, else NULL. Facts that are missing or out of
 * date are recorded anew. */
bool store_facts_match(struct store_session *session, const char *name, const char *digest, int fd);

/* Removes the facts of the entry NAME of the store FOLDER. */
void store_facts_remove(const char *folder, const char *name);

#endif
