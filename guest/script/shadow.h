/* shadowSetup: the files that useradd and its like need, if the image lacks them. */
#ifndef VMBUILD_GUEST_SHADOW_H
#define VMBUILD_GUEST_SHADOW_H

#include "guest/lib/fault.h"

/* Creates /etc/passwd and shadow, group and gshadow, pam.d/other and login.defs in the image that
 * the process is chrooted into, each pair and file if it is missing. Returns 0, or -1 with
 * FAULT. */
int shadow_set_up(struct fault *fault);

#endif
