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
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/lib/temporary.h"
#include "host/store/store.h"
#include "host/store/store_pruning.h"
#include "host/store/store_record.h"
#include "host/store/store_verify.h"
#include "tests/unit/folder.h"

#define DISK_KEY "0123456789abcdef"
#define LARGE (3 << 20) /* bytes of an entry that may be checked late */

static struct store *open_store(void)
{
    struct store *store = NULL;

    assert_null(store_open(folder, false, &store));
    return store;
}

/* Publishes TEXT under KEY, or under its digest if KEY is NULL. */
static void publish(struct store *store, enum store_kind kind, const char *key, const char *text)
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
static struct digest publish_blob(struct store *store, const char *text)
{
    struct digest digest;

    digest_of(text, strlen(text), &digest);
    publish(store, STORE_BLOB, NULL, text);
    return digest;
}

static bool finds(struct store *store, enum store_kind kind, const char *key)
{
    char *path = store_find(store, kind, key);
    bool found = path != NULL;

    free(path);
    return found;
}

static size_t count_sessions(void)
{
    char *command = xasprintf("exit $(ls -A '%s/sessions' | wc -l)", folder);
    int status = system(command);

    free(command);
    return (size_t)WEXITSTATUS(status);
}

static void overwrite(const char *path, const char *bytes, off_t offset)
{
    int fd;

    assert_int_equal(chmod(path, 0600), 0);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, strlen(bytes), offset), strlen(bytes));
    close(fd);
}

static void test_entry_is_found_again(void **state)
{
    struct store *store = open_store();
    struct digest blob = publish_blob(store, "some bytes");
    struct stat status;

    (void)state;
    publish(store, STORE_DERIVED, "gzip-1/00ff", "derived");
    store_free(store);
    store = open_store();
    assert_true(finds(store, STORE_DERIVED, "gzip-1/00ff"));
    assert_false(finds(store, STORE_DERIVED, "gzip-2/00ff"));
    char *path = store_find(store, STORE_BLOB, blob.hex);

    assert_non_null(path);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0444);
    free(path);
    store_free(store);
}

static void test_changed_blob_is_dropped(void **state)
{
    struct store *store = open_store();
    struct digest blob = publish_blob(store, "bytes that will be changed");
    char *path = store_find(store, STORE_BLOB, blob.hex);

    (void)state;
    store_free(store);
    store = open_store();
    overwrite(path, "B", 0);
    assert_null(store_find(store, STORE_BLOB, blob.hex));
    assert_int_equal(access(path, F_OK), -1);
    free(path);
    store_free(store);
}

static void test_truncated_disk_is_dropped(void **state)
{
    struct store *store = open_store();

    (void)state;
    publish(store, STORE_DISK, DISK_KEY, "a whole disk");
    char *path = store_find(store, STORE_DISK, DISK_KEY);

    assert_non_null(path);
    assert_int_equal(chmod(path, 0600), 0); /* what is kept can be read only, by its owner too */
    assert_int_equal(truncate(path, 3), 0);
    store_free(store);
    store = open_store();
    assert_false(finds(store, STORE_DISK, DISK_KEY));
    free(path);
    store_free(store);
}

/* Changes eight bytes in the middle of what PATH holds, and keeps its times. */
static void rot(const char *path)
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

/* Lets NAME of the store and OTHER change places. */
static void swap(const char *name, const char *other)
{
    char *path = xasprintf("%s/%s", folder, name);
    char *other_path = xasprintf("%s/%s", folder, other);

    assert_int_equal(renameat2(AT_FDCWD, path, AT_FDCWD, other_path, RENAME_EXCHANGE), 0);
    free(path);
    free(other_path);
}

static char *large_text(void)
{
    char *text = xcalloc(1, LARGE + 1);

    for (size_t i = 0; i < LARGE; i++)
        text[i] = (char)('a' + i % 26);
    return text;
}

