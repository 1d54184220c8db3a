/* POSIX ACLs in the form of the extended attributes system.posix_acl_access and _default. */
#ifndef VMBUILD_GUEST_POSIX_ACL_H
#define VMBUILD_GUEST_POSIX_ACL_H

#include <archive_entry.h>
#include <stddef.h>

#define POSIX_ACL_ACCESS "system.posix_acl_access"
#define POSIX_ACL_DEFAULT "system.posix_acl_default"

/* Returns the value of the attribute for ENTRY's ACL of TYPE (ARCHIVE_ENTRY_ACL_TYPE_ACCESS or
 * _DEFAULT), with *RET_LENGTH, in new memory, or NULL if it has none or memory is short (errno 0 or
 * ENOMEM). Users and groups are those of a foreign image: an entry with a name but without a number
 * is left out. */
void *posix_acl_encode(struct archive_entry *entry, int type, size_t *ret_length);

#endif
