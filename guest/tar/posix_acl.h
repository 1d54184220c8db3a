/* POSIX ACLs in the form of the extended attributes system.posix_acl_access and _default. */
#ifndef VMBUILD_GUEST_POSIX_ACL_H
#define VMBUILD_GUEST_POSIX_ACL_H

#include <archive_entry.h>
#include <stddef.h>

#define POSIX_ACL_ACCESS "system.posix_acl_access"
#define POSIX_ACL_DEFAULT "system.posix_acl_default"

/* The attribute's value for the ACL of TYPE (ARCHIVE_ENTRY_ACL_TYPE_ACCESS or _DEFAULT) that ENTRY
 * has, as new memory, or NULL where it has none or memory is short (errno 0 or ENOMEM). Users and
 * groups are those of a foreign image: an entry that has a name and no number is left out. */
void *posix_acl_encode(struct archive_entry *entry, int type, size_t *ret_length);

#endif
