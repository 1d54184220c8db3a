/*
 * Init of the guest, PID 1: boots up to the gate, waits there for the host, reports, and serves its
 * calls until the host goes away. A failure before the report ends the VM with a line on the
 * console; after it, init never gives up: failures are replies. README.md describes the whole life.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/reboot.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "guest/call/gate.h"
#include "guest/call/guest.h"
#include "guest/call/procedure.h"
#include "guest/call/wire.h"
#include "guest/contract.h"
#include "guest/disk/base.h"
#include "guest/disk/overlay.h"
#include "guest/disk/scratch.h"
#include "guest/lib/device.h"
#include "guest/lib/file.h"
#include "guest/lib/line.h"
#include "guest/lib/tap.h"
#include "guest/script/clock.h"
#include "guest/script/leftovers.h"
#include "guest/script/modules.h"
#include "guest/script/network.h"
#include "guest/script/sandbox.h"

#define HOST_NAME "vmbuild"

/* Limits of devtmpfs, which takes none when it is mounted. */
#define DEV_OPTIONS "mode=0755,size=64m,nr_inodes=65536"

static const struct {
    const char *place, *type, *options;
    unsigned long flags;
} mounts[] = {
    {"/dev", "devtmpfs", "mode=0755", MS_NOSUID},
    {"/proc", "proc", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC},
    {"/sys", "sysfs", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC},
    {"/run", "tmpfs", "mode=0755", MS_NOSUID},
    {GUEST_JOB_DIR, "tmpfs", "mode=0755", MS_NOSUID | MS_NODEV},
};

/* Waiting for a quiet period of the kernel's RCU takes tens of milliseconds in a guest with little
 * to do: at each unmount, and when a network namespace ends. */
static int hurry_rcu(struct fault *fault)
{
    return file_write_setting("/sys/kernel/rcu_expedited", "1") && errno != ENOENT
               ? fault_set(fault, errno, "set up RCU")
               : 0;
}

static int mount_all(struct fault *fault)
{
    for (size_t i = 0; i < sizeof mounts / sizeof *mounts; i++)
        if ((mkdir(mounts[i].place, 0755) && errno != EEXIST) ||
            mount(mounts[i].type, mounts[i].place, mounts[i].type, mounts[i].flags,
                  mounts[i].options))
            return fault_set(fault, errno, "mount '%s'", mounts[i].place);
    /* Otherwise /proc/mounts would tell scripts the size of the memory. */
    if (mount(NULL, "/dev", NULL, MS_REMOUNT | MS_NOSUID, DEV_OPTIONS))
        return fault_set(fault, errno, "limit '/dev'");
    if (mkdir(GUEST_SCRATCH, 0755) && errno != EEXIST)
        return fault_set(fault, errno, "create the directory '%s'", GUEST_SCRATCH);
    return 0;
}

/* Lets init outlive its scripts: it is never killed for want of memory, runs before them, and is
 * not ended by a broken connection. Children start with the usual priority. */
static int protect(struct fault *fault)
{
    struct sched_param none = {0};
    struct rlimit files = {.rlim_cur = 65536, .rlim_max = 1u << 20};
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

    if (fd < 0 || write(fd, "-1000", 5) != 5 || close(fd))
        return fault_set(fault, errno, "protect init from the OOM killer");
    if (sched_setscheduler(0, SCHED_OTHER | SCHED_RESET_ON_FORK, &none) ||
        setpriority(PRIO_PROCESS, 0, -20) || setrlimit(RLIMIT_NOFILE, &files) ||
        signal(SIGPIPE, SIG_IGN) == SIG_ERR || sethostname(HOST_NAME, strlen(HOST_NAME)))
        return fault_set(fault, errno, "set up init");
    return 0;
}

/* Programs that put addresses into files, or sort by them, then do so the same each time. */
static int fix_addresses(struct fault *fault)
{
    return file_write_setting("/proc/sys/kernel/randomize_va_space", "0")
               ? fault_set(fault, errno, "turn off the randomization of addresses")
               : 0;
}

/* Prepares what nearly every job needs: before the gate, so that it is part of a saved VM. If the
 * base disk cannot be used, the verb that asks for it reports it. */
static int prepare(struct guest *guest, struct fault *fault)
{
    struct fault ignored;

    if (network_start_loopback(fault) || scratch_mount(fault) || modules_prepare(fault) ||
        leftovers_note(fault))
        return -1;
    guest->base_mounted = device_has_disk(GUEST_DISK_BASE) &&
                          base_mount(GUEST_DISK_BASE, &ignored) == 0 &&
                          overlay_show(&guest->mounted, true, &ignored) == 0;
    return 0;
}

/* Opens the host's ports, each of which has one opener at a time (port_fops_open() of the kernel's
 * drivers/char/virtio_console.c): no script gets hold of one, even if it makes a node for it. */
static int open_ports(struct guest *guest, struct fault *fault)
{
    int channel = device_open_port(GUEST_CHANNEL, fault);

    if (channel < 0)
        return -1;
    guest->wire = wire_new(channel);
    if (guest->wire == NULL)
        return fault_set(fault, ENOMEM, "open the channel");
    guest->layer_port = device_open_port(GUEST_LAYER_PORT, fault);
    return guest->layer_port < 0 ? -1 : output_open(&guest->output, fault);
}

/* Starts what stands for virtio's devices under User-Mode Linux. */
static int start_line(struct fault *fault)
{
    return line_is_there() && (line_start(fault) || tap_start(fault)) ? -1 : 0;
}

/* Everything up to the point after which init must not give up. Returns 0, or -1 with FAULT. */
static int boot(struct guest *guest, struct fault *fault)
{
    if (clock_hold(GUEST_CLOCK_LEAST, fault) || mount_all(fault) || protect(fault) ||
        fix_addresses(fault) || hurry_rcu(fault) || sandbox_set_up_cgroup(fault))
        return -1;
    if (start_line(fault) || open_ports(guest, fault) || prepare(guest, fault) || gate_pass(fault))
        return -1;
    return wire_launch(guest->wire) == WIRE_OK ? 0 : fault_set(fault, EPIPE, "report to the host");
}

static void serve(struct guest *guest)
{
    struct wire_call call;
    enum wire_status status = wire_receive(guest->wire, &call);

    while (status == WIRE_OK) {
        status = procedure_serve(guest, &call);
        /* The workers' orphans. */
        while (waitpid(-1, NULL, WNOHANG) > 0) {
        }
        if (status == WIRE_OK)
            status = wire_receive(guest->wire, &call);
    }
    fault_complain(status == WIRE_END ? "the host is gone" : "the channel is out of sync");
}

int main(void)
{
    struct guest *guest = calloc(1, sizeof *guest);

    if (guest != NULL && boot(guest, &guest->fault) == 0)
        serve(guest);
    else
        fault_complain("%s", guest != NULL ? guest->fault.text : "out of memory");
    /* QEMU ends at a reset. The machine has no ACPI to power off by, and would halt for ever.
     * User-Mode Linux would start again. The console has its own pace. */
    tcdrain(STDERR_FILENO);
    reboot(line_is_there() ? LINUX_REBOOT_CMD_POWER_OFF : LINUX_REBOOT_CMD_RESTART);
    fault_complain("reset: %s", strerror(errno));
    return 1;
}
