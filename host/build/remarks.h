/*
 * Remarks on what a spec may hold but was probably not meant: a command line in one word, a member
 * of `config` that is spelled nearly like a known one, a script with the line ends of Windows. They
 * are notes, before anything takes time; the build goes on.
 */
#ifndef VMBUILD_REMARKS_H
#define VMBUILD_REMARKS_H

#include "host/lib/json.h"
#include "host/spec/spec.h"

/* Shows what there is to remark on SPEC. BASE_CONFIG is the image config of its base, or NULL. */
void remarks_show(const struct spec *spec, const struct json *base_config);

#endif
