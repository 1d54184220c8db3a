/* The metadata of a directory but its times: owner, mode, extended attributes. */
#ifndef VMBUILD_GUEST_ATTRIBUTES_H
#define VMBUILD_GUEST_ATTRIBUTES_H

#define ATTRIBUTES_XATTR_MAX (64u << 10) /* bytes of a list or a value: the kernel's own limit */
#define ATTRIBUTES_OVERLAY "trusted.overlay." /* overlayfs' own begin with this */

/* Copies those of the directory FROM to the new directory TO as overlayfs copies them up, all but
 * overlayfs' own attributes. Both are open for reading. Returns 0, or -1 with
 * errno. */
int attributes_copy(int from, int to);

/* Gives DIRECTORY, open for reading, those of one without an entry in a tar: the owner is root, the
 * mode 0755, and there are no extended attributes. Returns 0, or -1 with errno. */
int attributes_clear(int directory);

#endif
