/*
 * The tags of a repository (distribution-spec 1.1, "Listing Tags"), page by page.
 */
#ifndef VMBUILD_TAG_LIST_H
#define VMBUILD_TAG_LIST_H

#include "host/image/image_request.h"
#include "host/image/reference.h"
#include "host/lib/buffer.h"
#include "host/lib/error.h"

/* Adds the tags of the repository that REFERENCE names to RET, in the registry's order. Errors:
 * EXIT_NETWORK; EXIT_INPUT if the registry's answer is not a list of tags, or too long. */
[[nodiscard]] struct error *tag_list(const struct reference *reference,
                                     const struct registry_access *access, struct strings *ret);

#endif
