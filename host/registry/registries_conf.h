/*
 * Where the images of a registry really are, as the user or the administrator configured it in
 * registries.conf(5) (registries_file.h): mirrors, other locations, insecure and blocked
 * registries.
 */
#ifndef VMBUILD_REGISTRIES_CONF_H
#define VMBUILD_REGISTRIES_CONF_H

#include <stdbool.h>
#include <stddef.h>

#include "host/image/image_request.h"
#include "host/image/reference.h"
#include "host/lib/error.h"

/* A place to get an image from, or to put it. */
struct registry_endpoint {
    struct reference reference; /* what the image is called there */
    bool insecure;              /* plain HTTP or any certificate will do */
    bool is_mirror;
};

struct registry_endpoints {
    struct registry_endpoint *items;
    size_t count;
};

/* Finds the places to pull REFERENCE from, in the order to try them: mirrors, then the registry's
 * own location. ACCESS decides about TLS if it says anything about it. *RET is freed by
 * registry_endpoints_free. Errors: EXIT_INPUT, of registries_file_read; EXIT_NETWORK if the
 * registry is blocked. */
[[nodiscard]] struct error *registries_conf_pull(const struct reference *reference,
                                                 const struct registry_access *access,
                                                 struct registry_endpoints *ret);

/* Checks whether REFERENCE may be pushed to; locations and mirrors are for pulling only.
 * *RET_INSECURE: plain HTTP or any certificate will do. Errors: as above. */
[[nodiscard]] struct error *registries_conf_push(const struct reference *reference,
                                                 const struct registry_access *access,
                                                 bool *ret_insecure);

void registry_endpoints_free(struct registry_endpoints *endpoints);

#endif
