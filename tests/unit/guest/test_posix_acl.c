/* ACLs of a tar's entries as the attributes that the kernel takes. */
#include <endian.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "guest/tar/posix_acl.h"
#include "host/lib/buffer.h"
#include "host/lib/cleanup.h"

#define ACCESS ARCHIVE_ENTRY_ACL_TYPE_ACCESS
#define DEFAULT ARCHIVE_ENTRY_ACL_TYPE_DEFAULT

/* As the kernel has them (include/uapi/linux/posix_acl_xattr.h). */
struct kernel_entry {
    uint16_t tag, permissions;
    uint32_t id;
} __attribute__((packed));

static struct archive_entry *entry;

static int make_entry(void **state)
{
    (void)state;
    entry = archive_entry_new();
    archive_entry_set_mode(entry, S_IFREG | 0640);
    return entry == NULL;
}

static int free_entry(void **state)
{
    (void)state;
    archive_entry_free(entry);
    return 0;
}

/* Returns the value as a line of "TAG:ID:PERMISSIONS" for each of its entries. */
static char *describe(int type)
{
    size_t length = 0;
    CLEANUP(freep) char *value = posix_acl_encode(entry, type, &length);
    struct buffer text = {0};
    uint32_t version;

    assert_non_null(value);
    assert_int_equal(errno, 0);
    memcpy(&version, value, sizeof version);
    assert_int_equal(le32toh(version), 2);
    for (size_t at = sizeof version; at < length; at += sizeof(struct kernel_entry)) {
        struct kernel_entry one;

        memcpy(&one, value + at, sizeof one);
        buffer_printf(&text, "%x:%d:%d ", le16toh(one.tag), (int)le32toh(one.id),
                      le16toh(one.permissions));
    }
    return buffer_steal(&text);
}

static void expect(int type, const char *text)
{
    CLEANUP(freep) char *found = describe(type);

    assert_string_equal(found, text);
}

static void test_no_acl(void **state)
{
    size_t length;

    (void)state;
    errno = EINVAL;
    assert_null(posix_acl_encode(entry, ACCESS, &length));
    assert_int_equal(errno, 0);
    assert_null(posix_acl_encode(entry, DEFAULT, &length));
}

/* Whatever order the tar has them in. */
static void test_sorted(void **state)
{
    (void)state;
    archive_entry_acl_add_entry(entry, ACCESS, 4, ARCHIVE_ENTRY_ACL_MASK, -1, NULL);
    archive_entry_acl_add_entry(entry, ACCESS, 7, ARCHIVE_ENTRY_ACL_GROUP, 8, NULL);
    archive_entry_acl_add_entry(entry, ACCESS, 6, ARCHIVE_ENTRY_ACL_USER, 300, NULL);
    archive_entry_acl_add_entry(entry, ACCESS, 5, ARCHIVE_ENTRY_ACL_USER, 20, NULL);
    expect(ACCESS, "1:-1:6 2:20:5 2:300:6 4:-1:4 8:8:7 10:-1:4 20:-1:0 ");
}

/* A name means nothing outside of its image, but it may be the number. */
static void test_names(void **state)
{
    static const char *const names[] = {"root", "", "12x", "4294967295", "42949672950", NULL};

    (void)state;
    archive_entry_acl_add_entry(entry, DEFAULT, 7, ARCHIVE_ENTRY_ACL_USER_OBJ, -1, NULL);
    archive_entry_acl_add_entry(entry, DEFAULT, 5, ARCHIVE_ENTRY_ACL_USER, -1, "4294967294");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        archive_entry_acl_add_entry(entry, DEFAULT, 6, ARCHIVE_ENTRY_ACL_GROUP, -1, names[i]);
    archive_entry_acl_add_entry(entry, DEFAULT, 0, ARCHIVE_ENTRY_ACL_OTHER, -1, NULL);
    expect(DEFAULT, "1:-1:7 2:-2:5 20:-1:0 ");
}

static void test_too_many(void **state)
{
    size_t length;

    (void)state;
    for (int i = 0; i <= 4096; i++)
        archive_entry_acl_add_entry(entry, DEFAULT, 7, ARCHIVE_ENTRY_ACL_USER, i, NULL);
    assert_null(posix_acl_encode(entry, DEFAULT, &length));
    assert_int_equal(errno, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_entry, free_entry)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_no_acl),
        TEST(test_sorted),
        TEST(test_names),
        TEST(test_too_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
