#include "host/vm/disk_server.h"

#include <endian.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host/lib/buffer.h"
#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/machine/qemu_socket.h"

/* The names are those of the protocol's document. */
#define NBDMAGIC UINT64_C(0x4e42444d41474943)
#define IHAVEOPT UINT64_C(0x49484156454f5054)
#define NBD_FLAG_FIXED_NEWSTYLE 1
#define NBD_FLAG_NO_ZEROES 2
#define NBD_OPT_EXPORT_NAME 1
#define NBD_OPT_ABORT 2
#define NBD_OPT_GO 7
#define NBD_OPT_REPLY_MAGIC UINT64_C(0x3e889045565a9)
#define NBD_REP_ACK 1
#define NBD_REP_INFO 3
#define NBD_REP_ERR_UNSUP UINT32_C(0x80000001)
#define NBD_INFO_EXPORT 0
#define NBD_FLAG_HAS_FLAGS 1
#define NBD_FLAG_READ_ONLY 2
#define NBD_REQUEST_MAGIC UINT32_C(0x25609513)
#define NBD_SIMPLE_REPLY_MAGIC UINT32_C(0x67446698)
#define NBD_CMD_READ 0
#define NBD_CMD_WRITE 1
#define NBD_CMD_DISC 2
#define NBD_EPERM 1
#define NBD_EIO 5
#define NBD_EINVAL 22
#define NBD_ENOSPC 28

#define OPTION_LENGTH_MAX 8192 /* bytes of an option's data: a name of at most 4096, and a list */
#define LENGTH_MAX (32u << 20) /* bytes; QEMU reads and writes no more at once */

struct disk_server {
    struct qemu_socket socket;
    struct store_disk *disk;
    pthread_t thread;
    void (*end)(void *context); /* ends the machine; NULL: it stops itself */
    void *context;
    pthread_mutex_t mutex; /* for what follows */
    int connection;        /* below 0: not connected */
    bool stopping;
    int fault; /* an errno */
    bool fault_is_write;
};

struct option {
    uint64_t magic;
    uint32_t option, length;
} __attribute__((packed));

struct option_reply {
    uint64_t magic;
    uint32_t option, type, length;
} __attribute__((packed));

/* What the disk is, in both places that it is told in. */
struct export_info {
    uint64_t size;
    uint16_t flags;
} __attribute__((packed));

struct info {
    uint16_t type;
    struct export_info export;
} __attribute__((packed));

struct request {
    uint32_t magic;
    uint16_t flags, type;
    uint64_t cookie, offset;
    uint32_t length;
} __attribute__((packed));

struct reply {
    uint32_t magic, error;
    uint64_t cookie;
} __attribute__((packed));

static bool receive(int fd, void *bytes, size_t length)
{
    char *next = bytes;

    while (length > 0) {
        ssize_t got = recv(fd, next, length, MSG_WAITALL);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        next += got;
        length -= (size_t)got;
    }
    return true;
}

/* MORE: the next bytes follow at once. */
static bool transmit(int fd, const void *bytes, size_t length, bool more)
{
    const char *next = bytes;

    while (length > 0) {
        ssize_t sent = send(fd, next, length, MSG_NOSIGNAL | (more ? MSG_MORE : 0));

        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return false;
        next += sent;
        length -= (size_t)sent;
    }
    return true;
}

static bool answer_option(int fd, uint32_t option, uint32_t type, const void *data, uint32_t length)
{
    const struct option_reply reply = {htobe64(NBD_OPT_REPLY_MAGIC), htobe32(option), htobe32(type),
                                       htobe32(length)};

    return transmit(fd, &reply, sizeof reply, length > 0) && transmit(fd, data, length, false);
}

/* Answers one option. Returns false if the connection is to end. *RET_READY: QEMU has what it needs
 * to know, and reads. */
static bool serve_option(struct disk_server *server, int fd, uint32_t client_flags, bool *ret_ready)
{
    const uint16_t read_only = store_disk_is_writable(server->disk) ? 0 : NBD_FLAG_READ_ONLY;
    const struct export_info export = {htobe64(store_disk_size(server->disk)),
                                       htobe16(NBD_FLAG_HAS_FLAGS | read_only)};
    const struct info info = {htobe16(NBD_INFO_EXPORT), export};
    char data[OPTION_LENGTH_MAX];
    struct option head;

    if (!receive(fd, &head, sizeof head) || be64toh(head.magic) != IHAVEOPT ||
        be32toh(head.length) > sizeof data || !receive(fd, data, be32toh(head.length)))
        return false;
    uint32_t option = be32toh(head.option);

    switch (option) {
    case NBD_OPT_GO:
        *ret_ready = true;
        return answer_option(fd, option, NBD_REP_INFO, &info, sizeof info) &&
               answer_option(fd, option, NBD_REP_ACK, NULL, 0);
    case NBD_OPT_EXPORT_NAME:
        memset(data, 0, 124);
        *ret_ready = true;
        return transmit(fd, &export, sizeof export, false) &&
               transmit(fd, data, client_flags & NBD_FLAG_NO_ZEROES ? 0 : 124, false);
    case NBD_OPT_ABORT:
        answer_option(fd, option, NBD_REP_ACK, NULL, 0);
        return false;
    default:
        return answer_option(fd, option, NBD_REP_ERR_UNSUP, NULL, 0);
    }
}

/* Returns whether QEMU is ready to read. */
static bool negotiate(struct disk_server *server, int fd)
{
    const struct {
        uint64_t magic, option_magic;
        uint16_t flags;
    } __attribute__((packed)) greeting = {htobe64(NBDMAGIC), htobe64(IHAVEOPT),
                                          htobe16(NBD_FLAG_FIXED_NEWSTYLE | NBD_FLAG_NO_ZEROES)};
    uint32_t flags;
    bool ready = false;

    if (!transmit(fd, &greeting, sizeof greeting, false) || !receive(fd, &flags, sizeof flags))
        return false;
    while (!ready)
        if (!serve_option(server, fd, be32toh(flags), &ready))
            return false;
    return true;
}