static void test_rotten_entries_are_dropped(void **state)
{
    struct store *store = open_store();
    struct digest blob = publish_blob(store, "bytes that rot in the middle");
    char *blob_path = store_find(store, STORE_BLOB, blob.hex);

    (void)state;
    publish(store, STORE_DISK, DISK_KEY, "a disk that rots in the middle");
    publish(store, STORE_SNAPSHOT, DISK_KEY, "a saved VM that rots in the middle");
    char *disk_path = store_find(store, STORE_DISK, DISK_KEY);
    char *snapshot_path = store_find(store, STORE_SNAPSHOT, DISK_KEY);

    store_free(store);
    rot(blob_path);
    rot(disk_path);
    rot(snapshot_path);
    store = open_store();
    assert_false(finds(store, STORE_BLOB, blob.hex));
    assert_false(finds(store, STORE_DISK, DISK_KEY));
    assert_false(finds(store, STORE_SNAPSHOT, DISK_KEY));
    assert_int_equal(access(blob_path, F_OK), -1);
    assert_int_equal(access(disk_path, F_OK), -1);
    assert_int_equal(access(snapshot_path, F_OK), -1);
    free(blob_path);
    free(disk_path);
    free(snapshot_path);
    store_free(store);
}

/* If the host crashed before the kernel had written a disk, half of it may be there. */
static void test_disk_with_a_gap_is_dropped(void **state)
{
    struct store *store = open_store();
    CLEANUP(freep) char *text = large_text();
    CLEANUP(freep) char *path = NULL;

    (void)state;
    publish(store, STORE_DISK, DISK_KEY, text);
    path = store_find(store, STORE_DISK, DISK_KEY);
    store_free(store);
    assert_int_equal(chmod(path, 0600), 0);
    int fd = open(path, O_WRONLY | O_CLOEXEC);

    assert_int_equal(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, LARGE / 2, 4096), 0);
    close(fd);
    store = open_store();
    assert_false(finds(store, STORE_DISK, DISK_KEY));
    store_free(store);
}

static void test_exchanged_entries_are_dropped(void **state)
{
    struct store *store = open_store();
    struct digest one = publish_blob(store, "one blob"), other = publish_blob(store, "two blob");
    char *one_name = xasprintf("blobs/sha256/%s", one.hex);
    char *other_name = xasprintf("blobs/sha256/%s", other.hex);

    (void)state;
    publish(store, STORE_DISK, "aa", "one disk");
    publish(store, STORE_DISK, "bb", "two disk");
    publish(store, STORE_DISK, "cc", "three disk");
    publish(store, STORE_DISK, "dd", "seven disk");
    store_free(store);
    swap(one_name, other_name);
    swap("disks/aa", "disks/bb");
    swap("disks/cc", "disks/dd");
    swap("facts/disks-cc", "facts/disks-dd");
    store = open_store();
    assert_false(finds(store, STORE_BLOB, one.hex));
    assert_false(finds(store, STORE_BLOB, other.hex));
    for (const char *const *key = (const char *const[]){"aa", "bb", "cc", "dd", NULL}; *key != NULL;
         key++)
        assert_false(finds(store, STORE_DISK, *key));
    free(one_name);
    free(other_name);
    store_free(store);
}

static void test_directory_in_place_of_an_entry_is_dropped(void **state)
{
    struct store *store = open_store();
    struct digest blob = publish_blob(store, "bytes in place of a directory");
    CLEANUP(freep) char *path = store_find(store, STORE_BLOB, blob.hex);
    CLEANUP(freep) char *command = xasprintf("rm '%s' && mkdir -p '%s/below'", path, path);

    (void)state;
    store_free(store);
    assert_int_equal(system(command), 0);
    store = open_store();
    assert_false(finds(store, STORE_BLOB, blob.hex));
    publish_blob(store, "bytes in place of a directory");
    assert_true(finds(store, STORE_BLOB, blob.hex));
    store_free(store);
}

