/*
 * Libraries that are loaded when they are first called. libguestfs, libcurl, libslirp and
 * libarchive, with some 60 libraries that these need, take longer to load than all that a build
 * does which finds its layer in the cache. What calls them knows nothing of that: it is linked to
 * functions of the same names and types, which find and call those of the library (guestfs.c,
 * curl.c, slirp.c, archive.c).
 *
 * `vmbuild` alone is linked so. The static programs of the release, and those of the tests, are
 * linked to the libraries.
 */
#ifndef VMBUILD_LATE_LIBRARY_H
#define VMBUILD_LATE_LIBRARY_H

#include <stdatomic.h>
#include <stddef.h>

struct late_library {
    const char *file;       /* its name for the dynamic linker */
    _Atomic(void *) handle; /* NULL: it is not loaded yet */
};

/* Returns the function NAME of LIBRARY. If there is none, the program ends, as it would at its
 * start if it were linked to the library. */
void *late_library_find(struct late_library *library, const char *name);

/* The function NAME of LIBRARY, of the type that it has here. It is looked for once. */
#define LATE_CALL(library, name)                                                                   \
    ({                                                                                             \
        static _Atomic(void *) late_found;                                                         \
        void *late_function = atomic_load(&late_found);                                            \
                                                                                                   \
        if (late_function == NULL) {                                                               \
            late_function = late_library_find(&(library), #name);                                  \
            atomic_store(&late_found, late_function);                                              \
        }                                                                                          \
        (typeof(name) *)late_function;                                                             \
    })

/* Defines the function NAME of LIBRARY, with PARAMETERS, whose names follow. */
#define LATE_FUNCTION(library, type, name, parameters, ...)                                        \
    type name parameters                                                                           \
    {                                                                                              \
        return LATE_CALL(library, name)(__VA_ARGS__);                                              \
    }

/* The same for one that returns nothing. */
#define LATE_PROCEDURE(library, name, parameters, ...)                                             \
    void name parameters                                                                           \
    {                                                                                              \
        LATE_CALL(library, name)(__VA_ARGS__);                                                     \
    }

#endif
