/*
 * The job: what the guest is told of a spec. Keys with a word of guest/contract.h go into the calls
 * that take it; scripts, their environments and what the network needs go as files.
 */
#ifndef VMBUILD_JOB_H
#define VMBUILD_JOB_H

#include "host/lib/error.h"
#include "host/lib/json.h"
#include "host/spec/spec.h"
#include "host/vm/call_words.h"
#include "host/vm/vm.h"

/* Lays SPEC's `config` over that of BASE_CONFIG, the base image's document or NULL, if SPEC has
 * `run`. *RET is the caller's, or NULL. Errors: EXIT_INPUT if one of them is malformed, or no
 * container could have it. */
[[nodiscard]] struct error *job_container(const struct spec *spec, const struct json *base_config,
                                          struct json **ret);

/* Fills RET, which is empty, with the words of SPEC's keys, those of CONTAINER (job_container) and
 * CLAMP, the latest mtime of the layer in seconds since 1970. The caller frees it. */
void job_words(const struct spec *spec, const struct json *container, int64_t clamp,
               struct call_words *ret);

/* Uploads the files of the guest's job: scripts, environments and what the network needs.
 * BASE_CONFIG is the base image's config, or NULL without one; CONTAINER as for job_words. Errors:
 * EXIT_INPUT if the host's CA bundle cannot be read, and those of vm_put. */
[[nodiscard]] struct error *job_put(const struct spec *spec, const struct json *base_config,
                                    const struct json *container, struct vm *vm);

#endif
