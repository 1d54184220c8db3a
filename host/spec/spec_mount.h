/*
 * The kind of `mounts`: what a script has mounted for itself. See spec_kind.h.
 */
#ifndef VMBUILD_SPEC_MOUNT_H
#define VMBUILD_SPEC_MOUNT_H

#include "host/spec/spec.h"
#include "host/spec/spec_kind.h"

extern const struct spec_kind spec_mount_list; /* struct spec_mounts */

/* What the kinds are called, in specs and for the guest. */
extern const char *const spec_mount_kinds[];

/* Adds the secrets that the mounts of SPEC show to its secrets, which are shown nowhere else, and
 * links the two. VALUE is that of `mounts`. Errors: EXIT_INPUT, from spec_error. */
[[nodiscard]] struct error *spec_mounts_settle(const struct json *value, struct spec *spec);

/* Returns MOUNTS as a spec has them, but not where what a bind shows is; the caller's. */
struct json *spec_mounts_describe_places(const struct spec_mounts *mounts);

/* Appends the IDs of the secrets that MOUNTS show. */
void spec_mounts_name_secrets(const struct spec_mounts *mounts, struct strings *out);

/* Appends the mounts of SPEC as the word `mount` has them (guest/contract.h). A secret that is not
 * required and that nothing gives is left out. */
void spec_mounts_write(const struct spec *spec, struct strings *out);

#endif
