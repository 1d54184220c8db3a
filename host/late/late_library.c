#include "host/late/late_library.h"

#include <dlfcn.h>
#include <unistd.h>

#include "host/lib/error.h"
#include "host/lib/progress.h"

/* Ends this process. */
static _Noreturn void fail(const struct late_library *library)
{
    progress_error(error_new(EXIT_OTHER, "load the library '%s': %s", library->file, dlerror()));
    _exit(EXIT_OTHER);
}

void *late_library_find(struct late_library *library, const char *name)
{
    void *handle = atomic_load(&library->handle);

    if (handle == NULL) {
        handle = dlopen(library->file, RTLD_NOW | RTLD_LOCAL); /* the same for all threads */
        atomic_store(&library->handle, handle);
    }
    void *function = handle != NULL ? dlsym(handle, name) : NULL;

    if (function == NULL)
        fail(library);
    return function;
}
