/*
 * Checking all of a store, as a build does of what it uses (store_checks.h), and its records.
 */
#ifndef VMBUILD_STORE_VERIFY_H
#define VMBUILD_STORE_VERIFY_H

#include <stddef.h>

#include "host/lib/buffer.h"
#include "host/lib/error.h"
#include "host/store/store.h"

/* What a verification found. */
struct store_verification {
    size_t checked;         /* entries */
    struct strings damaged; /* the names of those that were damaged, and are removed; sorted */
};

/* Checks each entry and record of STORE, and removes those that are damaged, or of which nothing is
 * known. *RET's list is the caller's. Errors: EXIT_OTHER. */
[[nodiscard]] struct error *store_verify(struct store *store, struct store_verification *ret);

#endif
