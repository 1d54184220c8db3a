/* A directory for a test, or for all tests of a program. */
#ifndef VMBUILD_TESTS_FOLDER_H
#define VMBUILD_TESTS_FOLDER_H

#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "host/lib/cleanup.h"
#include "host/lib/memory.h"

static char folder[PATH_MAX]; /* absolute, without symlinks */

/* Setup for cmocka. */
static inline int make_folder(void **state)
{
    char path[] = "/tmp/vmbuild-test-XXXXXX";

    (void)state;
    return mkdtemp(path) == NULL || realpath(path, folder) == NULL;
}

/* Teardown for cmocka. */
static inline int remove_folder(void **state)
{
    CLEANUP(freep) char *command = xasprintf("rm -rf '%s'", folder);

    (void)state;
    return system(command);
}

/* The same, but fails if the tests have left something. */
static inline int remove_empty_folder(void **state)
{
    (void)state;
    return rmdir(folder);
}

#endif
