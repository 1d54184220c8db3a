/*
 * vmbuild: parses the command line, runs the command, shows its error and returns its exit code.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/command/commands.h"
#include "host/command/help.h"
#include "host/command/options.h"
#include "host/command/registry_options.h"
#include "host/lib/buffer.h"
#include "host/lib/cleanup.h"
#include "host/lib/file.h"
#include "host/lib/json_text.h"
#include "host/lib/progress.h"
#include "host/lib/supervisor.h"
#include "host/lib/temporary.h"

/* Shows ERR, if any, and frees it. Returns the exit code. */
static int finish(struct error *err)
{
    if (err == NULL)
        return EXIT_DONE;
    int code = err->code;

    if (code != EXIT_AGAIN) /* not the end: the supervisor starts again */
        progress_error(err);
    else
        progress_failed(err);
    error_free(err);
    return code;
}

#define NO_STATUS (-1)

static int run_command(void *argument)
{
    const struct options *options = argument;
    int status = NO_STATUS;
    int code = finish(commands_run(options, &status));

    return code == EXIT_DONE && status != NO_STATUS ? SUPERVISOR_PASSES_ON + status : code;
}

static struct error *print(const char *text)
{
    return file_write(text, strlen(text), STDOUT_FILENO, "standard output");
}

static int show_help(const struct options *options)
{
    struct buffer text = {0};

    help_show(options->command, &text);
    int code = finish(print(text.data));

    buffer_free(&text);
    return code;
}

/* Replaces standard input, the spec or Dockerfile, by a file of all that it holds: the worker,
 * which is not in the terminal's foreground process group, may not read from a terminal, and a
 * second worker reads it once more. What is too long for a spec is cut, and stays too long. */
static struct error *take_input(void)
{
    char bytes[4096];
    size_t total = 0;
    ssize_t length = 0;
    CLEANUP(closep) int fd = memfd_create("standard input", MFD_CLOEXEC);

    if (fd < 0)
        return error_errno(EXIT_OTHER, "save standard input");
    while (total <= JSON_SIZE_MAX && (length = read(STDIN_FILENO, bytes, sizeof bytes)) > 0) {
        if (write(fd, bytes, (size_t)length) != length)
            return error_errno(EXIT_OTHER, "save standard input");
        total += (size_t)length;
    }
    if (length < 0 && total == 0) /* which the reader of the spec reports */
        return NULL;
    if (length < 0)
        return error_errno(EXIT_INPUT, "read standard input");
    if (lseek(fd, 0, SEEK_SET) < 0 || dup2(fd, STDIN_FILENO) < 0)
        return error_errno(EXIT_OTHER, "save standard input");
    return NULL;
}

static struct error *prepare(struct options *options)
{
    TRY(registry_options_complete(options));
    if ((options->spec != NULL && strcmp(options->spec, "-") == 0) ||
        (options->file != NULL && strcmp(options->file, "-") == 0))
        TRY(take_input());
    return temporary_setup();
}

/* Returns the exit code. The supervisor itself does not report the signal that ended the work. */
static int run_supervised(struct options *options)
{
    int code = supervise(run_command, options);

    if (code >= SUPERVISOR_PASSES_ON)
        return code - SUPERVISOR_PASSES_ON;
    if (code == EXIT_AGAIN)
        return finish(error_new(EXIT_OTHER, "run command '%s': the cache is damaged over and over",
                                options->command->name));
    if (code != EXIT_INTERRUPTED && code != EXIT_TERMINATED)
        return code;
    return finish(error_new(code, "run command '%s': %s; nothing is left behind",
                            options->command->name,
                            code == EXIT_INTERRUPTED ? "interrupted" : "terminated"));
}

static int run(struct options *options)
{
    if (options->version)
        return finish(print("vmbuild " VMBUILD_VERSION "\n"));
    if (options->help)
        return show_help(options);
    if (!options->command->supervised)
        return run_command(options);
    struct error *err = prepare(options);

    return err != NULL ? finish(err) : run_supervised(options);
}

/* Opens /dev/null in place of standard streams that are closed: otherwise the first files to be
 * opened would take their numbers, and messages would be written into an image. It is opened in the
 * wrong direction, so that reading and writing fail as before. */
static bool hold_standard_streams(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 &&
            open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd)
            return false;
    return true;
}

/* Lets this program use what it creates: a umask may keep that from others only. */
static void keep_owners_rights(void)
{
    umask(umask(0) & ~(mode_t)S_IRWXU);
}

int main(int argc, char **argv)
{
    struct options options;
    int stand_in = commands_stand_in(argv);

    if (stand_in >= 0)
        return stand_in;
    keep_owners_rights();
    if (!hold_standard_streams())
        return EXIT_OTHER;
    struct error *err = options_parse(argc, argv, &options);

    progress_setup(options.progress, options.verbosity); /* as far as they were parsed */
    progress_setup_output(options.shown_most, options.raw_output);
    if (!options.version && !options.help)
        progress_begin(err == NULL ? options.command->name : NULL);
    int code = err != NULL ? finish(err) : run(&options);

    options_free(&options);
    return code;
}
