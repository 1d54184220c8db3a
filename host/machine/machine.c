#include "host/machine/machine.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "guest/contract.h"
#include "host/lib/cleanup.h"
#include "host/lib/memory.h"

/* QEMU's seccomp filter: no obsolete system calls, gaining of privileges, new programs or change of
 * priorities. */
#define SANDBOX "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"

/* Numbers of the virtio-serial ports; libguestfs uses 1. */
#define PORT_OUTPUT 2
#define PORT_GATE 3
#define PORT_LAYER 4

/* Slots of the PCI bus, beyond those that QEMU assigns to devices without an address. The last one,
 * 0x1f, is taken on the machine type q35, which libguestfs 1.54 chooses. */
#define SLOT_SCRATCH "0x1d"
#define SLOT_BASE "0x1e"

#define GUEST_HZ 100 /* CONFIG_HZ of the guest's kernel */

static void add(struct machine *machine, const char *name, char *value)
{
    strings_add(&machine->parameters, name);
    strings_take(&machine->parameters, value);
}

/* Returns PATH as QEMU's options require it, with each comma doubled; the caller's. */
static char *quote(const char *path)
{
    struct buffer quoted = {0};

    for (const char *c = path; *c != '\0'; c++)
        buffer_append(&quoted, *c == ',' ? ",," : c, *c == ',' ? 2 : 1);
    return buffer_steal(&quoted);
}

/* How QEMU reaches what is behind a disk. */
#define IN_FILE "file.driver=file,file.filename"
#define AT_SOCKET "file.driver=nbd,file.server.type=unix,file.server.path"

/* Adds what is behind a disk: PLACE is PATH. By default QEMU would pass on to the guest what is not
 * ENOSPC. */
static void add_drive(struct machine *machine, const char *id, const char *place, const char *path,
                      const char *settings)
{
    CLEANUP(freep) char *quoted = quote(path);

    add(machine, "-drive",
        xasprintf("if=none,id=%s,driver=raw,%s,werror=stop,rerror=stop,%s=%s", id, settings, place,
                  quoted));
}

/* Adds the disk on the drive ID in SLOT of the PCI bus; the guest's kernel names disks in the order
 * of their slots.
 *
 * Not plain virtio-blk-pci: libguestfs sets that device's property "scsi", which QEMU lacks from
 * 9.1 on, where it makes QEMU fail if such a device exists. */
static void add_blk(struct machine *machine, const char *id, const char *slot)
{
    add(machine, "-device",
        xasprintf("virtio-blk-pci-non-transitional,drive=%s,serial=%s,addr=%s", id, id, slot));
}

/* The disk does not have to survive a crash of the host, so nothing is ever synchronised. */
static void add_scratch(struct machine *machine, const struct machine_options *options)
{
    add_drive(machine, GUEST_DISK_SCRATCH, IN_FILE, options->scratch, "cache=unsafe,discard=unmap");
    add_blk(machine, GUEST_DISK_SCRATCH, SLOT_SCRATCH);
}

static void add_new_base(struct machine *machine, const struct machine_options *options,
                         const struct machine_host *host)
{
    bool is_served = options->base_layers > 0;

    add_drive(machine, GUEST_DISK_NEW_BASE, is_served ? AT_SOCKET : IN_FILE,
              is_served ? host->base : options->base, "cache=unsafe");
    add_blk(machine, GUEST_DISK_NEW_BASE, SLOT_BASE);
    for (size_t i = 0; i < options->layer_count; i++) {
        CLEANUP(freep) char *serial = xasprintf("%s%zu", GUEST_DISK_LAYER, i);

        add_drive(machine, serial, IN_FILE, options->layers[i], "readonly=on");
        add(machine, "-device",
            xasprintf("scsi-hd,bus=scsi.0,channel=0,scsi-id=0,lun=%zu,drive=%s,serial=%s", i + 1,
                      serial, serial));
    }
}

static void add_base(struct machine *machine, const struct machine_host *host)
{
    add_drive(machine, GUEST_DISK_BASE, AT_SOCKET, host->base, "readonly=on");
    add_blk(machine, GUEST_DISK_BASE, SLOT_BASE);
}

/* In whatever slots there are: no saved machine has them. */
static void add_cache(struct machine *machine, const char *path, const char *serial)
{
    add_drive(machine, serial, IN_FILE, path, "cache=unsafe,discard=unmap");
    add(machine, "-device",
        xasprintf("virtio-blk-pci-non-transitional,drive=%s,serial=%s", serial, serial));
}

/* A stream of frames (from QEMU 7.2 on): several can be passed on at once, as not by datagrams. */
static void add_network(struct machine *machine, const char *path)
{
    CLEANUP(freep) char *quoted = quote(path);

    add(machine, "-netdev",
        xasprintf("stream,id=network,server=off,addr.type=unix,addr.path=%s", quoted));
    add(machine, "-device",
        xstrdup("virtio-net-pci,netdev=network,mac=52:54:00:12:34:56,romfile="));
}

