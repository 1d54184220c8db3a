/*
 * What the command line sets over the spec file: --memory, --set KEY=VALUE and so on. It counts as
 * if it stood in the file.
 */
#ifndef VMBUILD_SPEC_OVERRIDE_H
#define VMBUILD_SPEC_OVERRIDE_H

#include <stddef.h>

#include "host/lib/error.h"
#include "host/lib/json.h"

struct spec_override {
    const char *option; /* "set", "memory", ...: for messages */
    const char *key;
    const char *value; /* JSON or text, by the kind of the key (spec_kind.h) */
};

/* Reads COUNT OVERRIDES into an object as it would stand in a spec file. Of several for one key the
 * last counts. The values have no line. Errors: EXIT_USAGE for an unknown key, for malformed JSON,
 * and for a value that the kind judges to be wrong whatever the file holds. *RET is the caller's.
 */
[[nodiscard]] struct error *spec_overrides_read(const struct spec_override *overrides, size_t count,
                                                struct json **ret);

#endif
