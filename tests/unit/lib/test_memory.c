#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/lib/digest.h"
#include "host/lib/json.h"
#include "host/lib/json_text.h"
#include "host/lib/memory.h"

/* More than any allocator has, and less than what valgrind takes for a negative number. Volatile:
 * the compiler knows it too. */
static volatile size_t too_much = (size_t)1 << 62;

#define MESSAGE "vmbuild: allocate memory: the host has none left\n"

struct ending {
    int status;        /* as waitpid has it */
    char printed[200]; /* on standard error */
};

/* Runs ACT in a separate process, where it leaves no heap behind that a checker would look at. */
static struct ending run_apart(void (*act)(void))
{
    struct ending ending = {0};
    int ends[2];

    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        act();
        _exit(0);
    }
    close(ends[1]);
    for (ssize_t got = 1, all = 0; got > 0; all += got) {
        got = read(ends[0], ending.printed + all, sizeof ending.printed - 1 - (size_t)all);
        assert_true(got >= 0);
    }
    close(ends[0]);
    assert_int_equal(waitpid(pid, &ending.status, 0), pid);
    return ending;
}

static void assert_none_left(struct ending ending)
{
    const char *printed = ending.printed;

#ifdef __SANITIZE_ADDRESS__ /* its allocator warns first */
    if (strchr(printed, '\n') != NULL && strchr(printed, '\n')[1] != '\0')
        printed = strchr(printed, '\n') + 1;
#endif
    assert_string_equal(printed, MESSAGE);
    assert_true(WIFEXITED(ending.status));
    assert_int_equal(WEXITSTATUS(ending.status), 1);
}

static void ask_calloc(void)
{
    free(xcalloc(1, too_much));
}

static void ask_product(void)
{
    free(xcalloc(too_much, 8));
}

static void ask_reallocarray(void)
{
    free(xreallocarray(NULL, too_much, 1));
}

static void show_null(void)
{
    xallocated(NULL);
}

static void test_message_and_exit_code(void **state)
{
    (void)state;
    assert_none_left(run_apart(ask_calloc));
    assert_none_left(run_apart(ask_product));
    assert_none_left(run_apart(ask_reallocarray));
    assert_none_left(run_apart(show_null));
    assert_none_left(run_apart(memory_exhausted));
}

static void test_allocated_is_returned(void **state)
{
    char byte;

    (void)state;
    assert_ptr_equal(xallocated(&byte), &byte);
}

static void test_nothing_is_something(void **state)
{
    void *nothing = xcalloc(0, 0);

    (void)state;
    assert_non_null(nothing);
    nothing = xreallocarray(nothing, 0, 1);
    assert_non_null(nothing);
    free(nothing);
}

/* The sanitizers have an allocator of their own, which is not to be replaced. */
#ifndef __SANITIZE_ADDRESS__

/* Stands in for the C library's allocator, for all libraries too: with `left` at 0 each allocation
 * fails; below 0 there is no limit. */
static long left = -1;

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);

static bool is_spent(void)
{
    if (left > 0)
        left--;
    return left == 0;
}

void *malloc(size_t size)
{
    return is_spent() ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    return is_spent() ? NULL : __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
    return is_spent() ? NULL : __libc_realloc(old, size);
}

static long allowed;

/* Runs ACT with the memory ending at its first allocation, then at the second, and so on until
 * there is enough; OpenSSL's start makes thousands, of which only some are tried. Each time the
 * message and the exit code are all that is seen. */
static void assert_each_failure_told(void (*act)(void))
{
    struct ending ending;
    bool failed = false;

    for (allowed = 1;; allowed += 1 + allowed / 16) {
        ending = run_apart(act);
        if (WIFEXITED(ending.status) && WEXITSTATUS(ending.status) == 0)
            break;
        assert_none_left(ending);
        failed = true;
    }
    assert_true(failed);
    assert_string_equal(ending.printed, "");
}

static void hash_text(void)
{
    struct digest digest;

    left = allowed;
    digest_of("text", strlen("text"), &digest);
}

static void parse_json(void)
{
    static const char text[] = "{\"a\": [1, true, \"\\u00e9\", {\"b\": null}], \"c\": -7}";
    struct json *value;

    left = allowed;
    struct error *err = json_parse("text", text, strlen(text), &value);

    left = -1;
    assert_null(err);
}

static void write_json(void)
{
    struct json *value = json_object();
    struct buffer out = {0};

    json_set(value, "key", json_string("value"));
    left = allowed;
    json_write(value, true, &out);
}

static int by_address(const void *a, const void *b)
{
    return (a > b) - (a < b);
}

static void grow_search_tree(void)
{
    void *root = NULL;

    left = allowed;
    xallocated(tsearch("a", &root, by_address));
}

static void test_every_allocation(void **state)
{
    (void)state;
    assert_each_failure_told(hash_text);
    assert_each_failure_told(parse_json);
    assert_each_failure_told(write_json);
    assert_each_failure_told(grow_search_tree);
}

#else

/* Lets too much return NULL, as the C library does, in place of ending the process. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}

#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_message_and_exit_code),
        cmocka_unit_test(test_allocated_is_returned),
        cmocka_unit_test(test_nothing_is_something),
#ifndef __SANITIZE_ADDRESS__
        cmocka_unit_test(test_every_allocation),
#endif
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
