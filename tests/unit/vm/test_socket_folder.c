/* Where the sockets of a VM lie. */
#include <setjmp.h>
#include <stdarg.h>
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
#include "host/lib/memory.h"
#include "host/lib/temporary.h"
#include "host/vm/socket_folder.h"

static char root[] = "/tmp/test_socket_folder.XXXXXX";

/* Made once in a process, below TMPDIR, whose path is too long here. */
static void test_long_path(void **state)
{
    struct socket_folder folder;

    (void)state;
    assert_null(socket_folder_choose(&folder));
    assert_true(folder.is_apart);
    assert_true(strlen(folder.path) + 31 < sizeof((struct sockaddr_un *)0)->sun_path);
    assert_int_equal(access(folder.path, W_OK), 0);
    char *link = NULL;

    assert_null(socket_folder_link(&folder, "qemu-system", "/nowhere", &link));
    free(link);
    assert_null(socket_folder_link(&folder, "qemu-system", "/bin/sh", &link));
    assert_true(strlen(link) <= 75);
    assert_int_equal(access(link, X_OK), 0);
    free(link);
    char *path = strdup(folder.path);

    socket_folder_free(&folder);
    assert_null(folder.path);
    assert_int_equal(access(path, F_OK), -1);
    free(path);
}

/* Binds a socket at PATH, as libguestfs does. */
static int bind_at(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    strcpy(address.sun_path, path);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static void test_adopted_for_root_only(void **state)
{
    char own[] = "/tmp/libguestfsXXXXXX";
    struct socket_folder folder = {0};

    (void)state;
    assert_non_null(mkdtemp(own));
    CLEANUP(freep) char *path = xasprintf("%s/guestfsd.sock", own);
    int fd = bind_at(path);

    socket_folder_adopt(&folder);
    close(fd);
    if (geteuid() == 0) {
        assert_string_equal(folder.adopted, own);
        socket_folder_release(&folder);
        assert_int_equal(access(own, F_OK), -1);
    } else {
        assert_int_equal(unlink(path), 0);
        assert_int_equal(rmdir(own), 0);
    }
    assert_null(folder.adopted);
    socket_folder_free(&folder);
}

static void expect_not_adopted(const char *directory, const char *name)
{
    CLEANUP(freep) char *path = xasprintf("%s/%s", directory, name);
    struct socket_folder folder = {0};
    int fd = bind_at(path);

    socket_folder_adopt(&folder);
    assert_null(folder.adopted);
    close(fd);
    assert_int_equal(unlink(path), 0);
}

static void test_nothing_to_adopt(void **state)
{
    char own[] = "/tmp/libguestfsXXXXXX";
    struct socket_folder folder = {0};

    (void)state;
    assert_non_null(mkdtemp(own));
    expect_not_adopted(own, "other.sock");
    expect_not_adopted(root, "guestfsd.sock");
    assert_int_equal(rmdir(own), 0);
    socket_folder_adopt(&folder); /* none at all */
    assert_null(folder.adopted);
}

static int set_up(void **state)
{
    char path[200];
    size_t length;

    (void)state;
    if (mkdtemp(root) == NULL)
        return -1;
    length = strlen(root);
    memcpy(path, root, length);
    path[length] = '/';
    memset(path + length + 1, 'x', 100);
    path[length + 101] = '\0';
    if (mkdir(path, 0700) < 0 || setenv("TMPDIR", path, 1) < 0)
        return -1;
    return temporary_setup() != NULL;
}

static int tear_down(void **state)
{
    (void)state;
    temporary_remove_all();
    temporary_remove(root);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_long_path),
        cmocka_unit_test(test_adopted_for_root_only),
        cmocka_unit_test(test_nothing_to_adopt),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
