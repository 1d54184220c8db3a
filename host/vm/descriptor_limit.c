#include "host/vm/descriptor_limit.h"

struct rlimit descriptor_limit_lower(rlim_t count)
{
    struct rlimit before = {0};

    if (getrlimit(RLIMIT_NOFILE, &before) == 0 && before.rlim_cur > count) {
        const struct rlimit fewer = {.rlim_cur = count, .rlim_max = before.rlim_max};

        (void)setrlimit(RLIMIT_NOFILE, &fewer);
    }
    return before;
}

void descriptor_limit_restore(struct rlimit before)
{
    if (before.rlim_max > 0)
        (void)setrlimit(RLIMIT_NOFILE, &before);
}
