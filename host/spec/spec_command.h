/*
 * The kind of `run`: a command as containers have it. See spec_kind.h.
 */
#ifndef VMBUILD_SPEC_COMMAND_H
#define VMBUILD_SPEC_COMMAND_H

#include "host/spec/spec_kind.h"

extern const struct spec_kind spec_command_kind; /* struct spec_command */

#endif
