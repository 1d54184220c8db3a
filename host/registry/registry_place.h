/*
 * Finds the place that an image is pulled from: by the alias of a short name, and of the mirrors
 * and the registry itself the first that has the image's manifest.
 */
#ifndef VMBUILD_REGISTRY_PLACE_H
#define VMBUILD_REGISTRY_PLACE_H

#include "host/image/image_request.h"
#include "host/image/reference.h"
#include "host/lib/buffer.h"
#include "host/lib/digest.h"
#include "host/lib/error.h"
#include "host/registry/registries_conf.h"
#include "host/registry/repository.h"
#include "host/store/store.h"

/* Makes *RET what REFERENCE stands for once its alias, if there is one, is resolved; freed by
 * reference_free. Errors: those of short_name_alias. */
[[nodiscard]] struct error *registry_place_resolve(const struct reference *reference,
                                                   struct reference *ret);

/* Gets the manifest NAME, as manifest_download, from the first of PLACES that has it. *RET_PLACE is
 * that one, *RET_REPOSITORY is there and freed by repository_free. Errors: EXIT_NETWORK, with those
 * of the other places in the details; and as manifest_download. */
[[nodiscard]] struct error *registry_place_find(const struct registry_endpoints *places,
                                                const struct registry_access *access,
                                                const char *name, const struct digest *wanted,
                                                struct store *store, struct buffer *ret,
                                                char **ret_type, struct repository **ret_repository,
                                                const struct registry_endpoint **ret_place);

#endif
