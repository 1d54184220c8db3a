/*
 * The same work on several items at once.
 */
#ifndef VMBUILD_PARALLEL_H
#define VMBUILD_PARALLEL_H

#include <stdatomic.h>
#include <stddef.h>

#include "host/lib/error.h"

#define PARALLEL_THREADS_MAX 16

/* Work on the item INDEX. Long work checks *STOPPED now and then: if it is true, work on another
 * item has failed, and any error will do. */
typedef struct error *(*parallel_work)(void *context, size_t index, const atomic_bool *stopped);

/* Does WORK for each index below COUNT, beginning with the lowest, on at most THREADS threads; the
 * caller's is one of them and does index 0, the others have ended when this returns. Errors: the
 * first of WORK's, after which no further item is begun. */
[[nodiscard]] struct error *parallel_run(size_t count, size_t threads, parallel_work work,
                                         void *context);

#endif
