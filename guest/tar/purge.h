/*
 * Removing what lower layers left, for the whiteouts of a layer. What the layer itself has put into
 * the tree stays, wherever in the tar it stands. So does a directory of a lower layer that holds
 * some of it, but without the metadata that the lower layer gave it: it is one without an entry.
 */
#ifndef VMBUILD_GUEST_PURGE_H
#define VMBUILD_GUEST_PURGE_H

#include "guest/tar/folders.h"

/* Removes what lower layers left of NAME, and below it, in the last directory that FOLDERS, which
 * knows what the layer has put into the tree, returned. Returns 0, or -1 with errno. */
int purge_name(struct folders *folders, const char *name);

/* The same for everything in that directory, which itself stays as it is. */
int purge_children(struct folders *folders);

#endif
