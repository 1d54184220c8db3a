/* What is free, by the files of a host that is made up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/machine/host_memory.h"
#include "tests/unit/folder.h"

/* Makes the host by the shell COMMANDS in its root, and describes it; the caller's. */
static char *describe(const char *commands, uint64_t *ret_kills)
{
    CLEANUP(freep)
    char *all =
        xasprintf("cd '%s' && rm -rf * && mkdir -p proc/self groups/a/b && %s", folder, commands);
    CLEANUP(freep) char *proc = xasprintf("%s/proc", folder);
    CLEANUP(freep) char *groups = xasprintf("%s/groups", folder);
    struct host_memory memory;

    assert_int_equal(system(all), 0);
    host_memory_read(proc, groups, &memory);
    *ret_kills = memory.kills;
    return host_memory_describe(&memory);
}

static void expect(const char *commands, const char *description, uint64_t kills)
{
    uint64_t found = 0;
    CLEANUP(freep) char *text = describe(commands, &found);

    assert_string_equal(text, description);
    assert_int_equal(found, kills);
}

#define MEMINFO "printf 'MemTotal:  8192000 kB\\nMemAvailable: 2048000 kB\\n' > proc/meminfo"
#define FREE "2000 MiB of 8000 MiB are free"
#define GROUP MEMINFO " && printf '0::/a/b\\n' > proc/self/cgroup && cd groups && "

static void test_host(void **state)
{
    (void)state;
    expect("true", "how much is free is unknown", 0);
    expect(MEMINFO, FREE, 0);
}

/* The group that has the least free counts. */
static void test_groups(void **state)
{
    (void)state;
    expect(GROUP "true", FREE, 0);
    expect(GROUP "echo max > a/memory.max && echo 5 > a/memory.current", FREE, 0);
    expect(GROUP "echo 536870912 > a/memory.max && echo 134217728 > a/memory.current && "
                 "echo 1073741824 > a/b/memory.max && echo 134217728 > a/b/memory.current && "
                 "printf 'oom 3\\noom_kill 2\\n' > a/b/memory.events",
           FREE ", 384 MiB of the 512 MiB of the control group are free", 2);
    expect(GROUP "echo 1048576 > memory.max && echo 2097152 > memory.current",
           FREE ", 0 MiB of the 1 MiB of the control group are free", 0);
}

/* Cache that the kernel gives up is free. */
static void test_cache(void **state)
{
    (void)state;
    expect(GROUP "echo 536870912 > memory.max && echo 536870912 > memory.current && "
                 "printf 'anon 1\ninactive_file 268435456\n' > memory.stat",
           FREE ", 256 MiB of the 512 MiB of the control group are free", 0);
}

static void test_version_1(void **state)
{
    (void)state;
    expect(MEMINFO " && printf '9:name=x:/a\n5:cpu,memory:/b\n0::/\n' > proc/self/cgroup && "
                   "mkdir -p groups/memory/b && cd groups/memory && "
                   "echo 9223372036854771712 > memory.limit_in_bytes && "
                   "echo 1 > memory.usage_in_bytes && "
                   "echo 536870912 > b/memory.limit_in_bytes && "
                   "echo 402653184 > b/memory.usage_in_bytes && "
                   "echo total_inactive_file 134217728 > b/memory.stat && "
                   "printf 'under_oom 0\noom_kill 5\n' > b/memory.oom_control",
           FREE ", 256 MiB of the 512 MiB of the control group are free", 5);
}

#ifndef __SANITIZE_ADDRESS__ /* which maps more than any limit */
static void test_address_space(void **state)
{
    const struct rlimit limit = {(rlim_t)1 << 40, RLIM_INFINITY};
    const struct rlimit none = {RLIM_INFINITY, RLIM_INFINITY};

    (void)state;
    assert_int_equal(setrlimit(RLIMIT_AS, &limit), 0);
    expect(MEMINFO, FREE ", the limit on the address space (ulimit -v) is 1048576 MiB", 0);
    assert_int_equal(setrlimit(RLIMIT_AS, &none), 0);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_host),          cmocka_unit_test(test_groups),
        cmocka_unit_test(test_cache),         cmocka_unit_test(test_version_1),
#ifndef __SANITIZE_ADDRESS__
        cmocka_unit_test(test_address_space),
#endif
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
