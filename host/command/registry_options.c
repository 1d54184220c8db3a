#include "host/command/registry_options.h"

#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "host/lib/buffer.h"
#include "host/lib/cleanup.h"
#include "host/lib/file.h"
#include "host/lib/memory.h"
#include "host/registry/http.h"

#define PASSWORD_MAX (64u << 10) /* bytes; some are tokens */
#define LINE_SIZE_MAX 4096       /* bytes of a line that a terminal passes on, termios(3) */
#define TIMEOUT_MAX (7u * 24 * 3600)

/* Cuts the line end off TEXT. */
static void end_line(char *text)
{
    text[strcspn(text, "\r\n")] = '\0';
}

/* Reads standard input to its end. *RET is the password, the caller's. */
static struct error *read_password(char **ret)
{
    CLEANUP(buffer_free) struct buffer bytes = {0};

    TRY(error_context(file_read_open(STDIN_FILENO, PASSWORD_MAX, EXIT_INPUT, &bytes),
                      "read the password from standard input"));
    buffer_append(&bytes, "", 0);
    *ret = bytes.data != NULL ? xstrdup(bytes.data) : xstrdup("");
    if (bytes.data != NULL)
        explicit_bzero(bytes.data, bytes.length);
    end_line(*ret);
    return NULL;
}

/* Reads a line from the terminal, which shows it unless it is HIDDEN. *RET is the caller's. */
static struct error *ask(const char *prompt, bool hidden, char **ret)
{
    char line[LINE_SIZE_MAX + 1];
    struct termios usual, quiet;
    bool is_hidden = hidden && tcgetattr(STDIN_FILENO, &usual) == 0;

    if (is_hidden) {
        quiet = usual;
        /* Without signals: one would leave the terminal without echo. */
        quiet.c_lflag &= ~(tcflag_t)(ECHO | ISIG);
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
    }
    /* Last: what is typed before the terminal is quiet would be shown, or lost. */
    fputs(prompt, stderr);
    ssize_t length = read(STDIN_FILENO, line, sizeof line - 1);

    if (is_hidden) {
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &usual);
        fputs("\n", stderr);
    }
    if (length <= 0)
        return error_new(EXIT_INPUT, "read standard input: unexpected end of file");
    line[length] = '\0';
    end_line(line);
    *ret = xstrdup(line);
    explicit_bzero(line, sizeof line);
    return NULL;
}

/* Takes --creds USER[:PASSWORD]. */
static struct error *take_creds(struct options *options)
{
    const char *colon = options->creds != NULL ? strchr(options->creds, ':') : NULL;

    if (options->creds == NULL && options->password_stdin)
        return error_new(EXIT_USAGE, "read option '--password-stdin': it needs --creds USER");
    if (options->creds == NULL)
        return NULL;
    if (colon == options->creds)
        return error_new(EXIT_USAGE, "read option '--creds': must be USER[:PASSWORD]");
    if (colon != NULL && options->password_stdin)
        return error_new(EXIT_USAGE,
                         "read option '--password-stdin': --creds already contains a password");
    options->user = colon != NULL ? xstrndup(options->creds, (size_t)(colon - options->creds))
                                  : xstrdup(options->creds);
    if (options->password_stdin)
        return read_password(&options->password);
    options->password = xstrdup(colon != NULL ? colon + 1 : "");
    return NULL;
}

/* Takes --username, --password and --password-stdin of login, and asks for what is missing. */
static struct error *take_login(struct options *options)
{
    bool can_ask = isatty(STDIN_FILENO);

    if (options->username == NULL && (!can_ask || options->password_stdin))
        return error_advise(error_new(EXIT_USAGE, "read command 'login': a user name is missing"),
                            "use --username USER");
    if (options->given_password != NULL && options->password_stdin)
        return error_new(EXIT_USAGE, "read option '--password-stdin': conflicts with --password");
    if (options->username != NULL)
        options->user = xstrdup(options->username);
    else
        TRY(ask("Username: ", false, &options->user));
    if (*options->user == '\0' || strchr(options->user, ':') != NULL)
        return error_new(EXIT_USAGE, "read command 'login': the user name must not be empty or "
                                     "contain a colon");
    if (options->given_password != NULL)
        options->password = xstrdup(options->given_password);
    else if (options->password_stdin)
        return read_password(&options->password);
    else if (can_ask)
        return ask("Password: ", true, &options->password);
    else
        return error_advise(error_new(EXIT_USAGE, "read command 'login': a password is missing"),
                            "use --password-stdin");
    return NULL;
}

/* Takes --registry-timeout. */
static struct error *take_timeout(struct options *options)
{
    const char *text = options->registry_timeout;

    if (text == NULL)
        return NULL;
    size_t digits = strspn(text, "0123456789");
    unsigned long seconds = digits > 0 && digits <= 9 ? strtoul(text, NULL, 10) : 0;

    if (text[digits] != '\0' || seconds == 0 || seconds > TIMEOUT_MAX)
        return error_new(EXIT_USAGE,
                         "read option '--registry-timeout': '%s' must be a whole number between 1 "
                         "and %u",
                         text, TIMEOUT_MAX);
    options->registry_seconds = (unsigned int)seconds;
    options->registry_deadline = http_now() + (long long)seconds * 1000;
    return NULL;
}

struct error *registry_options_complete(struct options *options)
{
    TRY(take_timeout(options));
    return options->command == &command_table[COMMAND_LOGIN] ? take_login(options)
                                                             : take_creds(options);
}
