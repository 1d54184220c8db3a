/*
 * What vmbuild calls of libguestfs.
 */
#include <guestfs.h>
#include <stdarg.h>

#include "host/late/late_library.h"

static struct late_library guestfs = {.file = "libguestfs.so.0"};

LATE_PROCEDURE(guestfs, guestfs_close, (guestfs_h * g), g)
LATE_FUNCTION(guestfs, char *, guestfs_command, (guestfs_h * g, char *const *arguments), g,
              arguments)
LATE_FUNCTION(guestfs, int, guestfs_config,
              (guestfs_h * g, const char *hvparam, const char *hvvalue), g, hvparam, hvvalue)
LATE_PROCEDURE(guestfs, guestfs_free_version, (struct guestfs_version * version), version)
LATE_FUNCTION(guestfs, char *, guestfs_get_hv, (guestfs_h * g), g)
LATE_FUNCTION(guestfs, int, guestfs_is_ready, (guestfs_h * g), g)
LATE_FUNCTION(guestfs, int, guestfs_last_errno, (guestfs_h * g), g)
LATE_FUNCTION(guestfs, const char *, guestfs_last_error, (guestfs_h * g), g)
LATE_FUNCTION(guestfs, int, guestfs_launch, (guestfs_h * g), g)
LATE_FUNCTION(guestfs, int, guestfs_parse_environment_list,
              (guestfs_h * g, char *const *environment), g, environment)
LATE_FUNCTION(guestfs, int, guestfs_set_append, (guestfs_h * g, const char *append), g, append)
LATE_FUNCTION(guestfs, int, guestfs_set_autosync, (guestfs_h * g, int autosync), g, autosync)
LATE_FUNCTION(guestfs, int, guestfs_set_backend, (guestfs_h * g, const char *backend), g, backend)
LATE_FUNCTION(guestfs, int, guestfs_set_backend_setting,
              (guestfs_h * g, const char *name, const char *val), g, name, val)
LATE_FUNCTION(guestfs, int, guestfs_set_cachedir, (guestfs_h * g, const char *cachedir), g,
              cachedir)
LATE_PROCEDURE(guestfs, guestfs_set_error_handler,
               (guestfs_h * g, guestfs_error_handler_cb cb, void *opaque), g, cb, opaque)
LATE_FUNCTION(guestfs, int, guestfs_set_event_callback,
              (guestfs_h * g, guestfs_event_callback cb, uint64_t event_bitmask, int flags,
               void *opaque),
              g, cb, event_bitmask, flags, opaque)
LATE_FUNCTION(guestfs, int, guestfs_set_hv, (guestfs_h * g, const char *hv), g, hv)
LATE_FUNCTION(guestfs, int, guestfs_set_memsize, (guestfs_h * g, int memsize), g, memsize)
LATE_FUNCTION(guestfs, int, guestfs_set_path, (guestfs_h * g, const char *searchpath), g,
              searchpath)
LATE_FUNCTION(guestfs, int, guestfs_set_recovery_proc, (guestfs_h * g, int recoveryproc), g,
              recoveryproc)
LATE_FUNCTION(guestfs, int, guestfs_set_smp, (guestfs_h * g, int smp), g, smp)
LATE_FUNCTION(guestfs, int, guestfs_set_tmpdir, (guestfs_h * g, const char *tmpdir), g, tmpdir)
LATE_FUNCTION(guestfs, int, guestfs_set_verbose, (guestfs_h * g, int verbose), g, verbose)
LATE_FUNCTION(guestfs, int, guestfs_sync, (guestfs_h * g), g)
LATE_FUNCTION(guestfs, int, guestfs_tar_in,
              (guestfs_h * g, const char *tarfile, const char *directory), g, tarfile, directory)
LATE_FUNCTION(guestfs, int, guestfs_upload,
              (guestfs_h * g, const char *filename, const char *remotefilename), g, filename,
              remotefilename)
LATE_FUNCTION(guestfs, int, guestfs_user_cancel, (guestfs_h * g), g)
LATE_FUNCTION(guestfs, struct guestfs_version *, guestfs_version, (guestfs_h * g), g)

/* Without optional arguments, which vmbuild does not use. */
guestfs_h *guestfs_create_flags(unsigned int flags, ...)
{
    return LATE_CALL(guestfs, guestfs_create_flags)(flags);
}

int guestfs_add_drive_opts(guestfs_h *g, const char *filename, ...)
{
    va_list options;

    va_start(options, filename);
    int result = LATE_CALL(guestfs, guestfs_add_drive_opts_va)(g, filename, options);

    va_end(options);
    return result;
}
