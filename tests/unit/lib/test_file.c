#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/lib/cleanup.h"
#include "host/lib/error.h"
#include "host/lib/file.h"
#include "host/lib/memory.h"

#define PART (256 << 10)
#define SIZE (64 << 20)

/* An open file without a name in FOLDER, or -1. *PATH leads to it. */
static int make_file(const char *folder, char *path)
{
    int fd = open(folder, O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);

    sprintf(path, "/proc/self/fd/%d", fd);
    return fd;
}

/* Data at 4 MiB and, if AT_END, in the last bytes; holes elsewhere. */
static void fill(int fd, bool at_end)
{
    static char part[PART];

    for (size_t i = 0; i < sizeof part; i++)
        part[i] = (char)(i * 7 + 1);
    assert_int_equal(ftruncate(fd, SIZE), 0);
    assert_int_equal(pwrite(fd, part, sizeof part, 4 << 20), sizeof part);
    if (at_end)
        assert_int_equal(pwrite(fd, part, sizeof part, SIZE - PART), sizeof part);
}

static void expect_same(int one, int other)
{
    static char left[PART], right[PART];

    for (off_t at = 0; at < SIZE; at += PART) {
        assert_int_equal(pread(one, left, PART, at), PART);
        assert_int_equal(pread(other, right, PART, at), PART);
        assert_memory_equal(left, right, PART);
    }
    assert_int_equal(pread(other, right, PART, SIZE), 0);
}

static void copy_between(const char *from_folder, const char *to_folder, bool at_end)
{
    char from_path[32], to_path[32];
    CLEANUP(closep) int from = make_file(from_folder, from_path);
    CLEANUP(closep) int to = make_file(to_folder, to_path);
    struct stat status;

    if (from < 0 || to < 0)
        skip();
    fill(from, at_end);
    assert_null(file_copy_sparse(from_path, to, "copy"));
    expect_same(from, to);
    assert_int_equal(fstat(to, &status), 0);
    assert_true(status.st_blocks * 512 < SIZE / 2);
}

static void test_holes_stay_holes(void **state)
{
    (void)state;
    copy_between("/var/tmp", "/var/tmp", true);
    copy_between("/var/tmp", "/var/tmp", false);
}

/* Between two kinds the kernel copies nothing (EXDEV since Linux 5.19). */
static void test_between_file_systems(void **state)
{
    (void)state;
    copy_between("/var/tmp", "/dev/shm", true);
    copy_between("/dev/shm", "/var/tmp", false);
}

/* Copying the first bytes of a file into another leaves the other's further bytes alone. */
static void test_copies_a_part(void **state)
{
    static char bytes[PART], expected[PART];
    char from_path[32], to_path[32];
    CLEANUP(closep) int from = make_file("/var/tmp", from_path);
    CLEANUP(closep) int to = make_file("/var/tmp", to_path);
    struct stat status;

    (void)state;
    if (from < 0 || to < 0)
        skip();
    fill(from, true);
    assert_int_equal(pread(from, expected, PART, 4 << 20), PART);
    assert_int_equal(ftruncate(to, 2 * SIZE), 0);
    assert_int_equal(pwrite(to, "behind", 6, SIZE / 2), 6);
    assert_null(file_copy_data(from, from_path, SIZE / 2, PART, to, "copy"));
    assert_int_equal(pread(to, bytes, PART, 4 << 20), PART);
    assert_memory_equal(bytes, expected, PART);
    assert_int_equal(pread(to, bytes, 6, SIZE / 2), 6);
    assert_memory_equal(bytes, "behind", 6);
    assert_int_equal(fstat(to, &status), 0);
    assert_int_equal(status.st_size, 2 * SIZE);
    CLEANUP(error_freep)
    struct error *err = file_copy_data(from, from_path, SIZE, PART, to, "copy");

    assert_non_null(err);
    assert_non_null(strstr(err->message, "bytes of data"));
}

static void test_appends(void **state)
{
    static char left[PART], right[PART];
    char from_path[32], to_path[32];
    CLEANUP(closep) int from = make_file("/var/tmp", from_path);
    CLEANUP(closep) int to = make_file("/dev/shm", to_path);

    (void)state;
    if (from < 0 || to < 0)
        skip();
    fill(from, true);
    assert_null(file_write("head", 4, to, "copy"));
    assert_null(file_copy(from_path, SIZE, to, "copy"));
    assert_int_equal(lseek(to, 0, SEEK_CUR), SIZE + 4);
    assert_int_equal(pread(from, left, PART, SIZE - PART), PART);
    assert_int_equal(pread(to, right, PART, SIZE + 4 - PART), PART);
    assert_memory_equal(left, right, PART);
}

