/*
 * For tests: a QEMU that a guest has taken over. It tries what a process can do to its user, and
 * prints a line for each attempt: "reach NAME: yes", or "reach NAME: no (ERROR)".
 *
 * usage: taken_over NAME=TARGET...
 *
 * Compiled as a library with -DPRELOADED, it is a worker that has been taken over: preloaded into
 * vmbuild, it tries what the variable TAKEN_OVER lists, once in the thread that has a script run,
 * and once, as "thread:NAME", in the one that reads its output.
 *
 * Compiled with -DATTEMPTS='"NAME=TARGET", ...', it is a User-Mode Linux that has been taken over:
 * it makes these attempts, each in a process of its own, since a system call may be the end of it.
 *
 * A target is a path, a PID, a port of the loopback, a name, or, for those that need none, empty.
 * "parent" stands for the PID of the process that started this one.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* Each returns whether TARGET could be reached, or false with errno set. */
static bool open_for(const char *target, int flags)
{
    int fd = open(target, flags | O_CLOEXEC, 0600);

    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static bool try_read(const char *target)
{
    return open_for(target, O_RDONLY);
}

static bool try_append(const char *target)
{
    return open_for(target, O_WRONLY | O_APPEND);
}

static bool try_create(const char *target)
{
    return open_for(target, O_WRONLY | O_CREAT | O_EXCL) && unlink(target) == 0;
}

static bool try_truncate(const char *target)
{
    struct stat status;

    return stat(target, &status) == 0 && truncate(target, status.st_size) == 0;
}

static bool try_list(const char *target)
{
    DIR *dir = opendir(target);

    return dir != NULL && closedir(dir) == 0;
}

static bool try_remove(const char *target)
{
    return unlink(target) == 0;
}

static bool try_chmod(const char *target)
{
    struct stat status;

    return stat(target, &status) == 0 && chmod(target, status.st_mode | S_IWUSR) == 0;
}

static pid_t parent; /* of the process that begins */

static pid_t pid_of(const char *target)
{
    return strcmp(target, "parent") != 0 ? atoi(target) : parent > 0 ? parent : getppid();
}

/* A file of the process in /proc. */
static bool try_proc(const char *target, const char *name, int flags)
{
    char path[64];

    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid_of(target), name);
    return open_for(path, flags);
}

static bool try_memory(const char *target)
{
    return try_proc(target, "mem", O_RDWR);
}

static bool try_environment(const char *target)
{
    return try_proc(target, "environ", O_RDONLY);
}

static bool try_command_line(const char *target)
{
    return try_proc(target, "cmdline", O_RDONLY);
}

static bool try_trace(const char *target)
{
    pid_t pid = pid_of(target);

    if (ptrace(PTRACE_ATTACH, pid, NULL, NULL) < 0)
        return false;
    waitpid(pid, NULL, __WALL);
    ptrace(PTRACE_DETACH, pid, NULL, NULL);
    return true;
}

static bool try_signal(const char *target)
{
    return kill(pid_of(target), SIGCONT) == 0;
}

static bool try_limits(const char *target)
{
    struct rlimit limit;

    return prlimit(pid_of(target), RLIMIT_NOFILE, NULL, &limit) == 0;
}

static bool connect_to(int family, int type, const void *address, socklen_t size)
{
    int fd = socket(family, type | SOCK_CLOEXEC, 0);
    bool done = fd >= 0 && connect(fd, address, size) == 0 && send(fd, "x", 1, MSG_NOSIGNAL) == 1;
    int cause = errno;

    if (fd >= 0)
        close(fd);
    errno = cause;
    return done;
}

static bool try_unix(const char *target)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    strncpy(address.sun_path, target, sizeof address.sun_path - 1);
    return connect_to(AF_UNIX, SOCK_STREAM, &address, sizeof address);
}

static bool try_abstract(const char *target)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(target);

    memcpy(address.sun_path + 1, target, length);
    return connect_to(AF_UNIX, SOCK_STREAM, &address,
                      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + length));
}

static bool try_ipv4(const char *target, int type)
{
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons((uint16_t)atoi(target)),
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    return connect_to(AF_INET, type, &address, sizeof address);
}

static bool try_tcp(const char *target)
{
    return try_ipv4(target, SOCK_STREAM);
}

static bool try_udp(const char *target)
{
    return try_ipv4(target, SOCK_DGRAM);
}

static bool try_netlink(const char *target)
{
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0);

    (void)target;
    return fd >= 0 && close(fd) == 0;
}

static bool try_io_uring(const char *target)
{
    struct io_uring_params parameters = {0};
    long fd = syscall(SYS_io_uring_setup, 1, &parameters);

    (void)target;
    return fd >= 0 && close((int)fd) == 0;
}

static bool try_shared_memory(const char *target)
{
    int id = shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600);

    (void)target;
    return id >= 0 && shmctl(id, IPC_RMID, NULL) == 0;
}

