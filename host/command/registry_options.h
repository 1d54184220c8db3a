/*
 * What the options about registries leave open: passwords that come from standard input or are
 * typed, and the point of time at which --registry-timeout ends.
 */
#ifndef VMBUILD_REGISTRY_OPTIONS_H
#define VMBUILD_REGISTRY_OPTIONS_H

#include "host/command/options.h"
#include "host/lib/error.h"

/* Completes OPTIONS before the command runs: sets `user`, `password` and `registry_deadline`. Reads
 * standard input and the terminal, so it belongs into the process that the terminal belongs to.
 * Errors: EXIT_USAGE; EXIT_INPUT if standard input cannot be read. */
[[nodiscard]] struct error *registry_options_complete(struct options *options);

#endif
