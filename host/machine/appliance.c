#include "host/machine/appliance.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/lib/cleanup.h"
#include "host/lib/memory.h"

#define FIRMWARE "qboot.rom"
#define CONFINER "vmbuild-confine"

/* Stands before the version in a kernel's image (the kernel's init/version.c). */
#define BANNER "Linux version "
#define VERSION_MAX 128

/* The directory part of an absolute path; the caller's. */
static char *folder_of(const char *path)
{
    return xstrndup(path, (size_t)(strrchr(path, '/') - path));
}

char *appliance_find_program(void)
{
    const char *executed = (const char *)getauxval(AT_EXECFN);

    if (access("/proc/self", F_OK) == 0)
        return realpath("/proc/self/exe", NULL);
    return executed != NULL ? realpath(executed, NULL) : NULL;
}

/* The directory of this program, or the empty string if it cannot be found; the caller's. */
static char *program_folder(void)
{
    CLEANUP(freep) char *program = appliance_find_program();

    return program != NULL ? folder_of(program) : xstrdup("");
}

/* The folder of a release or an installation that has what belongs to the program at FOLDER. The
 * caller's. */
static char *library_folder(const char *folder)
{
    return xasprintf("%s/../lib/vmbuild", folder);
}

static bool holds(const char *folder, const char *name)
{
    CLEANUP(freep) char *path = xasprintf("%s/%s", folder, name);

    return access(path, R_OK) == 0;
}

static bool is_appliance(const char *folder)
{
    return holds(folder, APPLIANCE_KERNEL) && holds(folder, APPLIANCE_INITRAMFS);
}

/* Sets *RET to the directory of the appliance for TYPE in FOLDER, the caller's; NULL: it has none.
 * Errors: EXIT_VM. */
static struct error *take(const struct machine_type *type, const char *folder, char **ret)
{
    bool is_native = machine_type_is_native(type);
    CLEANUP(freep)
    char *place = is_native ? xstrdup(folder) : xasprintf("%s/%s", folder, type->guest);

    *ret = NULL;
    if (!is_appliance(place))
        return NULL;
    *ret = realpath(place, NULL);
    return *ret == NULL ? error_errno(EXIT_VM, "find the appliance in '%s'", place) : NULL;
}

/* Only this directory counts if VMBUILD_APPLIANCE is set. */
static struct error *find_asked(const struct machine_type *type, const char *asked, char **ret)
{
    TRY(take(type, asked, ret));
    if (*ret != NULL)
        return NULL;
    return error_advise(
        error_new(EXIT_VM,
                  "find the appliance for %s in '%s' ($VMBUILD_APPLIANCE): %s or %s is missing",
                  type->guest, asked, APPLIANCE_KERNEL, APPLIANCE_INITRAMFS),
        "unset VMBUILD_APPLIANCE, or set it to the directory that holds both");
}

struct error *appliance_find(const struct machine_type *type, char **ret)
{
    const char *asked = getenv("VMBUILD_APPLIANCE");
    CLEANUP(freep) char *program = program_folder();
    CLEANUP(freep) char *built = xasprintf("%s/build/appliance", program);
    CLEANUP(freep) char *installed = library_folder(program);
    const char *const places[] = {built, installed, VMBUILD_LIBDIR};

    if (asked != NULL && *asked != '\0')
        return find_asked(type, asked, ret);
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        TRY(take(type, places[i], ret));
        if (*ret != NULL)
            return NULL;
    }
    return error_advise(
        error_new(EXIT_VM, "find the appliance for %s in '%s', '%s' or '%s': %s or %s is missing",
                  type->guest, built, installed, VMBUILD_LIBDIR, APPLIANCE_KERNEL,
                  APPLIANCE_INITRAMFS),
        "run 'make%s%s' where vmbuild was built, 'make install', or set VMBUILD_APPLIANCE to its "
        "directory",
        machine_type_is_native(type) ? "" : " ARCHS=",
        machine_type_is_native(type) ? "" : type->guest);
}

bool appliance_has_uml(const char *folder)
{
    CLEANUP(freep) char *path = xasprintf("%s/" APPLIANCE_UML, folder);

    return access(path, X_OK) == 0;
}

char *appliance_kernel_version(const char *folder)
{
    CLEANUP(freep) char *path = xasprintf("%s/%s", folder, APPLIANCE_KERNEL);
    CLEANUP(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat status;

    if (fd < 0 || fstat(fd, &status) < 0 || status.st_size <= 0)
        return NULL;
    size_t size = (size_t)status.st_size;
    char *bytes = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);

    if (bytes == MAP_FAILED)
        return NULL;
    const char *banner = memmem(bytes, size, BANNER, strlen(BANNER));
    char *version = NULL;

    if (banner != NULL) {
        const char *start = banner + strlen(BANNER);
        size_t left = size - (size_t)(start - bytes);

        version = xstrndup(start, left < VERSION_MAX ? left : VERSION_MAX);
        version[strcspn(version, " ")] = '\0';
    }
    munmap(bytes, size);
    return version;
}

