#include "host/vm/guest_library.h"

#include <stddef.h>

#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/machine/appliance.h"

struct error *guest_library_new(guestfs_h **ret)
{
    *ret = guestfs_create_flags(GUESTFS_CREATE_NO_ENVIRONMENT | GUESTFS_CREATE_NO_CLOSE_ON_EXIT);
    if (*ret == NULL)
        return error_errno(EXIT_OTHER, "start libguestfs");
    guestfs_set_error_handler(*ret, NULL, NULL);
    return NULL;
}

struct error *guest_library_find_qemu(const struct machine_type *type, char **ret)
{
    guestfs_h *g = NULL;

    TRY(guest_library_new(&g));
    CLEANUP(freep) char *hv = guestfs_get_hv(g);

    guestfs_close(g);
    return appliance_find_qemu(type, hv, ret);
}

char *guest_library_version(void)
{
    guestfs_h *g = NULL;
    struct error *err = guest_library_new(&g);

    if (err != NULL) {
        error_free(err);
        return xstrdup("unknown");
    }
    struct guestfs_version *version = guestfs_version(g);
    char *text = version == NULL ? xstrdup("unknown")
                                 : xasprintf("%lld.%lld.%lld%s", (long long)version->major,
                                             (long long)version->minor, (long long)version->release,
                                             version->extra);

    guestfs_free_version(version);
    guestfs_close(g);
    return text;
}
