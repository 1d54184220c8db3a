/* Which machine there is for an architecture. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "host/image/architecture.h"
#include "host/machine/machine_type.h"

static void test_names(void **state)
{
    static const struct {
        const char *name, *guest;
    } rows[] = {{"amd64", "amd64"},     {"amd64/v3", "amd64"},  {"386", "amd64"},
                {"arm64", "arm64"},     {"arm/v7", "arm64"},    {"arm64/v8", "arm64"},
                {"riscv64", "riscv64"}, {"ppc64le", "ppc64le"}, {"s390x", "s390x"},
                {"ppc64", NULL},        {"mips64le", NULL},     {"", NULL},
                {"amd", NULL},          {"amd64x", NULL},       {"/v7", NULL}};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct machine_type *type = machine_type_find(rows[i].name);

        if (rows[i].guest == NULL)
            assert_null(type);
        else
            assert_string_equal(type->guest, rows[i].guest);
    }
}

static void test_rows_are_whole(void **state)
{
    (void)state;
    for (size_t i = 0; i < architecture_count; i++) {
        const struct machine_type *type = machine_type_find(architecture_names[i]);

        if (type == NULL)
            continue;
        assert_string_equal(type->architecture, architecture_names[i]);
        assert_non_null(machine_type_find(type->guest));
        assert_memory_equal(type->qemu, "qemu-system-", strlen("qemu-system-"));
        assert_non_null(strstr(type->package, "qemu-system-"));
        assert_true(strlen(type->memory) > 0);
    }
}

static void test_each_guest_comes_once(void **state)
{
    const struct machine_type *type = NULL;
    size_t count = 0, native = 0;

    (void)state;
    while ((type = machine_type_next_guest(type)) != NULL) {
        assert_string_equal(type->architecture, type->guest);
        native += machine_type_is_native(type);
        count++;
    }
    assert_int_equal(count, 5);
    assert_int_equal(native, 1);
    assert_true(machine_type_is_native(machine_type_native()));
}

static void test_kvm_runs_the_host_s_programs(void **state)
{
    const struct machine_type *type = NULL;

    (void)state;
    assert_true(machine_type_has_kvm(machine_type_native()));
    while ((type = machine_type_next_guest(type)) != NULL)
        assert_int_equal(machine_type_has_kvm(type), machine_type_is_native(type));
#ifdef __x86_64__
    assert_true(machine_type_has_kvm(machine_type_find("386")));
#endif
}

static void test_memory_is_what_the_machine_can_have(void **state)
{
    static const struct {
        const char *name;
        uint64_t wanted, had;
    } rows[] = {{"amd64", 700, 700},   {"ppc64le", 1, 256},     {"ppc64le", 256, 256},
                {"ppc64le", 257, 512}, {"ppc64le", 1024, 1024}, {"s390x", 1023, 1023}};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(machine_type_memory(machine_type_find(rows[i].name), rows[i].wanted),
                         rows[i].had);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_rows_are_whole),
        cmocka_unit_test(test_each_guest_comes_once),
        cmocka_unit_test(test_kvm_runs_the_host_s_programs),
        cmocka_unit_test(test_memory_is_what_the_machine_can_have),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
