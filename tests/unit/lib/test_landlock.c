/* Rules of Landlock, each under test in a process of its own. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/lib/landlock.h"
#include "host/lib/memory.h"

static char folder[] = "/tmp/test_landlock.XXXXXX";
static char *inside, *outside; /* files */

/* Whether PATH can be opened with FLAGS; sets errno. */
static bool opens(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC, 0600);

    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static bool is_refused(const char *path, int flags)
{
    return !opens(path, flags) && errno == EACCES;
}

static bool reads(void)
{
    return opens(inside, O_RDONLY) && is_refused(inside, O_WRONLY) && is_refused(outside, O_RDONLY);
}

static bool writes(void)
{
    return opens(inside, O_RDWR) && is_refused("made", O_WRONLY | O_CREAT) &&
           is_refused(outside, O_RDONLY);
}

static bool changes(void)
{
    return opens("made", O_RDWR | O_CREAT) && rename("made", "moved") == 0 &&
           unlink("moved") == 0 && mkdir("made", 0700) == 0 && rmdir("made") == 0 &&
           is_refused(outside, O_RDONLY);
}

/* Runs TRIAL in a child that is allowed ACCESS to the file or directory PATH. */
static bool holds(const char *path, enum landlock_access access, bool (*trial)(void))
{
    int status = 0;
    pid_t child = fork();

    if (child == 0) {
        int rules = landlock_new(LANDLOCK_FILES);

        _exit(chdir(folder) == 0 && rules >= 0 && landlock_allow(rules, path, access) &&
                      landlock_enforce(rules) && trial()
                  ? 0
                  : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return status == 0;
}

static void test_files(void **state)
{
    (void)state;
    if (landlock_abi() == 0)
        skip();
    assert_true(holds(inside, LANDLOCK_READ, reads));
    assert_true(holds(folder, LANDLOCK_READ, reads));
    assert_true(holds(inside, LANDLOCK_WRITE, writes));
    assert_true(holds(folder, LANDLOCK_CHANGE, changes));
    assert_true(holds(inside, LANDLOCK_DEVICE, writes)); /* more than a file can have */
}

static void test_missing(void **state)
{
    (void)state;
    if (landlock_abi() == 0)
        skip();
    int rules = landlock_new(LANDLOCK_FILES);

    assert_true(rules >= 0);
    assert_false(landlock_allow(rules, "/no/such/file", LANDLOCK_READ));
    assert_int_equal(errno, ENOENT);
    close(rules);
}

/* Waits until a byte can be read, then tries to open a file. */
static void *open_later(void *argument)
{
    int *ends = argument;
    char byte;

    if (read(ends[0], &byte, 1) != 1)
        _exit(2);
    return is_refused(outside, O_RDONLY) ? argument : NULL;
}

/* In a process with another thread, which is not disturbed in what it waits for. */
static bool reaches_threads(void)
{
    int ends[2], rules = landlock_new(LANDLOCK_FILES);
    pthread_t thread;
    void *refused = NULL;

    return rules >= 0 && pipe(ends) == 0 && pthread_create(&thread, NULL, open_later, ends) == 0 &&
           landlock_enforce_for_all(rules) && write(ends[1], "x", 1) == 1 &&
           pthread_join(thread, &refused) == 0 && refused != NULL && is_refused(outside, O_RDONLY);
}

static void test_all_threads(void **state)
{
    int status = 0;

    (void)state;
    if (landlock_abi() == 0)
        skip();
    pid_t child = fork();

    if (child == 0)
        _exit(reaches_threads() ? 0 : 1);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

/* Rules that do not cover files leave them alone, also where the kernel would forbid something. */
static bool moves(void)
{
    return opens("file", O_RDWR) && mkdir("made", 0700) == 0 && rename("file", "made/file") == 0 &&
           rename("made/file", "file") == 0 && rmdir("made") == 0 && opens(outside, O_RDONLY);
}

static void test_files_not_covered(void **state)
{
    int status = 0;

    (void)state;
    if (landlock_abi() < LANDLOCK_ABI_SCOPES)
        skip();
    pid_t child = fork();

    if (child == 0) {
        int rules = landlock_new(LANDLOCK_SIGNALS);

        _exit(chdir(folder) == 0 && rules >= 0 && landlock_enforce(rules) && moves() ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void test_signals(void **state)
{
    int status = 0;

    (void)state;
    if (landlock_abi() < LANDLOCK_ABI_SCOPES)
        skip();
    pid_t child = fork();

    if (child == 0) {
        int rules = landlock_new(LANDLOCK_SIGNALS);

        _exit(rules >= 0 && kill(getppid(), 0) == 0 && landlock_enforce(rules) &&
                      kill(getppid(), 0) < 0 && errno == EPERM && kill(getpid(), 0) == 0
                  ? 0
                  : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static int set_up(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL)
        return -1;
    inside = xasprintf("%s/file", folder);
    outside = xstrdup("/etc/passwd");
    return opens(inside, O_WRONLY | O_CREAT) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(inside);
    free(inside);
    free(outside);
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files),       cmocka_unit_test(test_missing),
        cmocka_unit_test(test_all_threads), cmocka_unit_test(test_files_not_covered),
        cmocka_unit_test(test_signals),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
