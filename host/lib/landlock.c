#include "host/lib/landlock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <linux/magic.h>
#include <semaphore.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "host/lib/cleanup.h"

#define REPLY_SECONDS 2 /* that a thread may take to answer a signal */

/* What the headers of older systems lack (include/uapi/linux/landlock.h of Linux 6.12). */
#define FS_TRUNCATE (UINT64_C(1) << 14)
#define FS_IOCTL_DEV (UINT64_C(1) << 15)
#define NET_BIND_TCP (UINT64_C(1) << 0)
#define NET_CONNECT_TCP (UINT64_C(1) << 1)
#define SCOPE_ABSTRACT_UNIX_SOCKET (UINT64_C(1) << 0)
#define SCOPE_SIGNAL (UINT64_C(1) << 1)

struct attributes {
    uint64_t fs, net, scoped;
};

#define FS_READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define FS_WRITE (FS_READ | LANDLOCK_ACCESS_FS_WRITE_FILE | FS_TRUNCATE)
#define FS_CHANGE                                                                                  \
    (FS_WRITE | LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |                   \
     LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK |    \
     LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_SYM | LANDLOCK_ACCESS_FS_REFER)
/* Of these, what a file that is not a directory can have. */
#define FS_OF_FILE                                                                                 \
    (LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_READ_FILE |   \
     FS_TRUNCATE | FS_IOCTL_DEV)

static const uint64_t accesses[] = {
    [LANDLOCK_READ] = FS_READ,     [LANDLOCK_EXECUTE] = FS_READ | LANDLOCK_ACCESS_FS_EXECUTE,
    [LANDLOCK_WRITE] = FS_WRITE,   [LANDLOCK_DEVICE] = FS_WRITE | FS_IOCTL_DEV,
    [LANDLOCK_CHANGE] = FS_CHANGE, [LANDLOCK_REMOVE] = LANDLOCK_ACCESS_FS_REMOVE_DIR,
};

int landlock_abi(void)
{
    long abi =
        syscall(SYS_landlock_create_ruleset, NULL, (size_t)0, LANDLOCK_CREATE_RULESET_VERSION);

    return abi < 0 ? 0 : (int)abi;
}

/* The accesses to files that the kernel knows. */
static uint64_t known_accesses(void)
{
    static const struct {
        int abi;
        unsigned int bits; /* how many, from the lowest */
    } known[] = {{5, 16}, {3, 15}, {2, 14}, {1, 13}};
    int abi = landlock_abi();

    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (abi >= known[i].abi)
            return (UINT64_C(1) << known[i].bits) - 1;
    return 0;
}

/* Returns the root of the mount that PATH is on, opened with O_PATH; below 0 with errno set. */
static int open_mount(const char *path)
{
    CLEANUP(freep) char *folder = realpath(path, NULL);
    struct stat status, parent;
    char *slash;

    if (folder == NULL || stat(folder, &status) < 0)
        return -1;
    while ((slash = strrchr(folder, '/')) != folder) {
        *slash = '\0';
        if (stat(folder, &parent) < 0 || parent.st_dev != status.st_dev) {
            *slash = '/';
            return open(folder, O_PATH | O_CLOEXEC);
        }
    }
    return stat("/", &parent) == 0 && parent.st_dev == status.st_dev
               ? open("/", O_PATH | O_CLOEXEC)
               : open(folder, O_PATH | O_CLOEXEC);
}

/* Opens what a rule for PATH has to name. A rule is tied to an inode, of which 9p makes a new one
 * for each look-up, but for the root of a mount. */
static int open_subject(const char *path)
{
    CLEANUP(closep) int fd = open(path, O_PATH | O_CLOEXEC);
    struct statfs file_system;

    if (fd >= 0 && fstatfs(fd, &file_system) == 0 && file_system.f_type == V9FS_MAGIC)
        return open_mount(path);
    return steal_fd(&fd);
}

