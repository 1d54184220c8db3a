#include "guest/script/streams.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "guest/script/turns.h"

#define HANDED_OVER 'H'
#define WATCHED_SIZE (256 << 10)

/* Room for one descriptor, aligned as CMSG_FIRSTHDR requires it. */
union control {
    char bytes[CMSG_SPACE(sizeof(int))];
    struct cmsghdr align;
};

/* Makes a pipe with FLAGS. Its mode is for a script that has changed its user and opens
 * /dev/stdout. Returns 0, or -1 with errno. */
static int make_pipe(int flags, mode_t mode, int *ret_read, int *ret_write)
{
    int ends[2];

    if (pipe2(ends, flags | O_CLOEXEC))
        return -1;
    *ret_read = ends[0];
    *ret_write = ends[1];
    return fchmod(ends[1], mode);
}

/* Watches what a script writes to the pipe that is read at FD, and makes room: each of its writes
 * takes a page. Returns 0, or -1 with errno. */
static int watch_pipe(int fd)
{
    return turns_watch(fd) || fcntl(fd, F_SETPIPE_SZ, WATCHED_SIZE) < 0 ? -1 : 0;
}

int streams_make(enum streams_kind kind, struct streams *inner, struct streams *outer)
{
    int flags = kind == STREAMS_SEPARATE ? O_DIRECT : 0;

    if (make_pipe(flags, 0622, &outer->output, &inner->output))
        return -1;
    if (kind == STREAMS_MERGED)
        return 0;
    if (make_pipe(flags, 0622, &outer->error, &inner->error))
        return -1;
    if (kind == STREAMS_SEPARATE)
        return watch_pipe(outer->output) || watch_pipe(outer->error) ? -1 : 0;
    return make_pipe(0, 0644, &inner->input, &outer->input)
               ? -1
               : fcntl(outer->input, F_SETFL, O_NONBLOCK);
}

void streams_close(struct streams *streams)
{
    const int fds[] = {streams->input, streams->output, streams->error};

    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    *streams = (struct streams)STREAMS_NONE;
}

int streams_connect(const struct streams *streams, struct fault *fault)
{
    int null = streams->input >= 0 ? -1 : open("/dev/null", O_RDONLY | O_CLOEXEC);
    int input = streams->input >= 0 ? streams->input : null;
    int error = streams->error >= 0 ? streams->error : streams->output;

    if (input < 0 || dup2(input, STDIN_FILENO) < 0 || dup2(streams->output, STDOUT_FILENO) < 0 ||
        dup2(error, STDERR_FILENO) < 0)
        return fault_set(fault, errno, "set up the script's standard streams");
    if (null >= 0)
        close(null);
    return 0;
}

int streams_make_terminal(unsigned short rows, unsigned short columns, struct fault *fault)
{
    const struct winsize size = {.ws_row = rows, .ws_col = columns};
    int locked = 0;
    int outer = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
    int inner = -1;

    if (outer >= 0 && ioctl(outer, TIOCSPTLCK, &locked) == 0 &&
        ioctl(outer, TIOCSWINSZ, &size) == 0)
        inner = ioctl(outer, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    int status = inner < 0 || dup2(inner, STDIN_FILENO) < 0 || dup2(inner, STDOUT_FILENO) < 0 ||
                         dup2(inner, STDERR_FILENO) < 0
                     ? fault_set(fault, errno, "make a terminal")
                     : 0;

    if (inner >= 0)
        close(inner);
    if (status && outer >= 0)
        close(outer);
    return status ? -1 : outer;
}

int streams_hand_over(int channel, int fd)
{
    union control control = {0};
    char word = HANDED_OVER;
    struct iovec part = {.iov_base = &word, .iov_len = 1};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};

    if (fd >= 0) {
        message.msg_control = control.bytes;
        message.msg_controllen = sizeof control.bytes;
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);

        *header = (struct cmsghdr){
            .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof fd)};
        memcpy(CMSG_DATA(header), &fd, sizeof fd);
    }
    return sendmsg(channel, &message, MSG_NOSIGNAL) == 1 ? 0 : -1;
}

int streams_take_over(int channel)
{
    union control control = {0};
    char word;
    struct iovec part = {.iov_base = &word, .iov_len = 1};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    ssize_t got;

    do
        got = recvmsg(channel, &message, MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    const struct cmsghdr *header = got == 1 ? CMSG_FIRSTHDR(&message) : NULL;
    int fd = -1;

    if (header != NULL && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS &&
        header->cmsg_len == CMSG_LEN(sizeof fd))
        memcpy(&fd, CMSG_DATA(header), sizeof fd);
    return fd;
}
