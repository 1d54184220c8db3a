/* The metadata of a directory, as overlayfs copies it up: owner, mode, extended attributes. */
#ifndef VMBUILD_GUEST_ATTRIBUTES_H
#define VMBUILD_GUEST_ATTRIBUTES_H

#define ATTRIBUTES_XATTR_MAX (64u << 10) /* bytes of a list or a value: the kernel's own limit */
#define ATTRIBUTES_OVERLAY "trusted.overlay." /* overlayfs' own begin with this */

/* Copies owner, mode and extended attributes of the directory FROM to the new directory TO, but
 * neither times nor overlayfs' own attributes. Both are open for reading. Returns 0, or -1 with
 * errno. */
int attributes_copy(int from, int to);

#endif
