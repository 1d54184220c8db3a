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

/* Creates a file in memory with TEXT. Unlike a pipe it does not break if the helper never reads
 * it. */
static struct error *make_input(const char *text, int *ret)
{
    CLEANUP(closep) int fd = memfd_create("helper-input", MFD_CLOEXEC);
    size_t length = strlen(text);

    if (fd < 0 || write(fd, text, length) != (ssize_t)length || lseek(fd, 0, SEEK_SET) < 0)
        return error_errno(EXIT_OTHER, "create the helper's input");
    *ret = steal_fd(&fd);
    return NULL;
}

/* Starts PROGRAM with the argument VERB and the given standard input and output, and with the
 * default action for SIGPIPE, which this process ignores; it may block those that suspend. */
static struct error *start(const char *program, const char *verb, int input, int output, pid_t *ret)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    char *arguments[] = {(char *)program, (char *)verb, NULL};
    sigset_t broken_pipe, blocked;

    sigemptyset(&broken_pipe);
    sigaddset(&broken_pipe, SIGPIPE);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigdefault(&attributes, &broken_pipe);
    pthread_sigmask(SIG_BLOCK, NULL, &blocked);
    sigdelset(&blocked, SIGTSTP);
    sigdelset(&blocked, SIGCONT);
    posix_spawnattr_setsigmask(&attributes, &blocked);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
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

static struct error *run(const char *program, const char *verb, const char *text,
                         struct buffer *out, int *ret_status)
{
    CLEANUP(closep) int input = -1;
    CLEANUP(closep) int from = -1;
    int ends[2];
    pid_t pid;

    TRY(make_input(text, &input));
    if (pipe2(ends, O_CLOEXEC) != 0)
        return error_errno(EXIT_OTHER, "create a pipe");
    from = ends[0];
    struct error *err = start(program, verb, input, ends[1], &pid);

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

/* Calls PROGRAM with VERB and TEXT. *RET_KNOWN is false if it does not know the server; without
 * RET_KNOWN that is an error. */
static struct error *call(const char *program, const char *verb, const char *text,
                          struct buffer *output, bool *ret_known)
{
    int status = 0;

    TRY(run(program, verb, text, output, &status));
    if (ret_known != NULL)
        *ret_known = true;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return NULL;
    const char *words = output->data != NULL ? output->data : "";

    if (ret_known != NULL && strstr(words, NOT_FOUND) != NULL) {
        *ret_known = false;
        return NULL;
    }
    if (WIFSIGNALED(status))
        return error_new(EXIT_NETWORK, "killed by signal %d", WTERMSIG(status));
    CLEANUP(freep)
    char *line = printable_copy(words, strcspn(words, "\n"), PRINTABLE_ASCII, PRINTABLE_DROP);

    return error_new(EXIT_NETWORK, "exited with status %d: %.200s", WEXITSTATUS(status), line);
}

/* The same for the helper NAME; errors name it and SERVER. */
static struct error *call_helper(const char *name, const char *server, const char *verb,
                                 const char *text, struct buffer *output, bool *ret_known)
{
    CLEANUP(freep) char *program = xasprintf("docker-credential-%s", name);

    if (*name == '\0' || strchr(name, '/') != NULL)
        return error_new(EXIT_NETWORK, "run credential helper '%s': not a valid name", name);
    struct error *err = call(program, verb, text, output, ret_known);

    return error_context(err, "run credential helper '%s' for '%s'", program, server);
}

struct error *credential_helper_get(const char *name, const char *server, struct credential *ret)
{
    CLEANUP(buffer_free) struct buffer output = {0};
    bool is_known = false;

    TRY(call_helper(name, server, "get", server, &output, &is_known));
    if (!is_known)
        return NULL;
    struct error *err =
        output.length > 0 ? parse(&output, ret) : error_new(EXIT_NETWORK, "no output");

    return error_context(err, "run credential helper 'docker-credential-%s' for '%s'", name,
                         server);
}

struct error *credential_helper_store(const char *name, const char *server, const char *user,
                                      const char *password)
{
    CLEANUP(json_freep) struct json *entry = json_object();
    CLEANUP(buffer_free) struct buffer text = {0}, output = {0};

    json_set(entry, "ServerURL", json_string(server));
    json_set(entry, "Username", json_string(user));
    json_set(entry, "Secret", json_string(password));
    json_write(entry, false, &text);
    struct error *err = call_helper(name, server, "store", text.data, &output, NULL);

    explicit_bzero(text.data, text.length);
    return err;
}

struct error *credential_helper_erase(const char *name, const char *server)
{
    CLEANUP(buffer_free) struct buffer output = {0};
    bool is_known = false;

    return call_helper(name, server, "erase", server, &output, &is_known);
}
