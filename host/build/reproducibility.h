/*
 * --check: the same image built twice, and the first difference between the two by path and field.
 */
#ifndef VMBUILD_REPRODUCIBILITY_H
#define VMBUILD_REPRODUCIBILITY_H

#include "host/build/build.h"
#include "host/lib/error.h"

/* Carries out BUILD, after a first build under other conditions (an empty cache, another number of
 * processors, an output of another name) whose output is thrown away, and compares the two. BUILD's
 * output is written either way. Errors: those of build_run; EXIT_OTHER where the outputs' bytes
 * differ, naming the layer, the path and the field, or the config's key, where the difference is
 * there. */
[[nodiscard]] struct error *reproducibility_check(const struct build *build);

#endif
