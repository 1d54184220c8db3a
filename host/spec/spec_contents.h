/*
 * The kind of `contents`: paths of the host, each alone or in an object with rules for how it is
 * copied. See spec_kind.h.
 */
#ifndef VMBUILD_SPEC_CONTENTS_H
#define VMBUILD_SPEC_CONTENTS_H

#include "host/spec/spec_kind.h"

extern const struct spec_kind spec_contents_list; /* struct spec_contents */

#endif
