/*
 * --check: builds the same image twice and shows all differences, each by path and field.
 */
#ifndef VMBUILD_REPRODUCIBILITY_H
#define VMBUILD_REPRODUCIBILITY_H

#include "host/build/build.h"
#include "host/lib/error.h"

/* Carries out BUILD, after a first build under other conditions (an empty cache, another number of
 * processors, an output of another name) whose output is discarded, and compares the two. BUILD's
 * output is written in any case. Notes that they are the same, or shows how they differ. Errors:
 * those of build_run; EXIT_DIFFERENT if the outputs' bytes differ. */
[[nodiscard]] struct error *reproducibility_check(const struct build *build);

#endif
