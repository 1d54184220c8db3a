#include "host/lib/task.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "host/lib/temporary.h"

#define RESULT_MAX (1u << 20) /* bytes */
#define SUSPEND_MS 1500       /* that the tasks may take to stop; less than the worker may */

/* What a task tells, in memory that it shares with the worker: pages that it does not write cost
 * nothing. */
enum result_kind { RESULT_NONE, RESULT_DONE, RESULT_FAILED };

struct task_result {
    enum result_kind kind;
    size_t length;
    char bytes[RESULT_MAX];
};

/* The signals that the worker waits for. */
static void watched_signals(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGCHLD);
    sigaddset(set, SIGTSTP);
}

static _Noreturn void run(task_work work, void *context, struct task_result *result)
{
    struct buffer out = {0};

    temporary_begin_process();
    struct error *err = work(context, &out);

    if (err != NULL) {
        out.length = 0;
        error_write(err, &out);
    }
    if (out.length > 0 && out.length <= RESULT_MAX) {
        memcpy(result->bytes, out.data, out.length);
        result->length = out.length;
    }
    if (out.length <= RESULT_MAX)
        result->kind = err != NULL ? RESULT_FAILED : RESULT_DONE;
    error_free(err);
    temporary_remove_own();
    fflush(NULL);
    _exit(EXIT_DONE);
}

static void free_result(struct task *task)
{
    if (task->result != NULL)
        munmap(task->result, sizeof *task->result);
    task->result = NULL;
}

struct error *task_start(task_work work, void *context, struct task *ret)
{
    pid_t parent = getpid();
    sigset_t watched, before;
    void *result =
        mmap(NULL, sizeof *ret->result, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (result == MAP_FAILED)
        return error_errno(EXIT_OTHER, "start a task");
    watched_signals(&watched);
    sigprocmask(SIG_BLOCK, &watched, &before);
    fflush(NULL);
    struct task task = {fork(), result};

    if (task.process == 0) {
        sigprocmask(SIG_UNBLOCK, &watched, NULL);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
            _exit(EXIT_OTHER);
        run(work, context, result);
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
    if (task.process < 0) {
        struct error *err = error_errno(EXIT_OTHER, "start a task");

        free_result(&task);
        return err;
    }
    *ret = task;
    return NULL;
}

/* Waits for a moment until TASK is stopped or has ended. Returns the milliseconds left of MOST. */
static int await_stop(const struct task *task, int most)
{
    const struct timespec pause = {.tv_nsec = 5000000};

    for (; most > 0; most -= 5) {
        siginfo_t state = {0};

        if (waitid(P_PID, (id_t)task->process, &state, WSTOPPED | WEXITED | WNOHANG | WNOWAIT) !=
                0 ||
            state.si_pid == task->process)
            return most;
        nanosleep(&pause, NULL);
    }
    return 0;
}

/* Stops the tasks and then this process, until the supervisor continues all. */
static void suspend(const struct task *tasks, size_t count)
{
    int most = SUSPEND_MS;

    for (size_t i = 0; i < count; i++)
        if (tasks[i].process > 0)
            kill(tasks[i].process, SIGTSTP);
    for (size_t i = 0; i < count; i++)
        if (tasks[i].process > 0)
            most = await_stop(&tasks[i], most);
    raise(SIGSTOP);
}

/* Finds a task that has ended, and reaps it. Returns its number, or COUNT. */
static size_t find_ended(struct task *tasks, size_t count, int *ret_status)
{
    for (size_t i = 0; i < count; i++) {
        if (tasks[i].process <= 0 || waitpid(tasks[i].process, ret_status, WNOHANG) <= 0)
            continue;
        tasks[i].process = 0;
        return i;
    }
    return count;
}

static struct error *read_result(const struct task_result *result, int status, struct buffer *out)
{
    if (WIFSIGNALED(status))
        return error_new(EXIT_OTHER, "its process was ended by signal %d (%s)", WTERMSIG(status),
                         strsignal(WTERMSIG(status)));
    if (result->kind == RESULT_NONE)
        return error_new(EXIT_OTHER, "its process ended with status %d", WEXITSTATUS(status));
    if (result->kind == RESULT_FAILED)
        return error_read(result->bytes, result->length);
    buffer_append(out, result->bytes, result->length);
    return NULL;
}

struct error *task_wait(struct task *tasks, size_t count, size_t *ret, struct buffer *out)
{
    sigset_t watched, before;
    int status = 0, number;

    watched_signals(&watched);
    sigprocmask(SIG_BLOCK, &watched, &before);
    while ((*ret = find_ended(tasks, count, &status)) == count)
        if (sigwait(&watched, &number) == 0 && number == SIGTSTP)
            suspend(tasks, count);
    sigprocmask(SIG_SETMASK, &before, NULL);
    struct error *err = read_result(tasks[*ret].result, status, out);

    free_result(&tasks[*ret]);
    return err;
}

void task_end(struct task *tasks, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (tasks[i].process > 0)
            kill(tasks[i].process, SIGKILL);
    for (size_t i = 0; i < count; i++) {
        while (tasks[i].process > 0 && waitpid(tasks[i].process, NULL, 0) < 0 && errno == EINTR)
            ;
        tasks[i].process = 0;
        free_result(&tasks[i]);
    }
}

struct error *task_finish(struct task *task, struct buffer *out)
{
    int status = 0;

    while (waitpid(task->process, &status, 0) < 0 && errno == EINTR)
        ;
    task->process = 0;
    struct error *err = read_result(task->result, status, out);

    free_result(task);
    return err;
}
