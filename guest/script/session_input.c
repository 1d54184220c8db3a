#include "guest/script/session_input.h"

#include <endian.h>
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

void session_input_start(struct session_input *input, int port, int target, bool is_terminal)
{
    *input = (struct session_input){.port = port, .target = target, .is_terminal = is_terminal};
}

bool session_input_wants_port(const struct session_input *input)
{
    return !input->ended && input->start == input->end;
}

bool session_input_wants_target(const struct session_input *input)
{
    return input->start < input->end;
}

void session_input_end(struct session_input *input)
{
    if (input->target >= 0)
        close(input->target);
    input->target = -1;
}

/* Takes as much of the header as there is. Returns whether it is whole. */
static bool take_header(struct session_input *input)
{
    uint32_t number;

    while (input->header_length < GUEST_STREAM_HEADER && input->start < input->end)
        input->header[input->header_length++] = input->bytes[input->start++];
    if (input->header_length < GUEST_STREAM_HEADER)
        return false;
    memcpy(&number, input->header, sizeof number);
    number = le32toh(number);
    input->kind = number >> GUEST_STREAM_KIND_SHIFT;
    input->left = number & ((1u << GUEST_STREAM_KIND_SHIFT) - 1);
    return true;
}

/* Gives the terminal the size that was received. The kernel tells the program in front. */
static void set_size(const struct session_input *input)
{
    const unsigned char *size = input->size;
    const struct winsize window = {.ws_row = (unsigned short)(size[0] | size[1] << 8),
                                   .ws_col = (unsigned short)(size[2] | size[3] << 8)};

    if (input->is_terminal && input->target >= 0)
        (void)ioctl(input->target, TIOCSWINSZ, &window);
}

/* Writes LENGTH bytes to the target. Returns how many are done with; 0 if it takes none now. */
static size_t write_target(struct session_input *input, const unsigned char *bytes, size_t length)
{
    if (!input->begun || input->target < 0)
        return length;
    ssize_t written = write(input->target, bytes, length);

    if (written >= 0)
        return (size_t)written;
    if (errno == EAGAIN || errno == EINTR)
        return 0;
    session_input_end(input); /* its reader is gone */
    return length;
}

/* Uses bytes of the frame's content, of which LENGTH are there. Returns how many it has used. */
static size_t take_content(struct session_input *input, size_t length)
{
    const unsigned char *bytes = input->bytes + input->start;

    if (input->kind == GUEST_STREAM_INPUT)
        return write_target(input, bytes, length);
    for (size_t i = 0; input->kind == GUEST_STREAM_SIZE && i < length; i++)
        if (input->left - i <= sizeof input->size)
            input->size[sizeof input->size - (input->left - i)] = bytes[i];
    return length;
}

/* The frame is complete. */
static void finish_frame(struct session_input *input)
{
    input->header_length = 0;
    if (input->kind == GUEST_STREAM_BEGIN)
        input->begun = true;
    else if (input->kind == GUEST_STREAM_SIZE && input->begun)
        set_size(input);
    else if (input->kind == GUEST_STREAM_END && input->begun && !input->is_terminal)
        session_input_end(input);
}

void session_input_pass(struct session_input *input)
{
    while (input->start < input->end) {
        if (input->header_length < GUEST_STREAM_HEADER) {
            if (!take_header(input))
                return;
        } else {
            size_t there = input->end - input->start;
            size_t used = take_content(input, there < input->left ? there : input->left);

            if (used == 0)
                return;
            input->start += used;
            input->left -= (uint32_t)used;
        }
        if (input->left == 0)
            finish_frame(input);
    }
}

void session_input_read(struct session_input *input)
{
    ssize_t got = read(input->port, input->bytes, sizeof input->bytes);

    input->start = 0;
    input->end = got > 0 ? (size_t)got : 0;
    input->ended = got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR);
    session_input_pass(input);
}
