#include "guest/script/proc.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define COVERS "/run/proc"

static int write_cmdline(FILE *to)
{
    return fputs("\n", to);
}

/* What x86-64 requires of a processor, and what x86-64-v2 requires beyond that, by the kernel's
 * names and in its order (arch/x86/include/asm/cpufeatures.h). */
#define FLAGS                                                                                      \
    "fpu de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr sse "    \
    "sse2 syscall nx lm nopl"
#define FLAGS_V2 "pni ssse3 cx16 sse4_1 sse4_2 popcnt hypervisor lahf_lm"

/* Whether WORD is one of the words of LINE. */
static bool has_word(const char *line, const char *word)
{
    size_t length = strlen(word);

    for (const char *found = line; (found = strstr(found, word)) != NULL; found += length)
        if (found > line && found[-1] == ' ' && strchr(" \n", found[length]) != NULL)
            return true;
    return false;
}

/* Whether LINE, the kernel's flags of a processor, has all of FLAGS_V2. */
static bool is_v2(const char *line)
{
    char wanted[] = FLAGS_V2, *rest = NULL;

    for (char *word = strtok_r(wanted, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest))
        if (!has_word(line, word))
            return false;
    return true;
}

/* Describes processor NUMBER as the kernel does (arch/x86/kernel/cpu/proc.c). */
static int write_processor(FILE *to, unsigned int number, bool v2)
{
    return fprintf(to,
                   "processor\t: %u\n"
                   "vendor_id\t: AuthenticAMD\n"
                   "cpu family\t: 15\n"
                   "model\t\t: 107\n"
                   "model name\t: x86-64%s\n"
                   "stepping\t: 1\n"
                   "cpu MHz\t\t: 1000.000\n"
                   "cache size\t: 512 KB\n"
                   "physical id\t: %u\n"
                   "siblings\t: 1\n"
                   "core id\t\t: 0\n"
                   "cpu cores\t: 1\n"
                   "apicid\t\t: %u\n"
                   "initial apicid\t: %u\n"
                   "fpu\t\t: yes\n"
                   "fpu_exception\t: yes\n"
                   "cpuid level\t: 13\n"
                   "wp\t\t: yes\n"
                   "flags\t\t: " FLAGS "%s\n"
                   "bugs\t\t:\n"
                   "bogomips\t: 2000.00\n"
                   "clflush size\t: 64\n"
                   "cache_alignment\t: 64\n"
                   "address sizes\t: 40 bits physical, 48 bits virtual\n"
                   "power management:\n\n",
                   number, v2 ? "-v2" : "", number, number, number, v2 ? " " FLAGS_V2 : "");
}

/* Describes as many processors as there are, but not those: what QEMU emulates depends on its
 * version, and under KVM it is the host's. */
static int write_cpuinfo(FILE *to)
{
    FILE *from = fopen("/proc/cpuinfo", "re");
    unsigned int count = 0;
    char *line = NULL;
    size_t room = 0;
    int status = from != NULL ? 0 : -1;
    bool v2 = false;

    while (from != NULL && getline(&line, &room, from) > 0) {
        if (strncmp(line, "processor\t", strlen("processor\t")) == 0)
            count++;
        if (strncmp(line, "flags\t", strlen("flags\t")) == 0)
            v2 = is_v2(line);
    }
    if (from != NULL && (ferror(from) || fclose(from)))
        status = -1;
    free(line);
    for (unsigned int i = 0; status >= 0 && i < count; i++)
        status = write_processor(to, i, v2);
    return status;
}

static const struct {
    const char *name;
    int (*write)(FILE *to); /* returns a negative number with errno on failure */
} covers[] = {
    {"cmdline", write_cmdline},
    {"cpuinfo", write_cpuinfo},
};

/* Mounts SOURCE read-only over the file PATH. Returns 0, or -1 with errno. */
static int cover(const char *source, const char *path)
{
    return mount(source, path, NULL, MS_BIND, NULL) ||
                   mount(NULL, path, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL)
               ? -1
               : 0;
}

/* Writes cover I anew and mounts it over the file of PROC. Returns 0, or -1 with errno. */
static int cover_file(const char *proc, size_t i)
{
    char source[PATH_MAX], path[PATH_MAX];

    snprintf(source, sizeof source, "%s/%s", COVERS, covers[i].name);
    snprintf(path, sizeof path, "%s/%s", proc, covers[i].name);
    FILE *file = fopen(source, "we");

    if (file == NULL)
        return -1;
    int status = covers[i].write(file);

    return fclose(file) || status < 0 || chmod(source, 0444) ? -1 : cover(source, path);
}

int proc_mount(const char *path, const char *target, struct fault *fault)
{
    char trigger[PATH_MAX];

    snprintf(trigger, sizeof trigger, "%s/sysrq-trigger", path);
    if (mount("proc", path, "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL))
        return fault_set(fault, errno, "mount '%s'", target);
    /* One write to it would end the VM. Not every kernel has it. */
    if (access(trigger, F_OK) == 0 && cover(trigger, trigger))
        return fault_set(fault, errno, "guard '%s/sysrq-trigger'", target);
    if (mkdir(COVERS, 0755) && errno != EEXIST)
        return fault_set(fault, errno, "create the directory '%s'", COVERS);
    for (size_t i = 0; i < sizeof covers / sizeof *covers; i++)
        if (cover_file(path, i))
            return fault_set(fault, errno, "cover '%s/%s'", target, covers[i].name);
    return 0;
}
