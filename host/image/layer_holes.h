/*
 * Files with holes. A layer stores them as plain files: the image specification advises against
 * sparse entries, Docker and Podman cannot write them again, and some readers of layers do not know
 * them. The user is told when that makes a file large.
 */
#ifndef VMBUILD_LAYER_HOLES_H
#define VMBUILD_LAYER_HOLES_H

#include <stdint.h>

#define LAYER_HOLES_NOTED (UINT64_C(1) << 30) /* bytes of one file that are not worth a word */

/* Notes that the file PATH has HOLES bytes of holes, if these are more than that. */
void layer_note_holes(const char *path, uint64_t holes);

#endif
