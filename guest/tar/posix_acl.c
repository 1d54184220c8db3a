#include "guest/tar/posix_acl.h"

#include <archive.h>
#include <errno.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <endian.h>

#define ENTRIES_MAX 4096 /* of one ACL; ext4 holds some 500 */

static int tag_of(int tag)
{
    switch (tag) {
    case ARCHIVE_ENTRY_ACL_USER_OBJ:
        return ACL_USER_OBJ;
    case ARCHIVE_ENTRY_ACL_USER:
        return ACL_USER;
    case ARCHIVE_ENTRY_ACL_GROUP_OBJ:
        return ACL_GROUP_OBJ;
    case ARCHIVE_ENTRY_ACL_GROUP:
        return ACL_GROUP;
    case ARCHIVE_ENTRY_ACL_MASK:
        return ACL_MASK;
    default:
        return ACL_OTHER;
    }
}

/* Returns the number of a named entry: QUALIFIER, or NAME if that is a number, or -1. */
static int64_t number_of(int qualifier, const char *name)
{
    if (qualifier >= 0)
        return qualifier;
    if (name == NULL || !*name || strspn(name, "0123456789") != strlen(name) || strlen(name) > 10)
        return -1;
    long long number = atoll(name);

    return number < UINT32_MAX ? number : -1;
}

/* The kernel requires entries to be sorted by tag, then by number. */
static int compare(const void *left, const void *right)
{
    const struct posix_acl_xattr_entry *a = left;
    const struct posix_acl_xattr_entry *b = right;

    if (a->e_tag != b->e_tag)
        return le16toh(a->e_tag) < le16toh(b->e_tag) ? -1 : 1;
    return le32toh(a->e_id) < le32toh(b->e_id) ? -1 : le32toh(a->e_id) > le32toh(b->e_id);
}

void *posix_acl_encode(struct archive_entry *entry, int type, size_t *ret_length)
{
    int count = archive_entry_acl_reset(entry, type);

    errno = 0;
    if (count <= 0 || count > ENTRIES_MAX)
        return NULL;
    struct posix_acl_xattr_header *header =
        malloc(sizeof *header + (size_t)count * sizeof(struct posix_acl_xattr_entry));

    if (header == NULL)
        return NULL;
    struct posix_acl_xattr_entry *entries = (struct posix_acl_xattr_entry *)(header + 1);
    size_t used = 0;
    int entry_type, permissions, tag, qualifier;
    const char *name;

    while (used < (size_t)count && archive_entry_acl_next(entry, type, &entry_type, &permissions,
                                                          &tag, &qualifier, &name) == ARCHIVE_OK) {
        bool named = tag == ARCHIVE_ENTRY_ACL_USER || tag == ARCHIVE_ENTRY_ACL_GROUP;
        int64_t number = named ? number_of(qualifier, name) : ACL_UNDEFINED_ID;

        if (named && number < 0)
            continue;
        entries[used++] = (struct posix_acl_xattr_entry){
            .e_tag = htole16((uint16_t)tag_of(tag)),
            .e_perm = htole16((uint16_t)(permissions & 7)),
            .e_id = htole32((uint32_t)number),
        };
    }
    qsort(entries, used, sizeof *entries, compare);
    header->a_version = htole32(POSIX_ACL_XATTR_VERSION);
    *ret_length = sizeof *header + used * sizeof *entries;
    errno = 0;
    return header;
}