/* A store that was copied has other times, and may have lost its holes. */
static void test_touched_entries_are_kept(void **state)
{
    struct store *store = open_store();
    struct digest blob = publish_blob(store, "bytes that stay");
    char *blob_path = store_find(store, STORE_BLOB, blob.hex);

    (void)state;
    publish(store, STORE_DISK, DISK_KEY, "a disk");
    char *disk = store_find(store, STORE_DISK, DISK_KEY);

    store_free(store);
    assert_int_equal(utimensat(AT_FDCWD, blob_path, NULL, 0), 0);
    assert_int_equal(utimensat(AT_FDCWD, disk, NULL, 0), 0);
    store = open_store();
    assert_true(finds(store, STORE_BLOB, blob.hex));
    assert_true(finds(store, STORE_DISK, DISK_KEY));
    free(blob_path);
    free(disk);
    store_free(store);
}

static void test_lost_facts_cost_all_but_blobs(void **state)
{
    struct store *store = open_store();
    struct digest blob = publish_blob(store, "bytes without facts");
    char *command = xasprintf("rm '%s'/facts/*", folder);

    (void)state;
    publish(store, STORE_DISK, DISK_KEY, "a disk without facts");
    store_free(store);
    assert_int_equal(system(command), 0);
    store = open_store();
    assert_true(finds(store, STORE_BLOB, blob.hex));
    assert_false(finds(store, STORE_DISK, DISK_KEY));
    free(command);
    store_free(store);
}

static void test_rotten_facts_do_not_count(void **state)
{
    struct store *store = open_store();
    CLEANUP(freep) char *facts = xasprintf("%s/facts/disks-" DISK_KEY, folder);

    (void)state;
    publish(store, STORE_DISK, DISK_KEY, "a disk");
    store_free(store);
    rot(facts);
    store = open_store();
    assert_false(finds(store, STORE_DISK, DISK_KEY));
    store_free(store);
}

/* Work of store_run: finds the blob and settles. */
struct late_work {
    struct store *store;
    const char *key;
    enum store_kind kind;
    bool publishes;
    bool is_unused;
    unsigned int runs;
    bool found[2];
};

static struct error *find_late(void *context)
{
    struct late_work *work = context;

    assert_true(work->runs < 2);
    CLEANUP(freep)
    char *entry = work->kind == STORE_SNAPSHOT
                      ? store_find(work->store, work->kind, work->key)
                      : store_find_unchecked(work->store, work->kind, work->key);

    work->found[work->runs++] = entry != NULL;
    if (!work->is_unused)
        store_use(work->store, entry);
    if (!work->publishes)
        return store_settle(work->store);
    CLEANUP(freep) char *path = NULL;
    int fd = -1;

    assert_null(store_temporary(work->store, &path, &fd));
    close(fd);
    return store_publish(work->store, STORE_DISK, "dd", path, NULL);
}

/* Runs the work on an entry of KIND that is damaged or not. */
static struct late_work run_late(enum store_kind kind, bool damaged, bool publishes, bool unused)
{
    CLEANUP(freep) char *text = large_text();
    struct digest blob;
    struct store *store = open_store();
    struct late_work work = {.kind = kind, .publishes = publishes, .is_unused = unused};

    digest_of(text, strlen(text), &blob);
    work.key = kind == STORE_BLOB ? blob.hex : DISK_KEY;
    publish(store, kind, work.key, text);
    CLEANUP(freep) char *path = store_find(store, kind, work.key);

    store_free(store);
    if (damaged)
        rot(path);
    work.store = store = open_store();
    struct error *err = store_run(store, true, find_late, &work);

    if (err != NULL) { /* then the supervisor starts another process */
        assert_int_equal(err->code, EXIT_AGAIN);
        error_free(err);
        store_free(store);
        work.store = store = open_store();
        assert_null(store_run(store, true, find_late, &work));
    }
    assert_int_equal(access(path, F_OK), damaged && !unused ? -1 : 0);
    assert_int_equal(finds(store, STORE_DISK, "dd"), publishes);
    store_drop(store, STORE_DISK, "dd");
    store_free(store);
    return work;
}

static void test_late_check_of_a_sound_entry(void **state)
{
    (void)state;
    for (enum store_kind kind = STORE_BLOB; kind <= STORE_SNAPSHOT; kind++) {
        struct late_work work = run_late(kind, false, kind == STORE_DISK, false);

        assert_int_equal(work.runs, 1);
        assert_true(work.found[0]);
    }
}

