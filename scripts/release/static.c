/*
 * Linked to the release's static programs, vmbuild and QEMU. The C library of a static program
 * still loads the host's modules that nsswitch.conf names, and those load another C library. It is
 * held to what is built in before anything is looked up.
 */
#include <nss.h>
#include <stddef.h>

static const char *const lookups[][2] = {
    {"hosts", "files dns"}, {"networks", "files"}, {"services", "files"}, {"protocols", "files"},
    {"passwd", "files"},    {"group", "files"},    {"shadow", "files"},   {"initgroups", "files"},
};

__attribute__((constructor)) static void configure_lookups(void)
{
    for (size_t i = 0; i < sizeof lookups / sizeof *lookups; i++)
        __nss_configure_lookup(lookups[i][0], lookups[i][1]);
}