/* At the end of a file zeros take no room; elsewhere they are written. */
static void test_zeros(void **state)
{
    static char zeros[1 << 20], bytes[1 << 20];
    char path[32];
    int pipes[2];
    CLEANUP(closep) int to = make_file("/var/tmp", path);
    struct stat status;

    (void)state;
    if (to < 0)
        skip();
    assert_null(file_write("head", 4, to, "copy"));
    assert_null(file_write_zeros(SIZE, to, "copy"));
    assert_null(file_write_sparse(zeros, sizeof zeros, to, "copy"));
    assert_null(file_write_sparse("tail", 4, to, "copy"));
    assert_int_equal(fstat(to, &status), 0);
    assert_int_equal(status.st_size, 4 + SIZE + sizeof zeros + 4);
    assert_true(status.st_blocks * 512 < SIZE / 2);
    assert_int_equal(lseek(to, 0, SEEK_SET), 0);
    assert_null(file_write_zeros(2, to, "copy"));
    assert_int_equal(pread(to, bytes, 5, 0), 5);
    assert_memory_equal(bytes, "\0\0ad\0", 5);
    assert_int_equal(pipe(pipes), 0);
    assert_null(file_write_zeros(1000, pipes[1], "pipe"));
    assert_int_equal(read(pipes[0], bytes, sizeof bytes), 1000);
    close(pipes[0]);
    close(pipes[1]);
}

/* Room is taken behind the end, which stays where it is, and a pipe has none to take. */
static void test_reserve(void **state)
{
    char path[32], byte;
    int pipes[2];
    CLEANUP(closep) int to = make_file("/var/tmp", path);
    struct stat status;

    (void)state;
    if (to < 0)
        skip();
    assert_null(file_write("head", 4, to, "copy"));
    if (fallocate(to, FALLOC_FL_KEEP_SIZE, 0, 4) < 0)
        skip(); /* not on this file system */
    file_reserve(SIZE, to);
    assert_int_equal(fstat(to, &status), 0);
    assert_int_equal(status.st_size, 4);
    assert_true(status.st_blocks * 512 >= SIZE);
    assert_null(file_write("tail", 4, to, "copy"));
    assert_int_equal(lseek(to, 0, SEEK_END), 8);
    assert_int_equal(pipe(pipes), 0);
    file_reserve(1000, pipes[1]);
    assert_null(file_write("1", 1, pipes[1], "pipe"));
    assert_int_equal(read(pipes[0], &byte, 1), 1);
    close(pipes[0]);
    close(pipes[1]);
}

static void test_another_size_is_an_error(void **state)
{
    char from_path[32], to_path[32];
    CLEANUP(closep) int from = make_file("/var/tmp", from_path);
    CLEANUP(closep) int to = make_file("/var/tmp", to_path);

    (void)state;
    assert_int_equal(ftruncate(from, 10), 0);
    CLEANUP(error_freep) struct error *err = file_copy(from_path, 11, to, "copy");

    assert_non_null(err);
    assert_int_equal(err->code, EXIT_OTHER);
}

/* A file that is used up becomes one hole, and its bytes are in the other. */
static void use_up_between(const char *from_folder, const char *to_folder)
{
    char from_path[32], to_path[32], same_path[32];
    CLEANUP(closep) int from = make_file(from_folder, from_path);
    CLEANUP(closep) int to = make_file(to_folder, to_path);
    CLEANUP(closep) int same = make_file(to_folder, same_path);
    struct stat status;

    if (from < 0 || to < 0 || same < 0)
        skip();
    fill(from, true);
    fill(same, true);
    assert_null(file_user_up().copy(NULL, from_path, SIZE, to, to_path));
    expect_same(same, to);
    assert_int_equal(fstat(to, &status), 0);
    assert_true(status.st_blocks * 512 < SIZE / 2);
    assert_int_equal(fstat(from, &status), 0);
    assert_int_equal(status.st_size, SIZE);
    assert_int_equal(status.st_blocks, 0);
}

static void test_use_up(void **state)
{
    (void)state;
    use_up_between("/var/tmp", "/var/tmp");
    use_up_between("/dev/shm", "/var/tmp");
}

