/*
 * A session: one process at work in a content store.
 *
 * It is a folder below sessions/ with the process's temporaries and a file `uses`, which names an
 * entry a line: those that the process has found or published. The process holds a lock on `uses`
 * as long as it lives, so a folder whose lock is free is what a killed process left. The gate
 * (lock/gate) is held shared while an entry is looked up and entered into `uses`, and exclusively
 * by whoever prunes: an entry is never removed between being found and being known to be in use.
 */
#ifndef VMBUILD_STORE_SESSION_H
#define VMBUILD_STORE_SESSION_H

#include "host/lib/buffer.h"
#include "host/lib/error.h"

struct store_session;

/* Removes what dead sessions left in the store FOLDER and starts a session. Errors: EXIT_OTHER,
 * EXIT_DISK_FULL. */
[[nodiscard]] struct error *store_session_start(const char *folder, struct store_session **ret);

/* Ends it; its temporaries are removed. */
void store_session_free(struct store_session *session);

/* Makes an empty file of mode 0600 in the session's folder. *RET_PATH and *RET_FD are the
 * caller's. */
[[nodiscard]] struct error *store_session_temporary(struct store_session *session, char **ret_path,
                                                    int *ret_fd);

/* Enters the entry NAME into what is in use, then runs CHECK(NAME, CONTEXT), both within the gate.
 * Returns what CHECK returned; false where the use could not be noted. */
bool store_session_use(struct store_session *session, const char *name,
                       bool (*check)(const char *name, void *context), void *context);

/* Closes the gate: until *RET_FD is closed nobody finds an entry. Adds the names of all entries in
 * use by living sessions to USES. */
[[nodiscard]] struct error *store_session_close_gate(const char *folder, int *ret_fd,
                                                     struct strings *uses);

#endif
