#include "host/machine/confined_qemu.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "host/lib/call_filter.h"
#include "host/lib/cleanup.h"
#include "host/lib/error.h"
#include "host/lib/landlock.h"
#include "host/lib/memory.h"

#define FIRST_DESCRIPTOR 3 /* after the standard streams */

/* What QEMU finds in its environment, whatever the user's is. */
static char *const environment[] = {"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=/", "LC_ALL=C",
                                    "QEMU_AUDIO_DRV=none", NULL};

/* Where programs, libraries and QEMU's firmware are installed, by distributions and package
 * managers; all of it is readable by everyone. */
static const char *const installed[] = {"/usr",
                                        "/bin",
                                        "/sbin",
                                        "/lib",
                                        "/lib32",
                                        "/lib64",
                                        "/opt",
                                        "/nix/store",
                                        "/gnu/store",
                                        "/home/linuxbrew/.linuxbrew",
                                        "/snap",
                                        "/etc/ld.so.cache",
                                        "/etc/ld.so.preload",
                                        "/etc/ld-musl-aarch64.path",
                                        "/etc/ld-musl-x86_64.path"};

/* Where QEMU's own files are, seen from its directory, if it is installed elsewhere. */
static const char *const beside[] = {".", "../lib", "../lib64", "../libexec", "../share/qemu"};

/* What QEMU and its libraries read of any host. */
static const char *const always_read[] = {"/dev/urandom", "/dev/random", "/dev/zero",
                                          "/sys/devices/system/cpu", "/sys/devices/system/node"};

/* One setting of an option, such as "path=/run/a,,b" of "socket,id=x,path=/run/a,,b". */
struct setting {
    const char *text;
    size_t length;
};

/* Moves *OPTIONS behind its first setting, and sets *RET to that. Returns false at the end. A comma
 * within a value is doubled. */
static bool next_setting(const char **options, struct setting *ret)
{
    const char *c = *options;

    if (*c == '\0')
        return false;
    while (*c != '\0' && (*c != ',' || c[1] == ','))
        c += *c == ',' ? 2 : 1;
    *ret = (struct setting){*options, (size_t)(c - *options)};
    *options = *c == ',' ? c + 1 : c;
    return true;
}

/* Returns the value of SETTING if its key is KEY, with single commas, else NULL; the caller's. */
static char *value_of(const struct setting *setting, const char *key)
{
    size_t length = strlen(key);
    struct buffer value = {0};

    if (setting->length <= length || strncmp(setting->text, key, length) != 0 ||
        setting->text[length] != '=')
        return NULL;
    for (size_t i = length + 1; i < setting->length; i++) {
        buffer_append(&value, setting->text + i, 1);
        i += setting->text[i] == ',';
    }
    return buffer_steal(&value);
}

/* Returns the value of KEY in OPTIONS, or NULL; the caller's. */
static char *find_value(const char *options, const char *key)
{
    struct setting setting;

    while (next_setting(&options, &setting)) {
        char *value = value_of(&setting, key);

        if (value != NULL)
            return value;
    }
    return NULL;
}

/* Connects to the Unix socket at PATH. Returns the connection, which QEMU inherits; below 0 on
 * error. */
