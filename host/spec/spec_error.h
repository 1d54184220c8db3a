/*
 * Errors about one value of a spec: which key, where it is in the file, and what is wrong.
 */
#ifndef VMBUILD_SPEC_ERROR_H
#define VMBUILD_SPEC_ERROR_H

#include "host/lib/error.h"
#include "host/lib/json.h"

/* Returns an error about VALUE of the key called NAME ("config.Env" for a member):
 * "line L, column C: key 'NAME': CAUSE". A value from the command line has no line. EXIT_INPUT. */
[[nodiscard]] struct error *spec_error(const char *name, const struct json *value,
                                       const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same for a VALUE of the wrong type: "expected EXPECTED, found TYPE". */
[[nodiscard]] struct error *spec_error_type(const char *name, const struct json *value,
                                            const char *expected);

/* The same for a VALUE that another module refused with CAUSE, whose advice is kept. */
[[nodiscard]] struct error *spec_error_because(const char *name, const struct json *value,
                                               const struct error *cause);

#endif
