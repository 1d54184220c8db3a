#include "guest/script/program.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
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
