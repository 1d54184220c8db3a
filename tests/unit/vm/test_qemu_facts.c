/* What libguestfs remembers about KVM. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/vm/qemu_facts.h"
#include "tests/unit/folder.h"

static char *path_of(const char *name)
{
    return xasprintf("%s/.guestfs-%u/%s", folder, geteuid(), name);
}

static void put(const char *name, const char *text)
{
    CLEANUP(freep) char *path = path_of(name);
    FILE *file = fopen(path, "we");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* Removes the file NAME. Returns whether it was there. */
static bool take(const char *name)
{
    CLEANUP(freep) char *path = path_of(name);

    return unlink(path) == 0;
}

static void test_no_kvm_is_forgotten(void **state)
{
    CLEANUP(freep) char *cache = path_of("");

    (void)state;
    qemu_facts_forget_no_kvm(folder); /* nothing is there */
    assert_int_equal(mkdir(cache, 0700), 0);
    put("qemu-1-2.query-kvm", "{\"return\": {\"enabled\": false, \"present\": true}}\n");
    put("qemu-1-3.query-kvm", "{\"return\": {\"enabled\": true, \"present\": true}}\n");
    put("qemu-1-2.help", "\"enabled\": false\n");
    qemu_facts_forget_no_kvm(folder);
    assert_false(take("qemu-1-2.query-kvm"));
    assert_true(take("qemu-1-3.query-kvm"));
    assert_true(take("qemu-1-2.help"));
    assert_int_equal(rmdir(cache), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_kvm_is_forgotten),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_empty_folder);
}
