/* The options that are laid over a spec once it is read: --secret and --env. */
#ifndef VMBUILD_SPEC_OPTIONS_H
#define VMBUILD_SPEC_OPTIONS_H

#include "host/command/options.h"
#include "host/lib/error.h"
#include "host/lib/secret.h"
#include "host/spec/spec.h"

/* Gives SPEC what OPTIONS add to it. Errors: EXIT_USAGE; EXIT_INPUT if a variable is not set. */
[[nodiscard]] struct error *spec_options_apply(const struct options *options, struct spec *spec);

#endif
