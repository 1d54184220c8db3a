#include "guest/script/turns.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

static sigset_t signals(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN);
    return set;
}

int turns_start(struct turns *ret)
{
    sigset_t set = signals();

    *ret = (struct turns)TURNS_NONE;
    if (sigprocmask(SIG_BLOCK, &set, NULL))
        return -1;
    ret->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return ret->signals < 0 ? -1 : 0;
}

int turns_watch(int fd)
{
    return fcntl(fd, F_SETOWN, getpid()) || fcntl(fd, F_SETSIG, SIGRTMIN)
               ? -1
               : fcntl(fd, F_SETFL, O_NONBLOCK | O_ASYNC);
}

int turns_take(struct turns *turns)
{
    struct signalfd_siginfo info;

    if (turns->current < 0 && read(turns->signals, &info, sizeof info) == (ssize_t)sizeof info)
        turns->current = info.ssi_fd;
    return turns->current;
}

void turns_note(struct turns *turns, ssize_t got)
{
    if (got != PIPE_BUF) /* else the write may go on */
        turns->current = -1;
}

void turns_end(struct turns *turns)
{
    struct signalfd_siginfo info;
    sigset_t set = signals();

    if (turns->signals < 0)
        return;
    while (read(turns->signals, &info, sizeof info) > 0) {
    }
    close(turns->signals);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    *turns = (struct turns)TURNS_NONE;
}
