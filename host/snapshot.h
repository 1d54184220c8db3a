/*
 * Snapshots: the saved state of a VM that has booted and waits at its gate (attendant.h), kept in
 * the store. A VM that resumes from one starts in a fraction of the time that it takes to boot
 * under emulation.
 *
 * A snapshot fits one make of machine alone: its key is made of everything that shapes the machine.
 * It takes longer to make than it saves once, and a store may see but one build; so it is made by
 * the second VM of its key. Where that fails, or QEMU will not resume from it, it is given up for
 * good; one whose guest has not reported in time, which may be the host's fault, is made anew.
 *
 * It holds nothing of any build, nor randomness that a guest goes by: the gate gives it new.
 */
#ifndef VMBUILD_SNAPSHOT_H
#define VMBUILD_SNAPSHOT_H

#include <stdbool.h>

#include "buffer.h"
#include "digest.h"
#include "error.h"
#include "store.h"

/* The key of the machine that the COUNT files at PATHS make, QEMU and what it boots, and that
 * TRAITS describes. Return: false where a file has been changed too recently to be known by its
 * times. */
bool snapshot_key(const char *const *paths, size_t count, const struct buffer *traits,
                  struct digest *ret);

/* Return: a descriptor to read the state from; below 0 where there is none. */
int snapshot_open(struct store *store, const struct digest *key);

/* Whether one is to be made now. Notes that a VM of this key is started. */
bool snapshot_is_due(struct store *store, const struct digest *key);

/* Keeps the state that was written to the store's temporary PATH. */
[[nodiscard]] struct error *snapshot_keep(struct store *store, const struct digest *key,
                                          const char *path);

/* Drops it; it is due again. */
void snapshot_drop(struct store *store, const struct digest *key);

/* Drops it, and makes it no more. */
void snapshot_give_up(struct store *store, const struct digest *key);

#endif
