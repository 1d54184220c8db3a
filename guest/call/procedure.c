#include "guest/call/procedure.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest/call/verb.h"
#include "guest/contract.h"
#include "guest/disk/base.h"
#include "guest/disk/overlay.h"
#include "guest/lib/file.h"
#include "guest/lib/job.h"
#include "guest/lib/words.h"
#include "guest/lib/worker.h"
#include "guest/script/clock.h"
#include "guest/tar/path.h"
#include "guest/tar/unpack.h"

/* Numbers of libguestfs' generator/proc_nr.ml. */
enum {
    PROCEDURE_SYNC = 2,
    PROCEDURE_COMMAND = 50,
    PROCEDURE_UPLOAD = 66,
    PROCEDURE_TAR_IN = 69,
    PROCEDURE_PING_DAEMON = 92,
    PROCEDURE_INTERNAL_AUTOSYNC = 282,
};

static enum wire_status reply_fault(struct guest *guest, const struct wire_call *call)
{
    return wire_reply_error(guest->wire, call, guest->fault.code, guest->fault.text);
}

/* Refuses a call that carries a file: first the file, then with an error. */
static enum wire_status refuse_file(struct guest *guest, const struct wire_call *call)
{
    enum wire_status status = wire_refuse_file(guest->wire);

    return status == WIRE_OK ? reply_fault(guest, call) : status;
}

/* Returns the one string argument of a call without optional ones, which the caller frees, or NULL
 * with GUEST's fault. */
static char *read_path(struct guest *guest, struct wire_call *call)
{
    char *path = xdr_read_string(&call->arguments, PATH_LENGTH_MAX);

    if (path == NULL || call->optional != 0) {
        fault_set(&guest->fault, EINVAL, "read the arguments of the call");
        free(path);
        return NULL;
    }
    return path;
}

/* There is nothing to flush: the base disk is unmounted once it is filled, the scratch disk is
 * thrown away. */
static enum wire_status serve_nothing(struct guest *guest, struct wire_call *call)
{
    return wire_reply(guest->wire, call);
}

static enum wire_status serve_sync(struct guest *guest, struct wire_call *call)
{
    sync();
    return wire_reply(guest->wire, call);
}

/* Reads the list of words. Returns their number; *RET_BAD: whether it is malformed. */
static size_t read_words(struct xdr_reader *reader, char **words, bool *ret_bad)
{
    size_t count = 0;
    size_t announced = xdr_read_u32(reader);

    if (announced > WORDS_MAX)
        reader->bad = true;
    while (!reader->bad && count < announced) {
        words[count] = xdr_read_string(reader, WIRE_ERROR_MAX);
        count += words[count] != NULL;
    }
    *ret_bad = reader->bad;
    return count;
}

static enum wire_status serve_command(struct guest *guest, struct wire_call *call)
{
    char *words[WORDS_MAX];
    bool bad;
    size_t count = read_words(&call->arguments, words, &bad);
    int status = bad ? fault_set(&guest->fault, EINVAL, "read the words of the command")
                     : verb_run(guest, words, count);

    for (size_t i = 0; i < count; i++)
        free(words[i]);
    return status ? reply_fault(guest, call) : wire_reply_string(guest->wire, call, guest->reply);
}

/* Writes the incoming file to FD, at most LIMIT bytes. Returns WIRE_END once it is whole; WIRE_OK,
 * with GUEST's fault, if it cannot be written and more of it may come. */
static enum wire_status receive_file(struct guest *guest, int fd, uint64_t limit)
{
    const unsigned char *bytes;
    size_t length;
    uint64_t total = 0;
    enum wire_status status;

    while ((status = wire_receive_chunk(guest->wire, &bytes, &length)) == WIRE_OK) {
        total += length;
        if (total > limit) {
            fault_set(&guest->fault, EFBIG, "receive a file of more than %llu bytes",
                      (unsigned long long)limit);
            return WIRE_OK;
        }
        if (file_write_all(fd, bytes, length)) {
            fault_set(&guest->fault, errno, "write the incoming file");
            return WIRE_OK;
        }
    }
    if (status == WIRE_CANCELLED)
        fault_set(&guest->fault, ECANCELED, "receive a file");
    return status;
}

