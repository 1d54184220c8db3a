#include "host/lib/file_identity.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "host/lib/cleanup.h"
#include "host/lib/memory.h"

#define TOO_YOUNG 2 /* seconds: the times of some file systems are as coarse as that (FAT) */

bool file_identity_of(const struct stat *status, const char *purpose, struct digest *ret)
{
    struct timespec now;

    if (clock_gettime(CLOCK_REALTIME, &now) < 0 ||
        status->st_mtim.tv_sec + TOO_YOUNG >= now.tv_sec ||
        status->st_ctim.tv_sec + TOO_YOUNG >= now.tv_sec)
        return false;
    CLEANUP(freep)
    char *text = xasprintf("%ju:%ju:%jd:%jd.%ld:%jd.%ld:%s", (uintmax_t)status->st_dev,
                           (uintmax_t)status->st_ino, (intmax_t)status->st_size,
                           (intmax_t)status->st_mtim.tv_sec, status->st_mtim.tv_nsec,
                           (intmax_t)status->st_ctim.tv_sec, status->st_ctim.tv_nsec, purpose);

    digest_of(text, strlen(text), ret);
    return true;
}

bool file_identity(int fd, const char *purpose, struct digest *ret)
{
    struct stat status;

    return fstat(fd, &status) == 0 && S_ISREG(status.st_mode) &&
           file_identity_of(&status, purpose, ret);
}
