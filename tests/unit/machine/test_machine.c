/* What QEMU is told about the machine. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/machine/machine.h"

static struct machine machine;

static void describe(const struct machine_options *options, enum accelerator accelerator)
{
    const struct machine_host host = {.accelerator = accelerator,
                                      .tsc_khz = 2096000,
                                      .output = "/run/a,b/output",
                                      .layer = "/run/a,b/layer",
                                      .gate = "/run/gate",
                                      .watch = "/run/watch",
                                      .network = "/run/a,b/network",
                                      .base = "/run/ba,se"};

    machine_describe(options, &host, &machine);
    assert_int_equal(machine.parameters.count % 2, 0);
}

/* Whether one parameter NAME has a value that contains TEXT. */
static bool has(const char *name, const char *text)
{
    for (size_t i = 0; i < machine.parameters.count; i += 2)
        if (strcmp(machine.parameters.items[i], name) == 0 &&
            strstr(machine.parameters.items[i + 1], text) != NULL)
            return true;
    return false;
}

static int forget(void **state)
{
    (void)state;
    machine_free(&machine);
    return 0;
}

static void test_least(void **state)
{
    const struct machine_options options = {.scratch = "/run/scratch"};

    (void)state;
    describe(&options, ACCELERATOR_TCG);
    assert_true(has("-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny"));
    assert_true(
        has("-drive", "werror=stop,rerror=stop,file.driver=file,file.filename=/run/scratch"));
    assert_true(has("-device", "virtio-blk-pci-non-transitional,drive=scratch,serial=scratch"));
    assert_true(has("-chardev", "path=/run/a,,b/output"));
    assert_true(has("-device", "virtserialport,chardev=gate,name=org.vmbuild.gate.0,nr=3"));
    assert_false(has("-device", "drive=base"));
    assert_false(has("-device", "scsi"));
    assert_false(has("-netdev", ""));
    assert_false(has("-mon", "chardev=monitor"));
    assert_true(has("-mon", "chardev=watch,mode=control"));
    assert_true(has("-chardev", "socket,id=watch,path=/run/watch"));
    assert_false(has("-incoming", ""));
    assert_false(has("-fsdev", ""));
}

static void test_tcg_is_told_what_it_need_not_find_out(void **state)
{
    const struct machine_options options = {.type = machine_type_find("amd64"),
                                            .scratch = "/run/scratch"};

    (void)state;
    describe(&options, ACCELERATOR_TCG);
    assert_true(has("-cpu", "-erms,-fsrm"));
    assert_string_equal(machine.append, "scsi_mod.scan=manual noreplace-smp nolapic_timer "
                                        "tsc_early_khz=2096000 lpj=20960000");
    machine_free(&machine);
    describe(&options, ACCELERATOR_KVM);
    assert_false(has("-cpu", ""));
    assert_string_equal(machine.append, "scsi_mod.scan=manual");
}

static void test_another_architecture_has_its_own_machine(void **state)
{
    const struct machine_options options = {
        .type = machine_type_find("arm64"), .scratch = "/run/scratch", .cpus = 2};

    (void)state;
    describe(&options, ACCELERATOR_TCG);
    assert_true(has("-machine", "virt"));
    assert_true(has("-cpu", "pauth=off"));
    assert_true(has("-smp", "2,"));
    assert_string_equal(machine.append, "scsi_mod.scan=manual console=ttyAMA0 lpj=625000");
}

/* On a host of its architecture: the processor and its counter are the host's. */
static void test_arm64_under_kvm(void **state)
{
    const struct machine_options options = {.type = machine_type_find("arm64"),
                                            .scratch = "/run/scratch"};

    (void)state;
    describe(&options, ACCELERATOR_KVM);
    assert_true(has("-machine", "virt"));
    assert_false(has("-cpu", ""));
    assert_string_equal(machine.append, "scsi_mod.scan=manual console=ttyAMA0");
}

