/* Takes the lines of the guest's counters (counters.h) out of its console, as it reaches the host's
 * program. */
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/vm/console.h"
#include "tests/coverage/counters.h"

#define PREFIX_LENGTH (sizeof COUNTERS_PREFIX - 1)

static int lines = -1;
static char start[PREFIX_LENGTH]; /* of the current line, as long as it may be one of these */
static size_t length;
static bool is_counters;

/* Before the process is confined. A standard stream that is closed stays closed. */
__attribute__((constructor(102))) static void open_lines(void)
{
    int fd = open(COUNTERS_LINES, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);

    if (fd < 0)
        return;
    (void)fchmod(fd, 0666);
    lines = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    close(fd);
}

void __real_console_append(struct console *console, const char *bytes, size_t count);
void __wrap_console_append(struct console *console, const char *bytes, size_t count);

/* Takes a byte of a line of counters. */
static void take_counter(char byte)
{
    static char text[65536];
    static size_t taken;

    if (taken < sizeof text && byte != '\r')
        text[taken++] = byte;
    if (byte != '\n')
        return;
    (void)!write(lines, text, taken);
    taken = length = 0;
    is_counters = false;
}

static void take(struct console *console, char byte)
{
    if (is_counters) {
        take_counter(byte);
        return;
    }
    if (length < PREFIX_LENGTH && byte == COUNTERS_PREFIX[length]) {
        start[length++] = byte;
        is_counters = length == PREFIX_LENGTH;
        return;
    }
    if (length < PREFIX_LENGTH)
        __real_console_append(console, start, length);
    __real_console_append(console, &byte, 1);
    length = byte == '\n' ? 0 : PREFIX_LENGTH + 1;
}

void __wrap_console_append(struct console *console, const char *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        take(console, bytes[i]);
}
