/* The server of base disks: what QEMU reads, and what it does not. */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/lib/cleanup.h"
#include "host/lib/temporary.h"
#include "host/vm/disk_server.h"
#include "tests/unit/folder.h"

#define BLOCK (64 << 10)
#define SIZE (5 * BLOCK + 4096) /* block 2 is a hole */
#define KEY "0123abcd"

static struct store *store;
static char *path; /* of the disk */
static struct store_disk *disk;
static struct disk_server *server;
static char content[SIZE];

/* Publishes the disk in a new session, which knows nothing of it. */
static int set_up(void **state)
{
    CLEANUP(freep) char *temporary = NULL;
    int fd = -1;

    if (make_folder(state) != 0 || store_open(folder, false, &store) != NULL ||
        store_temporary(store, &temporary, &fd) != NULL || ftruncate(fd, SIZE) != 0)
        return -1;
    for (size_t i = 0; i < SIZE; i++)
        content[i] = i / BLOCK == 2 ? 0 : (char)(i * 31 + i / BLOCK + 1);
    if (pwrite(fd, content, 2 * BLOCK, 0) != 2 * BLOCK ||
        pwrite(fd, content + 3 * BLOCK, SIZE - 3 * BLOCK, 3 * BLOCK) != SIZE - 3 * BLOCK)
        return -1;
    close(fd);
    if (store_publish(store, STORE_DISK, KEY, temporary, &path) != NULL)
        return -1;
    store_free(store);
    return store_open(folder, false, &store) == NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    disk_server_free(STEAL(server));
    store_disk_free(STEAL(disk));
    store_free(store);
    free(STEAL(path));
    return remove_folder(state);
}

static void get(int fd, void *bytes, size_t length)
{
    assert_int_equal(recv(fd, bytes, length, MSG_WAITALL), length);
}

static void put(int fd, const void *bytes, size_t length)
{
    assert_int_equal(send(fd, bytes, length, MSG_NOSIGNAL), length);
}

static uint64_t get_number(int fd, size_t length)
{
    unsigned char bytes[8];
    uint64_t value = 0;

    get(fd, bytes, length);
    for (size_t i = 0; i < length; i++)
        value = value << 8 | bytes[i];
    return value;
}

static void put_number(int fd, uint64_t value, size_t length)
{
    unsigned char bytes[8];

    for (size_t i = 0; i < length; i++)
        bytes[i] = (unsigned char)(value >> 8 * (length - 1 - i));
    put(fd, bytes, length);
}

static bool has_ended(int fd)
{
    char byte;

    return recv(fd, &byte, 1, 0) <= 0;
}

/* Starts the server, connects, and answers its greeting with FLAGS. */
static int connect_with(uint32_t flags)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (disk == NULL)
        assert_null(store_disk_open(store, KEY, &disk));
    assert_null(disk_server_start(folder, disk, &server));
    strcpy(address.sun_path, disk_server_socket(server));
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_true(get_number(fd, 8) == UINT64_C(0x4e42444d41474943));
    assert_true(get_number(fd, 8) == UINT64_C(0x49484156454f5054));
    assert_int_equal(get_number(fd, 2), 3);
    put_number(fd, flags, 4);
    return fd;
}

static void put_option(int fd, uint32_t option, const void *data, size_t length)
{
    put_number(fd, UINT64_C(0x49484156454f5054), 8);
    put_number(fd, option, 4);
    put_number(fd, length, 4);
    put(fd, data, length);
}

/* Returns the type of the reply to OPTION, which has LENGTH bytes. */
static uint32_t get_option_reply(int fd, uint32_t option, size_t length)
{
    assert_true(get_number(fd, 8) == UINT64_C(0x3e889045565a9));
    assert_int_equal(get_number(fd, 4), option);
    uint32_t type = (uint32_t)get_number(fd, 4);

    assert_int_equal(get_number(fd, 4), length);
    return type;
}

/* As QEMU does it: structured replies are refused, then the disk is chosen. */
static int open_disk(void)
{
    static const char go[] = {0, 0, 0, 0, 0, 0}; /* no name, no information */
    int fd = connect_with(3);

    put_option(fd, 8, "", 0);
    assert_int_equal(get_option_reply(fd, 8, 0), UINT32_C(0x80000001));
    put_option(fd, 7, go, sizeof go);
    assert_int_equal(get_option_reply(fd, 7, 12), 3);
    assert_int_equal(get_number(fd, 2), 0);
    assert_int_equal(get_number(fd, 8), SIZE);
    assert_int_equal(get_number(fd, 2), 3); /* read-only */
    assert_int_equal(get_option_reply(fd, 7, 0), 1);
    return fd;
}

