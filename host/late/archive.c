/*
 * What vmbuild calls of libarchive.
 */
#include <archive.h>
#include <archive_entry.h>
#include <stdarg.h>
#include <stdio.h>

#include "host/late/late_library.h"

static struct late_library libarchive = {.file = "libarchive.so.13"};

LATE_PROCEDURE(libarchive, archive_entry_acl_clear, (struct archive_entry * entry), entry)
LATE_FUNCTION(libarchive, struct archive_entry *, archive_entry_clear,
              (struct archive_entry * entry), entry)
LATE_FUNCTION(libarchive, struct archive_entry *, archive_entry_clone,
              (struct archive_entry * entry), entry)
LATE_PROCEDURE(libarchive, archive_entry_copy_gname,
               (struct archive_entry * entry, const char *value), entry, value)
LATE_PROCEDURE(libarchive, archive_entry_copy_hardlink,
               (struct archive_entry * entry, const char *value), entry, value)
LATE_PROCEDURE(libarchive, archive_entry_copy_mac_metadata,
               (struct archive_entry * entry, const void *bytes, size_t length), entry, bytes,
               length)
LATE_PROCEDURE(libarchive, archive_entry_copy_pathname,
               (struct archive_entry * entry, const char *value), entry, value)
LATE_PROCEDURE(libarchive, archive_entry_copy_stat,
               (struct archive_entry * entry, const struct stat *status), entry, status)
LATE_PROCEDURE(libarchive, archive_entry_copy_uname,
               (struct archive_entry * entry, const char *value), entry, value)
LATE_FUNCTION(libarchive, dev_t, archive_entry_dev, (struct archive_entry * entry), entry)
LATE_FUNCTION(libarchive, mode_t, archive_entry_filetype, (struct archive_entry * entry), entry)
LATE_PROCEDURE(libarchive, archive_entry_free, (struct archive_entry * entry), entry)
LATE_FUNCTION(libarchive, la_int64_t, archive_entry_gid, (struct archive_entry * entry), entry)
LATE_FUNCTION(libarchive, const char *, archive_entry_hardlink, (struct archive_entry * entry),
              entry)
LATE_FUNCTION(libarchive, la_int64_t, archive_entry_ino64, (struct archive_entry * entry), entry)
LATE_FUNCTION(libarchive, time_t, archive_entry_mtime, (struct archive_entry * entry), entry)
LATE_FUNCTION(libarchive, long, archive_entry_mtime_nsec, (struct archive_entry * entry), entry)
LATE_FUNCTION(libarchive, struct archive_entry *, archive_entry_new, (void))
LATE_FUNCTION(libarchive, unsigned int, archive_entry_nlink, (struct archive_entry * entry), entry)
LATE_FUNCTION(libarchive, const char *, archive_entry_pathname, (struct archive_entry * entry),
              entry)
LATE_FUNCTION(libarchive, mode_t, archive_entry_perm, (struct archive_entry * entry), entry)
LATE_FUNCTION(libarchive, dev_t, archive_entry_rdevmajor, (struct archive_entry * entry), entry)
LATE_FUNCTION(libarchive, dev_t, archive_entry_rdevminor, (struct archive_entry * entry), entry)
LATE_PROCEDURE(libarchive, archive_entry_set_fflags,
               (struct archive_entry * entry, unsigned long set, unsigned long clear), entry, set,
               clear)
LATE_PROCEDURE(libarchive, archive_entry_set_filetype,
               (struct archive_entry * entry, unsigned int value), entry, value)
LATE_PROCEDURE(libarchive, archive_entry_set_gid, (struct archive_entry * entry, la_int64_t value),
               entry, value)
LATE_PROCEDURE(libarchive, archive_entry_set_gname,
               (struct archive_entry * entry, const char *value), entry, value)
LATE_PROCEDURE(libarchive, archive_entry_set_hardlink,
               (struct archive_entry * entry, const char *value), entry, value)
LATE_PROCEDURE(libarchive, archive_entry_set_mode, (struct archive_entry * entry, mode_t value),
               entry, value)
