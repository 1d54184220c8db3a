#include "host/build/confinement.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "host/build/build_outputs.h"
#include "host/build/host_network.h"
#include "host/lib/call_filter.h"
#include "host/lib/cleanup.h"
#include "host/lib/file.h"
#include "host/lib/landlock.h"
#include "host/lib/memory.h"
#include "host/lib/progress.h"
#include "host/machine/appliance.h"
#include "host/store/store.h"

/* Programs, their libraries, and what these read. */
static const char *const executed[] = {"/usr",
                                       "/bin",
                                       "/sbin",
                                       "/lib",
                                       "/lib32",
                                       "/lib64",
                                       "/nix/store",
                                       "/gnu/store",
                                       "/etc/ld.so.cache",
                                       "/etc/ld.so.preload",
                                       "/etc/ld-musl-aarch64.path",
                                       "/etc/ld-musl-x86_64.path"};

/* A stream is passed on by its descriptor, errors tell how much memory is free, and the C library
 * reads the others. */
static const char *const read_always[] = {"/proc/self",
                                          "/proc/meminfo",
                                          "/proc/stat",
                                          "/sys/fs/cgroup",
                                          "/proc/sys/vm/overcommit_memory",
                                          "/sys/devices/system/cpu",
                                          "/dev/urandom",
                                          "/etc/localtime"};

/* Allows everything in the directory PATH, and removing it. */
static void allow_folder(int rules, const char *path)
{
    CLEANUP(freep) char *parent = file_folder(path);

    landlock_allow(rules, path, LANDLOCK_CHANGE);
    landlock_allow(rules, parent, LANDLOCK_REMOVE);
}

/* A file or directory is written beside its place; a device or a pipe is written to. */
static void allow_output(int rules, const char *target)
{
    CLEANUP(freep) char *path = file_without_slash(target);
    CLEANUP(freep) char *real = realpath(path, NULL);
    CLEANUP(freep) char *folder = file_folder(path);
    CLEANUP(freep) char *real_folder = real == NULL ? NULL : file_folder(real);
    struct stat status;

    if (strcmp(path, "-") == 0)
        return;
    if (stat(path, &status) == 0 && !S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode)) {
        landlock_allow(rules, path, LANDLOCK_WRITE);
        return;
    }
    landlock_allow(rules, folder, LANDLOCK_CHANGE);
    if (real_folder != NULL)
        landlock_allow(rules, real_folder, LANDLOCK_CHANGE);
}

/* Allows what CONTENT is made of, unless it is in the store or the spec. */
static void allow_content(int rules, const struct spec_content *content)
{
    if (content->source != NULL)
        landlock_allow(rules, content->source, LANDLOCK_READ);
    if (content->exclude_file != NULL)
        landlock_allow(rules, content->exclude_file, LANDLOCK_READ);
}

static void allow_spec(int rules, const struct spec *spec)
{
    for (size_t i = 0; i < spec->contents.count; i++)
        allow_content(rules, &spec->contents.items[i]);
    for (size_t i = 0; i < spec->mounts.count; i++)
        allow_content(rules, &spec->mounts.items[i].content);
    for (size_t i = 0; i < spec->closure.count; i++)
        landlock_allow(rules, spec->closure.items[i], LANDLOCK_READ);
    for (size_t i = 0; i < spec->shares.count; i++)
        landlock_allow(rules, spec->shares.items[i].source, LANDLOCK_READ);
}

static void allow_outputs(int rules, const struct build *build)
{
    for (size_t i = 0; i < build->output_count; i++)
        if (build_outputs_is_written(build, i))
            allow_output(rules, build->outputs[i].path);
}

/* Allows what the builds of this process need that follow. */
static void allow_later(int rules, const struct held_vm *held)
{
    CLEANUP(strings_free) struct strings network = {0};
    CLEANUP(freep) char *appliance = NULL;
    CLEANUP(error_freep) struct error *err = appliance_find(held->type, &appliance);

    if (err == NULL) /* for the key */
        landlock_allow(rules, appliance, LANDLOCK_READ);
    host_network_files(&network);
    for (size_t i = 0; i < network.count; i++)
        landlock_allow(rules, network.items[i], LANDLOCK_READ);
    for (size_t i = held->position; i < held->count; i++)
        allow_spec(rules, held->specs[i]);
    if (held->last != NULL)
        allow_outputs(rules, held->last);
}

/* What is missing is not allowed: whatever needs it, reports it. */
static void allow_all(int rules, const struct build *build, const struct strings *folders,
                      const struct strings *processes)
{
    const struct held_vm *held = build->held;

    for (size_t i = 0; i < sizeof executed / sizeof *executed; i++)
        landlock_allow(rules, executed[i], LANDLOCK_EXECUTE);
    for (size_t i = 0; i < sizeof read_always / sizeof *read_always; i++)
        landlock_allow(rules, read_always[i], LANDLOCK_READ);
    landlock_allow(rules, "/dev/null", LANDLOCK_WRITE);
    allow_folder(rules, store_folder(build->store));
    for (size_t i = 0; i < folders->count; i++)
        allow_folder(rules, folders->items[i]);
    for (size_t i = 0; i < processes->count; i++)
        landlock_allow(rules, processes->items[i], LANDLOCK_READ);
    allow_outputs(rules, build);
    if (build->keep != NULL)
        allow_output(rules, build->keep);
    if (build->keep_log != NULL)
        landlock_allow(rules, build->keep_log, LANDLOCK_READ);
    allow_spec(rules, build->spec);
    if (held != NULL)
        allow_later(rules, held);
}

/* Returns whether access to files is confined. A kernel whose rules do not allow moves between
 * directories is of no use here. */
static bool confine_files(const struct build *build, const struct strings *folders,
                          const struct strings *processes)
{
    if (landlock_abi() < LANDLOCK_ABI_MOVES)
        return false;
    CLEANUP(closep) int rules = landlock_new(LANDLOCK_FILES | LANDLOCK_TCP | LANDLOCK_SOCKETS);

    if (rules >= 0)
        allow_all(rules, build, folders, processes);
    if (rules >= 0 && landlock_enforce_for_all(rules))
        return true;
    progress_detail("confine the worker's access to files: %s", strerror(errno));
    return false;
}

struct error *confinement_enter(const struct build *build, const struct vm *vm)
{
    CLEANUP(strings_free) struct strings folders = {0};
    CLEANUP(strings_free) struct strings processes = {0};

    TRY(vm_folders(vm, &folders));
    vm_processes(vm, &processes);
    bool files = confine_files(build, &folders, &processes);
    bool calls = call_filter_enforce(CALL_FILTER_SOCKETS, true);

    progress_detail("the worker's access to files is %s, its system calls are %s",
                    files ? "confined" : "not confined", calls ? "filtered" : "not filtered");
    return NULL;
}