static void test_late_check_of_a_damaged_entry(void **state)
{
    (void)state;
    for (unsigned int publishes = 0; publishes < 2; publishes++) {
        struct late_work blob = run_late(STORE_BLOB, true, publishes, false);
        struct late_work disk = run_late(STORE_DISK, true, publishes, false);

        assert_int_equal(blob.runs, 2);
        assert_true(blob.found[0]);
        assert_false(blob.found[1]);
        assert_int_equal(disk.runs, 2);
        assert_true(disk.found[0]);
        assert_false(disk.found[1]);
    }
}

static void test_unused_entry_does_not_matter(void **state)
{
    struct late_work work = run_late(STORE_BLOB, true, true, true);

    (void)state;
    assert_int_equal(work.runs, 1);
    assert_true(work.found[0]);
}

/* QEMU trusts the state that it resumes from. */
static void test_saved_vm_is_never_checked_late(void **state)
{
    struct late_work work = run_late(STORE_SNAPSHOT, true, false, false);

    (void)state;
    assert_int_equal(work.runs, 1);
    assert_false(work.found[0]);
}

/* Work of store_run: what it drops itself does not make it run again. */
static struct error *find_and_drop(void *context)
{
    struct late_work *work = context;

    CLEANUP(freep) char *path = store_find_unchecked(work->store, STORE_DISK, DISK_KEY);

    work->runs++;
    assert_non_null(path);
    store_use(work->store, path);
    store_drop(work->store, STORE_DISK, DISK_KEY);
    return store_settle(work->store);
}

static void test_dropped_entry_does_not_matter(void **state)
{
    CLEANUP(freep) char *text = large_text();
    struct store *store = open_store();
    struct late_work work = {0};

    (void)state;
    publish(store, STORE_DISK, DISK_KEY, text);
    CLEANUP(freep) char *path = store_find(store, STORE_DISK, DISK_KEY);

    store_free(store);
    rot(path);
    work.store = store = open_store();
    assert_null(store_run(store, true, find_and_drop, &work));
    assert_int_equal(work.runs, 1);
    store_free(store);
}

static void put_record(struct store *store, const char *key, int64_t value)
{
    struct json *record = json_object();

    json_set(record, "value", json_integer(value));
    store_record_put(store, "inputs", key, record);
    json_free(record);
}

static void test_rotten_and_exchanged_records_are_ignored(void **state)
{
    struct store *store = open_store();
    CLEANUP(freep) char *path = xasprintf("%s/records/inputs/aa", folder);
    static const char *const keys[] = {"aa", "bb", "cc"};

    (void)state;
    for (size_t i = 0; i < 3; i++)
        put_record(store, keys[i], 100000000 + (int64_t)i);
    for (size_t i = 0; i < 3; i++) {
        struct json *record = store_record_get(store, "inputs", keys[i]);

        assert_non_null(record);
        json_free(record);
    }
    rot(path);
    swap("records/inputs/bb", "records/inputs/cc");
    for (size_t i = 0; i < 3; i++)
        assert_null(store_record_get(store, "inputs", keys[i]));
    assert_int_equal(access(path, F_OK), -1);
    store_free(store);
}

