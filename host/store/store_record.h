/*
 * Records: small JSON values beside the store's entries, such as what an input file was found to
 * hold. Each is the file records/KIND/KEY: a line with the digest of its name and its text, by
 * which one that has changed by itself is recognised, and the text.
 *
 * A record is advice: its reader checks it against what it describes, and does without if there is
 * none. Failures are therefore not errors. Records are pruned like entries, but are never in use.
 */
#ifndef VMBUILD_STORE_RECORD_H
#define VMBUILD_STORE_RECORD_H

#include <stdbool.h>

#include "host/lib/json.h"
#include "host/store/store.h"

/* Returns the record KEY (hex) of KIND ("inputs", ...), the caller's; NULL if there is none. One
 * that is damaged is removed. */
struct json *store_record_get(struct store *store, const char *kind, const char *key);

/* Writes RECORD, the caller's, as the record KEY of KIND and replaces what was there. */
void store_record_put(struct store *store, const char *kind, const char *key,
                      const struct json *record);

/* Returns whether NAME ("records/KIND/KEY"), open as FD, is undamaged. */
bool store_record_is_sound(const char *name, int fd);

#endif
