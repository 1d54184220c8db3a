#include "host/machine/accelerator.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/machine/confined_uml.h"
#include "host/machine/kvm_vcpu.h"

/* The milliseconds that a probe may take, of the processor's time and by the clock. */
struct patience {
    int cpu, clock;
};

static const struct patience patiences[] = {{.cpu = 100, .clock = 500},
                                            {.cpu = 200, .clock = ACCELERATOR_PROBE_MS - 500}};
static const struct patience requested_patiences[] = {
    {.cpu = 1000, .clock = ACCELERATOR_REQUESTED_PROBE_MS}};

/* What the child reports: how far it came. */
struct report {
    enum { OPEN, VERSION, SET_UP, RUN, WORKS } stage;
    int cause;     /* errno of the stage that failed, or 0 */
    unsigned exit; /* how KVM_RUN ended */
};

/* Runs the probe in this process. */
static struct report probe(const char *device)
{
    struct kvm_run *run = NULL;
    int kvm = open(device, O_RDWR | O_CLOEXEC);

    if (kvm < 0)
        return (struct report){.stage = OPEN, .cause = errno};
    if (ioctl(kvm, KVM_GET_API_VERSION, 0) != KVM_API_VERSION)
        return (struct report){.stage = VERSION};
    int vcpu = kvm_vcpu_make(kvm, &run);

    if (vcpu < 0)
        return (struct report){.stage = SET_UP, .cause = errno};
    if (ioctl(vcpu, KVM_RUN, 0) < 0)
        return (struct report){.stage = RUN, .cause = errno};
    if (!kvm_vcpu_has_ended(run))
        return (struct report){.stage = RUN, .exit = run->exit_reason};
    return (struct report){.stage = WORKS};
}

/* The child. It makes async-signal-safe calls only, since the parent may have threads. */
static _Noreturn void run_child(const char *device, int cpu_ms, int channel)
{
    const struct itimerval limit = {.it_value = {cpu_ms / 1000, cpu_ms % 1000 * 1000}};
    sigset_t none;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPROF, SIG_DFL);
    setitimer(ITIMER_PROF, &limit, NULL);
    struct report report = probe(device);

    _exit(write(channel, &report, sizeof report) == (ssize_t)sizeof report ? 0 : 1);
}

/* How a probe ended. */
enum outcome {
    REPORTED,
    STUCK, /* it used up its processor time */
    LATE,  /* or the clock's, or it could not be started */
};

static enum outcome run_probe(const char *device, struct patience patience, struct report *ret)
{
    int ends[2], status = 0;

    if (pipe2(ends, O_CLOEXEC) < 0)
        return LATE;
    pid_t child = fork();

    if (child == 0)
        run_child(device, patience.cpu, ends[1]);
    close(ends[1]);
    struct pollfd end = {.fd = ends[0], .events = POLLIN};
    /* Readable when the report is there, hung up when the child was killed without one. */
    bool reported = child > 0 && poll(&end, 1, patience.clock) == 1 &&
                    read(ends[0], ret, sizeof *ret) == (ssize_t)sizeof *ret;

    close(ends[0]);
    if (child > 0) {
        kill(child, SIGKILL);
        while (waitpid(child, &status, 0) < 0 && errno == EINTR)
            ;
    }
    if (reported)
        return REPORTED;
    return child > 0 && WIFSIGNALED(status) && WTERMSIG(status) == SIGPROF ? STUCK : LATE;
}

/* Probes at most COUNT times, again only if the host may have been too busy. Returns whether there
 * is a report. */
static bool run_probes(const char *device, const struct patience *allowed, size_t count,
                       struct report *ret)
{
    enum outcome outcome = LATE;

    for (size_t i = 0; outcome == LATE && i < count; i++)
        outcome = run_probe(device, allowed[i], ret);
    return outcome == REPORTED;
}

/* Returns why the KVM of DEVICE cannot be used, the caller's, or NULL if it can. */
static char *reason_against(const char *device, bool requested)
{
    struct report report = {0};
    const struct patience *allowed = requested ? requested_patiences : patiences;
    size_t count = requested ? sizeof requested_patiences / sizeof *requested_patiences
                             : sizeof patiences / sizeof *patiences;

    if (!run_probes(device, allowed, count, &report))
        return xasprintf("%s opens, but does not run a virtual CPU", device);
    switch (report.stage) {
    case OPEN:
        return xasprintf("%s: %s", device, strerror(report.cause));
    case VERSION:
        return xasprintf("%s is not KVM, or not version %d of its API", device, KVM_API_VERSION);
    case SET_UP:
        return xasprintf("%s does not create a virtual machine: %s", device,
                         strerror(report.cause));
    case RUN:
        if (report.cause != 0)
            return xasprintf("%s does not run a virtual CPU: %s", device, strerror(report.cause));
        return xasprintf("%s does not run a virtual CPU correctly (exit %u)", device, report.exit);
    case WORKS:
        break;
    }
    return NULL;
}

const char *accelerator_name(enum accelerator accelerator)
{
    return accelerator == ACCELERATOR_KVM ? "KVM" : accelerator == ACCELERATOR_UML ? "UML" : "TCG";
}

bool accelerator_may_be_uml(enum accelerator wanted)
{
    return wanted == ACCELERATOR_UML || wanted == ACCELERATOR_AUTO_UML;
}

static struct error *choose_kvm(const char *device, struct accelerator_choice *ret)
{
    CLEANUP(freep) char *reason = reason_against(device, true);

    *ret = (struct accelerator_choice){.accelerator = ACCELERATOR_KVM};
    if (reason == NULL)
        return NULL;
    return error_advise(error_new(EXIT_VM, "start the VM under KVM: %s", reason),
                        "use --accel auto or tcg; KVM requires a processor with "
                        "virtualization, and the user to be in the group that owns %s",
                        device);
}

/* LACK: why this machine cannot run under UML, or NULL. */
static struct error *choose_uml(const char *lack, struct accelerator_choice *ret)
{
    CLEANUP(freep)
    char *reason = lack != NULL ? xstrdup(lack) : confined_uml_reason_against();

    *ret = (struct accelerator_choice){.accelerator = ACCELERATOR_UML};
    return reason == NULL ? NULL
                          : error_advise(error_new(EXIT_VM, "start the VM under UML: %s", reason),
                                         "use --accel auto or tcg");
}

struct error *accelerator_choose(enum accelerator wanted, const char *device, const char *lack,
                                 struct accelerator_choice *ret)
{
    if (wanted == ACCELERATOR_KVM)
        return choose_kvm(device, ret);
    if (wanted == ACCELERATOR_UML)
        return choose_uml(lack, ret);
    *ret = (struct accelerator_choice){.accelerator = ACCELERATOR_TCG};
    if (wanted == ACCELERATOR_TCG)
        return NULL;
    ret->reason = reason_against(device, false);
    if (ret->reason == NULL)
        ret->accelerator = ACCELERATOR_KVM;
    else if (wanted == ACCELERATOR_AUTO_UML) {
        ret->lack = lack != NULL ? xstrdup(lack) : confined_uml_reason_against();
        if (ret->lack == NULL)
            ret->accelerator = ACCELERATOR_UML;
    }
    return NULL;
}

void accelerator_choice_free(struct accelerator_choice *choice)
{
    free(choice->reason);
    free(choice->lack);
    *choice = (struct accelerator_choice){0};
}
