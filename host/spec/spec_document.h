/*
 * A spec as a JSON document, before and while it becomes a struct spec: the file, what the command
 * line sets over it, and its keys, read by their table (spec_key.h).
 */
#ifndef VMBUILD_SPEC_DOCUMENT_H
#define VMBUILD_SPEC_DOCUMENT_H

#include "host/lib/error.h"
#include "host/lib/json.h"
#include "host/spec/spec.h"
#include "host/spec/spec_kind.h"

/* Returns what errors call the spec PATH ("-": standard input); the caller's. */
char *spec_document_name(const char *path);

/* Sets *RET to the directory that relative paths in the spec PATH are taken from, absolute and
 * without symlinks; the caller's. Errors: EXIT_INPUT. */
[[nodiscard]] struct error *spec_document_folder(const char *path, char **ret);

/* Reads the file PATH. *RET, and *RET_FOLDER as above, are the caller's. Errors: EXIT_INPUT. */
[[nodiscard]] struct error *spec_document_open(const char *path, struct json **ret,
                                               char **ret_folder);

/* Sets the members of OVERRIDES in ROOT, if that is an object. */
void spec_document_override(struct json *root, const struct json *overrides);

/* Reads ROOT's keys and their defaults into SPEC, a zeroed one, which is the caller's also on
 * error. Errors: EXIT_INPUT, with line, column and key. */
[[nodiscard]] struct error *spec_document_read(const struct spec_source *source,
                                               const struct json *root, struct spec *spec);

#endif
