/*
 * The content store, by default $XDG_CACHE_HOME/vmbuild (else ~/.cache/vmbuild):
 *
 *   blobs/sha256/HEX   content by its digest: layer tars by diff ID, blobs as a registry gave them
 *   derived/KIND/HEX   what is made from the blob HEX, by a KIND that names how (a compressed form)
 *   disks/KEY          base disks: the unpacked layers of a chain
 *   snapshots/KEY      saved states of booted VMs (snapshot.h)
 *   records/KIND/KEY   small JSON: what an input file was found to hold
 *   facts/...          of each entry: size, a digest of its first and last bytes, and whether it is
 *                      on the disk for certain, else in which boot it was written
 *   lock/...           a lock file for each entry under work
 *   sessions/...       a folder for each process at work: its temporaries, and the entries it uses
 *
 * Never needed for correctness. An entry is written to a temporary and renamed; concurrent builds
 * and kill -9 leave whole entries or none. What a killed process left is told by its session's
 * lock, which the kernel released, and removed when the next process opens the store.
 *
 * A published entry is read-only and its mtime is a constant, so that a later write shows. An entry
 * whose size, mtime, or first and last bytes are off is damaged, and so may one be that the host's
 * last boot wrote and perhaps not to the end: a blob is hashed again and kept if it still matches
 * its name, anything else is dropped and made again. Finding an entry touches its
 * atime, which pruning goes by. What a session has found or published is never pruned while the
 * session lasts.
 *
 * Functions may be called from several threads.
 */
#ifndef VMBUILD_STORE_H
#define VMBUILD_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "host/lib/digest.h"
#include "host/lib/error.h"
#include "host/lib/json.h"

/* The store's size limit: $VMBUILD_CACHE_LIMIT, in MiB, else this. */
#define STORE_LIMIT_DEFAULT_MIB 20480

struct store;

/* Opens (and makes) the store at DIR, NULL for the default place. THROW_AWAY (--no-cache): a store
 * in a temporary folder. Errors: EXIT_OTHER (no place known, not writable, writable by everyone),
 * EXIT_USAGE (the limit is no number), EXIT_DISK_FULL. */
[[nodiscard]] struct error *store_open(const char *dir, bool throw_away, struct store **ret);

/* Ends the session: its temporaries are removed, its entries may be pruned. */
void store_free(struct store *store);
static inline void store_freep(struct store **store)
{
    store_free(*store);
}

/* The folder that store_open with DIR uses; the caller's. Nothing is made. Errors: EXIT_OTHER. */
[[nodiscard]] struct error *store_locate(const char *dir, char **ret);

/* Whether the store goes when its session ends. */
bool store_is_thrown_away(const struct store *store);

/* The store's folder; borrowed. */
const char *store_folder(const struct store *store);

enum store_kind { STORE_BLOB, STORE_DERIVED, STORE_DISK, STORE_SNAPSHOT };

/* Returns the path of the entry KEY if it is there and whole, else NULL; the caller's. KEY is a
 * digest's hex for blobs, "KIND/HEX" for derived entries, any hex key for disks and snapshots. */
char *store_find(struct store *store, enum store_kind kind, const char *key);

/* Waits for the entry's lock (released by closing *RET_FD), so that one process makes an entry and
 * the others find it: after this, look again with store_find. A wait is told to the user. */
[[nodiscard]] struct error *store_lock(struct store *store, enum store_kind kind, const char *key,
                                       int *ret_fd);

/* Makes a temporary (mode 0600) in the store for a new entry: write to *RET_FD (the caller's to
 * close), then store_publish, or temporary_remove. *RET_PATH is the caller's. */
[[nodiscard]] struct error *store_temporary(struct store *store, char **ret_path, int *ret_fd);

/* Renames the temporary PATH to the entry. The caller vouches for its content and has written all
 * of it. *RET_PATH (may be NULL) is the entry's path. */
[[nodiscard]] struct error *store_publish(struct store *store, enum store_kind kind,
                                          const char *key, const char *path, char **ret_path);

/* Drops a damaged entry. */
void store_drop(struct store *store, enum store_kind kind, const char *key);

/* Records: a small JSON value by KIND ("inputs", ...) and KEY (hex). Get: NULL where there is none
 * or it is not valid. Put replaces; failures are not errors (the store is only a cache). */
struct json *store_get_record(struct store *store, const char *kind, const char *key);
void store_put_record(struct store *store, const char *kind, const char *key,
                      const struct json *record);

/* The limit in bytes that applies to this store; build prunes to it when it is done
 * (store_pruning.h). */
uint64_t store_limit(const struct store *store);

#endif