/* Reads LENGTH bytes at OFFSET to ROOM. Returns an error of the protocol. */
static uint32_t read_disk(struct disk_server *server, uint64_t offset, uint32_t length,
                          struct buffer *room)
{
    return store_disk_read(server->disk, offset, length, buffer_reserve(room, length)) ? 0
                                                                                       : NBD_EIO;
}

/* The same for what is to be written. */
static uint32_t write_disk(struct disk_server *server, uint64_t offset, uint32_t length,
                           const void *bytes)
{
    int cause = store_disk_write(server->disk, offset, length, bytes);

    if (cause == ENOSPC || cause == EDQUOT || cause == EFBIG)
        return NBD_ENOSPC;
    return cause == 0 ? 0 : cause == EPERM ? NBD_EPERM : NBD_EIO;
}

/* Ends the machine, if nothing else does after CAUSE, an error of the protocol. Returns whether it
 * did. */
static bool end_machine(struct disk_server *server, uint32_t cause, bool is_write)
{
    if (cause == 0 || server->end == NULL)
        return false;
    pthread_mutex_lock(&server->mutex);
    server->fault = cause == NBD_ENOSPC ? ENOSPC : EIO;
    server->fault_is_write = is_write;
    pthread_mutex_unlock(&server->mutex);
    server->end(server->context);
    return true;
}

/* Carries out one request, with ROOM for what is read or written. Returns false if the connection
 * is to end. */
static bool serve_request(struct disk_server *server, int fd, struct buffer *room)
{
    struct request request;
    uint64_t size = store_disk_size(server->disk);

    if (!receive(fd, &request, sizeof request) || be32toh(request.magic) != NBD_REQUEST_MAGIC)
        return false;
    uint16_t type = be16toh(request.type);
    uint64_t offset = be64toh(request.offset);
    uint32_t length = be32toh(request.length);
    struct reply reply = {.magic = htobe32(NBD_SIMPLE_REPLY_MAGIC), .cookie = request.cookie};
    bool is_valid = length <= LENGTH_MAX && offset <= size && length <= size - offset;

    room->length = 0;
    /* Without its data, what follows could not be found. */
    if (type == NBD_CMD_DISC ||
        (type == NBD_CMD_WRITE &&
         (length > LENGTH_MAX || !receive(fd, buffer_reserve(room, length), length))))
        return false;
    if (is_valid && type == NBD_CMD_READ)
        reply.error = htobe32(read_disk(server, offset, length, room));
    else if (is_valid && type == NBD_CMD_WRITE)
        reply.error = htobe32(write_disk(server, offset, length, room->data));
    else
        reply.error = htobe32(NBD_EINVAL);
    if (is_valid && end_machine(server, be32toh(reply.error), type == NBD_CMD_WRITE))
        return false;
    bool has_data = type == NBD_CMD_READ && reply.error == 0 && length > 0;

    return transmit(fd, &reply, sizeof reply, has_data) &&
           transmit(fd, room->data, has_data ? length : 0, false);
}

static void *run(void *argument)
{
    struct disk_server *server = argument;
    CLEANUP(buffer_free) struct buffer room = {0};
    int fd = qemu_socket_accept(&server->socket, NULL);

    if (fd < 0)
        return NULL;
    pthread_mutex_lock(&server->mutex);
    server->connection = fd;
    bool stopping = server->stopping;

    pthread_mutex_unlock(&server->mutex);
    if (!stopping && negotiate(server, fd))
        while (serve_request(server, fd, &room))
            continue;
    shutdown(fd, SHUT_RDWR);
    return NULL;
}

/* Frees a server whose thread does not run. */
static void release(struct disk_server *server)
{
    closep(&server->connection);
    qemu_socket_close(&server->socket);
    pthread_mutex_destroy(&server->mutex);
    free(server);
}

static struct error *start(struct disk_server *server, const char *folder)
{
    TRY(qemu_socket_listen(folder, "base", &server->socket));
    int cause = pthread_create(&server->thread, NULL, run, server);

    return cause == 0
               ? NULL
               : error_new(EXIT_OTHER, "start a thread for the base disk: %s", strerror(cause));
}

struct error *disk_server_start(const char *folder, struct store_disk *disk,
                                struct disk_server **ret)
{
    struct disk_server *server = xcalloc(1, sizeof *server);

    server->disk = disk;
    server->socket.listener = server->connection = -1;
    pthread_mutex_init(&server->mutex, NULL);
    struct error *err = start(server, folder);

    if (err != NULL)
        release(server);
    else
        *ret = server;
    return err;
}

void disk_server_on_fault(struct disk_server *server, void (*end)(void *context), void *context)
{
    server->context = context;
    server->end = end;
}

int disk_server_fault(struct disk_server *server, bool *ret_is_write)
{
    pthread_mutex_lock(&server->mutex);
    int fault = server->fault;

    *ret_is_write = server->fault_is_write;
    pthread_mutex_unlock(&server->mutex);
    return fault;
}

const char *disk_server_socket(const struct disk_server *server)
{
    return qemu_socket_path(&server->socket);
}

void disk_server_free(struct disk_server *server)
{
    if (server == NULL)
        return;
    qemu_socket_wake(&server->socket);
    pthread_mutex_lock(&server->mutex);
    server->stopping = true;
    if (server->connection >= 0)
        shutdown(server->connection, SHUT_RDWR);
    pthread_mutex_unlock(&server->mutex);
    pthread_join(server->thread, NULL);
    release(server);
}
