/* What a hostile QEMU may send to the server of its base disk, one that it may write to. */
#include <sys/socket.h>
#include <sys/un.h>

#include "host/lib/memory.h"
#include "host/lib/temporary.h"
#include "host/store/store.h"
#include "host/vm/disk_server.h"
#include "tests/fuzz/fuzz.h"

#define DISK_SIZE (3 * (64 << 10) + 4096)

static struct store *store;
static struct store_disk *disk;
static const char *folder;

static void clean_up(void)
{
    store_disk_free(disk);
    store_free(store);
    temporary_remove_all();
}

static void set_up(void)
{
    static char content[DISK_SIZE];
    char *path = NULL;
    int fd;

    setenv("TMPDIR", "/dev/shm", 1);
    memset(content, 'x', sizeof content);
    fuzz_expect(temporary_setup() == NULL && temporary_run_folder(&folder) == NULL &&
                store_open(NULL, true, &store) == NULL &&
                store_temporary(store, &path, &fd) == NULL &&
                write(fd, content, sizeof content) == sizeof content && close(fd) == 0 &&
                store_publish(store, STORE_DISK, "0123abcd", path, NULL) == NULL &&
                store_disk_open(store, "0123abcd", &disk) == NULL &&
                store_disk_extend(disk) == NULL && atexit(clean_up) == 0);
    free(path);
}

/* Sends what fits into a socket, and receives all that comes back. Returns how many bytes that
 * were. */
static size_t exchange(const char *path, const uint8_t *data, size_t size)
{
    static char bytes[1 << 16];
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    size_t total = 0;
    ssize_t length;

    strcpy(address.sun_path, path);
    fuzz_expect(connect(fd, (struct sockaddr *)&address, sizeof address) == 0);
    (void)send(fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    shutdown(fd, SHUT_WR);
    while ((length = recv(fd, bytes, sizeof bytes, 0)) > 0)
        total += (size_t)length;
    close(fd);
    return total;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct disk_server *server = NULL;

    if (store == NULL)
        set_up();
    fuzz_expect(disk_server_start(folder, disk, &server) == NULL);
    size_t received = exchange(disk_server_socket(server), data, size);

    /* A request has 28 bytes, an option at least 16. */
    fuzz_expect(received <= 18 + 256 + (size / 28 + 1) * (DISK_SIZE + 16) + size / 16 * 64);
    disk_server_free(server);
    return 0;
}
