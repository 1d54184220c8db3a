/*
 * The content store: what a build could need again, by content or by key. It is a directory, by
 * default $XDG_CACHE_HOME/vmbuild (else ~/.cache/vmbuild):
 *
 *   blobs/sha256/HEX   content by its digest: layer tars by diff ID, blobs as a registry sent them
 *   derived/KIND/HEX   what is made from the blob HEX, by a KIND that names how (a compressed form)
 *   disks/KEY          base disks: the unpacked layers of a chain
 *   mounts/KEY       disks of cache mounts, each of which a later one replaces (mount_cache.h)
 *   snapshots/KEY      saved states of booted VMs (snapshot.h)
 *   records/KIND/KEY   small JSON values (store_record.h)
 *   facts/...          by which damaged entries are recognised (store_facts.h)
 *   lock/...           a lock file for each entry that is being made
 *   sessions/...       a directory for each process at work (store_session.h)
 *
 * The store only saves time: a build whose store is empty, damaged or pruned makes the same bytes.
 *
 * An entry is made under its lock, so that one process makes it and the others wait: look for it
 * with store_find; if it is not there, take store_lock and look again; if it is still not there,
 * write a temporary (store_temporary) and store_publish it. Publishing renames, so concurrent
 * builds and SIGKILL leave whole entries or none, and a published entry is read-only and never
 * changes. Finding an entry touches its atime, by which pruning (store_pruning.h) chooses.
 *
 * What is used has been checked, all of it, and dropped if it was damaged (store_checks.h), against
 * a checksum, which holds against faults, but not against a user who can write to the store. Blobs
 * are checked against their digests when they are published, by whoever does, and by store_verify.
 * Records prove themselves. Nothing is checked again between a check and the use that follows it.
 *
 * A struct store is one session: what it has found or published is not pruned until store_free, and
 * its temporaries go with it. What a killed process left is removed when the next one opens the
 * store. Functions may be called from several threads.
 */
#ifndef VMBUILD_STORE_H
#define VMBUILD_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "host/lib/digest.h"
#include "host/lib/error.h"

/* The store's size limit, unless VMBUILD_CACHE_LIMIT in the environment is another number of MiB.
 */
#define STORE_LIMIT_DEFAULT_MIB 20480

struct store;
struct store_session;

enum store_kind { STORE_BLOB, STORE_DERIVED, STORE_DISK, STORE_SNAPSHOT, STORE_MOUNT, STORE_KINDS };

/* Sets *RET to the directory that store_open with DIR uses, the caller's. DIR may be NULL: the
 * default. Creates nothing. Errors: EXIT_OTHER (no default is known). */
[[nodiscard]] struct error *store_locate(const char *dir, char **ret);

/* Opens the store in the directory DIR, which is made if it is missing; NULL: the default.
 * THROW_AWAY (--no-cache): opens a new store in a temporary directory instead, which is also what
 * happens, with a note, if no default is known or it cannot be written to. *RET is freed with
 * store_free. Errors: EXIT_OTHER (DIR is not writable, or the directory is writable by everyone),
 * EXIT_USAGE (VMBUILD_CACHE_LIMIT is not a number), EXIT_DISK_FULL. */
[[nodiscard]] struct error *store_open(const char *dir, bool throw_away, struct store **ret);

/* Ends the session; accepts NULL. */
void store_free(struct store *store);
static inline void store_freep(struct store **store)
{
    store_free(*store);
}

/* Whether the store is removed by store_free. */
bool store_is_thrown_away(const struct store *store);

/* The store's directory, an absolute path; borrowed. */
const char *store_folder(const struct store *store);

/* Its session; borrowed. For the modules of the store. */
struct store_session *store_session(const struct store *store);

/* Its size limit in bytes; a command that has added to the store prunes to it in
 * the end. */
uint64_t store_limit(const struct store *store);

/* Returns the path of the entry KEY if it is there and undamaged, else NULL; the caller's. KEY is a
 * digest's hex for blobs, "KIND/HEX" for derived entries, any hex for all others. */
char *store_find(struct store *store, enum store_kind kind, const char *key);

/* Does WORK(CONTEXT), in which what store_find_unchecked finds is checked by a thread, from
 * store_use on: where a processor is free, a warm build takes as long as without checks, and what
 * it finds but does not use costs nothing. If a used entry is damaged, WORK fails at the next
 * store_settle or store_publish at the latest, and the entry is dropped. REPEATS: the command can
 * be run once more from its beginning; otherwise all is checked when it is found, but for disks.
 * Errors: those of WORK; EXIT_AGAIN, if it is to be run once more, for the supervisor. */
[[nodiscard]] struct error *store_run(struct store *store, bool repeats,
                                      struct error *(*work)(void *context), void *context);

/* The same as store_find, but during store_run the entry may be damaged: its path must be given to
 * store_use before the entry is read, unless store_copy.h does that, and what is made of it to
 * nobody before store_settle. */
char *store_find_unchecked(struct store *store, enum store_kind kind, const char *key);

/* The same for what is read through store_reader.h, which checks each block of it, whether the
 * command can be run once more or not. For the modules of the store. */
char *store_find_for_reader(struct store *store, enum store_kind kind, const char *key);

/* What was found at PATH will be read, all of it. Any other path, also NULL, is ignored. */
void store_use(struct store *store, const char *path);

/* Returns the name in the store ("disks/KEY") of the entry at PATH, borrowed from PATH; NULL if it
 * lies elsewhere. For the modules of the store, as the next one. */
const char *store_name(const struct store *store, const char *path);

/* Returns whether PATH is an entry that is known to be right. */
bool store_is_checked(struct store *store, const char *path);

/* The entry at PATH, open as FD, was found to be damaged. */
void store_mark_damaged(struct store *store, const char *path, int fd);

/* Waits for the checks of all that is used. To be called before anything that depends on it leaves
 * the program or replaces something. Errors: EXIT_OTHER, if an entry is damaged. */
[[nodiscard]] struct error *store_settle(struct store *store);

/* Waits for the entry's lock, which the caller releases by closing *RET_FD, and notifies the user
 * if it has to wait. Errors: EXIT_OTHER. */
[[nodiscard]] struct error *store_lock(struct store *store, enum store_kind kind, const char *key,
                                       int *ret_fd);

/* Makes an empty temporary (mode 0600) in the store, to be written through *RET_FD and then given
 * to store_publish or temporary_remove. *RET_PATH and *RET_FD are the caller's. Errors:
 * EXIT_OTHER. */
[[nodiscard]] struct error *store_temporary(struct store *store, char **ret_path, int *ret_fd);

/* Makes the temporary PATH the entry KEY. The caller vouches for its content and has written all of
 * it; it is settled first. *RET_PATH is the entry's path, the caller's;
 * RET_PATH may be NULL. Errors: EXIT_OTHER, EXIT_DISK_FULL; PATH is then still there. */
[[nodiscard]] struct error *store_publish(struct store *store, enum store_kind kind,
                                          const char *key, const char *path, char **ret_path);

/* Removes a damaged entry; one that is missing is fine. */
void store_drop(struct store *store, enum store_kind kind, const char *key);

#endif
