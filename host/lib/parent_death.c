#include "host/lib/parent_death.h"

#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

static _Thread_local pid_t parent; /* 0: children are not bound */

/* In the child, whose only thread is a copy of the one that forked. */
static void bind_child(void)
{
    pid_t expected = parent;

    if (expected == 0)
        return;
    parent = 0; /* its own children are not bound */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != expected) /* the parent has ended before */
        kill(getpid(), SIGKILL);
}

static void register_handler(void)
{
    pthread_atfork(NULL, NULL, bind_child);
}

void parent_death_bind(bool binds)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, register_handler);
    parent = binds ? getpid() : 0;
}
