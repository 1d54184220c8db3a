/*
 * A session: one process at work in a content store. Its directory below sessions/ holds the
 * process's temporaries and a file `uses`, which names on each line an entry that the process has
 * found or published.
 *
 * The process holds a lock (flock) on `uses` for as long as it lives. A directory whose `uses` can
 * be locked is therefore what a killed process left, and is removed by the next session that
 * starts.
 *
 * Pruning must not remove an entry between another process finding it and writing it down. Both
 * therefore pass the gate, the lock file lock/gate: shared while a session looks an entry up and
 * appends it to `uses`, exclusive while a process prunes.
 */
#ifndef VMBUILD_STORE_SESSION_H
#define VMBUILD_STORE_SESSION_H

#include <time.h>

#include "host/lib/buffer.h"
#include "host/lib/error.h"

struct store_session;

/* Removes what dead sessions left in the store FOLDER and starts a session, which is freed with
 * store_session_free. ALONE: no other process knows the store, so that it may lie where there are
 * no locks. Errors: EXIT_OTHER, EXIT_DISK_FULL. */
[[nodiscard]] struct error *store_session_start(const char *folder, bool alone,
                                                struct store_session **ret);

/* Ends it and removes its temporaries; accepts NULL. */
void store_session_free(struct store_session *session);

/* In a process that was just forked: it takes part in the session of the other one, which ends
 * later, and keeps in use what both have found and published. It never frees it. Errors:
 * EXIT_OTHER. */
[[nodiscard]] struct error *store_session_begin_process(struct store_session *session);

/* When it began, by the clock of the store's file system. */
struct timespec store_session_began(const struct store_session *session);

/* Its own directory; borrowed. */
const char *store_session_folder(const struct store_session *session);

/* The directory of the store; borrowed. */
const char *store_session_store(const struct store_session *session);

/* Makes an empty file (mode 0600) in the session's directory. *RET_PATH and *RET_FD are the
 * caller's; the file goes with the session unless it is renamed. Errors: EXIT_OTHER. */
[[nodiscard]] struct error *store_session_temporary(struct store_session *session, char **ret_path,
                                                    int *ret_fd);

/* Marks the entry NAME as in use, then calls CHECK(NAME, CONTEXT), both behind the gate. Returns
 * CHECK's result, or false if the use could not be recorded. */
bool store_session_use(struct store_session *session, const char *name,
                       bool (*check)(const char *name, void *context), void *context);

/* Closes the gate of the store FOLDER: until the caller closes *RET_FD, no process finds an entry.
 * Appends to USES the names of all entries that living sessions use. Errors: EXIT_OTHER. */
[[nodiscard]] struct error *store_session_close_gate(const char *folder, int *ret_fd,
                                                     struct strings *uses);

#endif
