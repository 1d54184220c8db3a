#include "host/vm/guest_network.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/lib/parent_death.h"
#include "host/lib/progress.h"
#include "host/machine/appliance.h"
#include "host/machine/qemu_socket.h"
#include "host/network/egress.h"
#include "host/network/network_stack.h"

struct guest_network {
    struct qemu_socket socket;
    void (*end)(void *context);
    void *context;
    pid_t process;
    int reports; /* the worker's end of NETWORK_STACK_WORKER */
    pthread_t thread;
    pthread_mutex_t mutex; /* for what follows */
    bool stopping;
    char *cause; /* why the process has failed; NULL: it has not */
};

/* Returns TEXT with ":PORT" unless PORT is 0; the caller's. */
static char *with_port(const char *text, uint16_t port)
{
    return port == 0 ? xstrdup(text) : xasprintf("%s:%u", text, port);
}

/* REPORT is of a process that the guest may have taken over: it is shown, and nothing else. */
static void show(const struct network_report *report)
{
    static const char *const kinds[] = {[EGRESS_HOST] = "the host itself",
                                        [EGRESS_PRIVATE] = "a private address",
                                        [EGRESS_LINK_LOCAL] = "a link-local address"};
    CLEANUP(freep) char *address = egress_address_text(report->address);
    CLEANUP(freep) char *target = with_port(address, report->port);
    const char *protocol = report->protocol == IPPROTO_TCP   ? "TCP"
                           : report->protocol == IPPROTO_UDP ? "UDP"
                                                             : "ICMP";
    const char *name = egress_grant_name(report->kind);

    if (report->protocol == 0) {
        progress_note("the network blocked more, which is not listed");
        return;
    }
    if (name == NULL) {
        progress_note("the network blocked %s (%s), a reserved address", target, protocol);
        return;
    }
    CLEANUP(freep)
    char *grant = with_port(report->kind == EGRESS_HOST ? name : address, report->port);

    progress_note("the network blocked %s (%s), %s; '--allow-network %s' allows it", target,
                  protocol, kinds[report->kind], grant);
}

/* Shows the reports until the process has closed its end. */
static void show_reports(const struct guest_network *network)
{
    struct network_report report;
    int count = 0;

    for (;;) {
        ssize_t length = recv(network->reports, &report, sizeof report, 0);

        if (length < 0 && errno == EINTR)
            continue;
        if (length <= 0)
            return;
        if (length == (ssize_t)sizeof report && count++ < NETWORK_REPORTS_MAX)
            show(&report);
    }
}

/* Returns how the process has ended, the caller's; NULL if it ended because QEMU has. It is not
 * reaped, so that its number is not used again. */
static char *await_end(pid_t process)
{
    siginfo_t end = {0};

    while (waitid(P_PID, (id_t)process, &end, WEXITED | WNOWAIT) < 0 && errno == EINTR)
        ;
    if (end.si_code == CLD_EXITED && end.si_status == EXIT_DONE)
        return NULL;
    if (end.si_code == CLD_EXITED)
        return xasprintf("it exited with code %d", end.si_status);
    return xasprintf("it was ended by signal %d (%s)", end.si_status, strsignal(end.si_status));
}

static void *watch(void *argument)
{
    struct guest_network *network = argument;

    show_reports(network);
    char *cause = await_end(network->process);

    pthread_mutex_lock(&network->mutex);
    if (!network->stopping)
        network->cause = STEAL(cause);
    bool failed = network->cause != NULL;

    pthread_mutex_unlock(&network->mutex);
    free(cause);
    if (failed)
        network->end(network->context);
    return NULL;
}

/* In the child: executes PROGRAM, this one, with LISTENER and WORKER. Only calls that are safe
 * after a fork in a process with threads. */
static _Noreturn void execute(const char *program, int listener, int worker, char *const *words)
{
    char *const environment[] = {NULL};
    int null = open("/dev/null", O_RDWR);
    /* Beyond the numbers that they get. */
    int from = fcntl(listener, F_DUPFD, NETWORK_STACK_WORKER + 1);
    int to = fcntl(worker, F_DUPFD, NETWORK_STACK_WORKER + 1);

    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        dup2(null, fd);
    if (null >= 0 && from >= 0 && to >= 0 && dup2(from, NETWORK_STACK_LISTENER) >= 0 &&
        dup2(to, NETWORK_STACK_WORKER) >= 0)
        execve(program, words, environment);
    _exit(EXIT_OTHER);
}

static struct error *start_process(struct guest_network *network, const struct strings *grants,
                                   int worker)
{
    CLEANUP(strings_free) struct strings words = {0};
    CLEANUP(freep) char *found = appliance_find_program();
    const char *program = found != NULL ? found : "/proc/self/exe"; /* it was replaced */

    strings_add(&words, NETWORK_STACK_NAME);
    for (size_t i = 0; i < grants->count; i++)
        strings_add(&words, grants->items[i]);
    parent_death_bind(true);
    network->process = fork();
    if (network->process == 0)
        execute(program, network->socket.listener, worker, words.items);
    int cause = errno;

    parent_death_bind(false);
    errno = cause;
    return network->process < 0 ? error_errno(EXIT_OTHER, "start the guest's network") : NULL;
}

static struct error *start(struct guest_network *network, const char *folder,
                           const struct strings *grants)
{
    int ends[2];

    TRY(qemu_socket_listen(folder, "network", &network->socket));
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return error_errno(EXIT_OTHER, "create a socket for the guest's network");
    network->reports = ends[0];
    CLEANUP(closep) int worker = ends[1];

    TRY(start_process(network, grants, worker));
    int cause = pthread_create(&network->thread, NULL, watch, network);

    if (cause != 0) {
        kill(network->process, SIGKILL);
        waitpid(network->process, NULL, 0);
        return error_new(EXIT_OTHER, "start a thread for the guest's network: %s", strerror(cause));
    }
    return NULL;
}

static void release(struct guest_network *network)
{
    qemu_socket_close(&network->socket);
    closep(&network->reports);
    pthread_mutex_destroy(&network->mutex);
    free(network->cause);
    free(network);
}

struct error *guest_network_start(const char *folder, const struct strings *grants,
                                  void (*end)(void *context), void *context,
                                  struct guest_network **ret)
{
    struct guest_network *network = xcalloc(1, sizeof *network);

    network->socket.listener = network->reports = -1;
    network->end = end;
    network->context = context;
    pthread_mutex_init(&network->mutex, NULL);
    struct error *err = start(network, folder, grants);

    if (err != NULL)
        release(network);
    else
        *ret = network;
    return err;
}

const char *guest_network_socket(const struct guest_network *network)
{
    return qemu_socket_path(&network->socket);
}

struct error *guest_network_explain(struct guest_network *network, const char *operation,
                                    struct error *err)
{
    if (err == NULL || network == NULL)
        return err;
    pthread_mutex_lock(&network->mutex);
    CLEANUP(freep) char *cause = network->cause == NULL ? NULL : xstrdup(network->cause);

    pthread_mutex_unlock(&network->mutex);
    if (cause == NULL)
        return err;
    error_free(err);
    return error_new(EXIT_VM, "%s: the process of the guest's network has ended: %s", operation,
                     cause);
}

void guest_network_stop(struct guest_network *network)
{
    if (network == NULL)
        return;
    pthread_mutex_lock(&network->mutex);
    network->stopping = true;
    pthread_mutex_unlock(&network->mutex);
    kill(network->process, SIGKILL);
    pthread_join(network->thread, NULL);
    waitpid(network->process, NULL, 0);
    release(network);
}
