/* shadowSetup: the files that useradd and its kin need, where the image has none. */
#ifndef VMBUILD_GUEST_SHADOW_H
#define VMBUILD_GUEST_SHADOW_H

#include "guest/lib/fault.h"

/* Makes /etc/passwd and shadow, group and gshadow, pam.d/other and login.defs of the image that the
 * process is chrooted into, each pair and file where it is missing. Returns 0, or -1 with FAULT. */
int shadow_set_up(struct fault *fault);

#endif