/* libguestfs knows no machine but those of the host's architecture. */
static void test_a_machine_that_is_not_the_hosts_is_named(void **state)
{
    const struct machine_type *type = NULL;

    (void)state;
    while ((type = machine_type_next_guest(type)) != NULL) {
        const struct machine_options options = {.type = type, .scratch = "/run/scratch"};

        describe(&options, ACCELERATOR_TCG);
        assert_true(has("-machine", "") || machine_type_is_native(type));
        machine_free(&machine);
    }
}

static void test_several_cpus_are_packages_with_timers(void **state)
{
    const struct machine_options options = {
        .type = machine_type_find("amd64"), .scratch = "/run/scratch", .cpus = 2};

    (void)state;
    describe(&options, ACCELERATOR_TCG);
    assert_true(has("-smp", "2,sockets=2,cores=1,threads=1"));
    assert_string_equal(machine.append,
                        "scsi_mod.scan=manual noreplace-smp tsc_early_khz=2096000 lpj=20960000");
    machine_free(&machine);
    describe(&options, ACCELERATOR_KVM);
    assert_true(has("-smp", "2,sockets=2,cores=1,threads=1"));
}

static void test_unknown_frequency_and_firmware(void **state)
{
    const struct machine_options options = {.scratch = "/run/scratch"};
    const struct machine_host host = {.accelerator = ACCELERATOR_TCG,
                                      .output = "/run/output",
                                      .layer = "/run/layer",
                                      .gate = "/run/gate",
                                      .watch = "/run/watch",
                                      .base = "/run/ba,se"};
    const struct machine_host more = {.accelerator = ACCELERATOR_TCG,
                                      .output = "/run/output",
                                      .layer = "/run/layer",
                                      .gate = "/run/gate",
                                      .watch = "/run/watch",
                                      .firmware = "/usr/share/qboot"};

    (void)state;
    machine_describe(&options, &host, &machine);
    assert_null(strstr(machine.append, "khz"));
    assert_false(has("-bios", ""));
    machine_free(&machine);
    machine_describe(&options, &more, &machine);
    assert_true(has("-bios", "/usr/share/qboot"));
}

static void test_known_base_is_read_only(void **state)
{
    const struct machine_options options = {.scratch = "/run/scratch", .base = "/cache/a,b"};

    (void)state;
    describe(&options, ACCELERATOR_TCG);
    assert_true(has("-drive",
                    "id=base,driver=raw,readonly=on,werror=stop,rerror=stop,file.driver=nbd,"
                    "file.server.type=unix,file.server.path=/run/ba,,se"));
    assert_false(has("-drive", "/cache/a"));
    assert_false(has("-device", "scsi"));
}

static void test_new_base_has_its_layers(void **state)
{
    static const char *const layers[] = {"/cache/one", "/cache/two"};
    const struct machine_options options = {.scratch = "/run/scratch",
                                            .base = "/cache/base",
                                            .base_is_new = true,
                                            .layers = layers,
                                            .layer_count = 2};

    (void)state;
    describe(&options, ACCELERATOR_TCG);
    assert_false(has("-device", "serial=base"));
    assert_true(has("-drive", "id=newbase,driver=raw,cache=unsafe"));
    assert_true(has("-device", "drive=newbase,serial=newbase,addr=0x1e"));
    assert_true(has("-drive", "id=layer1,driver=raw,readonly=on"));
    assert_true(has("-device", "scsi-id=0,lun=1,drive=layer0,serial=layer0"));
    assert_true(has("-device", "scsi-id=0,lun=2,drive=layer1,serial=layer1"));
}

static void test_new_base_over_another_is_served(void **state)
{
    const struct machine_options options = {
        .scratch = "/run/scratch", .base = "/cache/base", .base_is_new = true, .base_layers = 3};

    (void)state;
    describe(&options, ACCELERATOR_TCG);
    assert_true(has("-drive",
                    "id=newbase,driver=raw,cache=unsafe,werror=stop,rerror=stop,file.driver=nbd,"
                    "file.server.type=unix,file.server.path=/run/ba,,se"));
    assert_true(has("-device", "drive=newbase,serial=newbase,addr=0x1e"));
}

