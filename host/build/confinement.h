/*
 * The confinement of this process, the worker, before it reads what the scripts of a build have
 * made: a guest that takes it over by what it sends should reach no more than the build does.
 *
 * As far as the kernel offers it (landlock.h, call_filter.h), and for all of its threads:
 *
 *   change   the cache, the directories of the run and of the output
 *   read     contents, closure and shares of the spec, and of those that this process builds later
 *   execute  what is installed (libguestfs runs rm)
 *   sockets  none: no registry is needed any more
 *
 * What it has open stays so: QEMU's sockets, the standard streams. It can still signal what it has
 * started. The base image comes from a registry before this, by the same process.
 */
#ifndef VMBUILD_CONFINEMENT_H
#define VMBUILD_CONFINEMENT_H

#include "host/build/build.h"
#include "host/lib/error.h"
#include "host/vm/vm.h"

/* Confines this process to what BUILD still needs while VM runs and after it, but starting another
 * one, for good. A kernel that offers less is no error. Errors: EXIT_OTHER. */
[[nodiscard]] struct error *confinement_enter(const struct build *build, const struct vm *vm);

#endif
