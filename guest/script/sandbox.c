#include "guest/script/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest/lib/file.h"
#include "guest/lib/worker.h"
#include "guest/script/dev.h"
#include "guest/script/network.h"
#include "guest/script/proc.h"
#include "guest/script/program.h"
#include "guest/script/shadow.h"

#define CGROUP "/sys/fs/cgroup/script"
#define TERMINATE 'T'

/* How the sandbox's init reports that the script ended, or that it could not be started. */
struct report {
    bool started;
    int status;
    struct fault fault;
};

int sandbox_set_up_cgroup(struct fault *fault)
{
    char text[32];
    long length = file_read("/proc/sys/kernel/threads-max", text, sizeof text - 1);

    if (length < 0)
        return fault_set(fault, errno, "read threads-max");
    text[length] = '\0';
    /* The kernel's own limit depends on the memory; half of it leaves room for everything else. */
    char limit[32];

    snprintf(limit, sizeof limit, "%ld", atol(text) / 2);
    if (mount("cgroup2", "/sys/fs/cgroup", "cgroup2", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) ||
        file_write_setting("/sys/fs/cgroup/cgroup.subtree_control", "+pids") ||
        mkdir(CGROUP, 0755) || file_write_setting(CGROUP "/pids.max", limit))
        return fault_set(fault, errno, "set up the scripts' cgroup");
    return 0;
}

static void set_limits(void)
{
    static const struct {
        int resource;
        struct rlimit limit;
    } limits[] = {
        {RLIMIT_NOFILE, {1024, 524288}},
        {RLIMIT_CORE, {0, RLIM_INFINITY}},
        /* The kernel's defaults depend on the size of the memory. */
        {RLIMIT_NPROC, {RLIM_INFINITY, RLIM_INFINITY}},
        {RLIMIT_SIGPENDING, {RLIM_INFINITY, RLIM_INFINITY}},
    };

    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
        if (setrlimit(limits[i].resource, &limits[i].limit))
            dprintf(STDERR_FILENO, "vmbuild: set a resource limit: %s\n", strerror(errno));
}

/* Becomes the script. Standard output and error already lead to the output's pipe. */
__attribute__((noreturn)) static void be_script(const struct sandbox_plan *plan)
{
    sigset_t none;

    if (plan->script == NULL)
        _exit(0);
    sigemptyset(&none);
    signal(SIGPIPE, SIG_DFL);
    sigprocmask(SIG_SETMASK, &none, NULL);
    worker_become_killable();
    set_limits();
    umask(022);
    setsid();
    if (chdir(plan->directory)) {
        dprintf(STDERR_FILENO, "vmbuild: enter the directory '%s': %s\n", plan->directory,
                strerror(errno));
        _exit(PROGRAM_NOT_RUN);
    }
    program_run(plan->script, plan->view != NULL, plan->environment);
}

static int connect_streams(int output, struct fault *fault)
{
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

    if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(output, STDOUT_FILENO) < 0 ||
        dup2(output, STDERR_FILENO) < 0)
        return fault_set(fault, errno, "set up the script's standard streams");
    close(null);
    return 0;
}

/* Prepares everything that the script finds when it starts. Returns 0, or -1 with FAULT. */
static int set_up(const struct sandbox_plan *plan, int output, struct fault *fault)
{
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
        return fault_set(fault, errno, "separate the script's mounts");
    if (plan->own_network && network_start_loopback(fault))
        return -1;
    if (plan->view == NULL &&
        (proc_mount("/proc", "/proc", fault) || dev_mount("/dev", "/dev", fault) ||
         view_show_shares(plan->words, fault)))
        return -1;
    if (plan->view != NULL && view_enter(plan->view, plan->script, fault))
        return -1;
    return connect_streams(output, fault) ||
                   (plan->view != NULL && words_flag(plan->words, GUEST_WORD_SHADOW) &&
                    shadow_set_up(fault))
               ? -1
               : 0;
}

/* Reaps everything until SCRIPT has ended, and passes on SIGTERM if CHANNEL asks for it. Returns
 * the script's wait status. */
static int reap(pid_t script, int signals, int channel)
{
    struct pollfd poll_fds[] = {
        {.fd = signals, .events = POLLIN},
        {.fd = channel, .events = POLLIN},
    };

    for (;;) {
        int status;
        pid_t pid;

        while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
            if (pid == script)
                return status;
        if (poll(poll_fds, 2, -1) < 0)
            continue;
        struct signalfd_siginfo info;

        if ((poll_fds[0].revents & POLLIN) && read(signals, &info, sizeof info) < 0)
            continue;
        char word;

        if (poll_fds[1].revents && read(channel, &word, 1) != 1)
            _exit(1); /* the guest's init is gone, and everything with it */
        if (poll_fds[1].revents)
            kill(-1, SIGTERM);
    }
}

