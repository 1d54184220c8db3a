/* A store below the directory of the test (tests/unit/folder.h), for the tests of host/store/. */
#ifndef VMBUILD_TESTS_STORE_FIXTURE_H
#define VMBUILD_TESTS_STORE_FIXTURE_H

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/lib/memory.h"
#include "host/lib/temporary.h"
#include "host/store/store.h"
#include "host/store/store_record.h"
#include "tests/unit/folder.h"

#define DISK_KEY "0123456789abcdef"
#define LARGE (3 << 20) /* bytes of an entry that may be checked late */

static inline struct store *open_store(void)
{
    struct store *store = NULL;

    assert_null(store_open(folder, false, &store));
    return store;
}

/* Publishes TEXT under KEY, or under its digest if KEY is NULL. */
static inline void publish(struct store *store, enum store_kind kind, const char *key,
                           const char *text)
{
    struct digest digest;
    char *path = NULL;
    int fd = -1;

    digest_of(text, strlen(text), &digest);
    assert_null(store_temporary(store, &path, &fd));
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    assert_null(store_publish(store, kind, key != NULL ? key : digest.hex, path, NULL));
    free(path);
}

/* Publishes TEXT as a blob. */
static inline struct digest publish_blob(struct store *store, const char *text)
{
    struct digest digest;

    digest_of(text, strlen(text), &digest);
    publish(store, STORE_BLOB, NULL, text);
    return digest;
}

static inline bool finds(struct store *store, enum store_kind kind, const char *key)
{
    char *path = store_find(store, kind, key);
    bool found = path != NULL;

    free(path);
    return found;
}

/* Changes eight bytes in the middle of what PATH holds, and keeps its times. */
static inline void rot(const char *path)
{
    struct stat status;
    unsigned char bytes[8];
    int fd;

    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(chmod(path, 0600), 0);
    fd = open(path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    off_t middle = status.st_size / 2 - 4;

    assert_int_equal(pread(fd, bytes, sizeof bytes, middle), sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] ^= 0x5a;
    assert_int_equal(pwrite(fd, bytes, sizeof bytes, middle), sizeof bytes);
    const struct timespec times[2] = {status.st_atim, status.st_mtim};

    assert_int_equal(futimens(fd, times), 0);
    close(fd);
    assert_int_equal(chmod(path, 0444), 0);
}

static inline char *large_text(void)
{
    char *text = xcalloc(1, LARGE + 1);

    for (size_t i = 0; i < LARGE; i++)
        text[i] = (char)('a' + i % 26);
    return text;
}

/* A child that opens the store, creates a temporary, reports it and waits to be killed. */

static inline pid_t start_child(const char *publishes)
{
    int ends[2];
    char byte;

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    pid_t child = fork();

    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* should the test fail */
        struct store *store = NULL;
        char *path = NULL;
        int fd = -1;

        if (store_open(folder, false, &store) != NULL || store_temporary(store, &path, &fd) != NULL)
            _exit(1);
        if (publishes != NULL)
            publish(store, STORE_DISK, DISK_KEY, publishes);
        if (write(ends[1], "", 1) != 1)
            _exit(1);
        pause();
        _exit(0);
    }
    close(ends[1]);
    assert_int_equal(read(ends[0], &byte, 1), 1);
    close(ends[0]);
    return child;
}

static inline void kill_child(pid_t child)
{
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
}

static inline int set_up(void **state)
{
    return make_folder(state) != 0 || temporary_setup() != NULL;
}

static inline size_t count_sessions(void)
{
    char *command = xasprintf("exit $(ls -A '%s/sessions' | wc -l)", folder);
    int status = system(command);

    free(command);
    return (size_t)WEXITSTATUS(status);
}

static inline void overwrite(const char *path, const char *bytes, off_t offset)
{
    int fd;

    assert_int_equal(chmod(path, 0600), 0);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, strlen(bytes), offset), strlen(bytes));
    close(fd);
}

/* Lets NAME of the store and OTHER change places. */
static inline void swap(const char *name, const char *other)
{
    char *path = xasprintf("%s/%s", folder, name);
    char *other_path = xasprintf("%s/%s", folder, other);

    assert_int_equal(renameat2(AT_FDCWD, path, AT_FDCWD, other_path, RENAME_EXCHANGE), 0);
    free(path);
    free(other_path);
}

static inline void put_record(struct store *store, const char *key, int64_t value)
{
    struct json *record = json_object();

    json_set(record, "value", json_integer(value));
    store_record_put(store, "inputs", key, record);
    json_free(record);
}

#endif