static void test_verification_finds_everything(void **state)
{
    static const char *const places[] = {"disks/aa", "snapshots/aa", "records/inputs/aa"};
    struct store *store = open_store();
    struct store_verification found = {0};
    struct digest blob;

    (void)state;
    assert_null(store_verify(store, &found)); /* what other tests have left */
    size_t before = found.checked - found.damaged.count;

    strings_free(&found.damaged);
    blob = publish_blob(store, "a blob to be verified");
    publish(store, STORE_DISK, "aa", "a disk to be verified");
    publish(store, STORE_DISK, "bb", "a disk that stays");
    publish(store, STORE_SNAPSHOT, "aa", "a state to be verified");
    put_record(store, "aa", 123456789);
    found = (struct store_verification){0};
    assert_null(store_verify(store, &found));
    assert_int_equal(found.damaged.count, 0);
    assert_true(found.checked >= 5);
    size_t all = found.checked;

    assert_true(all >= before);
    for (size_t i = 0; i < 3; i++) {
        CLEANUP(freep) char *path = xasprintf("%s/%s", folder, places[i]);

        rot(path);
    }
    CLEANUP(freep) char *path = xasprintf("%s/blobs/sha256/%s", folder, blob.hex);

    rot(path);
    found = (struct store_verification){0};
    assert_null(store_verify(store, &found));
    assert_int_equal(found.checked, all);
    assert_int_equal(found.damaged.count, 4);
    assert_non_null(strstr(found.damaged.items[0], blob.hex));
    for (size_t i = 0; i < 3; i++)
        assert_true(strings_contain(&found.damaged, places[i]));
    strings_free(&found.damaged);
    found = (struct store_verification){0};
    assert_null(store_verify(store, &found));
    assert_int_equal(found.checked, all - 4);
    assert_int_equal(found.damaged.count, 0);
    store_free(store);
}

/* A blob whose checksums are right, but not its digest: only the verification hashes it. */
static void test_verification_hashes_blobs(void **state)
{
    struct store *store = open_store();
    struct store_verification found = {0};
    struct digest digest;

    (void)state;
    digest_of("one", 3, &digest);
    publish(store, STORE_BLOB, digest.hex, "another");
    store_free(store);
    store = open_store();
    assert_true(finds(store, STORE_BLOB, digest.hex));
    assert_null(store_verify(store, &found));
    assert_int_equal(found.damaged.count, 1);
    assert_non_null(strstr(found.damaged.items[0], digest.hex));
    strings_free(&found.damaged);
    store_free(store);
}

static void test_session_folder_goes_with_the_store(void **state)
{
    struct store *store = open_store();
    char *path = NULL;
    int fd = -1;

    (void)state;
    assert_null(store_temporary(store, &path, &fd));
    close(fd);
    assert_int_equal(access(path, F_OK), 0);
    store_free(store);
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(count_sessions(), 0);
    free(path);
}

/* A child that opens the store, creates a temporary, reports it and waits to be killed. */

static pid_t start_child(const char *publishes)
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

static void kill_child(pid_t child)
{
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
}

static void test_killed_session_is_removed_and_living_one_kept(void **state)
{
    pid_t dead = start_child(NULL);
    pid_t living = start_child(NULL);

    (void)state;
    kill_child(dead);
    assert_int_equal(count_sessions(), 2);
    struct store *store = open_store();

    assert_int_equal(count_sessions(), 2); /* the living one's and this one's */
    store_free(store);
    kill_child(living);
}

/* As if this process had no descriptor left to open its file with. */
static void test_session_that_cannot_be_looked_at_is_kept(void **state)
{
    char *command = xasprintf("mkdir -p '%s/sessions/.session.odd/uses'", folder);
    char *path = xasprintf("%s/sessions/.session.odd", folder);

    (void)state;
    assert_int_equal(system(command), 0);
    store_free(open_store());
    assert_int_equal(access(path, F_OK), 0);
    temporary_remove(path);
    free(command);
    free(path);
}

static void test_pruning_spares_what_is_in_use(void **state)
{
    struct store *store = open_store();
    uint64_t freed = 0;

    (void)state;
    publish(store, STORE_BLOB, NULL, "nobody uses this");
    store_free(store);

    pid_t user = start_child("a disk in use");

    store = open_store();
    assert_null(store_prune(store, 0, &freed));
    assert_true(freed > 0);
    assert_true(finds(store, STORE_DISK, DISK_KEY));
    store_free(store);
    kill_child(user);

    store = open_store();
    assert_null(store_prune(store, 0, NULL));
    assert_false(finds(store, STORE_DISK, DISK_KEY));
    store_free(store);
}