/* Adds a rule for the file or directory PATH. */
static bool add_rule(int rules, const char *path, uint64_t accesses_wanted)
{
    CLEANUP(closep) int fd = open_subject(path);
    struct stat status;

    if (fd < 0 || fstat(fd, &status) < 0)
        return false;
    struct landlock_path_beneath_attr rule = {.allowed_access = accesses_wanted & known_accesses(),
                                              .parent_fd = fd};

    if (!S_ISDIR(status.st_mode))
        rule.allowed_access &= FS_OF_FILE;
    return syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0;
}

int landlock_new(unsigned int extent)
{
    int abi = landlock_abi();
    struct attributes attributes = {0};

    /* Without being covered, moving files between directories is always forbidden. */
    attributes.fs = (extent & LANDLOCK_FILES) != 0 ? known_accesses()
                                                   : known_accesses() & LANDLOCK_ACCESS_FS_REFER;
    if ((extent & LANDLOCK_TCP) != 0 && abi >= LANDLOCK_ABI_TCP)
        attributes.net = NET_BIND_TCP | NET_CONNECT_TCP;
    if ((extent & LANDLOCK_SIGNALS) != 0 && abi >= LANDLOCK_ABI_SCOPES)
        attributes.scoped |= SCOPE_SIGNAL;
    if ((extent & LANDLOCK_SOCKETS) != 0 && abi >= LANDLOCK_ABI_SCOPES)
        attributes.scoped |= SCOPE_ABSTRACT_UNIX_SOCKET;
    /* Older kernels accept more attributes than they know, if these are 0. */
    CLEANUP(closep)
    int rules = (int)syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes, 0);

    if (rules >= 0 && (extent & LANDLOCK_FILES) == 0 && attributes.fs != 0 &&
        !add_rule(rules, "/", LANDLOCK_ACCESS_FS_REFER))
        return -1;
    return steal_fd(&rules);
}

bool landlock_allow(int rules, const char *path, enum landlock_access access)
{
    return add_rule(rules, path, accesses[access]);
}

bool landlock_enforce(int rules)
{
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           syscall(SYS_landlock_restrict_self, rules, 0) == 0;
}

/* A request to the threads: one at a time. */
static struct {
    int rules;
    sem_t done;
    _Atomic int cause; /* errno of one that failed, or 0 */
} request;

static void on_request(int number)
{
    int saved = errno;

    (void)number;
    if (!landlock_enforce(request.rules))
        request.cause = errno;
    sem_post(&request.done);
    errno = saved;
}

/* Lets the thread TID of this process carry the request out. */
static bool pass_request(pid_t tid)
{
    struct timespec deadline;

    if (tgkill(getpid(), tid, SIGURG) < 0)
        return errno == ESRCH; /* it has ended */
    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += REPLY_SECONDS;
    while (sem_timedwait(&request.done, &deadline) < 0)
        if (errno != EINTR)
            return false;
    return true;
}

static bool pass_request_to_others(void)
{
    CLEANUP(closedirp) DIR *threads = opendir("/proc/self/task");
    bool passed = threads != NULL;

    for (struct dirent *entry; passed && (entry = readdir(threads)) != NULL;) {
        pid_t tid = (pid_t)atoi(entry->d_name);

        if (tid > 0 && tid != gettid())
            passed = pass_request(tid);
    }
    return passed;
}

bool landlock_enforce_for_all(int rules)
{
    const struct sigaction action = {.sa_handler = on_request, .sa_flags = SA_RESTART};
    struct sigaction before;

    request.rules = rules;
    request.cause = 0;
    if (sem_init(&request.done, 0, 0) < 0 || sigaction(SIGURG, &action, &before) < 0)
        return false;
    bool passed = pass_request_to_others();

    sigaction(SIGURG, &before, NULL);
    if (passed && request.cause != 0) {
        errno = request.cause;
        return false;
    }
    return passed && landlock_enforce(rules);
}
