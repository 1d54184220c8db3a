/* Any bytes as QEMU's monitor: greeting, replies and events. */
#include <linux/sockios.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "host/lib/temporary.h"
#include "host/vm/qemu_watch.h"
#include "tests/fuzz/fuzz.h"

static void end(void *context)
{
    *(bool *)context = true;
}

#define PATIENCE 10000 /* turns; whoever has found a fault reads no further */

/* Sends what fits into a socket, and waits until it has been read. */
static void send_all(const char *path, const uint8_t *data, size_t size)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    strcpy(address.sun_path, path);
    fuzz_expect(connect(fd, (struct sockaddr *)&address, sizeof address) == 0);
    int left = send(fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL) > 0;

    for (int i = 0; left > 0 && i < PATIENCE; i++)
        if (sched_yield() != 0 || ioctl(fd, SIOCOUTQ, &left) != 0)
            left = 0;
    close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *folder;
    struct qemu_watch *watch = NULL;
    struct qemu_fault fault;
    bool has_ended = false;

    setenv("TMPDIR", "/dev/shm", 1);
    if (folder == NULL)
        fuzz_expect(temporary_setup() == NULL && temporary_run_folder(&folder) == NULL &&
                    atexit(temporary_remove_all) == 0);
    fuzz_expect(qemu_watch_start(folder, end, &has_ended, &watch) == NULL);
    send_all(qemu_watch_socket(watch), data, size);
    if (qemu_watch_fault(watch, &fault))
        error_free(qemu_fault_error(&fault, "run", "/disk"));
    qemu_watch_free(watch);
    return 0;
}