static void add_share(struct machine *machine, const char *share, size_t index)
{
    CLEANUP(freep) char *tag = machine_share_tag(index);
    CLEANUP(freep) char *quoted = quote(share);

    add(machine, "-fsdev",
        xasprintf("local,id=%s,path=%s,security_model=none,multidevs=remap,readonly=on", tag,
                  quoted));
    add(machine, "-device", xasprintf("virtio-9p-pci,fsdev=%s,mount_tag=%s", tag, tag));
}

/* Adds a virtio-serial port NAME that is connected to the socket at PATH. */
static void add_port(struct machine *machine, const char *id, const char *name, int number,
                     const char *path)
{
    CLEANUP(freep) char *quoted = quote(path);

    add(machine, "-chardev", xasprintf("socket,id=%s,path=%s", id, quoted));
    add(machine, "-device", xasprintf("virtserialport,chardev=%s,name=%s,nr=%d", id, name, number));
}

static void add_monitor(struct machine *machine, const char *id, const char *path)
{
    CLEANUP(freep) char *quoted = quote(path);

    add(machine, "-chardev", xasprintf("socket,id=%s,path=%s", id, quoted));
    add(machine, "-mon", xasprintf("chardev=%s,mode=control", id));
}

/* Each CPU is a separate package: SeaBIOS' MP table, which is all that the guest's kernel reads,
 * has one CPU of each package. */
static void add_cpus(struct machine *machine, uint64_t cpus)
{
    add(machine, "-smp",
        xasprintf("%" PRIu64 ",sockets=%" PRIu64 ",cores=1,threads=1", cpus, cpus));
}

/* Adds what saves a PC under TCG time. One CPU does as well with the PIT as with the local APIC's
 * timer; with several, none could then sleep for less than a tick. */
static void add_pc_words(struct buffer *words, const struct machine_host *host, uint64_t cpus)
{
    buffer_printf(words, " noreplace-smp%s", cpus > 1 ? "" : " nolapic_timer");
    if (host->tsc_khz > 0)
        buffer_printf(words, " tsc_early_khz=%" PRIu64 " lpj=%" PRIu64, host->tsc_khz,
                      host->tsc_khz * 1000 / GUEST_HZ);
}

/* Returns the arguments for the kernel, the caller's. SCSI disks are scanned for only when the
 * guest needs them. */
static char *describe_append(const struct machine_type *type, const struct machine_host *host,
                             uint64_t cpus)
{
    struct buffer words = {0};

    buffer_printf(&words, "scsi_mod.scan=manual");
    if (type->words != NULL)
        buffer_printf(&words, " %s", type->words);
    if (type->emulated_words != NULL && host->accelerator == ACCELERATOR_TCG)
        buffer_printf(&words, " %s", type->emulated_words);
    if (type->is_pc && host->accelerator == ACCELERATOR_TCG)
        add_pc_words(&words, host, cpus);
    return buffer_steal(&words);
}

bool machine_has_more_than_saved(const struct machine_options *options)
{
    return options->network || options->share_count > 0 || options->cache_count > 0 ||
           (options->base != NULL && options->base_is_new);
}

void machine_describe(const struct machine_options *options, const struct machine_host *host,
                      struct machine *ret)
{
    const struct machine_type *type = options->type != NULL ? options->type : machine_type_native();

    *ret = (struct machine){.append = describe_append(type, host, options->cpus)};
    add(ret, "-sandbox", xstrdup(SANDBOX));
    if (type->machine != NULL)
        add(ret, "-machine", xstrdup(type->machine));
    if (host->accelerator == ACCELERATOR_TCG && type->cpu != NULL)
        add(ret, "-cpu", xstrdup(type->cpu));
    if (host->firmware != NULL)
        add(ret, "-bios", xstrdup(host->firmware));
    if (options->cpus > 1)
        add_cpus(ret, options->cpus);
    add_port(ret, "output", GUEST_OUTPUT_PORT, PORT_OUTPUT, host->output);
    add_port(ret, "layer", GUEST_LAYER_PORT, PORT_LAYER, host->layer);
    add_port(ret, "gate", GUEST_GATE, PORT_GATE, host->gate);
    if (host->monitor != NULL)
        add_monitor(ret, "monitor", host->monitor);
    add_monitor(ret, "watch", host->watch);
    if (host->resumes)
        add(ret, "-incoming", xstrdup("defer"));
    add_scratch(ret, options);
    if (options->base != NULL && options->base_is_new)
        add_new_base(ret, options, host);
    else if (options->base != NULL)
        add_base(ret, host);
    if (options->network)
        add_network(ret, host->network);
    for (size_t i = 0; i < options->cache_count; i++)
        add_cache(ret, options->caches[i], options->cache_serials[i]);
    for (size_t i = 0; i < options->share_count; i++)
        add_share(ret, options->shares[i], i);
}

char *machine_share_tag(size_t index)
{
    return xasprintf("share%zu", index);
}

void machine_free(struct machine *machine)
{
    strings_free(&machine->parameters);
    free(machine->append);
    *machine = (struct machine){0};
}
