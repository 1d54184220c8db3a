/*
 * What the command line says over the spec file: --memory, --set KEY=VALUE and so on. A value is
 * the text itself where the key takes text, else JSON; for a key that takes both, what begins as
 * JSON is.
 */
#ifndef VMBUILD_SPEC_OVERRIDE_H
#define VMBUILD_SPEC_OVERRIDE_H

#include "host/spec/spec.h"

/* Reads COUNT OVERRIDES into an object as it would stand in a spec file; of several for one key the
 * last is taken. Its values have no line. Errors: EXIT_USAGE for a key that there is none of, for a
 * number or a boolean that is none, for JSON that is none. *RET is the caller's. */
[[nodiscard]] struct error *spec_overrides_read(const struct spec_override *overrides, size_t count,
                                                struct json **ret);

#endif