LATE_PROCEDURE(libarchive, archive_entry_set_mtime,
               (struct archive_entry * entry, time_t seconds, long nanoseconds), entry, seconds,
               nanoseconds)
LATE_PROCEDURE(libarchive, archive_entry_set_nlink,
               (struct archive_entry * entry, unsigned int value), entry, value)
LATE_PROCEDURE(libarchive, archive_entry_set_pathname,
               (struct archive_entry * entry, const char *value), entry, value)
LATE_PROCEDURE(libarchive, archive_entry_set_perm, (struct archive_entry * entry, mode_t value),
               entry, value)
LATE_PROCEDURE(libarchive, archive_entry_set_size, (struct archive_entry * entry, la_int64_t value),
               entry, value)
LATE_PROCEDURE(libarchive, archive_entry_set_symlink,
               (struct archive_entry * entry, const char *value), entry, value)
LATE_PROCEDURE(libarchive, archive_entry_set_uid, (struct archive_entry * entry, la_int64_t value),
               entry, value)
LATE_PROCEDURE(libarchive, archive_entry_set_uname,
               (struct archive_entry * entry, const char *value), entry, value)
LATE_FUNCTION(libarchive, la_int64_t, archive_entry_size, (struct archive_entry * entry), entry)
LATE_PROCEDURE(libarchive, archive_entry_sparse_add_entry,
               (struct archive_entry * entry, la_int64_t offset, la_int64_t length), entry, offset,
               length)
LATE_PROCEDURE(libarchive, archive_entry_sparse_clear, (struct archive_entry * entry), entry)
LATE_FUNCTION(libarchive, const struct stat *, archive_entry_stat, (struct archive_entry * entry),
              entry)
LATE_FUNCTION(libarchive, const char *, archive_entry_symlink, (struct archive_entry * entry),
              entry)
LATE_FUNCTION(libarchive, la_int64_t, archive_entry_uid, (struct archive_entry * entry), entry)
LATE_PROCEDURE(libarchive, archive_entry_unset_atime, (struct archive_entry * entry), entry)
LATE_PROCEDURE(libarchive, archive_entry_unset_birthtime, (struct archive_entry * entry), entry)
LATE_PROCEDURE(libarchive, archive_entry_unset_ctime, (struct archive_entry * entry), entry)
LATE_PROCEDURE(libarchive, archive_entry_xattr_add_entry,
               (struct archive_entry * entry, const char *name, const void *value, size_t size),
               entry, name, value, size)
LATE_PROCEDURE(libarchive, archive_entry_xattr_clear, (struct archive_entry * entry), entry)
LATE_FUNCTION(libarchive, int, archive_entry_xattr_next,
              (struct archive_entry * entry, const char **name, const void **value, size_t *size),
              entry, name, value, size)
LATE_FUNCTION(libarchive, int, archive_entry_xattr_reset, (struct archive_entry * entry), entry)
LATE_FUNCTION(libarchive, int, archive_errno, (struct archive * archive), archive)
LATE_FUNCTION(libarchive, const char *, archive_error_string, (struct archive * archive), archive)
LATE_FUNCTION(libarchive, int, archive_filter_code, (struct archive * archive, int index), archive,
              index)
LATE_FUNCTION(libarchive, int, archive_filter_count, (struct archive * archive), archive)
LATE_FUNCTION(libarchive, int, archive_format, (struct archive * archive), archive)
LATE_FUNCTION(libarchive, la_ssize_t, archive_read_data,
              (struct archive * archive, void *bytes, size_t size), archive, bytes, size)
LATE_FUNCTION(libarchive, int, archive_read_data_block,
              (struct archive * archive, const void **bytes, size_t *size, la_int64_t *offset),
              archive, bytes, size, offset)
LATE_FUNCTION(libarchive, int, archive_read_free, (struct archive * archive), archive)
LATE_FUNCTION(libarchive, la_int64_t, archive_read_header_position, (struct archive * archive),
              archive)
LATE_FUNCTION(libarchive, struct archive *, archive_read_new, (void))
LATE_FUNCTION(libarchive, int, archive_read_next_header,
              (struct archive * archive, struct archive_entry **entry), archive, entry)
