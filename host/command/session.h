/*
 * What shell, run and resume have in common: a session of the user's in a build
 * (build/build_session.h).
 */
#ifndef VMBUILD_COMMAND_SESSION_H
#define VMBUILD_COMMAND_SESSION_H

#include "host/build/build_session.h"
#include "host/build/kept_step.h"
#include "host/command/options.h"
#include "host/lib/error.h"
#include "host/spec/spec.h"

/* Connects a shell to the user: to the terminal, if standard input and output are that.
 * SESSION->terminal is the caller's to free. Errors: EXIT_USAGE, EXIT_OTHER. */
[[nodiscard]] struct error *session_connect(struct vm_session *session);

/* Carries out a build of SPEC as far as SESSION; without one, to its image, OUTPUT. RESUMED: what
 * it goes on with, or NULL. Errors: as build_run. */
[[nodiscard]] struct error *session_build(const struct options *options, const struct spec *spec,
                                          const struct kept_step *resumed,
                                          const struct build_session *session, const char *output);

#endif
