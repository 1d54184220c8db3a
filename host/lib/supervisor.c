#include "host/lib/supervisor.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "host/lib/error.h"
#include "host/lib/progress.h"
#include "host/lib/temporary.h"
#include "host/lib/terminal.h"

#define RUNS_MAX 10
#define SUSPEND_MS 2000 /* that the worker may take to stop */

static bool is_ignored(int number)
{
    struct sigaction action;

    return sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

/* Whether NUMBER is one of the signals that do not end a process by default. */
static bool is_harmless(int number)
{
    static const int harmless[] = {SIGTTIN, SIGTTOU, SIGURG, SIGWINCH};

    for (size_t i = 0; i < sizeof harmless / sizeof *harmless; i++)
        if (number == harmless[i])
            return true;
    return false;
}

/* The signals that the supervisor waits for, so that no handler ever runs in the middle of
 * anything: all that would end it or concern its worker. Those that are ignored, as SIGHUP is under
 * nohup(1), are left out, since sigwait returns them, too; but a shell without job control has
 * background processes ignore SIGINT and SIGQUIT, which are then meant for this one alone. */
static void watched_signals(sigset_t *set)
{
    static const int always[] = {SIGINT, SIGTERM, SIGQUIT, SIGTSTP, SIGCONT, SIGCHLD};

    sigemptyset(set);
    for (int number = 1; number <= SIGRTMAX; number++)
        if (!is_harmless(number) && !is_ignored(number))
            sigaddset(set, number);
    for (size_t i = 0; i < sizeof always / sizeof *always; i++)
        sigaddset(set, always[i]);
}

static bool is_pending(int number)
{
    sigset_t pending;

    return sigpending(&pending) == 0 && sigismember(&pending, number) == 1;
}

/* In the worker: what has to be done before it stops, and after. */
static pthread_mutex_t suspension_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct suspension {
    void (*change)(void *context, bool suspends);
    void *context;
} suspension;

/* The worker's thread that waits for the supervisor's SIGTSTP, and then for its SIGCONT: this
 * thread may run on for a moment after kill. All threads block both. */
static void *await_suspension(void *unused)
{
    sigset_t suspend, resume;
    int number;

    (void)unused;
    sigemptyset(&suspend);
    sigaddset(&suspend, SIGTSTP);
    sigemptyset(&resume);
    sigaddset(&resume, SIGCONT);
    for (;;) {
        if (sigwait(&suspend, &number) != 0)
            continue;
        pthread_mutex_lock(&suspension_mutex);
        if (suspension.change != NULL)
            suspension.change(suspension.context, true);
        /* If this took so long that the supervisor stopped the group itself and has continued it, a
         * stop would discard its SIGCONT, and nothing would end it. */
        if (!is_pending(SIGCONT))
            kill(getpid(), SIGSTOP); /* and the supervisor its group */
        sigwait(&resume, &number);
        if (suspension.change != NULL)
            suspension.change(suspension.context, false);
        pthread_mutex_unlock(&suspension_mutex);
    }
    return NULL;
}

void supervisor_prepare_suspension(void)
{
    static bool prepared;
    sigset_t set;
    pthread_t thread;

    if (prepared)
        return;
    prepared = true;
    sigemptyset(&set);
    sigaddset(&set, SIGTSTP);
    sigaddset(&set, SIGCONT);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    if (pthread_create(&thread, NULL, await_suspension, NULL) == 0)
        pthread_detach(thread);
    else
        pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

void supervisor_on_suspend(void (*change)(void *context, bool suspends), void *context)
{
    if (change != NULL)
        supervisor_prepare_suspension();
    pthread_mutex_lock(&suspension_mutex);
    suspension = (struct suspension){change, context};
    pthread_mutex_unlock(&suspension_mutex);
}

/* What the work has returned, in memory that the worker shares: it has more bits than an exit
 * code. */
static int *returned;
#define NOT_RETURNED (-1)

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
    signal(SIGTSTP, SIG_DFL); /* stops it, until supervisor_prepare_suspension */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* EFBIG shows which file has reached the user's limit */
    sigprocmask(SIG_SETMASK, before, NULL);
    int code = work(argument);

    fflush(NULL);
    *returned = code;
    _exit(code & UINT8_MAX);
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

/* Lets the worker stop itself and its group, but does not wait for it for ever. */
static void suspend_worker(pid_t worker)
{
    const struct timespec pause = {.tv_nsec = 5000000};

    kill(worker, SIGTSTP);
    for (int waited = 0; waited < SUSPEND_MS; waited += 5) {
        siginfo_t state = {0};

        if (waitid(P_PID, (id_t)worker, &state, WSTOPPED | WEXITED | WNOHANG | WNOWAIT) != 0 ||
            state.si_pid == worker)
            return;
        nanosleep(&pause, NULL);
    }
}

/* Stops the group, as Ctrl-Z stops a foreground job, until the shell continues us. */
static void stop_with_group(pid_t group)
{
    suspend_worker(group);
    kill(-group, SIGSTOP);
    progress_cover();
    if (!is_pending(SIGCONT)) /* which a stop would discard */
        raise(SIGSTOP);
    kill(-group, SIGCONT);
}

static int code_of_signal(int signal_number)
{
    if (signal_number == SIGXFSZ) {
        fprintf(stderr, "vmbuild: run the worker process: %s\n", strsignal(signal_number));
        return EXIT_DISK_FULL;
    }
    return signal_number == SIGINT || signal_number == SIGQUIT ? EXIT_INTERRUPTED : EXIT_TERMINATED;
}

static int code_of_end(const siginfo_t *end)
{
    if (end->si_code == CLD_EXITED)
        return *returned == NOT_RETURNED ? end->si_status : *returned;
    fprintf(stderr, "vmbuild: run the worker process: it was ended by signal %d (%s)\n",
            end->si_status, strsignal(end->si_status));
    if (end->si_status == SIGXFSZ)
        return EXIT_DISK_FULL;
    return end->si_status == SIGXCPU ? EXIT_TERMINATED : EXIT_OTHER; /* the limit on its time */
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

/* Runs the work once, with BEFORE as its signal mask. */
static int supervise_once(int (*work)(void *argument), void *argument, const sigset_t *watched,
                          const sigset_t *before)
{
    pid_t supervisor = getpid();
    struct terminal_state terminal;

    terminal_remember(&terminal);
    *returned = NOT_RETURNED;
    fflush(NULL);
    pid_t worker = fork();

    if (worker < 0) {
        perror("vmbuild: start the worker process");
        return EXIT_OTHER;
    }
    if (worker == 0)
        run_worker(before, supervisor, work, argument);
    setpgid(worker, worker);
    int code = await_end(worker, watched);

    end_group(worker);
    progress_settle();
    terminal_recover(&terminal, worker);
    temporary_remove_all();
    return code;
}

int supervise(int (*work)(void *argument), void *argument)
{
    sigset_t watched, before;
    int code = EXIT_AGAIN;

    returned =
        mmap(NULL, sizeof *returned, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (returned == MAP_FAILED) {
        perror("vmbuild: start the worker process");
        return EXIT_OTHER;
    }
    watched_signals(&watched);
    signal(SIGCHLD, SIG_DFL); /* a signal that a parent process ignored would never be delivered */
    sigprocmask(SIG_BLOCK, &watched, &before);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    for (int i = 0; code == EXIT_AGAIN && i < RUNS_MAX; i++) {
        if (i > 0) /* main.c has made it a file if it is the spec */
            (void)lseek(STDIN_FILENO, 0, SEEK_SET);
        code = supervise_once(work, argument, &watched, &before);
    }
    if (code != EXIT_INTERRUPTED && code != EXIT_TERMINATED) /* a second Ctrl-C changes nothing */
        sigprocmask(SIG_SETMASK, &before, NULL);
    return code;
}