static void test_pruning_takes_the_least_recently_used(void **state)
{
    struct store *store = open_store();
    const struct timespec long_ago[2] = {{.tv_sec = 1000}, {.tv_nsec = UTIME_OMIT}};
    struct store_entry *entries;
    size_t count;

    (void)state;
    assert_null(store_prune(store, 0, NULL));
    publish(store, STORE_DISK, "aa", "old");
    publish(store, STORE_DISK, "bb", "new");
    char *old = store_find(store, STORE_DISK, "aa");

    assert_int_equal(utimensat(AT_FDCWD, old, long_ago, 0), 0);
    store_free(store);
    store = open_store();
    assert_null(store_list(store, false, &entries, &count));
    assert_int_equal(count, 2);
    assert_string_equal(entries[0].name, "disks/aa");
    assert_false(entries[0].in_use);
    assert_null(store_prune(store, entries[1].disk_size, NULL));
    store_entries_free(entries, count);
    assert_false(finds(store, STORE_DISK, "aa"));
    assert_true(finds(store, STORE_DISK, "bb"));
    free(old);
    store_free(store);
}

static void test_lock_is_exclusive_and_survives_pruning(void **state)
{
    struct store *store = open_store();
    char *path = xasprintf("%s/lock/disks-%s", folder, DISK_KEY);
    int fd = -1;

    (void)state;
    assert_null(store_lock(store, STORE_DISK, DISK_KEY, &fd));
    int other = open(path, O_RDWR | O_CLOEXEC);

    assert_int_equal(flock(other, LOCK_EX | LOCK_NB), -1);
    assert_null(store_prune(store, 0, NULL));
    assert_int_equal(access(path, F_OK), 0);
    close(fd);
    assert_null(store_prune(store, 0, NULL));
    assert_int_equal(access(path, F_OK), -1);
    close(other);
    assert_null(store_lock(store, STORE_DISK, DISK_KEY, &fd));
    close(fd);
    free(path);
    store_free(store);
}

static void test_record_is_kept_and_a_bad_one_ignored(void **state)
{
    struct store *store = open_store();
    struct json *record = json_object();

    (void)state;
    json_set(record, "size", json_integer(7));
    store_record_put(store, "inputs", "00aa", record);
    json_free(record);
    record = store_record_get(store, "inputs", "00aa");
    assert_non_null(json_get(record, "size"));
    json_free(record);
    char *path = xasprintf("%s/records/inputs/00aa", folder);

    overwrite(path, "garbage", 0);
    assert_null(store_record_get(store, "inputs", "00aa"));
    assert_null(store_record_get(store, "inputs", "00ab"));
    free(path);
    store_free(store);
}

/* Replaces FOLDER/NAME by a directory that is not empty. */
static void put_folder(const char *name)
{
    char *command = xasprintf("cd '%s' && rm -rf %s && mkdir -p %s/x/y && : > %s/x/f", folder, name,
                              name, name);

    assert_int_equal(system(command), 0);
    free(command);
}

/* Something else in the place of a file is as good as nothing, wherever that is. */
static void test_directories_in_place_of_files(void **state)
{
    static const char *const names[] = {"blobs/sha256/", "facts/blobs-sha256-",
                                        "lock/blobs-sha256-", "records/kind/key"};
    struct store *store = open_store();
    struct digest blob = publish_blob(store, "some bytes");
    struct json *record = json_object();

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *name = xasprintf("%s%s", names[i], i < 3 ? blob.hex : "");
        int lock = -1;

        put_folder(name);
        free(name);
        free(store_find(store, STORE_BLOB, blob.hex));
        assert_null(store_lock(store, STORE_BLOB, blob.hex, &lock));
        close(lock);
        publish_blob(store, "some bytes");
        assert_true(finds(store, STORE_BLOB, blob.hex));
        store_record_put(store, "kind", "key", record);
        struct json *kept = store_record_get(store, "kind", "key");

        assert_non_null(kept);
        json_free(kept);
    }
    json_free(record);
    store_free(store);
}

