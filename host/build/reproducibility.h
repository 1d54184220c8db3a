/*
 * --check: builds the same image twice and finds the first difference, by path and field.
 */
#ifndef VMBUILD_REPRODUCIBILITY_H
#define VMBUILD_REPRODUCIBILITY_H

#include "host/build/build.h"
#include "host/lib/error.h"

/* Carries out BUILD, after a first build under other conditions (an empty cache, another number of
 * processors, an output of another name) whose output is discarded, and compares the two. BUILD's
 * output is written in any case. Errors: those of build_run; EXIT_OTHER if the outputs' bytes
 * differ, naming the layer, path and field, or the key of the config, in which they do. */
[[nodiscard]] struct error *reproducibility_check(const struct build *build);

#endif