static void request(int fd, uint16_t type, uint64_t offset, uint32_t length)
{
    put_number(fd, 0x25609513, 4);
    put_number(fd, type, 4);
    put_number(fd, 0x1122334455667788, 8);
    put_number(fd, offset, 8);
    put_number(fd, length, 4);
}

/* Returns the error of a request of TYPE. */
static uint32_t ask(int fd, uint16_t type, uint64_t offset, uint32_t length)
{
    request(fd, type, offset, length);
    assert_int_equal(get_number(fd, 4), 0x67446698);
    uint32_t error = (uint32_t)get_number(fd, 4);

    assert_true(get_number(fd, 8) == UINT64_C(0x1122334455667788));
    return error;
}

static void expect(int fd, uint64_t offset, uint32_t length)
{
    static char bytes[SIZE];

    assert_int_equal(ask(fd, 0, offset, length), 0);
    if (length > 0)
        get(fd, bytes, length);
    assert_memory_equal(bytes, content + offset, length);
}

static void damage(off_t offset)
{
    assert_int_equal(chmod(path, 0600), 0);
    CLEANUP(closep) int fd = open(path, O_WRONLY | O_CLOEXEC);

    assert_int_equal(pwrite(fd, "rotten", 6, offset), 6);
}

static void test_reads(void **state)
{
    CLEANUP(closep) int fd = open_disk();

    (void)state;
    expect(fd, 0, 512);
    expect(fd, 0, SIZE);
    expect(fd, BLOCK - 7, 4 * BLOCK);
    expect(fd, 2 * BLOCK + 5, 1000);
    expect(fd, 5 * BLOCK, 512);
    expect(fd, SIZE - 1, 1);
    expect(fd, SIZE, 0);
    request(fd, 2, 0, 0);
    assert_true(has_ended(fd));
    assert_null(store_settle(store));
}

static void test_old_way_to_open(void **state)
{
    char zeros[124];

    for (uint32_t flags = 1; flags <= 3; flags += 2) {
        CLEANUP(closep) int fd = connect_with(flags);

        put_option(fd, 1, "", 0);
        assert_int_equal(get_number(fd, 8), SIZE);
        assert_int_equal(get_number(fd, 2), 3);
        if (flags == 1)
            get(fd, zeros, sizeof zeros);
        expect(fd, 100, 100);
        disk_server_free(STEAL(server));
        assert_true(has_ended(fd));
    }
    (void)state;
}

static void test_refused_requests(void **state)
{
    CLEANUP(closep) int fd = open_disk();

    (void)state;
    assert_int_equal(ask(fd, 0, 0, SIZE + 1), 22);
    assert_int_equal(ask(fd, 0, SIZE, 1), 22);
    assert_int_equal(ask(fd, 0, UINT64_MAX, 512), 22);
    assert_int_equal(ask(fd, 0, 0, UINT32_MAX), 22);
    assert_int_equal(ask(fd, 3, 0, 0), 22); /* flush */
    expect(fd, 0, 512);
}

static void test_nonsense_ends_the_connection(void **state)
{
    CLEANUP(closep) int fd = open_disk();

    (void)state;
    put(fd, "twenty-eight bytes of garbag", 28);
    assert_true(has_ended(fd));
    disk_server_free(STEAL(server));
    closep(&fd);
    fd = connect_with(3);
    put_number(fd, UINT64_C(0x49484156454f5054), 8);
    put_number(fd, 7, 4);
    put_number(fd, UINT32_MAX, 4); /* bytes that follow */
    assert_true(has_ended(fd));
}

static void test_damaged_block(void **state)
{
    damage(3 * BLOCK + 1000);
    CLEANUP(closep) int fd = open_disk();

    (void)state;
    expect(fd, 0, 3 * BLOCK);
    expect(fd, 4 * BLOCK, BLOCK);
    assert_null(store_settle(store));
    assert_int_equal(ask(fd, 0, 3 * BLOCK, 512), 5); /* of the block that 1000 is in, too */
    expect(fd, 0, 512);
    struct error *err = store_settle(store);

    assert_non_null(err);
    assert_non_null(strstr(err->message, "disks/" KEY));
    error_free(err);
}

static void note_end(void *context)
{
    *(bool *)context = true;
}

