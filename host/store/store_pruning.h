/*
 * What the content store holds, and keeping it within a size. The entries found or published least
 * recently go first. Those that a running session uses stay, whatever the limit; finding an entry
 * waits until pruning is done (the gate in store_session.h).
 */
#ifndef VMBUILD_STORE_PRUNING_H
#define VMBUILD_STORE_PRUNING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "host/lib/error.h"
#include "host/store/store.h"

/* An entry as store_list describes it. */
struct store_entry {
    char *name;           /* "blobs/sha256/HEX", ... */
    uint64_t size;        /* bytes */
    uint64_t disk_size;   /* bytes that it takes on the disk: fewer for sparse ones */
    struct timespec used; /* when it was last found or published */
    bool in_use;          /* by a running session */
};

/* Lists all entries, sorted by name; records only WITH_RECORDS. *RET is an array of *RET_COUNT, to
 * be freed with store_entries_free. Errors: EXIT_OTHER. */
[[nodiscard]] struct error *store_list(struct store *store, bool with_records,
                                       struct store_entry **ret, size_t *ret_count);
void store_entries_free(struct store_entry *entries, size_t count);

/* Removes entries until the store takes at most LIMIT bytes of the disk. *RET_FREED: the bytes
 * freed; RET_FREED may be NULL. Errors: EXIT_OTHER. */
[[nodiscard]] struct error *store_prune(struct store *store, uint64_t limit, uint64_t *ret_freed);

/* Prunes to the store's own limit, as a command does when it has done its work, if entries were
 * made since it began: by this process or another one. A failure is shown with --verbose only. */
void store_trim(struct store *store);

#endif
