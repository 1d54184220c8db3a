#include "host/registry/credential_helper.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "host/lib/buffer.h"
#include "host/lib/cleanup.h"
#include "host/lib/file.h"
#include "host/lib/json.h"
#include "host/lib/json_text.h"
#include "host/lib/memory.h"
#include "host/lib/printable.h"

/* What helpers print, with status 1, about a server that they do not know. */
#define NOT_FOUND "credentials not found"

/* The user name with which a helper marks the secret as an identity token. */
#define TOKEN_USER "<token>"

/* Makes a file in memory with SERVER. Unlike a pipe it does not break if the helper never reads
 * it. */
static struct error *make_input(const char *server, int *ret)
{
    CLEANUP(closep) int fd = memfd_create("server", MFD_CLOEXEC);
    size_t length = strlen(server);

    if (fd < 0 || write(fd, server, length) != (ssize_t)length || lseek(fd, 0, SEEK_SET) < 0)
        return error_errno(EXIT_OTHER, "make the helper's input");
    *ret = steal_fd(&fd);
    return NULL;
}

/* Starts PROGRAM with the given standard input and output, and with the default action for SIGPIPE,
 * which this process ignores. */
static struct error *start(const char *program, int input, int output, pid_t *ret)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    char *arguments[] = {(char *)program, (char *)"get", NULL};
    sigset_t broken_pipe;

    sigemptyset(&broken_pipe);
    sigaddset(&broken_pipe, SIGPIPE);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigdefault(&attributes, &broken_pipe);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    int cause = posix_spawnp(ret, program, &actions, &attributes, arguments, environ);

    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    if (cause == 0)
        return NULL;
    errno = cause;
    return error_advise(error_errno(EXIT_NETWORK, "cannot start"),
                        "install the credential helper, or remove it from the configuration");
}

static struct error *run(const char *program, const char *server, struct buffer *out,
                         int *ret_status)
{
    CLEANUP(closep) int input = -1;
    CLEANUP(closep) int from = -1;
    int ends[2];
    pid_t pid;

    TRY(make_input(server, &input));
    if (pipe2(ends, O_CLOEXEC) != 0)
        return error_errno(EXIT_OTHER, "make a pipe");
    from = ends[0];
    struct error *err = start(program, input, ends[1], &pid);

    close(ends[1]);
    if (err != NULL)
        return err;
    /* Output beyond the limit is not read; closing the pipe then ends the helper. */
    err = error_context(file_read_open(from, CREDENTIAL_HELPER_OUTPUT_MAX, EXIT_NETWORK, out),
                        "read its output");
    close(steal_fd(&from));
    while (waitpid(pid, ret_status, 0) < 0 && errno == EINTR)
        continue;
    return err;
}

static struct error *parse(const struct buffer *output, struct credential *ret)
{
    CLEANUP(json_freep) struct json *answer = NULL;

    TRY(json_parse("its output", output->data, output->length, &answer));
    const char *user = json_get_string(answer, "Username");
    const char *secret = json_get_string(answer, "Secret");

    if (user == NULL || secret == NULL)
        return error_new(EXIT_NETWORK, "its output lacks a Username or a Secret");
    if (strcmp(user, TOKEN_USER) == 0) {
        ret->identity_token = xstrdup(secret);
    } else {
        ret->user = xstrdup(user);
        ret->password = xstrdup(secret);
    }
    return NULL;
}

static struct error *get(const char *program, const char *server, struct credential *ret)
{
    CLEANUP(buffer_free) struct buffer output = {0};
    int status = 0;

    TRY(run(program, server, &output, &status));
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return output.length > 0 ? parse(&output, ret) : error_new(EXIT_NETWORK, "no output");
    if (output.data != NULL && strstr(output.data, NOT_FOUND) != NULL)
        return NULL;
    if (WIFSIGNALED(status))
        return error_new(EXIT_NETWORK, "killed by signal %d", WTERMSIG(status));
    const char *text = output.data != NULL ? output.data : "";
    CLEANUP(freep)
    char *line = printable_copy(text, strcspn(text, "\n"), PRINTABLE_ASCII, PRINTABLE_DROP);

    return error_new(EXIT_NETWORK, "exited with status %d: %.200s", WEXITSTATUS(status), line);
}

struct error *credential_helper_get(const char *name, const char *server, struct credential *ret)
{
    CLEANUP(freep) char *program = xasprintf("docker-credential-%s", name);

    if (*name == '\0' || strchr(name, '/') != NULL)
        return error_new(EXIT_NETWORK, "run credential helper '%s': not a valid name", name);
    struct error *err = get(program, server, ret);

    return error_context(err, "run credential helper '%s' for '%s'", program, server);
}