static void test_files_in_place_of_directories(void **state)
{
    char *command =
        xasprintf("cd '%s' && rm -rf blobs facts && : > blobs && ln -s / facts", folder);

    (void)state;
    store_free(open_store());
    assert_int_equal(system(command), 0);
    free(command);
    struct store *store = open_store();
    struct digest blob = publish_blob(store, "some bytes");

    assert_true(finds(store, STORE_BLOB, blob.hex));
    store_free(store);
}

static void test_default_place(void **state)
{
    char *path = NULL;

    (void)state;
    setenv("XDG_CACHE_HOME", "/x/cache", 1);
    assert_null(store_locate(NULL, &path));
    assert_string_equal(path, "/x/cache/vmbuild");
    free(path);
    setenv("XDG_CACHE_HOME", "relative", 1);
    setenv("HOME", "/home/y", 1);
    assert_null(store_locate(NULL, &path));
    assert_string_equal(path, "/home/y/.cache/vmbuild");
    free(path);
    unsetenv("HOME");
    unsetenv("XDG_CACHE_HOME");
    struct error *err = store_locate(NULL, &path);

    assert_non_null(err);
    assert_non_null(strstr(err->advice, "--cache-dir"));
    error_free(err);
}

static void test_unusable_folders_are_refused(void **state)
{
    struct store *store = NULL;
    struct error *err = store_open("/proc/nothing/here", false, &store);

    (void)state;
    assert_non_null(err);
    assert_int_equal(err->code, EXIT_OTHER);
    assert_non_null(strstr(err->advice, "--no-cache"));
    error_free(err);
    err = store_open("/tmp", false, &store);
    assert_non_null(err);
    assert_non_null(strstr(err->message, "everyone"));
    error_free(err);
    setenv("VMBUILD_CACHE_LIMIT", "12 GiB", 1);
    err = store_open(folder, false, &store);
    assert_non_null(err);
    assert_int_equal(err->code, EXIT_USAGE);
    error_free(err);
    unsetenv("VMBUILD_CACHE_LIMIT");
    assert_null(store);
}

/* Whether the default store is one that is thrown away. */
static bool default_is_thrown_away(void)
{
    struct store *store = NULL;

    assert_null(store_open(NULL, false, &store));
    bool thrown_away = store_is_thrown_away(store);

    publish(store, STORE_BLOB, NULL, "not for long");
    store_free(store);
    return thrown_away;
}

static void test_default_store_that_cannot_be_is_done_without(void **state)
{
    CLEANUP(freep) char *usual = xasprintf("%s/home", folder);
    CLEANUP(freep) char *file = xasprintf("%s/file", folder);
    const char *const homes[] = {"/proc/nothing", "/", "//", "relative", "", file, NULL};
    int fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    (void)state;
    assert_true(fd >= 0);
    close(fd);
    setenv("TMPDIR", folder, 1);
    unsetenv("XDG_CACHE_HOME");
    unsetenv("HOME");
    assert_true(default_is_thrown_away());
    for (size_t i = 0; homes[i] != NULL; i++) {
        setenv("HOME", homes[i], 1);
        assert_true(default_is_thrown_away());
    }
    setenv("HOME", usual, 1);
    assert_false(default_is_thrown_away());
    setenv("XDG_CACHE_HOME", "/proc/nothing", 1);
    assert_true(default_is_thrown_away());
    unsetenv("XDG_CACHE_HOME");
    unsetenv("TMPDIR");
}

