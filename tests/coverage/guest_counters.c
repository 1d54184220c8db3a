/* The counters of the guest's init: see counters.h. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/reboot.h>
#include <unistd.h>

#include "guest/call/wire.h"
#include "tests/coverage/counters.h"
#include "tests/coverage/profile.h"

int __llvm_profile_runtime;

#define LINE_SIZE 65536

static uint64_t *counters;
static char line[LINE_SIZE]; /* the last one */

/* Writes to LINE which counters are not zero. */
static void describe(char *text)
{
    size_t count = profile_count();

    text += sprintf(text, "\n%s", COUNTERS_PREFIX);
    for (size_t i = 0; i < count; i += 4) {
        unsigned int digit = 0;

        for (size_t j = 0; j < 4 && i + j < count; j++)
            digit |= (counters[i + j] != 0) << j;
        text += sprintf(text, "%x", digit);
    }
    strcpy(text, "\n");
}

/* Writes a line to the console, unless it would be the same as the last one. */
static void tell(void)
{
    static char text[LINE_SIZE];

    describe(text);
    if (strcmp(text, line) != 0)
        (void)!write(STDERR_FILENO, strcpy(line, text), strlen(text));
}

/* In place of functions of init that precede an end of the VM. */

enum wire_status __real_wire_reply(struct wire *wire, const struct wire_call *call);
enum wire_status __wrap_wire_reply(struct wire *wire, const struct wire_call *call);
enum wire_status __real_wire_reply_string(struct wire *wire, const struct wire_call *call,
                                          const char *string);
enum wire_status __wrap_wire_reply_string(struct wire *wire, const struct wire_call *call,
                                          const char *string);
enum wire_status __real_wire_reply_error(struct wire *wire, const struct wire_call *call, int code,
                                         const char *text);
enum wire_status __wrap_wire_reply_error(struct wire *wire, const struct wire_call *call, int code,
                                         const char *text);
int __real_reboot(int how);
int __wrap_reboot(int how);

enum wire_status __wrap_wire_reply(struct wire *wire, const struct wire_call *call)
{
    tell();
    return __real_wire_reply(wire, call);
}

enum wire_status __wrap_wire_reply_string(struct wire *wire, const struct wire_call *call,
                                          const char *string)
{
    tell();
    return __real_wire_reply_string(wire, call, string);
}

enum wire_status __wrap_wire_reply_error(struct wire *wire, const struct wire_call *call, int code,
                                         const char *text)
{
    tell();
    return __real_wire_reply_error(wire, call, code, text);
}

int __wrap_reboot(int how)
{
    tell();
    return __real_reboot(how);
}

/* Adds the counters of a line that was kept, without its prefix. A line into which the kernel has
 * put one of its own is left out. */
static void add(const char *digits, uint64_t *sums)
{
    size_t count = profile_count(), length = (count + 3) / 4;

    if (strspn(digits, "0123456789abcdef") != length || digits[length] != '\n')
        return;
    for (size_t i = 0; i < count; i++) {
        const char digit[2] = {digits[i / 4], '\0'};

        sums[i] += strtoul(digit, NULL, 16) >> i % 4 & 1;
    }
}

/* On the host: adds the lines of the file, and writes the profile. */
static void write_profile(const char *path)
{
    FILE *lines = fopen(COUNTERS_LINES, "re");

    while (lines != NULL && fgets(line, sizeof line, lines) != NULL)
        add(line, __llvm_profile_begin_counters());
    profile_write(path);
}

__attribute__((constructor(101))) static void start(void)
{
    const char *profile = getenv("VMBUILD_COVERAGE");

    if (profile != NULL)
        write_profile(profile);
    counters =
        mmap(NULL, profile_size(), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (counters == MAP_FAILED)
        abort();
    profile_move(counters);
}
