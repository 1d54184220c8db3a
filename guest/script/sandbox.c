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
#include <sys/ioctl.h>
#include <sys/mman.h>
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
#include "guest/script/account.h"
#include "guest/script/dev.h"
#include "guest/script/feed.h"
#include "guest/script/network.h"
#include "guest/script/points.h"
#include "guest/script/proc.h"
#include "guest/script/program.h"
#include "guest/script/shadow.h"
#include "guest/script/streams.h"
#include "guest/script/vault.h"

#define CGROUP "/sys/fs/cgroup/script"
#define TERMINATE 'T'

/* How the sandbox's init reports that the script ended, or that it could not be started. */
struct report {
    bool started;
    int status;
    struct fault fault;
};

static bool has_terminal(const struct sandbox_plan *plan)
{
    return words_text(plan->words, GUEST_WORD_TERMINAL) != NULL;
}

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

/* Makes and enters the directory of PLAN, as root, which every container's runtime does first. */
static void enter_directory(const struct sandbox_plan *plan)
{
    if (*plan->directory == '/' && plan->directory[1] != '\0')
        (void)points_make("", plan->directory + 1);
    if (chdir(plan->directory) == 0)
        return;
    dprintf(STDERR_FILENO, "vmbuild: enter the directory '%s': %s\n", plan->directory,
            strerror(errno));
    _exit(PROGRAM_NOT_RUN);
}

/* Becomes the user of PLAN, and completes ENVIRON by its home directory. */
static void become_user(const char *user)
{
    size_t length;
    char *passwd = file_read_whole(AT_FDCWD, "/etc/passwd", &length);
    char *group = file_read_whole(AT_FDCWD, "/etc/group", &length);
    struct account account;
    const char *why = account_find(user, passwd, group, &account);
    const char *home = getenv("HOME");

    if (why == NULL && account_become(&account))
        why = strerror(errno);
    if (why == NULL && (home == NULL || *home == '\0') && setenv("HOME", account.home, 1))
        why = strerror(errno);
    free(passwd);
    free(group);
    account_free(&account);
    if (why == NULL)
        return;
    dprintf(STDERR_FILENO, "vmbuild: run as '%s': %s\n", user, why);
    _exit(PROGRAM_NOT_ALLOWED);
}

/* Becomes the script, or the session. The standard streams are connected already. */
__attribute__((noreturn)) static void be_script(const struct sandbox_plan *plan,
                                                const struct program *program)
{
    const char *terminal = words_text(plan->words, GUEST_WORD_TERMINAL);
    sigset_t none;

    bool traced = words_flag(plan->words, GUEST_WORD_TRACE);
    bool rescue = words_flag(plan->words, GUEST_WORD_RESCUE);

    if (plan->script == NULL && plan->command == NULL && !plan->is_session)
        _exit(0);
    sigemptyset(&none);
    signal(SIGPIPE, SIG_DFL);
    sigprocmask(SIG_SETMASK, &none, NULL);
    worker_become_killable();
    set_limits();
    umask(022);
    setsid();
    if (terminal != NULL && ioctl(STDIN_FILENO, TIOCSCTTY, 0))
        dprintf(STDERR_FILENO, "vmbuild: take the terminal: %s\n", strerror(errno));
    enter_directory(plan);
    environ = plan->environment;
    if (vault_set_variables())
        dprintf(STDERR_FILENO, "vmbuild: set a variable: %s\n", strerror(errno));
    if (plan->user != NULL && !rescue)
        become_user(plan->user);
    if (plan->is_session)
        program_run_session(plan->command, plan->view != NULL, rescue, terminal, environ);
    if (plan->command != NULL)
        program_run_command(plan->command, traced, environ);
    program_run(program, traced, environ);
}

/* Makes the terminal of a session. *RET is its other end. Returns 0, or -1 with FAULT. */
static int connect_terminal(const struct words *words, int *ret, struct fault *fault)
{
    *ret = streams_make_terminal((unsigned short)words_number(words, GUEST_WORD_ROWS),
                                 (unsigned short)words_number(words, GUEST_WORD_COLUMNS), fault);
    return *ret < 0 ? -1 : 0;
}

/* Prepares everything that the script finds when it starts. *RET_TERMINAL is the other end of the
 * terminal, if it has one. Returns 0, or -1 with FAULT. */
