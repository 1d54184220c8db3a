#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/lib/task.h"
#include "host/lib/temporary.h"
#include "tests/unit/folder.h"

/* task_work: returns the number CONTEXT, and leaves a temporary. */
static struct error *give_number(void *context, struct buffer *out)
{
    CLEANUP(freep) char *path = NULL;

    TRY(temporary_file(folder, "task", &path, NULL));
    buffer_append(out, context, sizeof(int));
    return NULL;
}

static void test_results(void **state)
{
    struct task tasks[9] = {0}; /* the first is not started */
    int numbers[9], sum = 0;

    (void)state;
    for (int i = 1; i < 9; i++) {
        numbers[i] = 1 << i;
        assert_null(task_start(give_number, &numbers[i], &tasks[i]));
    }
    for (int i = 1; i < 9; i++) {
        CLEANUP(buffer_free) struct buffer result = {0};
        size_t ended = 0;

        assert_null(task_wait(tasks, 9, &ended, &result));
        assert_int_equal(tasks[ended].process, 0);
        assert_int_equal(result.length, sizeof numbers[ended]);
        assert_memory_equal(result.data, &numbers[ended], sizeof numbers[ended]);
        sum += numbers[ended];
    }
    assert_int_equal(sum, 510);
}

/* task_work: fails with all that an error has. */
static struct error *fail_with_all(void *context, struct buffer *out)
{
    struct error *err = error_new(EXIT_SCRIPT, "it%s", (const char *)context);

    buffer_append(out, "x", 1);
    err = error_suggest(error_advise(err, "advice\nof two lines"), "next");
    error_set_stage(err, "pack");
    err->end = ERROR_KILLED;
    err->number = SIGSEGV;
    err->output_at = 7;
    return err;
}

static void test_error(void **state)
{
    CLEANUP(buffer_free) struct buffer result = {0};
    CLEANUP(error_freep) struct error *err = NULL;
    struct task task = {0};
    size_t ended = 1;

    (void)state;
    assert_null(task_start(fail_with_all, " failed", &task));
    err = task_wait(&task, 1, &ended, &result);
    assert_int_equal(ended, 0);
    assert_int_equal(result.length, 0);
    assert_int_equal(err->code, EXIT_SCRIPT);
    assert_string_equal(err->message, "it failed");
    assert_string_equal(err->advice, "advice\nof two lines");
    assert_string_equal(err->next, "next");
    assert_null(err->details);
    assert_string_equal(err->stage, "pack");
    assert_int_equal(err->end, ERROR_KILLED);
    assert_int_equal(err->number, SIGSEGV);
    assert_int_equal(err->output_at, 7);
}

/* task_work: is killed by the signal CONTEXT, or ends without a result. */
static struct error *die(void *context, struct buffer *out)
{
    (void)out;
    if (context == NULL)
        _exit(9);
    kill(getpid(), *(int *)context);
    return NULL;
}

static void test_without_a_result(void **state)
{
    int number = SIGTERM;
    int *const contexts[] = {&number, NULL};
    static const char *const messages[] = {"its process was ended by signal 15",
                                           "its process ended with status 9"};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        CLEANUP(buffer_free) struct buffer result = {0};
        CLEANUP(error_freep) struct error *err = NULL;
        struct task task = {0};
        size_t ended;

        assert_null(task_start(die, contexts[i], &task));
        err = task_wait(&task, 1, &ended, &result);
        assert_int_equal(err->code, EXIT_OTHER);
        assert_memory_equal(err->message, messages[i], strlen(messages[i]));
    }
}

/* task_work: returns more than a result may have. */
static struct error *give_too_much(void *context, struct buffer *out)
{
    (void)context;
    buffer_reserve(out, 2 << 20);
    memset(out->data, 'x', 2 << 20);
    out->length = 2 << 20;
    return NULL;
}

static void test_too_long_a_result(void **state)
{
    CLEANUP(buffer_free) struct buffer result = {0};
    CLEANUP(error_freep) struct error *err = NULL;
    struct task task = {0};
    size_t ended;

    (void)state;
    assert_null(task_start(give_too_much, NULL, &task));
    err = task_wait(&task, 1, &ended, &result);
    assert_int_equal(err->code, EXIT_OTHER);
    assert_int_equal(result.length, 0);
}

/* task_work: waits for its end. */
static struct error *wait_for_end(void *context, struct buffer *out)
{
    (void)context;
    (void)out;
    for (;;)
        pause();
    return NULL;
}

static void test_end(void **state)
{
    struct task tasks[3] = {0};

    (void)state;
    assert_null(task_start(wait_for_end, NULL, &tasks[0]));
    assert_null(task_start(wait_for_end, NULL, &tasks[2]));
    task_end(tasks, 3);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(tasks[i].process, 0);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static void test_one_alone(void **state)
{
    CLEANUP(buffer_free) struct buffer result = {0};
    struct task tasks[2] = {0};
    int numbers[] = {3, 4};

    (void)state;
    for (size_t i = 0; i < 2; i++)
        assert_null(task_start(give_number, &numbers[i], &tasks[i]));
    for (size_t i = 2; i-- > 0;) {
        assert_null(task_finish(&tasks[i], &result));
        assert_int_equal(tasks[i].process, 0);
    }
    assert_int_equal(result.length, sizeof numbers);
    assert_memory_equal(result.data, ((int[]){4, 3}), sizeof numbers);
}

static int set_up(void **state)
{
    error_free(temporary_setup());
    return make_folder(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_results),
        cmocka_unit_test(test_error),
        cmocka_unit_test(test_without_a_result),
        cmocka_unit_test(test_too_long_a_result),
        cmocka_unit_test(test_end),
        cmocka_unit_test(test_one_alone),
    };

    return cmocka_run_group_tests(tests, set_up, remove_empty_folder);
}