/* Of a machine that does not stop by itself, the guest gets no answer. */
static void test_damaged_block_ends_the_machine(void **state)
{
    bool ended = false, is_write = true;

    damage(3 * BLOCK + 1000);
    CLEANUP(closep) int fd = open_disk();

    (void)state;
    assert_int_equal(disk_server_fault(server, &is_write), 0);
    disk_server_on_fault(server, note_end, &ended);
    assert_int_equal(ask(fd, 0, 0, SIZE + 1), 22);
    assert_false(ended);
    request(fd, 0, 3 * BLOCK, 512);
    assert_true(has_ended(fd));
    assert_true(ended);
    assert_int_equal(disk_server_fault(server, &is_write), EIO);
    assert_false(is_write);
}

/* What is not to be there cannot be seen. */
static void test_hole_that_was_filled(void **state)
{
    damage(2 * BLOCK + 1000);
    CLEANUP(closep) int fd = open_disk();

    (void)state;
    expect(fd, 2 * BLOCK, BLOCK);
}

static void test_disk_without_facts(void **state)
{
    CLEANUP(freep) char *facts = xasprintf("%s/facts/disks-" KEY, folder);

    (void)state;
    assert_int_equal(unlink(facts), 0);
    assert_null(store_disk_open(store, KEY, &disk));
    assert_null(disk);
    assert_int_equal(access(path, F_OK), -1);
}

static void test_ends_without_a_connection(void **state)
{
    (void)state;
    assert_null(store_disk_open(store, KEY, &disk));
    assert_null(disk_server_start(folder, disk, &server));
    disk_server_free(STEAL(server));
    disk_server_free(NULL);
}

/* As QEMU does it with a disk that can be written to. */
static int open_writable_disk(void)
{
    static const char go[] = {0, 0, 0, 0, 0, 0};

    assert_null(store_disk_open(store, KEY, &disk));
    assert_null(store_disk_extend(disk));
    int fd = connect_with(3);

    put_option(fd, 7, go, sizeof go);
    assert_int_equal(get_option_reply(fd, 7, 12), 3);
    assert_int_equal(get_number(fd, 2), 0);
    assert_int_equal(get_number(fd, 8), SIZE);
    assert_int_equal(get_number(fd, 2), 1); /* not read-only */
    assert_int_equal(get_option_reply(fd, 7, 0), 1);
    return fd;
}

/* Writes LENGTH bytes, all of them VALUE. Returns the error. */
static uint32_t write_bytes(int fd, uint64_t offset, uint32_t length, int value)
{
    static char bytes[SIZE];

    memset(bytes, value, sizeof bytes);
    request(fd, 1, offset, length);
    put(fd, bytes, length);
    assert_int_equal(get_number(fd, 4), 0x67446698);
    uint32_t error = (uint32_t)get_number(fd, 4);

    assert_true(get_number(fd, 8) == UINT64_C(0x1122334455667788));
    if (error == 0)
        memset(content + offset, value, length);
    return error;
}

static void test_writes(void **state)
{
    CLEANUP(closep) int fd = open_writable_disk();

    (void)state;
    assert_int_equal(write_bytes(fd, 4096, 8192, 'a'), 0);
    assert_int_equal(write_bytes(fd, BLOCK - 7, 20, 'b'), 0);
    assert_int_equal(write_bytes(fd, 2 * BLOCK, BLOCK, 0), 0);
    assert_int_equal(write_bytes(fd, SIZE - 1, 1, 'c'), 0);
    assert_int_equal(write_bytes(fd, SIZE - 1, 2, 'd'), 22);
    assert_int_equal(write_bytes(fd, SIZE, 0, 'd'), 0);
    expect(fd, 0, SIZE);
    expect(fd, 5000, 100000);
    assert_null(store_disk_publish(disk, "4567"));
    assert_int_equal(write_bytes(fd, 0, 512, 'e'), 1);
    expect(fd, 0, SIZE);
    disk_server_free(STEAL(server));
    store_disk_free(STEAL(disk));
    assert_null(store_disk_open(store, "4567", &disk));
    assert_int_equal(store_disk_depth(disk), 2);
    static char bytes[SIZE];

    assert_true(store_disk_read(disk, 0, SIZE, bytes));
    assert_memory_equal(bytes, content, SIZE);
}

static void test_writes_to_what_is_read_only(void **state)
{
    CLEANUP(closep) int fd = open_disk();

    (void)state;
    assert_int_equal(write_bytes(fd, 0, 512, 'x'), 1);
    expect(fd, 0, 512);
    request(fd, 1, 0, UINT32_MAX);
    assert_true(has_ended(fd));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_reads, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_old_way_to_open, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refused_requests, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_nonsense_ends_the_connection, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_damaged_block, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_damaged_block_ends_the_machine, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_hole_that_was_filled, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_disk_without_facts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_ends_without_a_connection, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_writes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_writes_to_what_is_read_only, set_up, tear_down),
    };

    return temporary_setup() != NULL ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
