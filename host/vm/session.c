#include "host/vm/session.h"

#include <endian.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "guest/contract.h"
#include "host/lib/cleanup.h"
#include "host/lib/file.h"
#include "host/lib/memory.h"
#include "host/lib/terminal.h"
#include "host/vm/stream_frames.h"

#define INPUT_MAX 4096 /* bytes of one frame */
#define ESCAPE_COUNT 3
#define ESCAPE_MS 1000

struct session {
    struct session_plan plan;
    struct stream_frames frames; /* that the guest writes */
    struct error *err;           /* of these */

    /* The thread's. */
    pthread_t thread;
    int connection; /* to the guest; a copy */
    int wake;       /* an eventfd: the session is over */
    bool reads;     /* there may be more input */
    unsigned escapes;
    int64_t first_escape;
    atomic_bool was_ended; /* by the user */
};

static int64_t milliseconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Queues a frame. */
static void put(struct session *session, enum guest_stream kind, const void *bytes, size_t length)
{
    uint32_t number = htole32((uint32_t)kind << GUEST_STREAM_KIND_SHIFT | (uint32_t)length);

    buffer_append(session->plan.unsent, (const char *)&number, sizeof number);
    buffer_append(session->plan.unsent, bytes, length);
}

static void put_size(struct session *session)
{
    unsigned rows, columns;

    terminal_forget_change();
    terminal_size(&rows, &columns);
    const unsigned char size[] = {(unsigned char)rows, (unsigned char)(rows >> 8),
                                  (unsigned char)columns, (unsigned char)(columns >> 8)};

    put(session, GUEST_STREAM_SIZE, size, sizeof size);
}

/* Notes each escape among the LENGTH bytes that were typed. Returns whether the user wants to end
 * the session. */
static bool is_escaped(struct session *session, const unsigned char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        int64_t now = milliseconds();

        if (bytes[i] != SESSION_ESCAPE) {
            session->escapes = 0;
            continue;
        }
        if (session->escapes == 0 || now - session->first_escape > ESCAPE_MS) {
            session->escapes = 0;
            session->first_escape = now;
        }
        if (++session->escapes == ESCAPE_COUNT)
            return true;
    }
    return false;
}

static void end_vm(struct session *session)
{
    session->was_ended = true;
    session->reads = false;
    session->plan.end(session->plan.context);
}

