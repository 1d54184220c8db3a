#include "guest/script/program.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guest/contract.h"
#include "guest/lib/file.h"
#include "guest/script/view.h"

#define LINE_MAX_BYTES 256 /* of a "#!" line: the kernel's own limit */

/* Reads INTERPRETER, which has ROOM bytes, from the first line of the script at PATH. Returns
 * whether that begins with "#!". */
static bool read_interpreter(const char *path, char *interpreter, size_t room)
{
    char line[LINE_MAX_BYTES];
    long length = file_read(path, line, sizeof line - 1);

    if (length < 2 || line[0] != '#' || line[1] != '!')
        return false;
    line[length] = '\0';
    const char *start = line + 2 + strspn(line + 2, " \t");

    snprintf(interpreter, room, "%.*s", (int)strcspn(start, " \t\n"), start);
    return true;
}

static void run_in_image(const char *name, char **environment)
{
    char path[PATH_MAX];
    char interpreter[LINE_MAX_BYTES] = "/bin/sh";

    snprintf(path, sizeof path, "%s/%s", VIEW_SCRIPT_FOLDER, name);
    if (read_interpreter(path, interpreter, sizeof interpreter)) {
        char *const arguments[] = {path, NULL};

        execve(path, arguments, environment);
    } else {
        char *const arguments[] = {(char[]){"sh"}, (char[]){"-e"}, path, NULL};

        execve(interpreter, arguments, environment);
    }
    int cause = errno;
    char *end = strchr(interpreter, '\r');

    if (cause == ENOENT && end != NULL) {
        *end = '\0';
        dprintf(STDERR_FILENO,
                "vmbuild: run '%s': a carriage return follows its interpreter '%s'; end its lines "
                "with a newline alone\n",
                name, interpreter);
    } else if (cause == ENOENT && access(interpreter, F_OK)) {
        dprintf(STDERR_FILENO, "vmbuild: run '%s': its interpreter '%s' is not in the image\n",
                name, interpreter);
    } else {
        dprintf(STDERR_FILENO, "vmbuild: run '%s' with '%s': %s\n", name, interpreter,
                strerror(cause));
    }
}

static void run_in_builder(const char *name, char **environment)
{
    char path[PATH_MAX];

    snprintf(path, sizeof path, "%s/%s", GUEST_JOB_DIR, name);
    char *const arguments[] = {(char[]){"sh"}, (char[]){"-e"}, path, NULL};

    execve("/bin/busybox", arguments, environment);
    dprintf(STDERR_FILENO, "vmbuild: run '%s' with '/bin/busybox': %s\n", name, strerror(errno));
}

void program_run(const char *name, bool in_image, char **environment)
{
    if (in_image)
        run_in_image(name, environment);
    else
        run_in_builder(name, environment);
    _exit(PROGRAM_NOT_RUN);
}

/* Runs the first of the image's shells that there is. */
static void run_images_shell(void)
{
    static const char *const shells[] = {"/bin/bash", "/usr/bin/bash", "/bin/sh", "/usr/bin/sh"};

    for (size_t i = 0; i < sizeof shells / sizeof *shells; i++)
        if (access(shells[i], X_OK) == 0)
            execl(shells[i], strrchr(shells[i], '/') + 1, (char *)NULL);
    dprintf(STDERR_FILENO,
            "vmbuild: the image has no shell; with --rescue there is the builder's\n");
}

/* Runs the builder's shell in the image. Its programs are put to the end of PATH. */
static void run_rescue_shell(void)
{
    static char script[] = VIEW_RESCUE " --install -s " VIEW_RESCUE_FOLDER " && "
                                       "PATH=$PATH:" VIEW_RESCUE_FOLDER " exec " VIEW_RESCUE " sh";

    execl(VIEW_RESCUE, "sh", "-c", script, (char *)NULL);
    dprintf(STDERR_FILENO, "vmbuild: run '%s': %s\n", VIEW_RESCUE, strerror(errno));
}

static void run_builders_shell(void)
{
    execl("/bin/busybox", "sh", (char *)NULL);
    dprintf(STDERR_FILENO, "vmbuild: run '/bin/busybox': %s\n", strerror(errno));
}

void program_run_session(char **command, bool in_image, bool rescue, const char *terminal,
                         char **environment)
{
    environ = environment;
    if (terminal != NULL && setenv("TERM", terminal, 1))
        _exit(PROGRAM_NOT_RUN);
    if (command != NULL) {
        execvp(*command, command);
        int cause = errno;

        dprintf(STDERR_FILENO, "vmbuild: run '%s': %s\n", *command, strerror(cause));
        _exit(cause == ENOENT ? PROGRAM_NOT_RUN : PROGRAM_NOT_ALLOWED);
    }
    if (!in_image)
        run_builders_shell();
    else if (rescue)
        run_rescue_shell();
    else
        run_images_shell();
    _exit(PROGRAM_NOT_RUN);
}
