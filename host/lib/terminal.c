#include "host/lib/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/lib/cleanup.h"
#include "host/lib/memory.h"

#define GUARD_PIPE STDERR_FILENO

/* What programs set and a terminal keeps when they are killed (xterm's control sequences, which
 * others ignore if they lack the mode): back to the main screen, without moving the cursor; the
 * cursor shown; no pasting in brackets, mouse, focus events or application keys; plain text. */
static const char reset[] = "\033[?1047l\033[?25h\033[?2004l\033[?1000l\033[?1002l\033[?1003l"
                            "\033[?1004l\033[?1006l\033[?1l\033>\033[m\r\n";

static struct {
    pthread_mutex_t mutex;
    struct terminal_state before;
    pid_t owner;    /* the group that has the terminal otherwise */
    pid_t guard;    /* 0: none */
    int guard_pipe; /* at whose end the guard acts */
    int change[2];  /* a pipe that the handler of SIGWINCH writes to */
    bool taken, suspended;
} terminal = {
    .mutex = PTHREAD_MUTEX_INITIALIZER, .before = {.fd = -1}, .guard_pipe = -1, .change = {-1, -1}};

bool terminal_is_there(void)
{
    return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
}

char *terminal_kind(void)
{
    const char *kind = getenv("TERM");

    return xstrdup(kind != NULL && *kind != '\0' ? kind : "dumb");
}

/* Returns ATTRIBUTES for a program that does by itself what the terminal does otherwise. */
static struct termios raw_of(struct termios attributes)
{
    cfmakeraw(&attributes);
    attributes.c_cc[VMIN] = 1;
    attributes.c_cc[VTIME] = 0;
    return attributes;
}

static bool are_equal(const struct termios *one, const struct termios *other)
{
    return one->c_iflag == other->c_iflag && one->c_oflag == other->c_oflag &&
           one->c_cflag == other->c_cflag && one->c_lflag == other->c_lflag &&
           memcmp(one->c_cc, other->c_cc, sizeof one->c_cc) == 0;
}

void terminal_remember(struct terminal_state *ret)
{
    ret->fd = tcgetattr(STDIN_FILENO, &ret->attributes) == 0 ? STDIN_FILENO : -1;
}

/* Returns the terminal from GROUP, which is no more, to OWNER. The caller blocks SIGTTOU, which
 * would stop it otherwise. Async-signal-safe. */
static void recover(const struct terminal_state *state, pid_t group, pid_t owner)
{
    const struct termios raw = raw_of(state->attributes);
    struct termios now;

    if (tcgetattr(state->fd, &now) == 0 && are_equal(&now, &raw)) {
        (void)!write(STDOUT_FILENO, reset, sizeof reset - 1);
        tcsetattr(state->fd, TCSANOW, &state->attributes);
    }
    if (tcgetpgrp(state->fd) == group)
        tcsetpgrp(state->fd, owner);
}

void terminal_recover(const struct terminal_state *state, pid_t group)
{
    sigset_t stop, before;

    if (state->fd < 0)
        return;
    sigemptyset(&stop);
    sigaddset(&stop, SIGTTOU);
    sigprocmask(SIG_BLOCK, &stop, &before);
    recover(state, group, getpgrp());
    sigprocmask(SIG_SETMASK, &before, NULL);
}

/* The guard: waits until nobody holds the pipe's other end. It belongs to the worker's group, so it
 * is in the foreground with it, and is ended with it unless the supervisor is killed. */
__attribute__((noreturn)) static void be_guard(int pipe_end, pid_t owner)
{
    sigset_t all;
    char byte;

    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    if (dup2(pipe_end, GUARD_PIPE) < 0)
        _exit(1);
    (void)fcntl(GUARD_PIPE, F_SETFD, 0);
    close_range(GUARD_PIPE + 1, UINT_MAX, 0);
    while (read(GUARD_PIPE, &byte, 1) < 0 && errno == EINTR)
        ;
    recover(&terminal.before, getpgrp(), owner);
    _exit(0);
}

static void note_change(int number)
{
    int cause = errno;

    (void)number;
    (void)!write(terminal.change[1], "", 1); /* if it is full, it is readable */
    errno = cause;
}

struct error *terminal_prepare(void)
{
    int ends[2];

    terminal_remember(&terminal.before);
    terminal.owner = getpgid(getppid());
    if (terminal.before.fd < 0)
        return error_errno(EXIT_OTHER, "read the terminal's attributes");
    if (pipe2(terminal.change, O_CLOEXEC | O_NONBLOCK) < 0 || pipe2(ends, O_CLOEXEC) < 0)
        return error_errno(EXIT_OTHER, "prepare the terminal");
    terminal.guard = fork();
    if (terminal.guard == 0)
        be_guard(ends[0], terminal.owner);
    close(ends[0]);
    terminal.guard_pipe = ends[1];
    if (terminal.guard < 0)
        return error_errno(EXIT_OTHER, "start the terminal's guard");
    return NULL;
}

/* Returns whether the terminal is now this group's. SIGTTOU is ignored in the worker. */
static bool take(void)
{
    const struct termios raw = raw_of(terminal.before.attributes);
    int fd = terminal.before.fd;

    return tcgetpgrp(fd) == terminal.owner && tcsetpgrp(fd, getpgrp()) == 0 &&
           tcsetattr(fd, TCSADRAIN, &raw) == 0;
}

static void give_back(void)
{
    int fd = terminal.before.fd;

    tcsetattr(fd, TCSADRAIN, &terminal.before.attributes);
    if (tcgetpgrp(fd) == getpgrp())
        tcsetpgrp(fd, terminal.owner);
}

struct error *terminal_take(void)
{
    const struct sigaction action = {.sa_handler = note_change, .sa_flags = SA_RESTART};
    struct error *err = NULL;

    pthread_mutex_lock(&terminal.mutex);
    sigaction(SIGWINCH, &action, NULL);
    if (take())
        terminal.taken = true;
    else
        err = error_new(EXIT_OTHER, "take the terminal: vmbuild is not in the foreground");
    pthread_mutex_unlock(&terminal.mutex);
    return err;
}

void terminal_give_back(bool is_clean)
{
    pthread_mutex_lock(&terminal.mutex);
    if (terminal.taken && !is_clean)
        (void)!write(STDOUT_FILENO, reset, sizeof reset - 1);
    if (terminal.taken && !terminal.suspended)
        give_back();
    terminal.taken = false;
    pthread_mutex_unlock(&terminal.mutex);
}

void terminal_suspend(bool suspends)
{
    pthread_mutex_lock(&terminal.mutex);
    if (terminal.taken && suspends)
        give_back();
    else if (terminal.taken)
        (void)take();
    terminal.suspended = suspends;
    pthread_mutex_unlock(&terminal.mutex);
    if (!suspends && terminal.change[1] >= 0)
        note_change(SIGWINCH);
}

void terminal_size(unsigned *ret_rows, unsigned *ret_columns)
{
    struct winsize size = {0};

    (void)ioctl(terminal.before.fd, TIOCGWINSZ, &size);
    *ret_rows = size.ws_row;
    *ret_columns = size.ws_col;
}

int terminal_change(void)
{
    return terminal.change[0];
}

void terminal_forget_change(void)
{
    char bytes[64];

    while (read(terminal.change[0], bytes, sizeof bytes) > 0)
        ;
}
