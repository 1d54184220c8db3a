/*
 * An element of `contents` that is an object: its members, and which of them what kind of element
 * may have.
 */
#ifndef VMBUILD_SPEC_CONTENT_H
#define VMBUILD_SPEC_CONTENT_H

#include "host/lib/error.h"
#include "host/lib/json.h"
#include "host/spec/spec.h"
#include "host/spec/spec_kind.h"

/* Reads the path VALUE, of KEY's element as such, into CONTENT, which is zeroed and freed by
 * spec_content_free also on error. Errors: EXIT_INPUT, from spec_error; also of the next one. */
[[nodiscard]] struct error *spec_content_read_path(const struct spec_key *key,
                                                   const struct spec_source *source,
                                                   const struct json *value,
                                                   struct spec_content *content);

/* The same for an object. */
[[nodiscard]] struct error *spec_content_read(const struct spec_key *key,
                                              const struct spec_source *source,
                                              const struct json *value,
                                              struct spec_content *content);

/* Returns CONTENT as the spec has it, but complete; the caller's. */
struct json *spec_content_describe(const struct spec_content *content);

/* Returns the schema of such an object; the caller's. */
struct json *spec_content_schema(void);

void spec_content_free(struct spec_content *content);

#endif
