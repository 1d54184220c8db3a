#include "guest/script/processor.h"

#include <string.h>

#if defined __x86_64__

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

static void see_features(const char *line, struct processors *processors)
{
    if (strncmp(line, "flags\t", strlen("flags\t")) == 0)
        processors->more = has_more(line);
}

/* arch/x86/kernel/cpu/proc.c */
int processor_write(FILE *to, unsigned int number, const struct processors *processors)
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
                   number, processors->more ? "-v2" : "", number, number, number,
                   processors->more ? " " FLAGS_V2 : "");
}

#else

static void see_features(const char *line, struct processors *processors)
{
    (void)line;
    (void)processors;
}

#if defined __aarch64__

/* The first processors of ARMv8 had these features, which a kernel lists in this order: a
 * Cortex-A53 (arch/arm64/kernel/cpuinfo.c). */
int processor_write(FILE *to, unsigned int number, const struct processors *processors)
{
    (void)processors;
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

#elif defined __riscv

/* What distributions require, RV64GC (arch/riscv/kernel/cpu.c). */
int processor_write(FILE *to, unsigned int number, const struct processors *processors)
{
    (void)processors;
    return fprintf(to,
                   "processor\t: %u\n"
                   "hart\t\t: %u\n"
                   "isa\t\t: rv64imafdc\n"
                   "mmu\t\t: sv39\n"
                   "mvendorid\t: 0x0\n"
                   "marchid\t\t: 0x0\n"
                   "mimpid\t\t: 0x0\n\n",
                   number, number);
}

#elif defined __powerpc64__

/* A POWER8 (arch/powerpc/kernel/setup-common.c). */
int processor_write(FILE *to, unsigned int number, const struct processors *processors)
{
    return fprintf(to,
                   "processor\t: %u\n"
                   "cpu\t\t: POWER8 (architected), altivec supported\n"
                   "clock\t\t: 1000.000000MHz\n"
                   "revision\t: 2.0 (pvr 004d 0200)\n\n"
                   "%s",
                   number,
                   number + 1 < processors->count
                       ? ""
                       : "timebase\t: 512000000\n"
                         "platform\t: pSeries\n"
                         "model\t\t: IBM pSeries (emulated by qemu)\n"
                         "machine\t\t: CHRP IBM pSeries (emulated by qemu)\n"
                         "MMU\t\t: Hash\n");
}

#elif defined __s390x__

#define IDENTITY "version = 00,  identification = 000000,  machine = 2097"

static int write_all(FILE *to, unsigned int count)
{
    int status = fprintf(to,
                         "vendor_id       : IBM/S390\n"
                         "# processors    : %u\n"
                         "bogomips per cpu: 1000.00\n"
                         "max thread id   : 0\n"
                         "features\t: esan3 zarch stfle msa ldisp eimm etf3eh highgprs \n"
                         "facilities      : 0 1 2 7 17 18 19 21 22 30\n",
                         count);

    for (unsigned int i = 0; status >= 0 && i < count; i++)
        status = fprintf(to, "processor %u: " IDENTITY "\n", i);
    return status;
}

/* A z10, without the decimal numbers and large pages that QEMU lacks
 * (arch/s390/kernel/processor.c). */
int processor_write(FILE *to, unsigned int number, const struct processors *processors)
{
    int status = number == 0 ? write_all(to, processors->count) : 0;

    return status < 0 ? status
                      : fprintf(to,
                                "\ncpu number      : %u\n"
                                "version         : 00\n"
                                "identification  : 000000\n"
                                "machine         : 2097\n",
                                number);
}

#endif

#endif

#define PROCESSOR "processor"

void processor_see(const char *line, struct processors *processors)
{
    if (strncmp(line, PROCESSOR, strlen(PROCESSOR)) == 0 &&
        (line[strlen(PROCESSOR)] == '\t' || line[strlen(PROCESSOR)] == ' '))
        processors->count++;
    see_features(line, processors);
}
