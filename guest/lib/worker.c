#include "guest/lib/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

void worker_become_killable(void)
{
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

    if (fd < 0 || write(fd, "0", 1) != 1)
        fault_complain("set /proc/self/oom_score_adj: %s", strerror(errno));
    if (fd >= 0)
        close(fd);
}

__attribute__((noreturn)) static void be_worker(worker_function *work, void *context, int report)
{
    static struct fault fault; /* too large for comfort on the stack of a deep tree walk */

    worker_become_killable();
    umask(0);
    int status = work(context, &fault);

    if (status != 0) {
        ssize_t written = write(report, &fault, sizeof fault);

        _exit(written == (ssize_t)sizeof fault ? 1 : 2);
    }
    _exit(0);
}

int worker_start(struct worker *ret, worker_function *work, void *context, int closed,
                 struct fault *fault)
{
    int report[2];

    if (pipe2(report, O_CLOEXEC))
        return fault_set(fault, errno, "create a pipe");
    pid_t pid = fork();

    if (pid < 0) {
        int cause = errno;

        close(report[0]);
        close(report[1]);
        return fault_set(fault, cause, "start a process");
    }
    if (pid == 0) {
        close(report[0]);
        if (closed >= 0)
            close(closed);
        be_worker(work, context, report[1]);
    }
    close(report[1]);
    *ret = (struct worker){.pid = pid, .report = report[0]};
    return 0;
}

bool worker_is_over(const struct worker *worker, int milliseconds)
{
    struct pollfd report = {.fd = worker->report, .events = POLLIN};

    return poll(&report, 1, milliseconds) > 0;
}

/* Reads a whole fault. Returns whether there was one. */
static int read_report(int fd, struct fault *fault)
{
    size_t got = 0;

    while (got < sizeof *fault) {
        ssize_t part = read(fd, (char *)fault + got, sizeof *fault - got);

        if (part < 0 && errno == EINTR)
            continue;
        if (part <= 0)
            return 0;
        got += (size_t)part;
    }
    fault->text[sizeof fault->text - 1] = '\0';
    return 1;
}

int worker_wait(struct worker *worker, struct fault *fault)
{
    int reported = read_report(worker->report, fault);
    int status;

    close(worker->report);
    while (waitpid(worker->pid, &status, 0) < 0)
        if (errno != EINTR)
            return fault_set(fault, errno, "wait for a process");
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    if (reported)
        return -1;
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
        return fault_set(fault, ENOMEM, "the kernel killed the process that did the work");
    return fault_set(fault, 0, "the process that did the work ended with wait status %#x", status);
}

int worker_run(worker_function *work, void *context, struct fault *fault)
{
    struct worker worker = {.pid = -1, .report = -1};

    if (worker_start(&worker, work, context, -1, fault))
        return -1;
    return worker_wait(&worker, fault);
}
