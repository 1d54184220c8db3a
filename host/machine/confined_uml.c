#include "host/machine/confined_uml.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/lib/call_filter.h"
#include "host/lib/cleanup.h"
#include "host/lib/error.h"
#include "host/lib/landlock.h"
#include "host/lib/memory.h"
#include "host/machine/uml_calls.h"
#include "host/machine/uml_line.h"

#define LINE 3        /* the descriptor of the kernel's serial line */
#define BASE_SERVER 4 /* that of the base disk's server */
#define WINDOW "window"
#define FILES_MAX 256 /* that the kernel may have open */

/* What this process has at hand. */
struct uml {
    struct uml_plan plan;
    char *window; /* path of the memory that is shared with the guest */
    unsigned char *memory;
    struct uml_line *line;
    pid_t kernel;
    int signals;     /* a signalfd */
    int report;      /* the connection to whoever is told of the end */
    int base_server; /* the same to the base disk's server; below 0: none, or the kernel has it */
};

bool confined_uml_is_asked(const char *name)
{
    const char *slash = name == NULL ? NULL : strrchr(name, '/');

    return slash != NULL && strcmp(slash + 1, CONFINED_UML) == 0;
}

/* Prints that OPERATION failed. Returns the exit code. */
static int fail(const char *operation)
{
    fprintf(stderr, "vmbuild: %s: %s\n", operation, strerror(errno));
    return EXIT_VM;
}

/* Makes the window. Its last byte is missing in the file, since the kernel rounds up to the page
 * after it. Returns whether it did. */
