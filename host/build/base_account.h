/*
 * The owners of `contents` by names: those that the base image's /etc/passwd and /etc/group have.
 * They are read from its layers, without a VM.
 */
#ifndef VMBUILD_BASE_ACCOUNT_H
#define VMBUILD_BASE_ACCOUNT_H

#include <stdint.h>

#include "host/image/image.h"
#include "host/lib/error.h"
#include "host/spec/spec.h"
#include "host/store/store.h"

/* Sets *UID and *GID to those that CONTENT's owner names in BASE (NULL: nothing is there); what is
 * not named stays. Errors: EXIT_INPUT, if BASE does not have the name, and those of
 * image_part_find. */
[[nodiscard]] struct error *base_account_find(const struct spec_content *content,
                                              struct image *base, struct store *store,
                                              uint32_t *uid, uint32_t *gid);

#endif
