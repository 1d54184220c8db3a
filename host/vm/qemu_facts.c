#include "host/vm/qemu_facts.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "host/lib/cleanup.h"
#include "host/lib/memory.h"

#define FACT ".query-kvm"
#define NO_KVM "\"enabled\": false" /* in QEMU's answer to query-kvm (QEMU Machine Protocol) */

static bool is_fact(const char *name)
{
    size_t length = strlen(name), fact_length = strlen(FACT);

    return length > fact_length && strcmp(name + length - fact_length, FACT) == 0;
}

static bool denies_kvm(int folder, const char *name)
{
    CLEANUP(closep) int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    char text[256];
    ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof text - 1);

    if (length < 0)
        return false;
    text[length] = '\0';
    return strstr(text, NO_KVM) != NULL;
}

void qemu_facts_forget_no_kvm(const char *cache)
{
    CLEANUP(freep) char *path = xasprintf("%s/.guestfs-%u", cache, geteuid());
    DIR *folder = opendir(path);

    if (folder == NULL)
        return;
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;)
        if (is_fact(entry->d_name) && denies_kvm(dirfd(folder), entry->d_name))
            unlinkat(dirfd(folder), entry->d_name, 0);
    closedir(folder);
}