/* Answers a call whose file was received with STATUS, as receive_file returns it. */
static enum wire_status reply_to_file(struct guest *guest, const struct wire_call *call,
                                      enum wire_status status)
{
    switch (status) {
    case WIRE_END:
        return wire_reply(guest->wire, call);
    case WIRE_OK:
        return refuse_file(guest, call);
    case WIRE_CANCELLED:
        return reply_fault(guest, call);
    default:
        return WIRE_LOST;
    }
}

static enum wire_status serve_upload(struct guest *guest, struct wire_call *call)
{
    char *path = read_path(guest, call);
    int fd = path != NULL ? job_create(path, &guest->fault) : -1;

    free(path);
    if (fd < 0)
        return refuse_file(guest, call);
    enum wire_status status = receive_file(guest, fd, GUEST_JOB_FILE_MAX);

    if (close(fd) && status == WIRE_END) {
        fault_set(&guest->fault, errno, "write the incoming file");
        status = WIRE_CANCELLED;
    }
    return reply_to_file(guest, call, status);
}

/* A tar that comes in: for layer/, for what a mount shows, or for the base disk. */
enum incoming_kind { INCOMING_CONTENTS, INCOMING_TREE, INCOMING_LAYER };

struct incoming {
    int source;
    enum incoming_kind kind;
    char folder[64]; /* that it is unpacked in */
};

/* Unpacks INCOMING into its directory, which is the root. */
static int unpack_incoming(const struct incoming *incoming, int image, struct fault *fault)
{
    switch (incoming->kind) {
    case INCOMING_CONTENTS:
        return unpack_over(incoming->source, image, fault);
    case INCOMING_TREE:
        return unpack(incoming->source, UNPACK_CONTENTS, fault);
    case INCOMING_LAYER:
        break;
    }
    return unpack(incoming->source, UNPACK_LAYER, fault);
}

