/*
 * --check: the same image built twice, and the first difference between the two by path and field.
 */
#ifndef VMBUILD_REPRODUCTION_H
#define VMBUILD_REPRODUCTION_H

#include "build.h"
#include "error.h"

/* Carries out BUILD, after a first build under other conditions (an empty cache, another number of
 * processors, an output of another name) whose output is thrown away, and compares the two. BUILD's
 * output is written either way. Errors: those of build_run; EXIT_OTHER where the outputs' bytes
 * differ, naming the layer, the path and the field, or the config's key, where the difference is
 * there. */
[[nodiscard]] struct error *reproduction_check(const struct build *build);

#endif
