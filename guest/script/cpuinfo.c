#include "guest/script/cpuinfo.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#ifdef __aarch64__

#define FEATURES_LINE "Features\t"

/* The first processors of ARMv8 had these; a kernel lists them in this order
 * (arch/arm64/kernel/cpuinfo.c). */
static bool has_more(const char *line)
{
    (void)line;
    return false;
}

/* Describes processor NUMBER as the kernel does: a Cortex-A53. */
static int write_processor(FILE *to, unsigned int number, bool more)
{
    (void)more;
    return fprintf(to,
                   "processor\t: %u\n"
                   "BogoMIPS\t: 125.00\n"
                   "Features\t: fp asimd evtstrm aes pmull sha1 sha2 crc32 cpuid\n"
                   "CPU implementer\t: 0x41\n"
                   "CPU architecture: 8\n"
                   "CPU variant\t: 0x0\n"
                   "CPU part\t: 0xd03\n"
                   "CPU revision\t: 4\n\n",
                   number);
}

#else

#define FEATURES_LINE "flags\t"

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
static bool has_more(const char *line)
{
    char wanted[] = FLAGS_V2, *rest = NULL;

    for (char *word = strtok_r(wanted, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest))
        if (!has_word(line, word))
            return false;
    return true;
}

/* Describes processor NUMBER as the kernel does (arch/x86/kernel/cpu/proc.c). */
static int write_processor(FILE *to, unsigned int number, bool more)
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
                   number, more ? "-v2" : "", number, number, number, more ? " " FLAGS_V2 : "");
}

#endif

int cpuinfo_write(FILE *to)
{
    FILE *from = fopen("/proc/cpuinfo", "re");
    unsigned int count = 0;
    char *line = NULL;
    size_t room = 0;
    int status = from != NULL ? 0 : -1;
    bool more = false;

    while (from != NULL && getline(&line, &room, from) > 0) {
        if (strncmp(line, "processor\t", strlen("processor\t")) == 0)
            count++;
        if (strncmp(line, FEATURES_LINE, strlen(FEATURES_LINE)) == 0)
            more = has_more(line);
    }
    if (from != NULL && (ferror(from) || fclose(from)))
        status = -1;
    free(line);
    for (unsigned int i = 0; status >= 0 && i < count; i++)
        status = write_processor(to, i, more);
    return status;
}
