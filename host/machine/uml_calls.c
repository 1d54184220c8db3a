#include "host/machine/uml_calls.h"

#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <unistd.h>

#define LOW_HALF 0xffffffffu /* of a register, all that the kernel takes of an int */

static const int allowed[] = {
    /* Memory. */
    SCMP_SYS(mmap),
    SCMP_SYS(mprotect),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    SCMP_SYS(brk),
    /* Files, within what Landlock allows, and what was inherited. */
    SCMP_SYS(open),
    SCMP_SYS(openat),
    SCMP_SYS(close),
    SCMP_SYS(read),
    SCMP_SYS(write),
    SCMP_SYS(pread64),
    SCMP_SYS(pwrite64),
    SCMP_SYS(readv),
    SCMP_SYS(writev),
    SCMP_SYS(lseek),
    SCMP_SYS(stat),
    SCMP_SYS(fstat),
    SCMP_SYS(lstat),
    SCMP_SYS(newfstatat),
    SCMP_SYS(statfs),
    SCMP_SYS(access),
    SCMP_SYS(ftruncate),
    SCMP_SYS(fallocate),
    SCMP_SYS(fsync),
    SCMP_SYS(fdatasync),
    SCMP_SYS(getdents64),
    SCMP_SYS(mkdir),
    SCMP_SYS(rmdir),
    SCMP_SYS(unlink),
    SCMP_SYS(readlink),
    SCMP_SYS(readlinkat),
    SCMP_SYS(getcwd),
    SCMP_SYS(flock),
    SCMP_SYS(dup),
    SCMP_SYS(dup2),
    SCMP_SYS(pipe),
    SCMP_SYS(pipe2),
    SCMP_SYS(socketpair),
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(epoll_create),
    SCMP_SYS(epoll_create1),
    SCMP_SYS(epoll_ctl),
    SCMP_SYS(epoll_wait),
    SCMP_SYS(epoll_pwait),
    /* Its own processes, which are the only ones that it can trace: Landlock sees to it. */
    SCMP_SYS(clone),
    SCMP_SYS(execve),
    SCMP_SYS(ptrace),
    SCMP_SYS(wait4),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(kill),
    SCMP_SYS(tkill),
    SCMP_SYS(tgkill),
    SCMP_SYS(getpid),
    SCMP_SYS(getppid),
    SCMP_SYS(gettid),
    SCMP_SYS(setsid),
    SCMP_SYS(set_tid_address),
    SCMP_SYS(set_robust_list),
    SCMP_SYS(arch_prctl),
    SCMP_SYS(modify_ldt), /* for each of its processes */
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(rt_sigsuspend),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(pause),
    SCMP_SYS(futex),
    /* Time. */
    SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(nanosleep),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(time),
    SCMP_SYS(timer_create),
    SCMP_SYS(timer_settime),
    SCMP_SYS(timer_gettime),
    SCMP_SYS(timer_delete),
    SCMP_SYS(setitimer),
    /* What it asks about the host. */
    SCMP_SYS(uname),
    SCMP_SYS(sysinfo),
    SCMP_SYS(getrandom),
    SCMP_SYS(getrlimit),
    SCMP_SYS(getuid),
    SCMP_SYS(geteuid),
    SCMP_SYS(getgid),
    SCMP_SYS(getegid),
};

/* Limits of this process only, and none raised. */
static const int of_own_process[] = {
    SCMP_SYS(prlimit64),
};

/* Of a descriptor. F_SETOWN and F_SETSIG send signals: they have rules of their own. */
static const int changes[] = {F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_DUPFD, F_GETLK, F_SETLK};

static int allow(scmp_filter_ctx filter, int call, unsigned argument, uint64_t value)
{
    return seccomp_rule_add(
        filter, SCMP_ACT_ALLOW, call, 1,
        SCMP_CMP64(argument, SCMP_CMP_MASKED_EQ, (uint64_t)LOW_HALF, value & LOW_HALF));
}

static int allow_change(scmp_filter_ctx filter, int change, uint64_t value)
{
    return seccomp_rule_add(
        filter, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 2,
        SCMP_CMP64(1, SCMP_CMP_MASKED_EQ, (uint64_t)LOW_HALF, (uint64_t)change),
        SCMP_CMP64(2, SCMP_CMP_MASKED_EQ, (uint64_t)LOW_HALF, value & LOW_HALF));
}

static int fill(scmp_filter_ctx filter)
{
    int result = 0;

    for (size_t i = 0; result == 0 && i < sizeof allowed / sizeof *allowed; i++)
        result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);
    for (size_t i = 0; result == 0 && i < sizeof of_own_process / sizeof *of_own_process; i++)
        result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, of_own_process[i], 1,
                                  SCMP_CMP64(0, SCMP_CMP_EQ, UINT64_C(0), UINT64_C(0)));
    if (result == 0) /* it asks whether its descriptors are terminals: none is */
        result = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOTTY), SCMP_SYS(ioctl), 0);
    for (size_t i = 0; result == 0 && i < sizeof changes / sizeof *changes; i++)
        result = allow(filter, SCMP_SYS(fcntl), 1, (uint64_t)changes[i]);
    if (result == 0)
        result = allow_change(filter, F_SETOWN, (uint64_t)getpid());
    if (result == 0)
        result = allow_change(filter, F_SETSIG, SIGIO);
    if (result == 0) /* its helpers are to end with it */
        result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 2,
                                  SCMP_CMP64(0, SCMP_CMP_EQ, PR_SET_PDEATHSIG, UINT64_C(0)),
                                  SCMP_CMP64(1, SCMP_CMP_EQ, SIGKILL, UINT64_C(0)));
    return result;
}

bool uml_calls_confine(void)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
    int result = filter == NULL ? -ENOMEM : fill(filter);

    if (result == 0)
        result = seccomp_load(filter);
    seccomp_release(filter);
    errno = -result;
    return result == 0;
}