/* Reads what there is of the input. If a terminal has none any more, it is gone. */
static void read_input(struct session *session)
{
    unsigned char bytes[INPUT_MAX];
    ssize_t length = read(STDIN_FILENO, bytes, sizeof bytes);

    if (length < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (length > 0) {
        put(session, GUEST_STREAM_INPUT, bytes, (size_t)length);
        if (session->plan.has_terminal && is_escaped(session, bytes, (size_t)length))
            end_vm(session);
    } else if (session->plan.has_terminal) {
        end_vm(session);
    } else {
        session->reads = false;
        put(session, GUEST_STREAM_END, "", 0);
    }
}

/* Removes the first COUNT bytes. */
static void remove_first(struct buffer *buffer, size_t count)
{
    memmove(buffer->data, buffer->data + count, buffer->length - count);
    buffer->length -= count;
}

/* Sends as much as QEMU takes now. */
static void send_queued(struct session *session)
{
    struct buffer *unsent = session->plan.unsent;
    ssize_t sent =
        send(session->connection, unsent->data, unsent->length, MSG_DONTWAIT | MSG_NOSIGNAL);

    if (sent > 0)
        remove_first(unsent, (size_t)sent);
    else if (sent < 0 && errno != EAGAIN && errno != EINTR)
        unsent->length = 0; /* QEMU is gone, which ends the call */
}

/* While something is queued, nothing more is read. The escape is the exception: a terminal is read
 * as long as what was typed is short. */
static bool may_read(const struct session *session)
{
    return session->reads &&
           session->plan.unsent->length <= (session->plan.has_terminal ? 16 * INPUT_MAX : 0);
}

static void *pass_input(void *argument)
{
    struct session *session = argument;
    enum { WAKE, INPUT, CHANGE, GUEST, COUNT };

    for (;;) {
        bool queued = session->plan.unsent->length > 0;
        struct pollfd poll_fds[COUNT] = {
            [WAKE] = {.fd = session->wake, .events = POLLIN},
            [INPUT] = {.fd = may_read(session) ? STDIN_FILENO : -1, .events = POLLIN},
            [CHANGE] = {.fd = session->plan.has_terminal ? terminal_change() : -1,
                        .events = POLLIN},
            [GUEST] = {.fd = queued ? session->connection : -1, .events = POLLOUT},
        };

        if (poll(poll_fds, COUNT, -1) < 0)
            continue;
        if (poll_fds[WAKE].revents)
            return NULL;
        if (poll_fds[CHANGE].revents)
            put_size(session);
        if (poll_fds[INPUT].revents)
            read_input(session);
        if (poll_fds[GUEST].revents)
            send_queued(session);
    }
}

/* Writes LENGTH bytes to the user's STREAM. */
static struct error *show(void *context, enum guest_stream stream, const void *bytes, size_t length)
{
    (void)context;
    return stream == GUEST_STREAM_ERROR
               ? file_write(bytes, length, STDERR_FILENO, "standard error")
               : file_write(bytes, length, STDOUT_FILENO, "standard output");
}

/* The sink. If it fails, nothing else ends the guest's call. */
static struct error *take_output(void *context, const void *bytes, size_t length)
{
    struct session *session = context;

    session->err = stream_frames_write(&session->frames, bytes, length);
    if (session->err == NULL)
        return NULL;
    session->plan.end(session->plan.context);
    return error_new(EXIT_OTHER, "show the session's output"); /* session_finish has the cause */
}

struct sink session_sink(struct session *session)
{
    return (struct sink){.write = take_output, .context = session};
}

static void session_free(struct session *session, bool is_clean)
{
    if (session->plan.has_terminal)
        terminal_give_back(is_clean);
    if (session->connection >= 0)
        close(session->connection);
    if (session->wake >= 0)
        close(session->wake);
    error_free(session->err);
    free(session);
}

static struct error *start(struct session *session)
{
    session->connection = guest_port_copy_connection(session->plan.port);
    session->wake = eventfd(0, EFD_CLOEXEC);
    if (session->connection < 0 || session->wake < 0)
        return error_errno(EXIT_OTHER, "connect to the guest's session");
    put(session, GUEST_STREAM_BEGIN, "", 0);
    session->reads = session->plan.has_input;
    if (!session->reads)
        put(session, GUEST_STREAM_END, "", 0);
    if (session->plan.has_terminal)
        TRY(terminal_take());
    int cause = pthread_create(&session->thread, NULL, pass_input, session);

    return cause == 0
               ? NULL
               : error_new(EXIT_OTHER, "start a thread for the session: %s", strerror(cause));
}

struct error *session_start(const struct session_plan *plan, struct session **ret)
{
    struct session *session = xcalloc(1, sizeof *session);

    *session =
        (struct session){.plan = *plan, .frames = {.take = show}, .connection = -1, .wake = -1};
    struct error *err = start(session);

    if (err != NULL)
        session_free(session, true);
    else
        *ret = session;
    return err;
}

struct error *session_finish(struct session *session, struct error *err)
{
    const uint64_t one = 1;
    struct error *own = NULL;

    (void)!write(session->wake, &one, sizeof one);
    pthread_join(session->thread, NULL);
    if (session->was_ended)
        own = error_new(EXIT_OTHER, "the session was ended");
    else
        own = STEAL(session->err);
    session_free(session, own == NULL && err == NULL);
    if (own == NULL)
        return err;
    error_free(err);
    return own;
}
