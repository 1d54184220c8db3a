/*
 * The secrets of a spec: what they are called, where their bytes come from and where a script finds
 * them. The bytes themselves are no part of the spec.
 */
#ifndef VMBUILD_SPEC_SECRET_H
#define VMBUILD_SPEC_SECRET_H

#include "host/lib/error.h"
#include "host/lib/secret.h"
#include "host/spec/spec_kind.h"

struct spec_secret;
struct spec_secrets;

#define SPEC_SECRET_FOLDER "/run/secrets" /* where a script finds those without a target */
#define SPEC_SECRET_ID_PATTERN "^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$"

/* Whether TEXT matches SPEC_SECRET_ID_PATTERN. */
bool spec_secret_is_id(const char *text);

/* Whether something gives the bytes of SECRET. */
bool spec_secret_is_given(const struct spec_secret *secret);

/* Sets *RET to the number of the secret ID of SECRETS, to which it is added, for mounts alone, if
 * it is not there. Unless IS_REQUIRED, nothing need give it. Returns false if there are too
 * many. */
bool spec_secrets_need(struct spec_secrets *secrets, const char *id, bool is_required, size_t *ret);

extern const struct spec_kind spec_secret_list; /* struct spec_secrets */

/* Gives SECRETS the one that TEXT describes, in the form of BuildKit's --secret: fields KEY=VALUE
 * between commas, each of which may be in double quotes. `id` is required; `src` or `source` is a
 * file and `env` a variable; `type` may be `file` or `env`. Without a source it is the variable, if
 * that is set, or else the file, called as the ID. One with the ID of another takes its place, and
 * its target if it has none; one that is new is left out if its ID is among APART, or NULL. Errors:
 * EXIT_USAGE. */
[[nodiscard]] struct error *spec_secrets_give(struct spec_secrets *secrets, const char *text,
                                              const struct strings *apart);

/* Reads the bytes of SECRETS. Adds to RET, the caller's also on error, in the same order. Errors:
 * EXIT_INPUT, if one has no source, or that cannot be read or is too large. */
[[nodiscard]] struct error *spec_secrets_load(const struct spec_secrets *secrets,
                                              struct secrets *ret);

/* The same for each of the COUNT LISTS, and the one of RETS with its number. A file that several of
 * them name is read once: it may be a pipe. */
[[nodiscard]] struct error *spec_secrets_load_all(const struct spec_secrets *const *lists,
                                                  size_t count, struct secrets *rets);

#endif
