#include "guest/script/cpuinfo.h"

#include <stdlib.h>

#include "guest/script/processor.h"

int cpuinfo_write(FILE *to)
{
    FILE *from = fopen("/proc/cpuinfo", "re");
    struct processors processors = {0};
    char *line = NULL;
    size_t room = 0;
    int status = from != NULL ? 0 : -1;

    while (from != NULL && getline(&line, &room, from) > 0)
        processor_see(line, &processors);
    if (from != NULL && ferror(from))
        status = -1;
    if (from != NULL && fclose(from))
        status = -1;
    free(line);
    for (unsigned int i = 0; status >= 0 && i < processors.count; i++)
        status = processor_write(to, i, &processors);
    return status;
}
