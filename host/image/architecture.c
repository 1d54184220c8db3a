#include "host/image/architecture.h"

#include <string.h>
#include <sys/utsname.h>

/* Of `go tool dist list`, those with a Linux. */
const char *const architecture_names[] = {
    "386",      "amd64",  "arm",   "arm64",   "loong64", "mips",  "mips64",
    "mips64le", "mipsle", "ppc64", "ppc64le", "riscv64", "s390x",
};

const size_t architecture_count = sizeof architecture_names / sizeof *architecture_names;

static const struct {
    const char *machine, *name;
} machines[] = {
    {"x86_64", "amd64"},    {"aarch64", "arm64"},
    {"i386", "386"},        {"i486", "386"},
    {"i586", "386"},        {"i686", "386"},
    {"armv6l", "arm"},      {"armv7l", "arm"},
    {"armv8l", "arm"},      {"loongarch64", "loong64"},
    {"ppc64", "ppc64"},     {"ppc64le", "ppc64le"},
    {"riscv64", "riscv64"}, {"s390x", "s390x"},
};

bool architecture_is_known(const char *name)
{
    for (size_t i = 0; i < architecture_count; i++)
        if (strcmp(architecture_names[i], name) == 0)
            return true;
    return false;
}

const char *architecture_of_machine(const char *machine)
{
    for (size_t i = 0; i < sizeof machines / sizeof *machines; i++)
        if (strcmp(machines[i].machine, machine) == 0)
            return machines[i].name;
    return NULL;
}

const char *architecture_of_host(void)
{
    static struct utsname host;

    if (uname(&host) < 0)
        return "amd64"; /* impossible: uname fails only for a bad address */
    const char *name = architecture_of_machine(host.machine);

    return name != NULL ? name : host.machine;
}