static int connect_to(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    if (strlen(path) >= sizeof address.sun_path)
        return -1;
    memcpy(address.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    close(fd);
    return -1;
}

/* How a kind of option names a Unix socket, and how a descriptor. */
struct naming {
    const char *path;                              /* a key */
    const char *descriptor;                        /* a key */
    const char *kind_of_path, *kind_of_descriptor; /* settings; NULL: there are none */
};

static const struct naming chardev = {"path", "fd", NULL, NULL};
static const struct naming drive = {"file.server.path", "file.server.str", "file.server.type=unix",
                                    "file.server.type=fd"};
static const struct naming netdev = {"addr.path", "addr.str", "addr.type=unix", "addr.type=fd"};

static bool is_setting(const struct setting *setting, const char *text)
{
    return text != NULL && setting->length == strlen(text) &&
           strncmp(setting->text, text, setting->length) == 0;
}

/* Adds OPTIONS to the arguments. If they name a Unix socket, they get its descriptor instead. */
static void add_socket(struct confined_qemu_plan *plan, const char *options,
                       const struct naming *naming)
{
    CLEANUP(freep) char *path = find_value(options, naming->path);
    int fd = path == NULL ? -1 : connect_to(path);
    struct buffer rewritten = {0};
    struct setting setting;

    while (next_setting(&options, &setting)) {
        CLEANUP(freep) char *value = value_of(&setting, naming->path);

        if (rewritten.length > 0)
            buffer_append(&rewritten, ",", 1);
        if (fd >= 0 && value != NULL)
            buffer_printf(&rewritten, "%s=%d", naming->descriptor, fd);
        else if (fd >= 0 && is_setting(&setting, naming->kind_of_path))
            buffer_printf(&rewritten, "%s", naming->kind_of_descriptor);
        else
            buffer_append(&rewritten, setting.text, setting.length);
    }
    strings_take(&plan->arguments, buffer_steal(&rewritten));
}

static void plan_file(struct strings *files, char *path)
{
    if (path != NULL)
        strings_take(files, path);
}

/* By default a drive is written to; libguestfs names its file in another way. */
static void plan_drive(struct confined_qemu_plan *plan, const char *options)
{
    CLEANUP(freep) char *read_only = find_value(options, "readonly");
    bool reads = read_only != NULL && strcmp(read_only, "on") == 0;
    CLEANUP(freep) char *socket = find_value(options, drive.path);
    char *path = find_value(options, "file.filename");

    if (socket != NULL)
        return;
    plan_file(reads ? &plan->read : &plan->write,
              path != NULL ? path : find_value(options, "file"));
}

static bool is_of_kind(const char *options, const char *kind)
{
    size_t length = strlen(kind);

    return strncmp(options, kind, length) == 0 && options[length] == ',';
}

/* Whether the option NAME with VALUE is a flash memory with UEFI: libguestfs gives it to each
 * machine on a host for arm64 that has it installed. No guest here starts by it. */
static bool is_uefi(const char *name, const char *value)
{
    CLEANUP(freep) char *interface = find_value(value, "if");

    return strcmp(name, "-drive") == 0 && interface != NULL && strcmp(interface, "pflash") == 0;
}

/* Takes the option NAME with VALUE, and adds VALUE to the arguments, which end in NAME. */
static void plan_option(struct confined_qemu_plan *plan, const char *name, const char *value)
{
    if (strcmp(name, "-chardev") == 0 && is_of_kind(value, "socket"))
        add_socket(plan, value, &chardev);
    else if (strcmp(name, "-netdev") == 0 && is_of_kind(value, "stream"))
        add_socket(plan, value, &netdev);
    else if (strcmp(name, "-drive") == 0)
        add_socket(plan, value, &drive);
    else
        strings_add(&plan->arguments, value);
    if (strcmp(name, "-kernel") == 0 || strcmp(name, "-initrd") == 0 || strcmp(name, "-bios") == 0)
        strings_add(&plan->read, value);
    else if (strcmp(name, "-drive") == 0)
        plan_drive(plan, value);
    else if (strcmp(name, "-fsdev") == 0)
        plan_file(&plan->read, find_value(value, "path"));
    else if (strcmp(name, "-machine") == 0)
        plan->kvm = plan->kvm || strstr(value, "kvm") != NULL;
}

void confined_qemu_plan(char *const *argv, struct confined_qemu_plan *ret)
{
    *ret = (struct confined_qemu_plan){0};
    for (size_t i = 0; argv[i] != NULL; i++) {
        bool has_value = i > 0 && argv[i][0] == '-' && argv[i + 1] != NULL && argv[i + 1][0] != '-';

        if (has_value && is_uefi(argv[i], argv[i + 1])) {
            i++;
            continue;
        }
        strings_add(&ret->arguments, argv[i]);
        if (has_value) {
            plan_option(ret, argv[i], argv[i + 1]);
            i++;
        }
    }
}

void confined_qemu_plan_free(struct confined_qemu_plan *plan)
{
    strings_free(&plan->arguments);
    strings_free(&plan->read);
    strings_free(&plan->write);
}

bool confined_qemu_is_asked(const char *name)
{
    const char *slash = name == NULL ? NULL : strrchr(name, '/');

    return slash != NULL && strcmp(slash + 1, CONFINED_QEMU) == 0;
}

/* Whether PATH is FOLDER or lies in it. */
static bool lies_in(const char *path, const char *folder)
{
    size_t length = strlen(folder);

    return strncmp(path, folder, length) == 0 &&
           (path[length] == '/' || path[length] == '\0' || strcmp(folder, "/") == 0);
}

/* Whether PATH can be QEMU's own directory: not one that everyone puts files into, nor one that is
 * the user's HOME (NULL: unknown), or has it below. */
static bool can_be_own(const char *path, const char *home)
{
    struct stat status;

    return strcmp(path, "/") != 0 && stat(path, &status) == 0 && (status.st_mode & S_IWOTH) == 0 &&
           (home == NULL || !lies_in(home, path));
}

/* Allows QEMU, and what is in its own directory and beside it. */
static void allow_own(int rules, const char *qemu)
{
    CLEANUP(freep) char *folder = xstrndup(qemu, (size_t)(strrchr(qemu, '/') - qemu));
    const char *variable = getenv("HOME");
    CLEANUP(freep) char *home = variable == NULL ? NULL : realpath(variable, NULL);

    landlock_allow(rules, qemu, LANDLOCK_EXECUTE);
    for (size_t i = 0; i < sizeof beside / sizeof *beside; i++) {
        CLEANUP(freep) char *path = xasprintf("%s/%s", folder, beside[i]);
        CLEANUP(freep) char *real = realpath(path, NULL);

        if (real != NULL && can_be_own(real, home))
            landlock_allow(rules, real, LANDLOCK_EXECUTE);
    }
}

static void allow_list(int rules, const struct strings *paths, enum landlock_access access)
{
    for (size_t i = 0; i < paths->count; i++)
        landlock_allow(rules, paths->items[i], access);
}

/* A file that is missing, or that is not there to be allowed, QEMU does not find either. */
static bool confine_files(const struct confined_qemu_plan *plan, const char *qemu)
{
    CLEANUP(closep)
    int rules = landlock_new(LANDLOCK_FILES | LANDLOCK_SIGNALS | LANDLOCK_SOCKETS | LANDLOCK_TCP);

    if (rules < 0)
        return false;
    for (size_t i = 0; i < sizeof installed / sizeof *installed; i++)
        landlock_allow(rules, installed[i], LANDLOCK_EXECUTE);
    for (size_t i = 0; i < sizeof always_read / sizeof *always_read; i++)
        landlock_allow(rules, always_read[i], LANDLOCK_READ);
    allow_own(rules, qemu);
    allow_list(rules, &plan->read, LANDLOCK_READ);
    allow_list(rules, &plan->write, LANDLOCK_WRITE);
    landlock_allow(rules, "/dev/null", LANDLOCK_DEVICE); /* libguestfs' placeholder of a drive */
    if (plan->kvm)
        landlock_allow(rules, "/dev/kvm", LANDLOCK_DEVICE);
    return landlock_enforce(rules);
}

/* Returns the path of QEMU, which is linked beside the program NAME; the caller's, or NULL with
 * errno set. */
static char *find_target(const char *name)
{
    CLEANUP(freep)
    char *link = xasprintf("%.*s/" CONFINED_QEMU_TARGET, (int)(strrchr(name, '/') - name), name);

    return realpath(link, NULL);
}

int confined_qemu_run(char *const *argv)
{
    const struct rlimit none = {0};
    struct confined_qemu_plan plan;
    CLEANUP(freep) char *qemu = find_target(argv[0]);

    if (qemu == NULL) {
        fprintf(stderr, "vmbuild: find QEMU: %s\n", strerror(errno));
        return EXIT_VM;
    }
    close_range(FIRST_DESCRIPTOR, UINT_MAX, 0);
    confined_qemu_plan(argv, &plan);
    /* Without /proc, this is how QEMU finds its modules. */
    free(plan.arguments.items[0]);
    plan.arguments.items[0] = xstrdup(qemu);
    (void)setrlimit(RLIMIT_CORE, &none);
    if (chdir("/") < 0 || (!confine_files(&plan, qemu) && landlock_abi() > 0))
        fprintf(stderr, "vmbuild: confine QEMU's access to files: %s\n", strerror(errno));
    if (!call_filter_enforce(CALL_FILTER_SIGNALS | CALL_FILTER_METADATA | CALL_FILTER_OUTLIVING |
                                 CALL_FILTER_SOCKETS,
                             false))
        fprintf(stderr, "vmbuild: confine QEMU's system calls: %s\n", strerror(errno));
    execve(qemu, plan.arguments.items, environment);
    fprintf(stderr, "vmbuild: run '%s': %s\n", qemu, strerror(errno));
    confined_qemu_plan_free(&plan);
    return EXIT_VM;
}

/* Adds WHAT to the list LIST. */
static void enumerate(struct buffer *list, const char *what)
{
    buffer_printf(list, "%s%s", list->length > 0 ? ", " : "", what);
}

char *confined_qemu_describe(char **ret_lack)
{
    static const struct {
        int abi;
        const char *what;
    } covered[] = {{LANDLOCK_ABI_FILES, "files"},
                   {LANDLOCK_ABI_TCP, "TCP"},
                   {LANDLOCK_ABI_SCOPES, "signals and abstract sockets"}};
    int abi = landlock_abi();
    bool filters = call_filter_is_offered();
    struct buffer found = {0}, lack = {0};

    for (size_t i = 0; i < sizeof covered / sizeof *covered; i++)
        enumerate(abi >= covered[i].abi ? &found : &lack, covered[i].what);
    if (!filters)
        enumerate(&lack, "system calls");
    CLEANUP(freep) char *files = buffer_steal(&found);

    *ret_lack = lack.length > 0 ? buffer_steal(&lack) : NULL;
    if (abi == 0)
        return xstrdup(filters ? "seccomp" : "nothing");
    return xasprintf("Landlock (ABI %d: %s)%s", abi, files, filters ? " and seccomp" : "");
}
