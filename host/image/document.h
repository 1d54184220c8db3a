/*
 * The JSON documents of images, as other programs wrote them. They are read as Go's encoding/json
 * reads them, which nearly all programs of containers use: keys in any case ("env" is Env), of a
 * repeated key the last value, U+FFFD for what is not Unicode. Strictness is for the spec
 * (json_text.h).
 */
#ifndef VMBUILD_DOCUMENT_H
#define VMBUILD_DOCUMENT_H

#include <stddef.h>

#include "host/lib/error.h"
#include "host/lib/json.h"

enum document_kind {
    DOCUMENT_CONFIG,   /* of an image, or a layer of Docker's archives of 2016 */
    DOCUMENT_MANIFEST, /* or an index */
    DOCUMENT_ARCHIVE,  /* manifest.json of Docker's archives */
};

/* Parses LENGTH bytes, which NAME calls for errors, and gives all keys that a document of KIND has
 * their usual spelling. *RET is the caller's. Errors: EXIT_INPUT. */
[[nodiscard]] struct error *document_parse(enum document_kind kind, const char *name,
                                           const char *bytes, size_t length, struct json **ret);

#endif