static bool make_window(struct uml *uml)
{
    uml->window = xasprintf("%s/" WINDOW, uml->plan.folder);
    CLEANUP(closep) int fd = open(uml->window, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (fd < 0 || ftruncate(fd, GUEST_WINDOW_SIZE - 1) < 0)
        return false;
    void *memory = mmap(NULL, GUEST_WINDOW_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    if (memory == MAP_FAILED)
        return false;
    uml->memory = memory;
    return true;
}

/* Returns a connection to the Unix socket at PATH; below 0 with errno set. */
static int connect_to(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    if (strlen(path) >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    CLEANUP(closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
        return -1;
    return steal_fd(&fd);
}

static bool connect_ports(struct uml *uml)
{
    for (unsigned i = 0; i < GUEST_LINE_PORTS; i++) {
        if (uml->plan.sockets[i] == NULL)
            continue;
        int fd = connect_to(uml->plan.sockets[i]);

        if (fd < 0)
            return false;
        uml_line_connect(uml->line, i, fd);
    }
    return true;
}

/* Confines this process, and what it starts, to the machine's files. Returns whether it did. */
static bool confine_files(const struct uml *uml)
{
    const struct uml_plan *plan = &uml->plan;
    CLEANUP(closep)
    int rules = landlock_new(LANDLOCK_FILES | LANDLOCK_SIGNALS | LANDLOCK_SOCKETS | LANDLOCK_TCP);
    bool done = rules >= 0 && landlock_allow(rules, plan->kernel, LANDLOCK_EXECUTE) &&
                landlock_allow(rules, plan->initramfs, LANDLOCK_READ) &&
                landlock_allow(rules, plan->folder, LANDLOCK_CHANGE);

    if (done)
        landlock_allow(rules, "/proc/cpuinfo", LANDLOCK_READ); /* unless there is no /proc */
    for (unsigned i = 0; done && i < plan->disk_count; i++)
        done = landlock_allow(rules, plan->disks[i].path,
                              plan->disks[i].is_read_only ? LANDLOCK_READ : LANDLOCK_WRITE);
    return done && landlock_enforce(rules);
}

/* Keeps this process on one of its processors, another one for each machine. */
static bool pin(void)
{
    cpu_set_t set, one;
    int wanted;

    if (sched_getaffinity(0, sizeof set, &set) < 0)
        return false;
    wanted = getpid() % CPU_COUNT(&set);
    CPU_ZERO(&one);
    for (int i = 0; i < CPU_SETSIZE; i++)
        if (CPU_ISSET(i, &set) && wanted-- == 0)
            CPU_SET(i, &one);
    return sched_setaffinity(0, sizeof one, &one) == 0;
}

/* Returns the size that the largest file of the machine may have, bytes. */
static uint64_t largest_file(const struct uml_plan *plan)
{
    uint64_t largest = (plan->memory << 20) + GUEST_WINDOW_SIZE;
    struct stat status;

    for (unsigned i = 0; i < plan->disk_count; i++)
        if (stat(plan->disks[i].path, &status) == 0 && (uint64_t)status.st_size > largest)
            largest = (uint64_t)status.st_size;
    return largest;
}

static bool limit(int resource, uint64_t most)
{
    const struct rlimit limits = {most, most};

    return setrlimit((__rlimit_resource_t)resource, &limits) == 0;
}

static bool set_limits(const struct uml_plan *plan)
{
    return limit(RLIMIT_CORE, 0) && limit(RLIMIT_MSGQUEUE, 0) && limit(RLIMIT_MEMLOCK, 0) &&
           limit(RLIMIT_NOFILE, FILES_MAX) && limit(RLIMIT_FSIZE, largest_file(plan));
}

/* Appends the kernel's arguments, and init's environment among them. */
static void write_words(const struct uml *uml, struct strings *ret)
{
    const struct uml_plan *plan = &uml->plan;
    unsigned unit = 0;

    strings_add(ret, "linux");
    strings_take(ret, xasprintf("mem=%" PRIu64 "M", plan->memory));
    strings_take(ret, xasprintf("initrd=%s", plan->initramfs));
    strings_take(ret, xasprintf("iomem=mmapper,%s", uml->window));
    strings_take(ret, xasprintf("uml_dir=%s", plan->folder));
    strings_take(ret, xasprintf("ssl0=fd:%d", LINE));
    if (plan->base != NULL)
        strings_take(ret, xasprintf("ubd%u=@%d,,%s", unit++, BASE_SERVER, plan->base));
    for (unsigned i = 0; i < plan->disk_count; i++)
        strings_take(ret,
                     xasprintf("ubd%u%s=%s,,%s", unit++, plan->disks[i].is_read_only ? "rd" : "d",
                               plan->disks[i].path, plan->disks[i].serial));
    if (plan->network)
        strings_add(ret, GUEST_LINE_NETWORK "=1");
    /* lpj: it does not measure how long its delays take, of which it needs none. */
    static const char *const fixed[] = {
        "con0=fd:0,fd:1", "con=null", "ssl=null",     "console=tty0",
        "quiet",          "panic=1",  "rdinit=/init", "random.trust_cpu=on",
        "lpj=40000000"};

    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
        strings_add(ret, fixed[i]);
}

/* In the child: executes the kernel with its end of the line. */
static _Noreturn void execute(const struct uml *uml, int line, pid_t parent)
{
    CLEANUP(freep) char *memory = xasprintf("TMPDIR=%s", uml->plan.folder);
    /* Its C library would register memory of its own with the host's kernel, for rseq(2), which its
     * programs' processes do not have. */
    static char tunables[] = "GLIBC_TUNABLES=glibc.pthread.rseq=0";
    char *const environment[] = {memory, tunables, NULL};
    bool has_base = uml->base_server >= 0;
    struct strings words = {0};
    sigset_t none;

    write_words(uml, &words);
    sigemptyset(&none);
    for (int number = 1; number < NSIG; number++)
        signal(number, SIG_DFL); /* what vmbuild ignores may have to end the kernel */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    /* SIGNALS and REPORT were opened first, so the others have higher numbers than these two. */
    if (getppid() != parent || dup2(line, LINE) < 0 ||
        (has_base && dup2(uml->base_server, BASE_SERVER) < 0) ||
        close_range(has_base ? BASE_SERVER + 1 : LINE + 1, UINT_MAX, 0) < 0 ||
        sigprocmask(SIG_SETMASK, &none, NULL) < 0)
        _exit(fail("prepare User-Mode Linux"));
    personality(ADDR_NO_RANDOMIZE); /* it takes the gap after its own image for memory */
    if (!set_limits(&uml->plan) || !uml_calls_confine())
        _exit(fail("confine User-Mode Linux"));
    execve(uml->plan.kernel, words.items, environment);
    _exit(fail("run User-Mode Linux"));
}

/* Starts the kernel and connects its line. Returns whether it did. */
static bool start_kernel(struct uml *uml)
{
    int ends[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return false;
    uml->line = uml_line_new(ends[0], uml->memory);
    pid_t parent = getpid();

    uml->kernel = fork();
    if (uml->kernel == 0)
        execute(uml, ends[1], parent);
    close(ends[1]);
    if (uml->base_server >= 0)
        close(steal_fd(&uml->base_server));
    return uml->kernel > 0;
}

/* Takes the signals of this process, which it does not die of: it is killed in the end. */
static int take_signals(void)
{
    sigset_t taken;

    sigemptyset(&taken);
    sigaddset(&taken, SIGTSTP);
    sigaddset(&taken, SIGCONT);
    return sigprocmask(SIG_BLOCK, &taken, NULL) < 0
               ? -1
               : signalfd(-1, &taken, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* Stops the kernel, which holds its clock meanwhile (initramfs/kernel-um-*.patch), and then this
 * process. */
static void suspend(const struct uml *uml)
{
    siginfo_t info;

    kill(uml->kernel, SIGTSTP);
    while (waitid(P_PID, (id_t)uml->kernel, &info, WSTOPPED | WEXITED | WNOWAIT) < 0 &&
           errno == EINTR)
        ;
    raise(SIGSTOP);
}

static void pass_signal(const struct uml *uml)
{
    struct signalfd_siginfo signal;

    while (read(uml->signals, &signal, sizeof signal) == (ssize_t)sizeof signal)
        if (signal.ssi_signo == SIGTSTP)
            suspend(uml);
        else
            kill(uml->kernel, SIGCONT);
}

/* Serves the line until the kernel ends or must be ended. */
static enum uml_line_state serve(struct uml *uml)
{
    enum uml_line_state state = UML_LINE_GOES_ON;

    while (state == UML_LINE_GOES_ON) {
        state = uml_line_turn(uml->line, uml->signals);
        pass_signal(uml);
        if (uml->window != NULL && uml_line_has_begun(uml->line)) {
            unlink(uml->window);
            free(STEAL(uml->window));
        }
    }
    return state;
}

static enum confined_uml_end end_of(enum uml_line_state state, int status)
{
    if (state == UML_LINE_WRONG)
        return CONFINED_UML_WRONG;
    if (!WIFSIGNALED(status))
        return CONFINED_UML_ENDED;
    switch (WTERMSIG(status)) {
    case SIGXFSZ: /* see initramfs/kernel-um-*.patch */
        return CONFINED_UML_DISK_FULL;
    case SIGXCPU:
        return CONFINED_UML_DISK_FAULT;
    case SIGBUS:
        return CONFINED_UML_NO_MEMORY;
    case SIGSYS:
        return CONFINED_UML_CALL;
    default:
        return CONFINED_UML_KILLED;
    }
}

/* Waits for the end of the kernel, and reports it. Returns the exit code. */
static int end_kernel(const struct uml *uml, enum uml_line_state state)
{
    int status = 0;

    if (state == UML_LINE_WRONG)
        kill(uml->kernel, SIGKILL);
    while (waitpid(uml->kernel, &status, 0) < 0)
        if (errno != EINTR)
            return fail("wait for User-Mode Linux");
    const unsigned char end = (unsigned char)end_of(state, status);

    (void)send(uml->report, &end, sizeof end, MSG_NOSIGNAL);
    return end == CONFINED_UML_ENDED ? EXIT_DONE : EXIT_VM;
}

/* Answers what libguestfs asks QEMU before it starts it: its version, its devices, and, by QMP,
 * whether it has KVM. Before 1.52 it also asks for QMP's schema; nothing in it matters here. */
static int answer(char *const *argv)
{
    static const char plain[] = "QEMU emulator version 7.2.0 (User-Mode Linux in its place)\n";
    static const char qmp[] = "{\"QMP\": {\"version\": {}, \"capabilities\": []}}\n"
                              "{\"return\": {}}\n"
                              "{\"return\": %s}\n"
                              "{\"return\": {}}\n"
                              "{\"timestamp\": {}, \"event\": \"SHUTDOWN\"}\n";
    static char question[4096];
    bool by_qmp = false;
    size_t length = 0;
    ssize_t got;

    for (size_t i = 1; argv[i] != NULL; i++)
        by_qmp = by_qmp || strcmp(argv[i], "-qmp") == 0;
    while (by_qmp && length < sizeof question - 1 &&
           (got = read(STDIN_FILENO, question + length, sizeof question - 1 - length)) > 0)
        length += (size_t)got;
    if (!by_qmp)
        fputs(plain, stdout);
    else
        printf(qmp, strstr(question, "query-kvm") != NULL
                        ? "{\"enabled\": false, \"present\": false}"
                        : "[]");
    return fflush(stdout) == 0 ? EXIT_DONE : EXIT_OTHER;
}

int confined_uml_run(char *const *argv)
{
    struct uml uml = {.signals = -1, .report = -1, .base_server = -1};

    if (!uml_plan_read(argv, &uml.plan))
        return answer(argv);
    clearenv();
    close_range(STDERR_FILENO + 1, UINT_MAX, 0);
    prctl(PR_SET_DUMPABLE, 0); /* the kernel, which may trace, is under the same rules */
    setsid();                  /* what the terminal sends is not for the guest */
    uml.signals = take_signals();
    uml.report = connect_to(uml.plan.report);
    if (uml.plan.base != NULL)
        uml.base_server = connect_to(uml.plan.base_server);
    if (uml.signals < 0 || uml.report < 0 || (uml.plan.base != NULL && uml.base_server < 0) ||
        chdir("/") < 0 || !pin() || !make_window(&uml))
        return fail("prepare User-Mode Linux");
    if (!confine_files(&uml))
        return fail("confine User-Mode Linux to its files");
    if (!start_kernel(&uml))
        return fail("start User-Mode Linux");
    if (!connect_ports(&uml))
        return fail("connect the guest's ports");
    if (!call_filter_enforce(CALL_FILTER_METADATA | CALL_FILTER_OUTLIVING | CALL_FILTER_SOCKETS,
                             false))
        return fail("confine the guest's line");
    int code = end_kernel(&uml, serve(&uml));

    uml_line_free(uml.line);
    free(uml.window);
    return code;
}

/* In a child: whether the kernel lets a process be traced by its parent. */
static bool can_trace(void)
{
    int status = 0;
    pid_t child = fork();

    if (child == 0)
        _exit(ptrace(PTRACE_TRACEME, 0, 0, 0) == 0 ? EXIT_DONE : EXIT_OTHER);
    if (child < 0)
        return false;
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return false;
    return WIFEXITED(status) && WEXITSTATUS(status) == EXIT_DONE;
}

char *confined_uml_reason_against(void)
{
    if (landlock_abi() < LANDLOCK_ABI_FILES)
        return xstrdup("this host's kernel offers no Landlock, which has to confine it");
    if (!call_filter_is_offered())
        return xstrdup("this host's kernel offers no seccomp filters, which have to confine it");
    if (!can_trace())
        return xstrdup("this host does not let processes be traced (kernel.yama.ptrace_scope, or "
                       "the container's filter of system calls)");
    return NULL;
}
