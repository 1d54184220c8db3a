/*
 * The rules of check.h that judge a Dockerfile as it is written, without the values of variables
 * and whatever is built of it.
 */
#ifndef VMBUILD_CHECK_FILE_H
#define VMBUILD_CHECK_FILE_H

#include "host/dockerfile/check.h"
#include "host/dockerfile/stages.h"

/* Adds the warnings about FILE, whose stages are STAGES, to CHECK. */
void check_file(const struct dockerfile *file, const struct stages *stages, struct check *check);

#endif
