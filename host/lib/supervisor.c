#include "host/lib/supervisor.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/lib/error.h"
#include "host/lib/temporary.h"

static bool is_ignored(int number)
{
    struct sigaction action;

    return sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

/* The signals that the supervisor waits for, so that no handler ever runs in the middle of
 * anything. Those that nohup(1) ignores are left out: sigwait returns ignored signals, too. */
static void watched_signals(sigset_t *set)
{
    static const int watched[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGCONT, SIGCHLD};

    sigemptyset(set);
    for (size_t i = 0; i < sizeof watched / sizeof *watched; i++)
        sigaddset(set, watched[i]);
    if (is_ignored(SIGHUP))
        sigdelset(set, SIGHUP);
}

/* Runs the child: what is done before and after WORK. SIGTTOU and SIGTTIN are ignored because its
 * group is not the terminal's foreground group, although it does the user's foreground work. */
static void run_worker(const sigset_t *before, pid_t supervisor, int (*work)(void *),
                       void *argument)
{
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != supervisor)
        _exit(EXIT_OTHER);
    signal(SIGTTOU, SIG_IGN);
    signal(SIGTTIN, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* EFBIG shows which file has reached the user's limit */
    sigprocmask(SIG_SETMASK, before, NULL);
    int code = work(argument);

    fflush(NULL);
    _exit(code);
}

/* Kills what is left of the group and waits until every process of it, reparented to us, is gone. A
 * process that left the group is not part of the work, such as the agent that a credential helper
 * starts for the user's session: it stays, and is not waited for. */
static void end_group(pid_t group)
{
    kill(-group, SIGKILL);
    while (waitpid(-group, NULL, 0) > 0 || errno == EINTR)
        ;
}

/* Stops the group, as Ctrl-Z stops a foreground job, until the shell continues us. */
static void stop_with_group(pid_t group)
{
    kill(-group, SIGSTOP);
    raise(SIGSTOP);
    kill(-group, SIGCONT);
}

static int code_of_signal(int signal_number)
{
    return signal_number == SIGINT || signal_number == SIGQUIT ? EXIT_INTERRUPTED : EXIT_TERMINATED;
}

static int code_of_end(const siginfo_t *end)
{
    if (end->si_code == CLD_EXITED)
        return end->si_status;
    fprintf(stderr, "vmbuild: run the worker process: it was ended by signal %d (%s)\n",
            end->si_status, strsignal(end->si_status));
    return EXIT_OTHER;
}

/* Waits until the worker has ended or a signal asks us to end. It is not reaped here: until it is,
 * its number, which is also that of its group, is not used again. */
static int await_end(pid_t worker, const sigset_t *watched)
{
    for (;;) {
        int number = 0;

        if (sigwait(watched, &number) != 0)
            continue;
        if (number == SIGCHLD) {
            siginfo_t end = {0};

            if (waitid(P_PID, (id_t)worker, &end, WEXITED | WNOHANG | WNOWAIT) == 0 &&
                end.si_pid == worker)
                return code_of_end(&end);
        } else if (number == SIGTSTP) {
            stop_with_group(worker);
        } else if (number != SIGCONT) {
            return code_of_signal(number);
        }
    }
}

int supervise(int (*work)(void *argument), void *argument)
{
    sigset_t watched, before;
    pid_t supervisor = getpid();

    watched_signals(&watched);
    signal(SIGCHLD, SIG_DFL); /* a signal that a parent process ignored would never be delivered */
    sigprocmask(SIG_BLOCK, &watched, &before);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    fflush(NULL);
    pid_t worker = fork();

    if (worker < 0) {
        perror("vmbuild: start the worker process");
        return EXIT_OTHER;
    }
    if (worker == 0)
        run_worker(&before, supervisor, work, argument);
    setpgid(worker, worker);
    int code = await_end(worker, &watched);

    end_group(worker);
    temporary_remove_all();
    if (code != EXIT_INTERRUPTED && code != EXIT_TERMINATED) /* a second Ctrl-C changes nothing */
        sigprocmask(SIG_SETMASK, &before, NULL);
    return code;
}
