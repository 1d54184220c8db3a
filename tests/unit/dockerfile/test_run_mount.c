/* Values of RUN --mount. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "host/dockerfile/run_mount.h"

static struct error *read_text(const char *text, struct run_mount *ret)
{
    struct strings fields = {0};
    struct error *err = run_mount_split(text, &fields);

    if (err == NULL)
        err = run_mount_read(&fields, ret);
    strings_free(&fields);
    return err;
}

static struct run_mount reads(const char *text)
{
    struct run_mount mount = {0};
    struct error *err = read_text(text, &mount);

    if (err != NULL)
        fail_msg("'%s': %s", text, err->message);
    return mount;
}

static void refuses(const char *text, const char *message)
{
    struct run_mount mount = {0};
    struct error *err = read_text(text, &mount);

    assert_string_equal(err != NULL ? err->message : "no error", message);
    assert_int_equal(err != NULL ? err->code : 0, EXIT_INPUT);
    error_free(err);
}

static void test_fields(void **state)
{
    struct strings fields = {0};

    (void)state;
    assert_null(run_mount_split("type=bind,\"a=b,c\"\"d\",,e", &fields));
    assert_int_equal(fields.count, 4);
    assert_string_equal(fields.items[1], "a=b,c\"d");
    assert_string_equal(fields.items[2], "");
    assert_string_equal(fields.items[3], "e");
    strings_free(&fields);
}

static void test_kinds(void **state)
{
    struct run_mount mount = reads("target=/a,SOURCE=b,from=c");

    (void)state;
    assert_int_equal(mount.kind, MOUNT_BIND);
    assert_string_equal(mount.source, "b");
    assert_string_equal(mount.from, "c");
    assert_false(mount.is_writable);
    run_mount_free(&mount);
    mount = reads("dst=/a,type=Cache,sharing=locked,id=x,uid=1,mode=0755,ro");
    assert_int_equal(mount.kind, MOUNT_CACHE);
    assert_string_equal(mount.sharing, "locked");
    assert_string_equal(mount.target, "/a");
    assert_string_equal(mount.mode, "0755");
    assert_false(mount.is_writable);
    run_mount_free(&mount);
    mount = reads("target=/a,type=cache,sharing=Private,id=,from=,source=");
    assert_string_equal(mount.sharing, "private");
    assert_null(mount.id);
    assert_null(mount.from);
    assert_null(mount.source);
    run_mount_free(&mount);
    mount = reads("type=secret,id=a,env=B,required=true");
    assert_string_equal(mount.variable, "B");
    assert_true(mount.is_required);
    run_mount_free(&mount);
    mount = reads("type=tmpfs,destination=/a,size=1g");
    assert_true(mount.is_writable);
    run_mount_free(&mount);
    mount = reads("target=/a,rw");
    assert_true(mount.is_writable);
    run_mount_free(&mount);
    mount = reads("target=/a,readonly=0");
    assert_true(mount.is_writable);
    run_mount_free(&mount);
}

static void test_mistakes(void **state)
{
    (void)state;
    refuses("type=cash,target=/a", "unknown type 'cash'");
    refuses("tagret=/a", "unknown field 'tagret'");
    refuses("", "'target' is missing");
    refuses("type=cache", "'target' is missing");
    refuses("type=cache,target=", "'target' is missing");
    refuses("type=secret", "a secret requires 'id' or 'target'");
    refuses("type=secret,id=a,src=b", "'source' and 'id' exclude each other");
    refuses("target=/a,size=1", "'size' is not for the type bind");
    refuses("type=tmpfs,target=/a,from=b", "'from' is not for the type tmpfs");
    refuses("target=/a,from", "'from' requires a value");
    refuses("target=/a,ro=maybe", "'ro' must be true or false");
    refuses("type=cache,target=/a,sharing=some",
            "'sharing' must be one of shared, private, locked");
    refuses("type=cache,target=/a,mode=9", "'mode' must be a number, not '9'");
    refuses("type=cache,target=/a,uid=-1", "'uid' must be a number, not '-1'");
    refuses("type=cache,target=/a,gid=4294967296", "'gid' must be a number, not '4294967296'");
    refuses("target=/a,\"b", "a quote is not at the ends of a field");
    refuses("target=/a\"b\"", "a quote is not at the ends of a field");
    refuses("\"target=/a\"b", "a quote is not at the ends of a field");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_mistakes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
