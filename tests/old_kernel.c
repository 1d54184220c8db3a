/*
 * Preloaded in tests: a kernel that offers no more of Landlock than the ABI that the variable
 * LANDLOCK_ABI names; 0: nothing of it. (A program started in its turn with another environment
 * sees the real kernel.)
 */
#include <dlfcn.h>
#include <errno.h>
#include <linux/landlock.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/syscall.h>

long syscall(long number, ...)
{
    long (*real)(long, long, long, long, long, long, long) =
        (long (*)(long, long, long, long, long, long, long))dlsym(RTLD_NEXT, "syscall");
    const char *abi = getenv("LANDLOCK_ABI");
    long arguments[6];
    va_list list;

    va_start(list, number);
    for (size_t i = 0; i < sizeof arguments / sizeof *arguments; i++)
        arguments[i] = va_arg(list, long);
    va_end(list);
    if (abi != NULL && number >= SYS_landlock_create_ruleset &&
        number <= SYS_landlock_restrict_self) {
        if (atoi(abi) == 0) {
            errno = ENOSYS;
            return -1;
        }
        if (number == SYS_landlock_create_ruleset &&
            (arguments[2] & LANDLOCK_CREATE_RULESET_VERSION) != 0)
            return atoi(abi);
    }
    return real(number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4],
                arguments[5]);
}
