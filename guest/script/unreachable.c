#include "guest/script/unreachable.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COUNTERS_MAX 8192 /* bytes of the file */

/* Returns the counter NAME of PROTOCOL in TEXT, /proc/net/snmp: for each protocol a line of names
 * and a line of numbers, both after "PROTOCOL:". */
static uint64_t find_counter(const char *text, const char *protocol, const char *name)
{
    const char *names = strstr(text, protocol);
    const char *numbers = names != NULL ? strstr(names + 1, protocol) : NULL;
    size_t length = strlen(name);

    while (numbers != NULL && *names != '\0' && *names != '\n') {
        names += strcspn(names, " \n");
        numbers += strcspn(numbers, " \n");
        if (*names != ' ' || *numbers != ' ')
            return 0;
        names++;
        numbers++;
        if (strncmp(names, name, length) == 0 && (names[length] == ' ' || names[length] == '\n'))
            return strtoull(numbers, NULL, 10);
    }
    return 0;
}

static uint64_t read_counters(int file)
{
    char text[COUNTERS_MAX];
    ssize_t length = file >= 0 ? pread(file, text, sizeof text - 1, 0) : 0;

    if (length <= 0)
        return 0;
    text[length] = '\0';
    return find_counter(text, "Ip:", "OutNoRoutes") + find_counter(text, "Udp:", "NoPorts");
}

void unreachable_start(struct unreachable *unreachable, pid_t process)
{
    char path[64];

    snprintf(path, sizeof path, "/proc/%ld/net/snmp", (long)process);
    unreachable->counters = open(path, O_RDONLY | O_CLOEXEC);
    unreachable->start = read_counters(unreachable->counters);
}

uint64_t unreachable_finish(struct unreachable *unreachable)
{
    uint64_t count = read_counters(unreachable->counters) - unreachable->start;

    if (unreachable->counters >= 0)
        close(unreachable->counters);
    return count;
}
