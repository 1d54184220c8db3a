/*
 * What the history of an image tells of its new layer (`created_by`, which `docker history` shows):
 * what was copied, and the first line of each script, in the order of the steps.
 *
 *     contents: rootfs in /, conf in /etc; runAsRoot: apt-get update ...
 *
 * It is the same wherever the image is built: paths that are absolute on the host are not in it.
 */
#ifndef VMBUILD_BUILD_HISTORY_H
#define VMBUILD_BUILD_HISTORY_H

#include "host/build/build.h"
#include "host/build/plan.h"
#include "host/spec/spec.h"

/* Returns the part on SPEC's contents and closure, the caller's; NULL if it has neither. */
char *build_history_contents(const struct spec *spec);

/* Returns the line on what BUILD does by PLAN. IS_EMPTY: it makes no layer, but a config. Secrets
 * appear as ***. Never NULL, the caller's. */
char *build_history_line(const struct build *build, const struct plan *plan, bool is_empty);

#endif
