#include "host/lib/call_filter.h"

#include <errno.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FCHMODAT2 452        /* unknown to older headers */
#define LOW_HALF 0xffffffffu /* of a register, all that the kernel takes of an int */

static const int refused[] = {
    /* Other processes. */
    SCMP_SYS(ptrace),
    SCMP_SYS(process_vm_readv),
    SCMP_SYS(process_vm_writev),
    SCMP_SYS(process_madvise),
    SCMP_SYS(pidfd_getfd),
    SCMP_SYS(kcmp),
    SCMP_SYS(move_pages),
    SCMP_SYS(migrate_pages),
    SCMP_SYS(setpriority),
    SCMP_SYS(ioprio_set),
    /* Shared by name. */
    SCMP_SYS(shmget),
    SCMP_SYS(shmat),
    SCMP_SYS(shmctl),
    SCMP_SYS(msgget),
    SCMP_SYS(msgsnd),
    SCMP_SYS(msgrcv),
    SCMP_SYS(msgctl),
    SCMP_SYS(semget),
    SCMP_SYS(semop),
    SCMP_SYS(semtimedop),
    SCMP_SYS(semctl),
    SCMP_SYS(mq_open),
    SCMP_SYS(mq_unlink),
    SCMP_SYS(add_key),
    SCMP_SYS(request_key),
    SCMP_SYS(keyctl),
    /* The kernel. */
    SCMP_SYS(bpf),
    SCMP_SYS(perf_event_open),
    SCMP_SYS(userfaultfd),
    SCMP_SYS(unshare),
    SCMP_SYS(setns),
    SCMP_SYS(mount),
    SCMP_SYS(umount2),
};

static const int missing[] = {
    SCMP_SYS(io_uring_setup), SCMP_SYS(io_uring_enter), SCMP_SYS(io_uring_register),
    SCMP_SYS(clone3), /* its flags are in memory; libraries then use clone */
};

/* 0 stands for the calling process; its number would do, too, but nothing uses that. */
static const int limits[] = {
    SCMP_SYS(prlimit64),
};

static const int signals_by_file[] = {
    SCMP_SYS(pidfd_send_signal),
};

/* The first argument is the process. */
static const int signals_by_number[] = {
    SCMP_SYS(kill),
    SCMP_SYS(tgkill),
    SCMP_SYS(rt_sigqueueinfo),
    SCMP_SYS(rt_tgsigqueueinfo),
};

static const int sockets[] = {
    SCMP_SYS(socket),
    SCMP_SYS(connect),
    SCMP_SYS(bind),
    SCMP_SYS(listen),
};

static const int socket_call[] = {
    SCMP_SYS(socket), /* the first argument is the family */
};

static const int metadata[] = {
    SCMP_SYS(chmod),
    SCMP_SYS(fchmod),
    SCMP_SYS(fchmodat),
    FCHMODAT2,
    SCMP_SYS(chown),
    SCMP_SYS(lchown),
    SCMP_SYS(fchown),
    SCMP_SYS(fchownat),
    SCMP_SYS(setxattr),
    SCMP_SYS(lsetxattr),
    SCMP_SYS(fsetxattr),
    SCMP_SYS(removexattr),
    SCMP_SYS(lremovexattr),
    SCMP_SYS(fremovexattr),
    SCMP_SYS(utime),
    SCMP_SYS(utimes),
    SCMP_SYS(futimesat),
    SCMP_SYS(utimensat),
    SCMP_SYS(inotify_add_watch),
    SCMP_SYS(fanotify_init),
};

static const int outliving[] = {
    SCMP_SYS(setsid),
    SCMP_SYS(setpgid),
};

static int refuse_all(scmp_filter_ctx filter, int error, const int *calls, size_t count)
{
    int result = 0;

    for (size_t i = 0; result == 0 && i < count; i++)
        result = seccomp_rule_add(filter, SCMP_ACT_ERRNO((uint16_t)error), calls[i], 0);
    return result;
}

#define REFUSE(filter, error, calls)                                                               \
    refuse_all(filter, error, calls, sizeof(calls) / sizeof *(calls))

/* A comparison for inequality, of all 64 bits, errs on the safe side if the upper ones are set. */
static int refuse_unless(scmp_filter_ctx filter, uint64_t first, const int *calls, size_t count)
{
    int result = 0;

    for (size_t i = 0; result == 0 && i < count; i++)
        result = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), calls[i], 1,
                                  SCMP_A0(SCMP_CMP_NE, first, 0));
    return result;
}

#define REFUSE_UNLESS(filter, first, calls)                                                        \
    refuse_unless(filter, first, calls, sizeof(calls) / sizeof *(calls))

static int refuse_signals(scmp_filter_ctx filter)
{
    int result = REFUSE(filter, EPERM, signals_by_file);

    return result != 0 ? result : REFUSE_UNLESS(filter, (uint64_t)getpid(), signals_by_number);
}

/* A process has all capabilities in a namespace of users that it makes. */
static int refuse_user_namespaces(scmp_filter_ctx filter)
{
    return seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
                            SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_NEWUSER, CLONE_NEWUSER));
}

static int refuse_terminal_input(scmp_filter_ctx filter)
{
    static const uint64_t requests[] = {TIOCSTI, TIOCLINUX};
    int result = 0;

    for (size_t i = 0; result == 0 && i < sizeof requests / sizeof *requests; i++)
        result = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(ioctl), 1,
                                  SCMP_A1(SCMP_CMP_MASKED_EQ, LOW_HALF, requests[i]));
    return result;
}

static int refuse_outliving(scmp_filter_ctx filter)
{
    int result = REFUSE(filter, EPERM, outliving);

    return result != 0 ? result
                       : seccomp_rule_add(
                             filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(prctl), 1,
                             SCMP_A0(SCMP_CMP_MASKED_EQ, LOW_HALF, (uint64_t)PR_SET_PDEATHSIG));
}

static int refuse_extent(scmp_filter_ctx filter, unsigned int extent)
{
    int result = 0;

    if ((extent & CALL_FILTER_SOCKETS) != 0)
        result = REFUSE(filter, EPERM, sockets);
    if (result == 0 && (extent & CALL_FILTER_NOT_IPV4) != 0)
        result = REFUSE_UNLESS(filter, AF_INET, socket_call);
    if (result == 0 && (extent & CALL_FILTER_SIGNALS) != 0)
        result = refuse_signals(filter);
    if (result == 0 && (extent & CALL_FILTER_METADATA) != 0)
        result = REFUSE(filter, EPERM, metadata);
    if (result == 0 && (extent & CALL_FILTER_OUTLIVING) != 0)
        result = refuse_outliving(filter);
    return result;
}

static int fill(scmp_filter_ctx filter, unsigned int extent, bool all_threads)
{
    int result = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, all_threads);

    if (result == 0)
        result = REFUSE(filter, EPERM, refused);
    if (result == 0)
        result = REFUSE(filter, ENOSYS, missing);
    if (result == 0)
        result = REFUSE_UNLESS(filter, 0, limits);
    if (result == 0)
        result = refuse_user_namespaces(filter);
    if (result == 0)
        result = refuse_terminal_input(filter);
    return result != 0 ? result : refuse_extent(filter, extent);
}

bool call_filter_is_offered(void)
{
    const uint32_t action = SECCOMP_RET_ERRNO;

    return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}

bool call_filter_enforce(unsigned int extent, bool all_threads)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    int result = filter == NULL ? -ENOMEM : fill(filter, extent, all_threads);

    if (result == 0)
        result = seccomp_load(filter);
    seccomp_release(filter);
    errno = -result;
    return result == 0;
}