/* A worker's work: unpacks the tar from the pipe. */
static int unpack_tar(void *context, struct fault *fault)
{
    const struct incoming *incoming = context;
    char rest[16 << 10];
    int image = open(GUEST_SCRATCH_IMAGE, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (image < 0 || chroot(incoming->folder) || chdir("/"))
        return fault_set(fault, errno, "enter '%s'", incoming->folder);
    int status = unpack_incoming(incoming, image, fault);

    close(image);
    if (status)
        return fault_prefix(fault, incoming->kind == INCOMING_LAYER ? "unpack the base image: "
                                                                    : "unpack the contents: ");
    /* What follows the end of the tar is padding. */
    while (read(incoming->source, rest, sizeof rest) > 0) {
    }
    return 0;
}

/* Finds the directory for a tar at PATH, or makes it. Returns 0, or -1 with FAULT. */
static int find_folder(const char *path, struct incoming *ret, struct fault *fault)
{
    const char *number = path + strlen(GUEST_MOUNTS);
    char *end;

    ret->kind = strcmp(path, GUEST_LAYER) == 0  ? INCOMING_CONTENTS
                : strcmp(path, GUEST_BASE) == 0 ? INCOMING_LAYER
                                                : INCOMING_TREE;
    if (ret->kind != INCOMING_TREE) {
        snprintf(ret->folder, sizeof ret->folder, "%s",
                 ret->kind == INCOMING_LAYER ? BASE_TREE : GUEST_SCRATCH_LAYER);
        return 0;
    }
    if (strncmp(path, GUEST_MOUNTS, strlen(GUEST_MOUNTS)) != 0 || *number < '0' || *number > '9' ||
        strtoul(number, &end, 10) >= GUEST_MOUNTS_MAX || *end != '\0')
        return fault_set(fault, EACCES, "unpack a tar at '%s'", path);
    snprintf(ret->folder, sizeof ret->folder, "%s/%lu", GUEST_SCRATCH_MOUNTS,
             strtoul(number, NULL, 10));
    return (mkdir(GUEST_SCRATCH_MOUNTS, 0755) && errno != EEXIST) ||
                   (mkdir(ret->folder, 0755) && errno != EEXIST)
               ? fault_set(fault, errno, "create '%s'", ret->folder)
               : 0;
}

/* Feeds the incoming tar to a worker. Returns what receive_file does, with *RET_STATUS if the
 * worker was started. */
static enum wire_status receive_tar(struct guest *guest, struct incoming *incoming, int *ret_status)
{
    int pipe_fds[2];
    struct worker worker = {.pid = -1, .report = -1};

    if (pipe2(pipe_fds, O_CLOEXEC)) {
        fault_set(&guest->fault, errno, "create a pipe");
        return WIRE_OK;
    }
    incoming->source = pipe_fds[0];
    int started = worker_start(&worker, unpack_tar, incoming, pipe_fds[1], &guest->fault);

    close(pipe_fds[0]);
    enum wire_status status = started ? WIRE_OK : receive_file(guest, pipe_fds[1], UINT64_MAX);

    close(pipe_fds[1]);
    if (started == 0) {
        /* Its fault tells more than that of the broken pipe. */
        *ret_status = worker_wait(&worker, &guest->fault);
    }
    return status;
}

/* Makes the place of INCOMING ready. Returns 0, or -1 with GUEST's fault. */
static int open_place(struct guest *guest, const struct incoming *incoming)
{
    if (overlay_show(&guest->mounted, false, &guest->fault))
        return -1;
    if (incoming->kind != INCOMING_LAYER)
        return 0;
    if (guest->base_mounted)
        return fault_set(&guest->fault, EBUSY, "unpack another layer of the base image");
    /* As in `unpack`: scripts see the ctimes. */
    return clock_hold(GUEST_CLOCK_LEAST, &guest->fault) ? -1 : base_begin_layer(&guest->fault);
}

/* Leaves it, once the tar IS_WHOLE or has failed with GUEST's fault. Returns 0, or -1 with GUEST's
 * fault. */
static int close_place(struct guest *guest, const struct incoming *incoming, bool is_whole)
{
    struct fault later;

    if (incoming->kind != INCOMING_LAYER)
        return 0;
    int status = base_end_layer(is_whole, &later);

    status = clock_hold(guest->clock, &later) || status ? -1 : 0;
    if (status && is_whole)
        guest->fault = later;
    return status;
}

static enum wire_status serve_tar_in(struct guest *guest, struct wire_call *call)
{
    struct incoming incoming = {0};
    char *path = read_path(guest, call);
    bool right = path != NULL && guest->started;

    if (path != NULL && !right)
        fault_set(&guest->fault, EACCES, "unpack a tar at '%s'", path);
    right = right && find_folder(path, &incoming, &guest->fault) == 0;
    free(path);
    if (!right || open_place(guest, &incoming))
        return refuse_file(guest, call);
    int unpacked = 0;
    enum wire_status status = receive_tar(guest, &incoming, &unpacked);

    if (close_place(guest, &incoming, status == WIRE_END && unpacked == 0))
        unpacked = -1;
    return status == WIRE_END && unpacked ? reply_fault(guest, call)
                                          : reply_to_file(guest, call, status);
}

static const struct {
    uint32_t number;
    enum wire_status (*serve)(struct guest *guest, struct wire_call *call);
} procedures[] = {
    {PROCEDURE_COMMAND, serve_command}, {PROCEDURE_UPLOAD, serve_upload},
    {PROCEDURE_TAR_IN, serve_tar_in},   {PROCEDURE_PING_DAEMON, serve_nothing},
    {PROCEDURE_SYNC, serve_sync},       {PROCEDURE_INTERNAL_AUTOSYNC, serve_nothing},
};

enum wire_status procedure_serve(struct guest *guest, struct wire_call *call)
{
    for (size_t i = 0; i < sizeof procedures / sizeof *procedures; i++)
        if (procedures[i].number == call->procedure)
            return procedures[i].serve(guest, call);
    fault_set(&guest->fault, ENOSYS, "find procedure %u", call->procedure);
    return reply_fault(guest, call);
}