static void test_names(void **state)
{
    static const struct {
        const char *path;
        const char *folder;
    } names[] = {{"a", "."}, {"/a", "/"}, {"a/b", "a"}, {"/a/b/c", "/a/b"}};

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        CLEANUP(freep) char *slashes = xasprintf("%s//", names[i].path);
        CLEANUP(freep) char *without = file_without_slash(slashes);
        CLEANUP(freep) char *folder = file_folder(without);

        assert_string_equal(without, names[i].path);
        assert_string_equal(folder, names[i].folder);
    }
    CLEANUP(freep) char *root = file_without_slash("//");

    assert_string_equal(root, "/");
}

/* Checks the error, and frees it. */
static void expect_error(struct error *err, enum exit_code code, const char *message)
{
    assert_non_null(err);
    assert_int_equal(err->code, code);
    assert_string_equal(err->message, message);
    error_free(err);
}

static void test_what_cannot_be_read(void **state)
{
    CLEANUP(buffer_free) struct buffer bytes = {0};
    char path[32];
    CLEANUP(closep) int to = make_file("/dev/shm", path);

    (void)state;
    if (to < 0)
        skip();
    expect_error(file_read("/", "a list", 10, EXIT_INPUT, &bytes), EXIT_INPUT,
                 "read a list '/': Is a directory");
    expect_error(file_read("/dev/zero", "a list", 10, EXIT_INPUT, &bytes), EXIT_INPUT,
                 "read a list '/dev/zero': larger than 10 bytes");
    expect_error(file_copy("/none", 10, to, "copy"), EXIT_OTHER,
                 "read '/none': No such file or directory");
    expect_error(file_copy_sparse("/none", to, "copy"), EXIT_OTHER,
                 "read '/none': No such file or directory");
    expect_error(file_copy("/dev/null", 10, to, "copy"), EXIT_OTHER,
                 "read '/dev/null': its size has changed");
}

/* A full disk is an exit code of its own, whichever way the bytes go. */
static void test_what_cannot_be_written(void **state)
{
    static char zeros[1 << 20];
    char path[32];
    CLEANUP(closep) int from = make_file("/dev/shm", path);
    CLEANUP(closep) int full = open("/dev/full", O_RDWR | O_CLOEXEC);

    (void)state;
    if (from < 0 || full < 0)
        skip();
    assert_int_equal(write(from, "content", 7), 7);
    expect_error(file_write("x", 1, full, "copy"), EXIT_DISK_FULL,
                 "write 'copy': No space left on device");
    expect_error(file_write_zeros(1, full, "copy"), EXIT_DISK_FULL,
                 "write 'copy': No space left on device");
    expect_error(file_write_sparse(zeros, sizeof zeros, full, "copy"), EXIT_DISK_FULL,
                 "write 'copy': No space left on device");
    expect_error(file_copy(path, 7, full, "copy"), EXIT_DISK_FULL,
                 "write 'copy': No space left on device");
    expect_error(file_make(AT_FDCWD, "/proc/none", "x", 1), EXIT_OTHER,
                 "write '/proc/none': No such file or directory");
}

/* Whoever reads at the other end decides when there is room; nothing is lost. */
static void test_writes_wait_for_room(void **state)
{
    static char sent[1 << 20], got[1 << 20];
    int pipes[2];

    (void)state;
    for (size_t i = 0; i < sizeof sent; i++)
        sent[i] = (char)(i * 31 + i / 256);
    assert_int_equal(pipe2(pipes, O_CLOEXEC | O_NONBLOCK), 0);
    pid_t child = fork();

    if (child == 0) {
        struct error *err = file_write(sent, sizeof sent, pipes[1], "pipe");

        _exit(err == NULL ? 0 : 1);
    }
    close(pipes[1]);
    assert_int_equal(fcntl(pipes[0], F_SETFL, 0), 0);
    for (size_t length = 0; length < sizeof got;) {
        ssize_t part = read(pipes[0], got + length, sizeof got - length);

        assert_true(part > 0);
        length += (size_t)part;
    }
    assert_memory_equal(got, sent, sizeof got);
    close(pipes[0]);
    int status;

    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_holes_stay_holes),
        cmocka_unit_test(test_between_file_systems),
        cmocka_unit_test(test_copies_a_part),
        cmocka_unit_test(test_appends),
        cmocka_unit_test(test_zeros),
        cmocka_unit_test(test_reserve),
        cmocka_unit_test(test_another_size_is_an_error),
        cmocka_unit_test(test_what_cannot_be_read),
        cmocka_unit_test(test_what_cannot_be_written),
        cmocka_unit_test(test_writes_wait_for_room),
        cmocka_unit_test(test_use_up),
        cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