static void test_network_and_shares(void **state)
{
    static const char *const shares[] = {"/srv/a", "/srv/b,c"};
    const struct machine_options options = {
        .scratch = "/run/scratch", .network = true, .shares = shares, .share_count = 2};

    (void)state;
    describe(&options, ACCELERATOR_TCG);
    assert_true(
        has("-netdev", "stream,id=network,server=off,addr.type=unix,addr.path=/run/a,,b/network"));
    assert_true(has("-device", "virtio-net-pci"));
    assert_true(has("-fsdev", "local,id=share1,path=/srv/b,,c,"));
    assert_true(has("-fsdev", "readonly=on"));
    assert_true(has("-device", "virtio-9p-pci,fsdev=share0,mount_tag=share0"));
}

/* What is saved is the same for each build, and one that resumes has all of it in the same
 * place. */
static void test_saved_machine_has_nothing_of_a_build(void **state)
{
    const struct machine_options options = {.scratch = "/run/one", .base = "/cache/base"};
    const struct machine_options build = {.scratch = "/run/other", .base = "/cache/base"};
    const struct machine_host saved = {.accelerator = ACCELERATOR_TCG,
                                       .output = "/o",
                                       .layer = "/l",
                                       .gate = "/g",
                                       .monitor = "/m",
                                       .watch = "/w",
                                       .base = "/b"};
    struct machine_host resumed = saved;

    (void)state;
    machine_describe(&options, &saved, &machine);
    assert_true(has("-chardev", "socket,id=monitor,path=/m"));
    assert_true(has("-mon", "chardev=monitor,mode=control"));
    assert_false(has("-incoming", ""));
    assert_true(has("-device", "drive=scratch,serial=scratch,addr=0x1d"));
    assert_true(has("-device", "drive=base,serial=base,addr=0x1e"));
    assert_false(has("-netdev", ""));
    assert_false(has("-fsdev", ""));
    machine_free(&machine);
    resumed.resumes = true;
    machine_describe(&build, &resumed, &machine);
    assert_true(has("-incoming", "defer"));
    assert_true(has("-device", "chardev=output,name=org.vmbuild.output.0,nr=2"));
    assert_true(has("-drive", "file.filename=/run/other"));
    assert_true(has("-device", "drive=scratch,serial=scratch,addr=0x1d"));
    assert_true(has("-device", "drive=base,serial=base,addr=0x1e"));
}

static void test_what_a_saved_machine_has_not_is_known(void **state)
{
    const struct machine_options plain = {.scratch = "/run/scratch", .base = "/cache/base"};
    struct machine_options more = plain;

    (void)state;
    assert_false(machine_has_more_than_saved(&plain));
    more.base_is_new = true;
    assert_true(machine_has_more_than_saved(&more));
    more = plain;
    more.network = true;
    assert_true(machine_has_more_than_saved(&more));
    more = plain;
    more.share_count = 1;
    assert_true(machine_has_more_than_saved(&more));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_least, forget),
        cmocka_unit_test_teardown(test_tcg_is_told_what_it_need_not_find_out, forget),
        cmocka_unit_test_teardown(test_another_architecture_has_its_own_machine, forget),
        cmocka_unit_test_teardown(test_arm64_under_kvm, forget),
        cmocka_unit_test_teardown(test_a_machine_that_is_not_the_hosts_is_named, forget),
        cmocka_unit_test_teardown(test_several_cpus_are_packages_with_timers, forget),
        cmocka_unit_test_teardown(test_unknown_frequency_and_firmware, forget),
        cmocka_unit_test_teardown(test_known_base_is_read_only, forget),
        cmocka_unit_test_teardown(test_new_base_has_its_layers, forget),
        cmocka_unit_test_teardown(test_new_base_over_another_is_served, forget),
        cmocka_unit_test_teardown(test_network_and_shares, forget),
        cmocka_unit_test_teardown(test_saved_machine_has_nothing_of_a_build, forget),
        cmocka_unit_test(test_what_a_saved_machine_has_not_is_known),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
