/*
 * A graph of images as a Makefile (POSIX, "make"): a target for each, after those that it needs.
 * All of them are phony: make decides about the order, and the caches what has to be built.
 */
#ifndef VMBUILD_GRAPH_MAKEFILE_H
#define VMBUILD_GRAPH_MAKEFILE_H

#include "host/command/graph_builds.h"
#include "host/lib/buffer.h"

#define GRAPH_MAKEFILE_ALL "all" /* the target that no build may have as its id */

/* Appends the Makefile of BUILDS. */
void graph_makefile_write(const struct graph_builds *builds, struct buffer *out);

#endif
