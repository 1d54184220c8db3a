#include "guest/script/leftovers.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest/lib/file.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define KERNEL_THREAD 0x00200000ul /* PF_KTHREAD of the kernel's include/linux/sched.h */
#define CGROUPS "/sys/fs/cgroup"
#define HELPERS_MAX 8

/* Files whose text has to stay, each of them one call. */
static const char *const texts[] = {
    "/proc/modules",
    "/proc/swaps",
    "/sys/fs/cgroup/script/pids.max",
    "/sys/fs/cgroup/cgroup.subtree_control",
    "/proc/sys/fs/file-max",
    "/proc/sys/fs/nr_open",
    "/proc/sys/fs/pipe-max-size",
    "/proc/sys/fs/protected_hardlinks",
    "/proc/sys/fs/protected_symlinks",
    "/proc/sys/fs/protected_fifos",
    "/proc/sys/fs/protected_regular",
    "/proc/sys/fs/suid_dumpable",
    "/proc/sys/fs/inotify/max_user_watches",
    "/proc/sys/fs/inotify/max_user_instances",
    "/proc/sys/kernel/core_pattern",
    "/proc/sys/kernel/core_uses_pid",
    "/proc/sys/kernel/dmesg_restrict",
    "/proc/sys/kernel/hotplug",
    "/proc/sys/kernel/modprobe",
    "/proc/sys/kernel/overflowuid",
    "/proc/sys/kernel/overflowgid",
    "/proc/sys/kernel/panic",
    "/proc/sys/kernel/pid_max",
    "/proc/sys/kernel/printk",
    "/proc/sys/kernel/randomize_va_space",
    "/proc/sys/kernel/threads-max",
    "/proc/sys/vm/legacy_va_layout",
    "/proc/sys/vm/max_map_count",
    "/proc/sys/vm/mmap_min_addr",
    "/proc/sys/vm/nr_hugepages",
    "/proc/sys/vm/overcommit_memory",
    "/proc/sys/vm/overcommit_ratio",
    "/proc/sys/vm/swappiness",
    "/sys/kernel/uevent_helper",
};

static char *noted[COUNT(texts)]; /* NULL: the kernel has no such file */

/* Init's own processes, by their numbers, from boot on (line.h, tap.h). */
static long helpers[HELPERS_MAX];
static size_t helper_count;

/* Returns the text of the kernel's file PATH in new memory, or NULL. */
static char *read_text(const char *path)
{
    static char text[64u << 10];
    long length = file_read(path, text, sizeof text - 1);

    if (length < 0)
        return NULL;
    text[length] = '\0';
    return strdup(text);
}

static bool is_as_noted(size_t i)
{
    char *text = read_text(texts[i]);
    bool same = text == NULL || noted[i] == NULL ? text == noted[i] : strcmp(text, noted[i]) == 0;

    free(text);
    return same;
}

/* Calls ACT for each name in the directory PATH until it returns false. Returns whether it never
 * did. */
static bool for_names(const char *path, bool (*act)(const char *name))
{
    DIR *folder = opendir(path);
    const struct dirent *entry;
    bool right = folder != NULL;

    while (right && (entry = readdir(folder)) != NULL)
        right = entry->d_name[0] == '.' || act(entry->d_name);
    if (folder != NULL)
        closedir(folder);
    return right;
}

/* Disks of the machine have other names. */
static bool is_no_scripts_disk(const char *name)
{
    return strncmp(name, "loop", 4) != 0 && strncmp(name, "dm-", 3) != 0 &&
           strncmp(name, "zram", 4) != 0 && strncmp(name, "md", 2) != 0 &&
           strncmp(name, "nbd", 3) != 0;
}

/* Whether CGROUPS has no directory but that of scripts. */
static bool has_no_cgroups(void)
{
    struct stat all, scripts;

    /* Each directory below one is a link to it. */
    return stat(CGROUPS, &all) == 0 && stat(CGROUPS "/script", &scripts) == 0 &&
           all.st_nlink == 3 && scripts.st_nlink == 2;
}

/* Whether the process NAME of /proc, if it is one, is init or a thread of the kernel, or was noted
 * or is the keeper of init's clock (clock.h). */
static bool is_known_process(const char *name)
{
    char path[64], text[512];
    unsigned long flags = 0;

    if (!isdigit((unsigned char)*name) || strcmp(name, "1") == 0)
        return true;
    for (size_t i = 0; i < helper_count; i++)
        if (strtol(name, NULL, 10) == helpers[i])
            return true;
    snprintf(path, sizeof path, "/proc/%.20s/stat", name);
    long length = file_read(path, text, sizeof text - 1);

    if (length < 0)
        return true;
    text[length] = '\0';
    if (strstr(text, " (clock) ") != NULL)
        return true;
    const char *end = strrchr(text, ')');

    if (end == NULL || sscanf(end, ") %*c %*d %*d %*d %*d %*d %lu", &flags) != 1)
        return false;
    return (flags & KERNEL_THREAD) != 0;
}

/* Returns false, with errno, if there are more than init may have. */
static bool note_helper(const char *name)
{
    errno = E2BIG;
    if (is_known_process(name))
        return true;
    if (helper_count == HELPERS_MAX)
        return false;
    helpers[helper_count++] = strtol(name, NULL, 10);
    return true;
}

int leftovers_note(struct fault *fault)
{
    for (size_t i = 0; i < COUNT(texts); i++) {
        noted[i] = read_text(texts[i]);
        if (noted[i] == NULL && access(texts[i], F_OK) == 0)
            return fault_set(fault, errno, "read '%s'", texts[i]);
    }
    return for_names("/proc", note_helper) ? 0 : fault_set(fault, errno, "read '/proc'");
}

int leftovers_refuse(struct fault *fault)
{
    for (size_t i = 0; i < COUNT(texts); i++)
        if (!is_as_noted(i))
            return fault_set(fault, EBUSY, "end the build: a script has changed '%s'", texts[i]);
    if (!for_names("/sys/block", is_no_scripts_disk))
        return fault_set(fault, EBUSY, "end the build: a script has left a block device");
    if (!has_no_cgroups())
        return fault_set(fault, EBUSY, "end the build: a script has left a cgroup");
    if (!for_names("/proc", is_known_process))
        return fault_set(fault, EBUSY, "end the build: a script has left a process");
    return 0;
}
