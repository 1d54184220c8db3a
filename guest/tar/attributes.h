/* A folder's owner, mode and extended attributes, as overlayfs copies them up. */
#ifndef VMBUILD_GUEST_ATTRIBUTES_H
#define VMBUILD_GUEST_ATTRIBUTES_H

/* Gives the folder TO, which has no attributes yet, those of the folder FROM, but not its times and
 * nothing that is overlayfs' own. Both are open for reading. Returns 0, or -1 with errno. */
int attributes_copy(int from, int to);

#endif
