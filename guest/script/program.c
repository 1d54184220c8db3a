#include "guest/script/program.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guest/contract.h"
#include "guest/lib/file.h"
#include "guest/script/view.h"

#define BUSYBOX "/bin/busybox"
#define ARGUMENTS_MAX 8

/* Reads interpreter and argument from the first line of PROGRAM's script, as the kernel does
 * (execve(2)), if it begins with "#!". */
static void read_line(struct program *program)
{
    char line[PROGRAM_LINE_MAX];
    long length = file_read(program->path, line, sizeof line - 1);

    if (length < 2 || line[0] != '#' || line[1] != '!')
        return;
    line[length] = '\0';
    line[strcspn(line, "\n")] = '\0';
    const char *start = line + 2 + strspn(line + 2, " \t");
    size_t word = strcspn(start, " \t");
    const char *rest = start + word + strspn(start + word, " \t");
    size_t end = strlen(rest);

    while (end > 0 && (rest[end - 1] == ' ' || rest[end - 1] == '\t'))
        end--;
    program->has_line = true;
    snprintf(program->interpreter, sizeof program->interpreter, "%.*s", (int)word, start);
    snprintf(program->argument, sizeof program->argument, "%.*s", (int)end, rest);
}

/* Whether the first LENGTH bytes of WORD, a path or a name, are that of a shell which reads its
 * script line by line, and knows -x. */
static bool is_shell(const char *word, size_t length)
{
    static const char *const shells[] = {"sh", "dash", "ash", "bash"};

    for (size_t i = length; i > 0; i--)
        if (word[i - 1] == '/') {
            word += i;
            length -= i;
            break;
        }
    for (size_t i = 0; i < sizeof shells / sizeof *shells; i++)
        if (strlen(shells[i]) == length && memcmp(word, shells[i], length) == 0)
            return true;
    return false;
}

/* The name of the interpreter at the end of its path. */
static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL ? slash + 1 : path;
}

/* Whether the interpreter runs the shell that its argument names: env(1), with -S or without, and
 * busybox. */
static bool runs_shell(const struct program *program)
{
    const char *name = base_name(program->interpreter);
    const char *word = program->argument;

    if (strcmp(name, "env") != 0 && strcmp(name, "busybox") != 0)
        return false;
    if (strncmp(word, "-S", 2) == 0)
        word += 2 + strspn(word + 2, " \t");
    return is_shell(word, strcspn(word, " \t"));
}

void program_find(const char *name, bool in_image, struct program *ret)
{
    *ret = (struct program){.name = name};
    snprintf(ret->path, sizeof ret->path, "%s/%s", in_image ? VIEW_SCRIPT_FOLDER : GUEST_JOB_DIR,
             name);
    if (in_image)
        read_line(ret);
    if (!ret->has_line) {
        snprintf(ret->interpreter, sizeof ret->interpreter, "%s", in_image ? "/bin/sh" : BUSYBOX);
        snprintf(ret->argument, sizeof ret->argument, "-e");
    }
    ret->is_shell =
        !ret->has_line || runs_shell(ret) || is_shell(ret->interpreter, strlen(ret->interpreter));
}

/* Why the interpreter does not run. */
static void explain(const struct program *program, int cause)
{
    char interpreter[PROGRAM_LINE_MAX];

    snprintf(interpreter, sizeof interpreter, "%s", program->interpreter);
    char *end = strchr(interpreter, '\r');

    if (cause == ENOENT && end != NULL) {
        *end = '\0';
        dprintf(STDERR_FILENO,
                "vmbuild: run '%s': a carriage return follows its interpreter '%s'; end its lines "
                "with a newline alone\n",
                program->name, interpreter);
    } else if (cause == ENOENT && access(interpreter, F_OK)) {
        dprintf(STDERR_FILENO, "vmbuild: run '%s': its interpreter '%s' is not in the image\n",
                program->name, interpreter);
    } else {
        dprintf(STDERR_FILENO, "vmbuild: run '%s' with '%s': %s\n", program->name, interpreter,
                strerror(cause));
    }
}

/* With a "#!" line, a shell is run as the kernel would run it: its path is not that of a file that
 * can be executed (feed.h). The argument of env(1) with -S holds further ones. */
void program_run(const struct program *program, bool traced, char **environment)
{
    static char shell[] = "sh", trace[] = "-x";
    char *arguments[ARGUMENTS_MAX];
    char path[PATH_MAX], interpreter[PROGRAM_LINE_MAX], argument[PROGRAM_LINE_MAX + 4];
    size_t count = 0;
    bool adds = traced && program->is_shell;
    bool is_run_by_another = program->has_line && runs_shell(program);
    bool splits = adds && is_run_by_another && strncmp(program->argument, "-S", 2) == 0;

    snprintf(path, sizeof path, "%s", program->path);
    snprintf(interpreter, sizeof interpreter, "%s", program->interpreter);
    snprintf(argument, sizeof argument, "%s%s", program->argument, splits ? " -x" : "");
    arguments[count++] = program->has_line ? interpreter : shell;
    if (adds && !is_run_by_another)
        arguments[count++] = trace;
    if (*argument != '\0')
        arguments[count++] = argument;
    if (adds && is_run_by_another && !splits)
        arguments[count++] = trace;
    arguments[count++] = path;
    arguments[count] = NULL;
    if (program->has_line && !program->is_shell) {
        char *const script[] = {path, NULL};

        execve(path, script, environment);
    } else {
        execve(interpreter, arguments, environment);
    }
    explain(program, errno);
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

/* Replaces the process by COMMAND, found by PATH. */
__attribute__((noreturn)) static void execute(char **command)
{
    execvp(*command, command);
    int cause = errno;

    dprintf(STDERR_FILENO, "vmbuild: run '%s': %s\n", *command, strerror(cause));
    _exit(cause == ENOENT ? PROGRAM_NOT_RUN : PROGRAM_NOT_ALLOWED);
}

void program_run_command(char **command, bool traced, char **environment)
{
    static char trace[] = "-x";
    size_t count = 0;

    environ = environment;
    if (!traced || command[1] == NULL || *command[1] != '-' ||
        !is_shell(*command, strlen(*command)))
        execute(command);
    while (command[count] != NULL)
        count++;
    char **with_trace = calloc(count + 2, sizeof *with_trace);

    if (with_trace == NULL)
        execute(command);
    with_trace[0] = command[0];
    with_trace[1] = trace;
    memcpy(with_trace + 2, command + 1, count * sizeof *with_trace);
    execute(with_trace);
}

void program_run_session(char **command, bool in_image, bool rescue, const char *terminal,
                         char **environment)
{
    environ = environment;
    if (terminal != NULL && setenv("TERM", terminal, 1))
        _exit(PROGRAM_NOT_RUN);
    if (command != NULL)
        execute(command);
    if (!in_image)
        run_builders_shell();
    else if (rescue)
        run_rescue_shell();
    else
        run_images_shell();
    _exit(PROGRAM_NOT_RUN);
}
