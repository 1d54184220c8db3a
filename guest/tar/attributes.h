/* A folder's owner, mode and extended attributes, as overlayfs copies them up. */
#ifndef VMBUILD_GUEST_ATTRIBUTES_H
#define VMBUILD_GUEST_ATTRIBUTES_H

#define ATTRIBUTES_XATTR_MAX (64u << 10) /* bytes of a list or a value: the kernel's own limit */
#define ATTRIBUTES_OVERLAY "trusted.overlay." /* where overlayfs keeps marks of its own */

/* Gives the folder TO, which has no attributes yet, those of the folder FROM, but not its times and
 * nothing that is overlayfs' own. Both are open for reading. Returns 0, or -1 with errno. */
int attributes_copy(int from, int to);

#endif