/* Returns the QEMU of the release that the program is part of, the caller's; NULL if there is none.
 */
static char *bundled_qemu(const struct machine_type *type)
{
    CLEANUP(freep) char *program = program_folder();
    CLEANUP(freep) char *library = library_folder(program);
    CLEANUP(freep) char *path = xasprintf("%s/%s", library, type->qemu);

    return access(path, X_OK) == 0 ? realpath(path, NULL) : NULL;
}

/* Returns the first program NAME in PATH, the caller's; NULL if there is none. */
static char *search_path(const char *name)
{
    const char *variable = getenv("PATH");
    CLEANUP(freep)
    char *list = xstrdup(variable == NULL ? "/usr/local/bin:/usr/bin:/bin" : variable);
    char *rest = NULL;

    for (char *folder = strtok_r(list, ":", &rest); folder != NULL;
         folder = strtok_r(NULL, ":", &rest)) {
        CLEANUP(freep) char *path = xasprintf("%s/%s", folder, name);

        if (access(path, X_OK) == 0)
            return STEAL(path);
    }
    return NULL;
}

struct error *appliance_find_qemu(const struct machine_type *type, const char *default_path,
                                  char **ret)
{
    bool is_native = machine_type_is_native(type);
    const char *asked = is_native ? getenv("VMBUILD_QEMU") : NULL;

    if (asked != NULL && *asked != '\0') {
        if (access(asked, X_OK) < 0)
            return error_advise(error_errno(EXIT_VM, "find QEMU at '%s' ($VMBUILD_QEMU)", asked),
                                "unset VMBUILD_QEMU, or set it to the program");
        *ret = xstrdup(asked);
        return NULL;
    }
    *ret = bundled_qemu(type);
    if (*ret == NULL && is_native && default_path != NULL && access(default_path, X_OK) == 0)
        *ret = xstrdup(default_path);
    if (*ret == NULL)
        *ret = search_path(type->qemu);
    if (*ret != NULL)
        return NULL;
    return error_advise(error_new(EXIT_VM, "find QEMU: %s is not in PATH", type->qemu),
                        "install %s%s", type->package, is_native ? ", or set VMBUILD_QEMU" : "");
}

char *appliance_find_confiner(void)
{
    CLEANUP(freep) char *program = program_folder();
    CLEANUP(freep) char *built = xasprintf("%s/build/" CONFINER, program);
    CLEANUP(freep) char *installed = xasprintf("%s/../lib/vmbuild/" CONFINER, program);
    const char *const places[] = {built, installed};

    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        if (access(places[i], X_OK) == 0)
            return realpath(places[i], NULL);
    return appliance_find_program();
}

char *appliance_find_firmware(const char *qemu)
{
    /* Seen from QEMU's folder: in a release, in an installation. */
    static const char *const places[] = {"", "/../share/qemu"};
    CLEANUP(freep) char *program = realpath(qemu, NULL);
    CLEANUP(freep) char *folder = program != NULL ? folder_of(program) : NULL;

    for (size_t i = 0; folder != NULL && i < sizeof places / sizeof *places; i++) {
        CLEANUP(freep) char *path = xasprintf("%s%s/" FIRMWARE, folder, places[i]);

        if (access(path, R_OK) == 0)
            return STEAL(path);
    }
    if (access("/usr/share/qemu/" FIRMWARE, R_OK) == 0)
        return xstrdup("/usr/share/qemu/" FIRMWARE);
    return NULL;
}

/* Starts PATH --version with its standard output going to FD. */
static bool start_version(const char *path, int fd, pid_t *ret)
{
    char *const argv[] = {(char *)path, "--version", NULL};
    posix_spawn_file_actions_t actions;

    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, fd, STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    int cause = posix_spawn(ret, path, &actions, NULL, argv, environ);

    posix_spawn_file_actions_destroy(&actions);
    return cause == 0;
}

char *appliance_qemu_version(const char *path)
{
    char text[VERSION_MAX + 1] = "";
    size_t length = 0;
    int ends[2], status = -1;
    pid_t child;

    if (pipe2(ends, O_CLOEXEC) < 0)
        return NULL;
    bool started = start_version(path, ends[1], &child);

    close(ends[1]);
    for (ssize_t n; started && length < VERSION_MAX &&
                    (n = read(ends[0], text + length, VERSION_MAX - length)) > 0;)
        length += (size_t)n;
    close(ends[0]);
    while (started && waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    text[length] = '\0';
    text[strcspn(text, "\n")] = '\0';
    return started && status == 0 && *text != '\0' ? xstrdup(text) : NULL;
}
