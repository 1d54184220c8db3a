/* The word of a mount. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "guest/script/mount_word.h"

static int read_copy(const char *word, char *copy, struct mount_word *ret)
{
    struct fault fault = {0};

    snprintf(copy, 128, "%s", word);
    return mount_word_read(copy, ret, &fault);
}

static void test_tmpfs(void **state)
{
    char copy[128];
    struct mount_word mount;

    (void)state;
    assert_int_equal(read_copy("tmpfs,size=4096,mode=0750,uid=7,gid=8:/a:b,c", copy, &mount), 0);
    assert_int_equal(mount.kind, MOUNT_TMPFS);
    assert_string_equal(mount.target, "/a:b,c");
    assert_int_equal(mount.size, 4096);
    assert_true(mount.has_mode);
    assert_int_equal(mount.mode, 0750);
    assert_int_equal(mount.uid, 7);
    assert_int_equal(mount.gid, 8);
    assert_int_equal(read_copy("tmpfs:/", copy, &mount), 0);
    assert_false(mount.has_mode);
    assert_int_equal(mount.size, 0);
}

static void test_secret(void **state)
{
    char copy[128];
    struct mount_word mount;

    (void)state;
    assert_int_equal(read_copy("secret,file=secret0,env=TOKEN:", copy, &mount), 0);
    assert_int_equal(mount.kind, MOUNT_SECRET);
    assert_string_equal(mount.file, "secret0");
    assert_string_equal(mount.variable, "TOKEN");
    assert_null(mount.target);
    assert_int_equal(read_copy("secret,file=secret1:/x", copy, &mount), 0);
    assert_null(mount.variable);
}

static void test_bind_and_cache(void **state)
{
    char copy[128];
    struct mount_word mount;

    (void)state;
    assert_int_equal(read_copy("bind,part=63,writable=1:/src", copy, &mount), 0);
    assert_int_equal(mount.kind, MOUNT_BIND);
    assert_int_equal(mount.part, 63);
    assert_true(mount.is_writable);
    assert_int_equal(read_copy("bind,part=0,writable=0:/src", copy, &mount), 0);
    assert_false(mount.is_writable);
    assert_int_equal(read_copy("cache,disk=cache2,mode=700:/c", copy, &mount), 0);
    assert_int_equal(mount.kind, MOUNT_CACHE);
    assert_string_equal(mount.disk, "cache2");
    assert_int_equal(mount.mode, 0700);
}

static void test_what_is_malformed(void **state)
{
    static const char *const words[] = {
        "",
        "tmpfs",
        ":/a",
        "tmpfs:",
        "tmpfs:a",
        "tmpf:/a",
        "tmpfs,:/a",
        "tmpfs,size:/a",
        "tmpfs,size=:/a",
        "tmpfs,size=-1:/a",
        "tmpfs,size=+1:/a",
        "tmpfs,size=99999999999999999999:/a",
        "tmpfs,mode=8:/a",
        "tmpfs,mode=10000:/a",
        "tmpfs,uid=4294967295:/a",
        "tmpfs,gid=x:/a",
        "tmpfs,colour=1:/a",
        "tmpfs,mode=1,:/a",
        "bind,part=64:/a",
        "bind,writable=2:/a",
        "cache:/a",
        "cache,disk=:/a",
        "secret:/a",
        "secret,file=:/a",
        "secret,file=secret0:",
    };
    char copy[128];
    struct mount_word mount;

    (void)state;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (read_copy(words[i], copy, &mount) == 0)
            fail_msg("'%s' was read", words[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tmpfs),
        cmocka_unit_test(test_secret),
        cmocka_unit_test(test_bind_and_cache),
        cmocka_unit_test(test_what_is_malformed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
