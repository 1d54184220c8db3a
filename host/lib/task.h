/*
 * Tasks: pieces of work of the worker (supervisor.h) that each run in a process of their own, which
 * may confine itself, and several at a time. A task belongs to the worker's group, so that the
 * supervisor ends it with all else; it ends with the worker, too. On SIGTSTP all tasks prepare and
 * stop before the worker does.
 *
 * Tasks are started by a process with a single thread, which task_wait needs as well. A task shares
 * all that was open when it was started; it tells nothing but its result.
 */
#ifndef VMBUILD_TASK_H
#define VMBUILD_TASK_H

#include <stddef.h>
#include <sys/types.h>

#include "host/lib/buffer.h"
#include "host/lib/error.h"

struct task_result;

/* A zeroed one is not running. */
struct task {
    pid_t process;              /* 0: not running */
    struct task_result *result; /* in memory that it shares */
};

/* Work of a task: appends its result to OUT. */
typedef struct error *(*task_work)(void *context, struct buffer *out);

/* Starts WORK(CONTEXT) as the task *RET. When it has returned, its temporaries are removed. Errors:
 * EXIT_OTHER. */
[[nodiscard]] struct error *task_start(task_work work, void *context, struct task *ret);

/* Waits until one of the COUNT TASKS, some of which are running, has ended, and sets *RET to its
 * number. It is not running afterwards. Appends its result to OUT. Errors: those of its work;
 * EXIT_OTHER if it was killed. */
[[nodiscard]] struct error *task_wait(struct task *tasks, size_t count, size_t *ret,
                                      struct buffer *out);

/* Kills those of the COUNT TASKS that are running, and waits until they have ended. What they have
 * started is left to the supervisor. */
void task_end(struct task *tasks, size_t count);

/* The same for TASK alone, which is running, also while there are other threads. */
[[nodiscard]] struct error *task_finish(struct task *task, struct buffer *out);

#endif
