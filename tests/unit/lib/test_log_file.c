/* The log: its bytes, what it replaces, and what becomes of a disk that is full. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/lib/buffer.h"
#include "host/lib/cleanup.h"
#include "host/lib/file.h"
#include "host/lib/log_file.h"
#include "host/lib/memory.h"
#include "host/lib/temporary.h"
#include "tests/unit/folder.h"

static char *path_of(const char *name)
{
    return xasprintf("%s/%s", folder, name);
}

static void expect_content(const char *path, const char *expected)
{
    CLEANUP(buffer_free) struct buffer bytes = {0};

    assert_null(file_read(path, "log", 1 << 20, EXIT_OTHER, &bytes));
    assert_string_equal(bytes.length > 0 ? bytes.data : "", expected);
}

/* Whatever the pieces are, a character is not cut. */
static void test_harmless(void **state)
{
    static const char text[] = "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\033[1m\r\n\xff\xc3(\xe2\x82";
    CLEANUP(freep) char *path = path_of("log");

    (void)state;
    for (size_t piece = 1; piece < sizeof text; piece++) {
        CLEANUP(log_file_freep) struct log_file *log = NULL;

        assert_null(log_file_open(path, false, &log));
        for (size_t at = 0; at < sizeof text - 1; at += piece) {
            size_t left = sizeof text - 1 - at;

            assert_true(log_file_write(log, text + at, left < piece ? left : piece));
        }
        assert_null(log_file_finish(log));
        expect_content(path, "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80^[[1m^M\nM-^?M-C(M-bM-^B");
    }
    assert_int_equal(unlink(path), 0);
}

static void test_raw(void **state)
{
    CLEANUP(freep) char *path = path_of("log");
    CLEANUP(log_file_freep) struct log_file *log = NULL;

    (void)state;
    assert_null(log_file_open(path, true, &log));
    assert_true(log_file_write(log, "\033[1m\xe2", 5));
    expect_content(path, "\033[1m\xe2"); /* before its end, too */
    assert_null(log_file_finish(log));
    assert_int_equal(unlink(path), 0);
}

/* What was there is replaced when the log is opened, and a symlink is not followed. */
static void test_replaces(void **state)
{
    CLEANUP(freep) char *path = path_of("log");
    CLEANUP(freep) char *other = path_of("other");
    CLEANUP(log_file_freep) struct log_file *log = NULL;
    struct stat status;
    int fd = open(other, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    (void)state;
    assert_int_equal(write(fd, "old", 3), 3);
    close(fd);
    assert_int_equal(symlink(other, path), 0);
    assert_null(log_file_open(path, false, &log));
    assert_true(log_file_write(log, "new\n", 4));
    expect_content(other, "old");
    expect_content(path, "new\n");
    assert_int_equal(lstat(path, &status), 0);
    assert_true(S_ISREG(status.st_mode));
    assert_int_equal(status.st_mode & 0777, 0644);
    assert_null(log_file_finish(log));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(unlink(other), 0);
}

static void expect_refusal(const char *path, const char *words)
{
    struct log_file *log = NULL;
    CLEANUP(error_freep) struct error *err = log_file_open(path, false, &log);

    assert_non_null(err);
    assert_non_null(strstr(err->message, words));
    assert_non_null(err->advice);
}

static void test_refusals(void **state)
{
    CLEANUP(freep) char *missing = path_of("missing/log");

    (void)state;
    expect_refusal(folder, "it is a directory");
    expect_refusal(missing, "No such file or directory");
}

/* The first failure is kept, with its cause; later writes fail, too. */
static void test_full_disk(void **state)
{
    CLEANUP(log_file_freep) struct log_file *log = NULL;

    (void)state;
    assert_null(log_file_open("/dev/full", false, &log));
    assert_false(log_file_write(log, "x", 1));
    assert_false(log_file_write(log, "x", 1));
    CLEANUP(error_freep) struct error *err = log_file_take_error(log);

    assert_non_null(err);
    assert_int_equal(err->code, EXIT_DISK_FULL);
    assert_non_null(strstr(err->message, "keep the log: write '/dev/full': No space left"));
    assert_null(log_file_take_error(log));
}

static int set_up(void **state)
{
    umask(022);
    error_free(temporary_setup());
    return make_folder(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_harmless),  cmocka_unit_test(test_raw),
        cmocka_unit_test(test_replaces),  cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_full_disk),
    };

    return cmocka_run_group_tests(tests, set_up, remove_empty_folder);
}