static bool try_keyring(const char *target)
{
    (void)target;
    return syscall(SYS_keyctl, 0 /* KEYCTL_GET_KEYRING_ID */, -3 /* the session's */, 1) >= 0;
}

/* A variable of the user's. */
static bool try_variable(const char *target)
{
    errno = ENOENT;
    return getenv(target) != NULL;
}

static bool try_core(const char *target)
{
    struct rlimit limit;

    (void)target;
    errno = 0;
    return getrlimit(RLIMIT_CORE, &limit) == 0 && limit.rlim_max > 0;
}

/* To live on when the program that started this one ends. */
static bool try_outlive(const char *target)
{
    (void)target;
    return prctl(PR_SET_PDEATHSIG, 0) == 0;
}

/* To see that a file exists, and how large it is. */
static bool try_stat(const char *target)
{
    struct stat status;

    return stat(target, &status) == 0;
}

static const struct {
    const char *name;
    bool (*reach)(const char *target);
} attempts[] = {
    {"read", try_read},
    {"append", try_append},
    {"create", try_create},
    {"truncate", try_truncate},
    {"list", try_list},
    {"remove", try_remove},
    {"chmod", try_chmod},
    {"memory", try_memory},
    {"environment", try_environment},
    {"command-line", try_command_line},
    {"trace", try_trace},
    {"signal", try_signal},
    {"limits", try_limits},
    {"unix", try_unix},
    {"abstract", try_abstract},
    {"tcp", try_tcp},
    {"udp", try_udp},
    {"netlink", try_netlink},
    {"io_uring", try_io_uring},
    {"shared-memory", try_shared_memory},
    {"keyring", try_keyring},
    {"variable", try_variable},
    {"core", try_core},
    {"outlive", try_outlive},
    {"stat", try_stat},
};

/* Makes the attempt that ARGUMENT names, "NAME=TARGET", where the name may have a suffix after a
 * colon: "read:config=PATH". PREFIX goes before the name that is printed. */
static bool make_attempt(const char *prefix, const char *argument)
{
    size_t length = strcspn(argument, "="), kind = strcspn(argument, ":=");

    for (size_t i = 0; i < sizeof attempts / sizeof *attempts; i++) {
        if (strlen(attempts[i].name) != kind || strncmp(attempts[i].name, argument, kind) != 0)
            continue;
        bool reached = attempts[i].reach(argument + length + (argument[length] == '='));

        fprintf(stderr, "reach %s%.*s: %s%s%s%s\n", prefix, (int)length, argument,
                reached ? "yes" : "no", reached ? "" : " (", reached ? "" : strerror(errno),
                reached ? "" : ")");
        return true;
    }
    return false;
}

#ifdef PRELOADED

static atomic_bool runs, tried;

/* Makes the attempts, as PREFIX and their names. */
static void make_attempts(const char *prefix)
{
    char *list = strdup(getenv("TAKEN_OVER")), *rest = NULL;

    for (char *word = strtok_r(list, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest))
        make_attempt(prefix, word);
    free(list);
}

static char *(*command)(void *, char *const *);

static char *command_taken_over(void *handle, char *const *words)
{
    if (strcmp(words[0], "run") == 0) {
        make_attempts("");
        atomic_store(&runs, true);
    }
    return command(handle, words);
}

/* vmbuild finds the functions of libguestfs by their names. */
void *dlsym(void *restrict handle, const char *restrict name)
{
    static void *(*real)(void *, const char *);

    if (real == NULL)
        real = (void *(*)(void *, const char *))dlvsym(RTLD_NEXT, "dlsym", "GLIBC_2.34");
    if (strcmp(name, "guestfs_command") != 0)
        return real(handle, name);
    command = (char *(*)(void *, char *const *))real(handle, name);
    return (void *)command_taken_over;
}

ssize_t recv(int fd, void *bytes, size_t length, int flags)
{
    ssize_t (*real)(int, void *, size_t, int) =
        (ssize_t(*)(int, void *, size_t, int))dlsym(RTLD_NEXT, "recv");

    if (atomic_load(&runs) && !atomic_exchange(&tried, true))
        make_attempts("thread:");
    return real(fd, bytes, length, flags);
}

#elif defined(ATTEMPTS)

int main(void)
{
    static const char *const list[] = {ATTEMPTS};

    parent = getppid();
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        int status = 0;
        pid_t child = fork();

        if (child == 0)
            _exit(make_attempt("", list[i]) ? 0 : 1);
        if (child < 0 || waitpid(child, &status, 0) != child)
            return 1;
        if (WIFSIGNALED(status))
            fprintf(stderr, "reach %.*s: no (%s)\n", (int)strcspn(list[i], "="), list[i],
                    strsignal(WTERMSIG(status)));
    }
    return 1;
}

#else

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (!make_attempt("", argv[i]))
            fprintf(stderr, "reach: unknown attempt '%s'\n", argv[i]);
    return 1;
}

#endif