LATE_FUNCTION(libarchive, int, archive_read_next_header2,
              (struct archive * archive, struct archive_entry *entry), archive, entry)
LATE_FUNCTION(libarchive, int, archive_read_open,
              (struct archive * archive, void *context, archive_open_callback *open,
               archive_read_callback *read, archive_close_callback *close),
              archive, context, open, read, close)
LATE_FUNCTION(libarchive, int, archive_read_open1, (struct archive * archive), archive)
LATE_FUNCTION(libarchive, int, archive_read_open_fd,
              (struct archive * archive, int fd, size_t block), archive, fd, block)
LATE_FUNCTION(libarchive, int, archive_read_set_callback_data,
              (struct archive * archive, void *context), archive, context)
LATE_FUNCTION(libarchive, int, archive_read_set_read_callback,
              (struct archive * archive, archive_read_callback *read), archive, read)
LATE_FUNCTION(libarchive, int, archive_read_set_skip_callback,
              (struct archive * archive, archive_skip_callback *skip), archive, skip)
LATE_FUNCTION(libarchive, int, archive_read_support_filter_all, (struct archive * archive), archive)
LATE_FUNCTION(libarchive, int, archive_read_support_filter_bzip2, (struct archive * archive),
              archive)
LATE_FUNCTION(libarchive, int, archive_read_support_filter_xz, (struct archive * archive), archive)
LATE_FUNCTION(libarchive, int, archive_read_support_filter_zstd, (struct archive * archive),
              archive)
LATE_FUNCTION(libarchive, int, archive_read_support_format_empty, (struct archive * archive),
              archive)
LATE_FUNCTION(libarchive, int, archive_read_support_format_raw, (struct archive * archive), archive)
LATE_FUNCTION(libarchive, int, archive_read_support_format_tar, (struct archive * archive), archive)
LATE_FUNCTION(libarchive, int, archive_write_close, (struct archive * archive), archive)
LATE_FUNCTION(libarchive, la_ssize_t, archive_write_data,
              (struct archive * archive, const void *bytes, size_t size), archive, bytes, size)
LATE_FUNCTION(libarchive, struct archive *, archive_write_disk_new, (void))
LATE_FUNCTION(libarchive, int, archive_write_disk_set_options,
              (struct archive * archive, int flags), archive, flags)
LATE_FUNCTION(libarchive, int, archive_write_fail, (struct archive * archive), archive)
LATE_FUNCTION(libarchive, int, archive_write_finish_entry, (struct archive * archive), archive)
LATE_FUNCTION(libarchive, int, archive_write_free, (struct archive * archive), archive)
LATE_FUNCTION(libarchive, int, archive_write_header,
              (struct archive * archive, struct archive_entry *entry), archive, entry)
LATE_FUNCTION(libarchive, struct archive *, archive_write_new, (void))
LATE_FUNCTION(libarchive, int, archive_write_open,
              (struct archive * archive, void *context, archive_open_callback *open,
               archive_write_callback *write, archive_close_callback *close),
              archive, context, open, write, close)
LATE_FUNCTION(libarchive, int, archive_write_set_bytes_in_last_block,
              (struct archive * archive, int bytes), archive, bytes)
LATE_FUNCTION(libarchive, int, archive_write_set_bytes_per_block,
              (struct archive * archive, int bytes), archive, bytes)
LATE_FUNCTION(libarchive, int, archive_write_set_format_option,
              (struct archive * archive, const char *module, const char *option, const char *value),
              archive, module, option, value)
LATE_FUNCTION(libarchive, int, archive_write_set_format_pax, (struct archive * archive), archive)
LATE_FUNCTION(libarchive, int, archive_write_set_format_pax_restricted, (struct archive * archive),
              archive)

/* What the message says is what libarchive would make of it. */
void archive_set_error(struct archive *archive, int code, const char *format, ...)
{
    char message[1024];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    LATE_CALL(libarchive, archive_set_error)(archive, code, "%s", message);
}
