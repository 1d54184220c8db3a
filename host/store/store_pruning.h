/*
 * What the content store holds, and keeping it within a size. Entries go by least recent use; those
 * that a running session has found or published stay.
 */
#ifndef VMBUILD_STORE_PRUNING_H
#define VMBUILD_STORE_PRUNING_H

#include <stdbool.h>
#include <stdint.h>

#include "host/lib/error.h"
#include "host/store/store.h"

/* An entry as store_list shows it. */
struct store_entry {
    char *name;         /* "blobs/sha256/HEX", ... */
    uint64_t size;      /* bytes */
    uint64_t disk_size; /* bytes that it takes on the disk: less for sparse ones */
    int64_t used;       /* when it was last found or published, seconds since 1970 */
    bool in_use;        /* by a running session */
};

/* Lists all entries but records, by name. *RET is an array of *RET_COUNT that store_entries_free
 * frees. Errors: EXIT_OTHER. */
[[nodiscard]] struct error *store_list(struct store *store, struct store_entry **ret,
                                       size_t *ret_count);
void store_entries_free(struct store_entry *entries, size_t count);

/* Removes entries, the least recently used first, until the store takes at most LIMIT bytes of the
 * disk; entries in use stay. *RET_FREED (may be NULL): bytes freed. Errors: EXIT_OTHER. */
[[nodiscard]] struct error *store_prune(struct store *store, uint64_t limit, uint64_t *ret_freed);

/* Prunes to the store's own limit when a command is done with its work. What goes wrong is no error
 * of the command. */
void store_trim(struct store *store);

#endif
