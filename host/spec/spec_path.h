/*
 * The kinds whose values name files of the host. A relative path is made absolute, and what it
 * names must exist. See spec_kind.h.
 */
#ifndef VMBUILD_SPEC_PATH_H
#define VMBUILD_SPEC_PATH_H

#include "host/spec/spec_kind.h"

extern const struct spec_kind spec_path_image;   /* char *: an image reference */
extern const struct spec_kind spec_path_list;    /* struct strings: one path or several */
extern const struct spec_kind spec_path_closure; /* struct strings: paths, or a file of them */
extern const struct spec_kind spec_path_script;  /* char *: its text, or a file of it */
extern const struct spec_kind spec_path_shares;  /* struct spec_shares */

#endif