static void test_store_that_cannot_be_replaced_stays(void **state)
{
    CLEANUP(freep) char *cache = xasprintf("%s/broken", folder);
    CLEANUP(freep) char *file = xasprintf("%s/broken/vmbuild", folder);
    struct store *store = NULL;

    (void)state;
    assert_int_equal(mkdir(cache, 0700), 0);
    close(open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    setenv("XDG_CACHE_HOME", cache, 1);
    setenv("TMPDIR", "/proc/nothing", 1);
    struct error *err = store_open(NULL, false, &store);

    assert_non_null(err);
    assert_non_null(strstr(err->message, file));
    assert_non_null(strstr(err->message, "/proc/nothing"));
    assert_int_equal(access(file, F_OK), 0);
    error_free(err);
    unsetenv("XDG_CACHE_HOME");
    unsetenv("TMPDIR");
}

static void test_default_store_that_is_not_safe_is_refused(void **state)
{
    CLEANUP(freep) char *path = xasprintf("%s/shared/vmbuild", folder);
    CLEANUP(freep) char *shared = xasprintf("%s/shared", folder);
    struct store *store = NULL;

    (void)state;
    assert_int_equal(mkdir(shared, 0700), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(chmod(path, 0777), 0);
    setenv("XDG_CACHE_HOME", shared, 1);
    struct error *err = store_open(NULL, false, &store);

    assert_non_null(err);
    assert_non_null(strstr(err->message, "everyone"));
    error_free(err);
    unsetenv("XDG_CACHE_HOME");
}

static void test_limit(void **state)
{
    setenv("VMBUILD_CACHE_LIMIT", "3", 1);
    struct store *store = open_store();

    (void)state;
    assert_int_equal(store_limit(store), 3 << 20);
    store_free(store);
    unsetenv("VMBUILD_CACHE_LIMIT");
}

static void test_throw_away_store_leaves_nothing(void **state)
{
    struct store *store = NULL;

    (void)state;
    setenv("TMPDIR", folder, 1);
    assert_null(store_open(NULL, true, &store));
    char *path = xstrdup(store_folder(store));

    publish(store, STORE_BLOB, NULL, "not for long");
    store_free(store);
    assert_int_equal(access(path, F_OK), -1);
    free(path);
    unsetenv("TMPDIR");
}

static int set_up(void **state)
{
    return make_folder(state) != 0 || temporary_setup() != NULL;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        /* First: it must have no place for temporaries, and the others make one for good. */
        cmocka_unit_test(test_store_that_cannot_be_replaced_stays),
        cmocka_unit_test(test_entry_is_found_again),
        cmocka_unit_test(test_changed_blob_is_dropped),
        cmocka_unit_test(test_truncated_disk_is_dropped),
        cmocka_unit_test(test_rotten_entries_are_dropped),
        cmocka_unit_test(test_disk_with_a_gap_is_dropped),
        cmocka_unit_test(test_exchanged_entries_are_dropped),
        cmocka_unit_test(test_directory_in_place_of_an_entry_is_dropped),
        cmocka_unit_test(test_touched_entries_are_kept),
        cmocka_unit_test(test_lost_facts_cost_all_but_blobs),
        cmocka_unit_test(test_rotten_facts_do_not_count),
        cmocka_unit_test(test_late_check_of_a_sound_entry),
        cmocka_unit_test(test_late_check_of_a_damaged_entry),
        cmocka_unit_test(test_unused_entry_does_not_matter),
        cmocka_unit_test(test_saved_vm_is_never_checked_late),
        cmocka_unit_test(test_dropped_entry_does_not_matter),
        cmocka_unit_test(test_rotten_and_exchanged_records_are_ignored),
        cmocka_unit_test(test_verification_finds_everything),
        cmocka_unit_test(test_verification_hashes_blobs),
        cmocka_unit_test(test_session_folder_goes_with_the_store),
        cmocka_unit_test(test_killed_session_is_removed_and_living_one_kept),
        cmocka_unit_test(test_session_that_cannot_be_looked_at_is_kept),
        cmocka_unit_test(test_pruning_spares_what_is_in_use),
        cmocka_unit_test(test_pruning_takes_the_least_recently_used),
        cmocka_unit_test(test_lock_is_exclusive_and_survives_pruning),
        cmocka_unit_test(test_record_is_kept_and_a_bad_one_ignored),
        cmocka_unit_test(test_directories_in_place_of_files),
        cmocka_unit_test(test_files_in_place_of_directories),
        cmocka_unit_test(test_default_place),
        cmocka_unit_test(test_unusable_folders_are_refused),
        cmocka_unit_test(test_default_store_that_cannot_be_is_done_without),
        cmocka_unit_test(test_default_store_that_is_not_safe_is_refused),
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_throw_away_store_leaves_nothing),
    };

    return cmocka_run_group_tests(tests, set_up, remove_folder);
}
