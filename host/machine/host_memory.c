#include "host/machine/host_memory.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "host/lib/buffer.h"
#include "host/lib/cleanup.h"
#include "host/lib/memory.h"

#define NO_LIMIT_FROM (UINT64_C(1) << 60) /* bytes */
#define TEXT_MAX 16384                    /* bytes of a file that are read */

/* Returns the text of the file PATH, empty if it cannot be read; the caller's. */
static char *read_text(const char *path)
{
    CLEANUP(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
    char *text = xcalloc(TEXT_MAX + 1, 1);
    ssize_t length = fd < 0 ? 0 : read(fd, text, TEXT_MAX);

    text[length > 0 ? length : 0] = '\0';
    return text;
}

/* Returns the number after KEY at the start of a line of TEXT, or UNKNOWN. */
static uint64_t number_after(const char *text, const char *key)
{
    for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, key, strlen(key)) == 0)
            return strtoull(line + strlen(key), NULL, 10);
    }
    return HOST_MEMORY_UNKNOWN;
}

static uint64_t read_number(const char *folder, const char *name)
{
    CLEANUP(freep) char *path = xasprintf("%s/%s", folder, name);
    CLEANUP(freep) char *text = read_text(path);

    return *text >= '0' && *text <= '9' ? strtoull(text, NULL, 10) : HOST_MEMORY_UNKNOWN;
}

/* The names of what is needed of a group, in both versions of cgroups(7). */
struct version {
    const char *below; /* where its groups are */
    const char *limit; /* no limit is "max", or a number that is larger than any host */
    const char *used;
    const char *events; /* the file with the line "oom_kill" */
    const char *cache;  /* in memory.stat, what the kernel gives up first */
};

static const struct version versions[] = {
    {"", "memory.max", "memory.current", "memory.events", "inactive_file "},
    {"/memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "memory.oom_control",
     "total_inactive_file "},
};

static uint64_t read_line(const char *folder, const char *name, const char *key)
{
    CLEANUP(freep) char *path = xasprintf("%s/%s", folder, name);
    CLEANUP(freep) char *text = read_text(path);

    return number_after(text, key);
}

/* Takes the limit of the group in FOLDER if it has less free than those below it. */
static void take_group(const char *folder, const struct version *version, struct host_memory *ret)
{
    uint64_t limit = read_number(folder, version->limit);
    uint64_t used = read_number(folder, version->used);
    uint64_t cache = read_line(folder, "memory.stat", version->cache);

    if (limit >= NO_LIMIT_FROM || used == HOST_MEMORY_UNKNOWN)
        return;
    if (cache != HOST_MEMORY_UNKNOWN)
        used -= cache < used ? cache : used;
    uint64_t left = limit > used ? limit - used : 0;

    if (ret->group_limit != HOST_MEMORY_UNKNOWN && left >= ret->group_free)
        return;
    ret->group_limit = limit;
    ret->group_free = left;
}

/* Reads the group NAME of VERSION and those above it. */
static void read_groups(const char *groups, const char *name, const struct version *version,
                        struct host_memory *ret)
{
    CLEANUP(freep) char *root = xasprintf("%s%s", groups, version->below);
    CLEANUP(freep) char *folder = xasprintf("%s%s", root, name);
    uint64_t kills = read_line(folder, version->events, "oom_kill ");

    if (kills != HOST_MEMORY_UNKNOWN)
        ret->kills += kills;
    while (strlen(folder) > strlen(root)) {
        take_group(folder, version, ret);
        *strrchr(folder, '/') = '\0';
    }
    take_group(root, version, ret); /* in a container, its own group is the root */
}

/* Returns the version of the hierarchy that LINE ("N:CONTROLLERS:PATH") of /proc/self/cgroup is
 * about, if it has the memory's limits, and *RET_NAME, in LINE, is the group's path; else NULL. */
static const struct version *find_version(char *line, const char **ret_name)
{
    char *controllers = strchr(line, ':');
    char *name = controllers != NULL ? strchr(++controllers, ':') : NULL;

    if (name == NULL)
        return NULL;
    *name++ = '\0';
    *ret_name = strcmp(name, "/") == 0 ? "" : name;
    if (*controllers == '\0')
        return &versions[0];
    for (char *rest = controllers, *controller; (controller = strsep(&rest, ",")) != NULL;)
        if (strcmp(controller, "memory") == 0)
            return &versions[1];
    return NULL;
}

static uint64_t in_bytes(uint64_t kib)
{
    return kib > HOST_MEMORY_UNKNOWN >> 10 ? HOST_MEMORY_UNKNOWN : kib << 10;
}

void host_memory_read(const char *proc, const char *groups, struct host_memory *ret)
{
    CLEANUP(freep) char *info_path = xasprintf("%s/meminfo", proc);
    CLEANUP(freep) char *group_path = xasprintf("%s/self/cgroup", proc);
    CLEANUP(freep) char *info = read_text(info_path);
    CLEANUP(freep) char *own = read_text(group_path);
    const char *name;
    struct rlimit limit;

    *ret = (struct host_memory){
        .total = in_bytes(number_after(info, "MemTotal:")),
        .available = in_bytes(number_after(info, "MemAvailable:")),
        .group_limit = HOST_MEMORY_UNKNOWN,
        .group_free = HOST_MEMORY_UNKNOWN,
        .address_limit = HOST_MEMORY_UNKNOWN,
    };
    if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
        ret->address_limit = limit.rlim_cur;
    for (char *rest = own, *line; (line = strsep(&rest, "\n")) != NULL;) {
        const struct version *version = find_version(line, &name);

        if (version != NULL)
            read_groups(groups, name, version, ret);
    }
}

char *host_memory_describe(const struct host_memory *memory)
{
    struct buffer text = {0};

    if (memory->available != HOST_MEMORY_UNKNOWN && memory->total != HOST_MEMORY_UNKNOWN)
        buffer_printf(&text, "%" PRIu64 " MiB of %" PRIu64 " MiB are free", memory->available >> 20,
                      memory->total >> 20);
    if (memory->group_limit != HOST_MEMORY_UNKNOWN)
        buffer_printf(
            &text, "%s%" PRIu64 " MiB of the %" PRIu64 " MiB of the control group are free",
            text.length > 0 ? ", " : "", memory->group_free >> 20, memory->group_limit >> 20);
    if (memory->address_limit != HOST_MEMORY_UNKNOWN)
        buffer_printf(&text, "%sthe limit on the address space (ulimit -v) is %" PRIu64 " MiB",
                      text.length > 0 ? ", " : "", memory->address_limit >> 20);
    if (text.length == 0)
        buffer_printf(&text, "how much is free is unknown");
    return buffer_steal(&text);
}

struct error *host_memory_error(const struct host_memory *memory, const char *operation,
                                uint64_t mib)
{
    CLEANUP(freep) char *description = host_memory_describe(memory);

    return error_advise(
        error_new(EXIT_VM, "%s: the host has not enough memory for a VM of %" PRIu64 " MiB: %s",
                  operation, mib, description),
        "lower \"memory\" in the spec or --memory, or raise the limit");
}