/* Closes all descriptors but the standard ones and these two. This process is forked from init and
 * never executes another program; without this, a script could take init's channel to the host from
 * it (pidfd_getfd(2)). */
static int close_others(int one, int other)
{
    unsigned low = (unsigned)(one < other ? one : other);
    unsigned high = (unsigned)(one < other ? other : one);

    return (low > STDERR_FILENO + 1 && close_range(STDERR_FILENO + 1, low - 1, 0)) ||
                   (high > low + 1 && close_range(low + 1, high - 1, 0)) ||
                   close_range(high + 1, ~0u, 0)
               ? -1
               : 0;
}

/* PID 1 of the sandbox. */
__attribute__((noreturn)) static void be_init(const struct sandbox_plan *plan, int channel,
                                              int output)
{
    static struct report report;
    sigset_t child;

    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    prctl(PR_SET_NAME, "sandbox");
    sigprocmask(SIG_SETMASK, &child, NULL);
    int closed = close_others(channel, output);
    int signals = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);

    if (closed || signals < 0) {
        fault_set(&report.fault, errno, "watch the script");
    } else if (set_up(plan, output, &report.fault) == 0) {
        close(output);
        pid_t script = fork();

        if (script == 0)
            be_script(plan);
        if (script < 0) {
            fault_set(&report.fault, errno, "start the script");
        } else {
            report.started = true;
            report.status = reap(script, signals, channel);
        }
    }
    ssize_t written = write(channel, &report, sizeof report);

    _exit(written == (ssize_t)sizeof report ? 0 : 1);
}

/* Forks into new namespaces and the cgroup. Joining that later would wait until each CPU has passed
 * through the scheduler (cgroup_attach_lock), some 100 ms in a quiet guest. Returns what fork
 * does. */
static pid_t clone_into_sandbox(bool own_network)
{
    int cgroup = open(CGROUP, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (cgroup < 0)
        return -1;
    struct clone_args arguments = {
        .flags = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_INTO_CGROUP |
                 (own_network ? CLONE_NEWNET : 0),
        .exit_signal = SIGCHLD,
        .cgroup = (uint64_t)cgroup,
    };
    pid_t pid = (pid_t)syscall(SYS_clone3, &arguments, sizeof arguments);
    int cause = errno;

    close(cgroup);
    errno = cause;
    return pid;
}

int sandbox_start(const struct sandbox_plan *plan, struct sandbox *ret, struct fault *fault)
{
    int channel[2];
    int output[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, channel))
        return fault_set(fault, errno, "start a sandbox");
    if (pipe2(output, O_CLOEXEC)) {
        int cause = errno;

        close(channel[0]);
        close(channel[1]);
        return fault_set(fault, cause, "start a sandbox");
    }
    /* The mode is for a script that has changed its user and opens /dev/stdout. */
    pid_t pid = fchmod(output[1], 0622) ? -1 : clone_into_sandbox(plan->own_network);

    if (pid == 0)
        be_init(plan, channel[1], output[1]);
    int cause = errno;

    close(channel[1]);
    close(output[1]);
    if (pid < 0) {
        close(channel[0]);
        close(output[0]);
        return fault_set(fault, cause, "start a sandbox");
    }
    *ret = (struct sandbox){.pid = pid, .channel = channel[0], .output = output[0]};
    return 0;
}

void sandbox_terminate(const struct sandbox *sandbox)
{
    char word = TERMINATE;

    /* If nothing listens any more, there is nothing to terminate. */
    (void)send(sandbox->channel, &word, 1, MSG_NOSIGNAL | MSG_DONTWAIT);
}

void sandbox_kill(const struct sandbox *sandbox)
{
    kill(sandbox->pid, SIGKILL);
}

int sandbox_wait(struct sandbox *sandbox, int *ret_status, struct fault *fault)
{
    static struct report report;
    int status = 0;
    ssize_t got = recv(sandbox->channel, &report, sizeof report, MSG_WAITALL);

    close(sandbox->channel);
    while (waitpid(sandbox->pid, &status, 0) < 0)
        if (errno != EINTR)
            return fault_set(fault, errno, "wait for the script");
    if (got != (ssize_t)sizeof report) {
        /* The sandbox's init was killed, too: by this init, or by reboot(2), which the kernel turns
         * into a signal to the init of the caller's namespace. */
        *ret_status = status;
        return 0;
    }
    if (!report.started) {
        *fault = report.fault;
        /* A script may have traced its init and written anything. */
        fault->text[FAULT_TEXT_MAX - 1] = '\0';
        return -1;
    }
    *ret_status = report.status;
    return 0;
}
