/*
 * The checks of a session: which entries are known to be what was published. An entry is compared
 * with its facts (store_facts.h); a blob without facts is hashed, since its name is its digest.
 * Either reads all of it, so it is done once in a session, and not at all for what the session has
 * published.
 *
 * Usually an entry is checked when it is found. In the late mode it may be handed out at once, and
 * is checked by a thread once it is used; see store_run in store.h.
 */
#ifndef VMBUILD_STORE_CHECKS_H
#define VMBUILD_STORE_CHECKS_H

#include <stdatomic.h>
#include <stdbool.h>

#include "host/lib/error.h"

struct store_checks;

/* Makes the checks of a session in the store FOLDER, borrowed, for store_checks_free. */
struct store_checks *store_checks_new(const char *folder);

/* Abandons what is not checked yet; accepts NULL. */
void store_checks_free(struct store_checks *checks);

/* Whether the late mode is on, which it is not at first. */
void store_checks_set_late(struct store_checks *checks, bool late);

/* The entry NAME was made by this session, and is right. */
void store_checks_vouch(struct store_checks *checks, const char *name);

/* The entry NAME is dropped: what was found or will be found of it does not matter. */
void store_checks_forget(struct store_checks *checks, const char *name);

/* When an entry is checked. */
enum store_checks_moment {
    STORE_CHECKS_NOW,
    STORE_CHECKS_LATE,     /* in the late mode the check is left for store_checks_use */
    STORE_CHECKS_BY_BLOCK, /* by its reader (store_reader.h) */
};

/* Returns whether the entry NAME, open as FD, may be handed out, to be checked at MOMENT. If it is
 * known to be damaged, it is removed, and the user is told. */
bool store_checks_pass(struct store_checks *checks, const char *name, int fd,
                       enum store_checks_moment moment);

/* Returns whether the entry NAME is known to be right. */
bool store_checks_has_passed(struct store_checks *checks, const char *name);

/* The entry NAME, found before, is used: a check that was left for later is begun by the thread. */
void store_checks_use(struct store_checks *checks, const char *name);

/* The entry NAME, open as FD, was found to be damaged while it was used. */
void store_checks_mark_damaged(struct store_checks *checks, const char *name, int fd);

/* Waits until all entries that are used are checked. Errors: EXIT_OTHER, naming one that is
 * damaged. */
[[nodiscard]] struct error *store_checks_wait(struct store_checks *checks);

/* The same, and removes the damaged entries. Returns whether there were any. */
bool store_checks_drop_damaged(struct store_checks *checks);

/* Checks the entry NAME of the store FOLDER, open as FD, now and as strictly as can be (a blob is
 * hashed), and removes it if it is damaged. Returns whether it is sound; not if *STOPPED has become
 * true, which may be NULL. */
bool store_checks_verify(const char *folder, const char *name, int fd, const atomic_bool *stopped);

#endif
