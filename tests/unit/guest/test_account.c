/* Whom a command runs as. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "guest/script/account.h"

static const char passwd[] = "root:x:0:0:root:/root:/bin/sh\n"
                             "\n"
                             "  app:x:1000:1001:An app:/home/app:/bin/sh  \r\n"
                             "second:x:1000:7::/second:\n"
                             "homeless:x:12:13\n"
                             "empty:x:14:15:::\n"
                             "short:x:16\n"
                             "letters:x:a:b:::\n"
                             "huge:x:4294967296:0::/:\n"
                             "77:x:99:99::/n:\n"
                             "last:x:20:21::/last";
static const char group[] = "root:x:0:\n"
                            "app:x:1001:\n"
                            "wheel:x:10:root,app\n"
                            "apps:x:11:apple\n"
                            "extra:x:12:app,other\n"
                            "again:x:1001:app\n"
                            "bad:x:y:app\n"
                            "large:x:2147483648:app\n"
                            "last:x:21:last";

/* Describes the account of USER as "UID GID GROUP,... HOME", or why there is none. */
static void expect_in(const char *users, const char *groups, const char *user, const char *expected)
{
    struct account account;
    char text[256];
    const char *why = account_find(user, users, groups, &account);
    int length = snprintf(text, sizeof text, "%u %u ", account.uid, account.gid);

    for (size_t i = 0; i < account.count; i++)
        length += snprintf(text + length, sizeof text - (size_t)length, "%s%u", i > 0 ? "," : "",
                           account.groups[i]);
    snprintf(text + length, sizeof text - (size_t)length, " %s", account.home);
    assert_string_equal(why != NULL ? why : text, expected);
    account_free(&account);
}

static void expect(const char *user, const char *expected)
{
    expect_in(passwd, group, user, expected);
}

static void test_names(void **state)
{
    (void)state;
    expect("root", "0 0 0,10 /root");
    expect("app", "1000 1001 1001,10,12 /home/app");
    expect("last", "20 21 21 /last");
    expect("homeless", "12 13 13 /");
    expect("empty", "14 15 15 /");
}

static void test_numbers(void **state)
{
    (void)state;
    expect("0", "0 0 0,10 /root");
    expect("1000", "1000 1001 1001,10,12 /home/app");
    expect("5000", "5000 0 0 /");
    expect("77", "77 0 0 /");
    expect("00012", "12 13 13 /");
    expect("2147483647", "2147483647 0 0 /");
}

static void test_groups(void **state)
{
    (void)state;
    expect("app:extra", "1000 12 12 /home/app");
    expect("app:12", "1000 12 12 /home/app");
    expect("app:5000", "1000 5000 5000 /home/app");
    expect("5000:5001", "5000 5001 5001 /");
    expect(":extra", "0 12 12 /root");
    expect("app:", "1000 1001 1001,10,12 /home/app");
}

static void test_who_is_not_there(void **state)
{
    static const char *const users[] = {"nobody", "ap", "appl", "short", "letters", "huge", "-1"};

    (void)state;
    for (size_t i = 0; i < sizeof users / sizeof *users; i++)
        expect(users[i], "the image's /etc/passwd has no such user");
    expect("app:none", "the image's /etc/group has no such group");
    expect("app:bad", "the image's /etc/group has no such group");
    expect("app:a:b", "the image's /etc/group has no such group");
    expect("2147483648", "the number of a user or group must be at most 2147483647");
    expect("99999999999999999999", "the number of a user or group must be at most 2147483647");
    expect("0:4294967296", "the number of a user or group must be at most 2147483647");
}

static void test_without_files(void **state)
{
    (void)state;
    expect_in(NULL, NULL, "0", "0 0 0 /");
    expect_in(NULL, NULL, "7:8", "7 8 8 /");
    expect_in(NULL, NULL, "app", "the image's /etc/passwd has no such user");
    expect_in("", ":::", "0:", "0 0 0 /");
    expect_in("x:x:0:3", "::5:x", "0", "0 3 3,5 /");
}

static void test_many_groups(void **state)
{
    static char groups[2 << 20];
    struct account account;
    size_t length = 0;

    (void)state;
    for (unsigned i = 1; i <= 1000; i++)
        length +=
            (size_t)snprintf(groups + length, sizeof groups - length, "g%u:x:%u:root\n", i, i);
    assert_null(account_find("root", passwd, groups, &account));
    assert_int_equal(account.count, 1001);
    account_free(&account);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),         cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_groups),        cmocka_unit_test(test_who_is_not_there),
        cmocka_unit_test(test_without_files), cmocka_unit_test(test_many_groups),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
