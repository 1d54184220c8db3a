/* The counters of a program on the host: see counters.h. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/coverage/counters.h"
#include "tests/coverage/profile.h"

int __llvm_profile_runtime;

/* Returns the counters' file, mapped; NULL if it cannot be opened, as by a confined process. */
static uint64_t *map_file(void)
{
    char program[4096] = "", path[8192];
    size_t size = profile_size();

    /* Whatever it is called: vmbuild is executed under several names. */
    if (readlink("/proc/self/exe", program, sizeof program - 1) < 0)
        return NULL;
    snprintf(path, sizeof path, "%s/%s.counters", COVERAGE_FOLDER, basename(program));
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);

    if (fd < 0)
        return NULL;
    (void)fchmod(fd, 0666); /* the tests' users share it */
    void *map = ftruncate(fd, (off_t)size) == 0
                    ? mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)
                    : MAP_FAILED;

    close(fd);
    return map != MAP_FAILED ? map : NULL;
}

/* Before anything else of the program. */
__attribute__((constructor(101))) static void start(void)
{
    uint64_t *counters = map_file();
    const char *profile = getenv("VMBUILD_COVERAGE");

    if (counters == NULL)
        return;
    if (profile != NULL) {
        memcpy(__llvm_profile_begin_counters(), counters, profile_size());
        profile_write(profile);
    }
    profile_move(counters);
}