static int set_up(const struct sandbox_plan *plan, const struct streams *streams, int *ret_terminal,
                  struct fault *fault)
{
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
        return fault_set(fault, errno, "separate the script's mounts");
    if (plan->own_network && network_start_loopback(fault))
        return -1;
    if (plan->view == NULL &&
        (proc_mount("/proc", "/proc", fault) || dev_mount("/dev", "/dev", fault) ||
         view_show_shares(plan->words, fault)))
        return -1;
    if (plan->view != NULL &&
        view_enter(plan->view, plan->script, words_flag(plan->words, GUEST_WORD_RESCUE), fault))
        return -1;
    if (has_terminal(plan) ? connect_terminal(plan->words, ret_terminal, fault)
                           : streams_connect(streams, fault))
        return -1;
    return plan->view != NULL && words_flag(plan->words, GUEST_WORD_SHADOW) ? shadow_set_up(fault)
                                                                            : 0;
}

/* Reaps everything until SCRIPT has ended, feeds it, and passes on SIGTERM if CHANNEL asks for it.
 * *LINE follows that of the feed. Returns the script's wait status. */
static int reap(pid_t script, int signals, int channel, struct feed *feed, unsigned long *line)
{
    for (;;) {
        struct pollfd poll_fds[] = {
            {.fd = signals, .events = POLLIN},
            {.fd = channel, .events = POLLIN},
            {.fd = feed->ready, .events = POLLOUT},
        };
        int status;
        pid_t pid;

        while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
            if (pid == script)
                return status;
        int ready = poll(poll_fds, 3, feed->milliseconds);

        if (ready < 0)
            continue;
        if (ready == 0 || poll_fds[2].revents)
            feed_serve(feed);
        *line = feed->line;
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

/* Closes all descriptors but the standard ones, CHANNEL and STREAMS. This process is forked from
 * init and never executes another program; without this, a script could take init's channel to the
 * host from it (pidfd_getfd(2)). */
static int close_others(int channel, const struct streams *streams)
{
    const int kept[] = {channel, streams->input, streams->output, streams->error};
    unsigned next = STDERR_FILENO + 1;

    for (;;) {
        unsigned nearest = ~0u;

        for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
            if (kept[i] >= (int)next && (unsigned)kept[i] < nearest)
                nearest = (unsigned)kept[i];
        if (nearest == ~0u)
            return close_range(next, ~0u, 0);
        if (nearest > next && close_range(next, nearest - 1, 0))
            return -1;
        next = nearest + 1;
    }
}

/* Prepares PID 1 of the sandbox and what it runs, and hands the terminal out, if there is one.
 * *RET_SIGNALS is where it hears of its children. Returns 0, or -1 with FAULT. */
static int prepare(const struct sandbox_plan *plan, int channel, const struct streams *streams,
                   int *ret_signals, struct fault *fault)
{
    sigset_t child;
    int terminal = -1;

    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    prctl(PR_SET_NAME, "sandbox");
    sigprocmask(SIG_SETMASK, &child, NULL);
    int status = close_others(channel, streams);

    *ret_signals = status ? -1 : signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
    status = *ret_signals < 0 ? fault_set(fault, errno, "watch the script")
                              : set_up(plan, streams, &terminal, fault);
    if (has_terminal(plan) && streams_hand_over(channel, terminal) && status == 0)
        status = fault_set(fault, errno, "hand out the terminal");
    if (terminal >= 0)
        close(terminal);
    return status;
}

/* Starts the script, or the session, and waits until it has ended. */
static void run_script(const struct sandbox_plan *plan, int signals, int channel,
                       unsigned long *line, struct report *report)
{
    static struct program program;
    static struct feed feed;
    bool has_script = plan->script != NULL && !plan->is_session;

    feed = FEED_NONE;
    if (has_script)
        program_find(plan->script, plan->view != NULL, &program);
    if (has_script && program.is_shell)
        feed_prepare(&feed, program.path);
    pid_t script = fork();

    if (script == 0)
        be_script(plan, &program);
    if (script < 0) {
        fault_set(&report->fault, errno, "start the script");
    } else {
        report->started = true;
        feed.shell = script;
        report->status = reap(script, signals, channel, &feed, line);
    }
    feed_end(&feed);
    *line = feed.line;
}

/* PID 1 of the sandbox. */
__attribute__((noreturn)) static void be_init(const struct sandbox_plan *plan, int channel,
                                              struct streams *streams, unsigned long *line)
{
    static struct report report;
    int signals;

    if (prepare(plan, channel, streams, &signals, &report.fault) == 0) {
        streams_close(streams);
        run_script(plan, signals, channel, line, &report);
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

/* Starts the processes of PLAN, with the outer end of *CHANNEL as *RET's. INNER and OUTER are the
 * ends of their streams. Returns 0, or -1 with errno. */
static int start(const struct sandbox_plan *plan, const int *channel, struct streams *inner,
                 const struct streams *outer, struct sandbox *ret)
{
    /* The sandbox's init tells its line here, since it may be killed at any time. */
    static unsigned long *line;

    if (line == NULL)
        line = mmap(NULL, sizeof *line, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (line == MAP_FAILED) {
        line = NULL;
        return -1;
    }
    *line = 0;
    pid_t pid = clone_into_sandbox(plan->own_network);

    if (pid == 0)
        be_init(plan, channel[1], inner, line);
    if (pid < 0)
        return -1;
    *ret = (struct sandbox){.pid = pid,
                            .channel = channel[0],
                            .output = outer->output,
                            .error = outer->error,
                            .input = outer->input,
                            .line = line};
    return 0;
}

/* Takes the terminal that SANDBOX hands out. Without one, its report will tell why. */
static void take_terminal(struct sandbox *sandbox)
{
    sandbox->output = streams_take_over(sandbox->channel);
    if (sandbox->output < 0)
        return;
    (void)fcntl(sandbox->output, F_SETFL, O_RDWR | O_NONBLOCK);
    sandbox->input = fcntl(sandbox->output, F_DUPFD_CLOEXEC, 0);
}

static enum streams_kind streams_kind(const struct sandbox_plan *plan)
{
    if (plan->is_session)
        return STREAMS_SESSION;
    return plan->separate ? STREAMS_SEPARATE : STREAMS_MERGED;
}

/* The same in the script's network, if it has one. Returns 0, or -1 with FAULT. */
static int start_in_network(const struct sandbox_plan *plan, const int *channel,
                            struct streams *inner, const struct streams *outer, struct sandbox *ret,
                            struct fault *fault)
{
    bool networked = plan->view != NULL && words_flag(plan->words, GUEST_WORD_NETWORK);

    if (networked && network_enter(fault))
        return -1;
    int status =
        start(plan, channel, inner, outer, ret) ? fault_set(fault, errno, "start a sandbox") : 0;

    return networked && network_leave(fault) ? -1 : status;
}

int sandbox_start(const struct sandbox_plan *plan, struct sandbox *ret, struct fault *fault)
{
    int channel[2];
    struct streams inner = STREAMS_NONE, outer = STREAMS_NONE;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, channel))
        return fault_set(fault, errno, "start a sandbox");
    int status = has_terminal(plan) || streams_make(streams_kind(plan), &inner, &outer) == 0
                     ? start_in_network(plan, channel, &inner, &outer, ret, fault)
                     : fault_set(fault, errno, "start a sandbox");

    close(channel[1]);
    streams_close(&inner);
    if (status) {
        close(channel[0]);
        streams_close(&outer);
        return -1;
    }
    if (has_terminal(plan))
        take_terminal(ret);
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

int sandbox_wait(struct sandbox *sandbox, struct script_end *ret, struct fault *fault)
{
    static struct report report;
    int status = 0;
    ssize_t got = recv(sandbox->channel, &report, sizeof report, MSG_WAITALL);

    close(sandbox->channel);
    *ret = (struct script_end){.line = *sandbox->line};
    while (waitpid(sandbox->pid, &status, 0) < 0)
        if (errno != EINTR)
            return fault_set(fault, errno, "wait for the script");
    if (got != (ssize_t)sizeof report) {
        /* The sandbox's init was killed, too: by this init, or by reboot(2), which the kernel turns
         * into a signal to the init of the caller's namespace. */
        ret->status = status;
        return 0;
    }
    if (!report.started) {
        *fault = report.fault;
        /* A script may have traced its init and written anything. */
        fault->text[FAULT_TEXT_MAX - 1] = '\0';
        return -1;
    }
    ret->status = report.status;
    return 0;
}
