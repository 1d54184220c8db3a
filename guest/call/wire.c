#include "guest/call/wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DIRECTION_CALL = 0, DIRECTION_REPLY = 1 };
enum { STATUS_OK = 0, STATUS_ERROR = 1 };

struct wire *wire_new(int fd)
{
    struct wire *wire = calloc(1, sizeof *wire);

    if (wire == NULL)
        return NULL;
    wire->fd = fd;
    wire->message = malloc(WIRE_MESSAGE_MAX);
    if (wire->message == NULL) {
        free(wire);
        return NULL;
    }
    return wire;
}

void wire_free(struct wire *wire)
{
    if (wire != NULL) {
        free(wire->message);
        free(wire);
    }
}

static enum wire_status write_all(struct wire *wire, const unsigned char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t written = write(wire->fd, bytes, length);

        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return WIRE_LOST;
        bytes += written;
        length -= (size_t)written;
    }
    return WIRE_OK;
}

/* Reads LENGTH bytes. Returns WIRE_END if the connection ended before the first of them. */
static enum wire_status read_all(struct wire *wire, unsigned char *bytes, size_t length)
{
    bool any = false;

    while (length > 0) {
        if (wire->in_start == wire->in_end) {
            ssize_t got = read(wire->fd, wire->in, sizeof wire->in);

            if (got < 0 && errno == EINTR)
                continue;
            if (got <= 0)
                return got == 0 && !any ? WIRE_END : WIRE_LOST;
            wire->in_start = 0;
            wire->in_end = (size_t)got;
        }
        size_t part = wire->in_end - wire->in_start;

        if (part > length)
            part = length;
        memcpy(bytes, wire->in + wire->in_start, part);
        wire->in_start += part;
        bytes += part;
        length -= part;
        any = true;
    }
    return WIRE_OK;
}

/* Reads the next message. */
static enum wire_status read_message(struct wire *wire, size_t *ret_length)
{
    unsigned char word[4];
    enum wire_status status = read_all(wire, word, sizeof word);

    if (status != WIRE_OK)
        return status;
    uint32_t length = xdr_load_u32(word);

    if (length > WIRE_MESSAGE_MAX)
        return WIRE_LOST;
    if (read_all(wire, wire->message, length) != WIRE_OK)
        return WIRE_LOST;
    *ret_length = length;
    return WIRE_OK;
}

enum wire_status wire_launch(struct wire *wire)
{
    unsigned char word[4];

    xdr_store_u32(word, WIRE_LAUNCH_FLAG);
    return write_all(wire, word, sizeof word);
}

enum wire_status wire_receive(struct wire *wire, struct wire_call *call)
{
    for (;;) {
        size_t length;
        enum wire_status status = read_message(wire, &length);

        if (status != WIRE_OK)
            return status;
        struct xdr_reader reader = {.at = wire->message, .end = wire->message + length};
        uint32_t program = xdr_read_u32(&reader);
        uint32_t version = xdr_read_u32(&reader);

        call->procedure = xdr_read_u32(&reader);
        uint32_t direction = xdr_read_u32(&reader);

        call->serial = xdr_read_u32(&reader);
        xdr_read_u64(&reader); /* the expected size of the file, for progress bars */
        call->optional = xdr_read_u64(&reader);
        uint32_t call_status = xdr_read_u32(&reader);

        if (reader.bad)
            return WIRE_LOST;
        wire->procedure = call->procedure;
        wire->serial = call->serial;
        call->arguments = reader;
        if (program == WIRE_PROGRAM && version == WIRE_VERSION && direction == DIRECTION_CALL &&
            call_status == STATUS_OK)
            return WIRE_OK;
        status = wire_reply_error(wire, call, EPROTO, "not a call of protocol version 4");
        if (status != WIRE_OK)
            return status;
    }
}

static unsigned char *store_header(unsigned char *at, const struct wire_call *call, uint32_t status)
{
    const uint32_t words[WIRE_HEADER_SIZE / 4] = {
        WIRE_PROGRAM, WIRE_VERSION, call->procedure, DIRECTION_REPLY, call->serial, 0, 0, 0, 0,
        status,
    };

    for (size_t i = 0; i < WIRE_HEADER_SIZE / 4; i++) {
        xdr_store_u32(at, words[i]);
        at += 4;
    }
    return at;
}

/* Sends the message that store_header began at message + 4 and that ends at END. */
static enum wire_status send_message(struct wire *wire, const unsigned char *end)
{
    size_t length = (size_t)(end - wire->message);

    xdr_store_u32(wire->message, (uint32_t)(length - 4));
    return write_all(wire, wire->message, length);
}

enum wire_status wire_reply(struct wire *wire, const struct wire_call *call)
{
    return send_message(wire, store_header(wire->message + 4, call, STATUS_OK));
}

enum wire_status wire_reply_string(struct wire *wire, const struct wire_call *call,
                                   const char *string)
{
    size_t length = strlen(string);

    if (length > WIRE_ERROR_MAX)
        return wire_reply_error(wire, call, EOVERFLOW, "the reply is too long");
    unsigned char *at = store_header(wire->message + 4, call, STATUS_OK);

    return send_message(wire, xdr_store_opaque(at, string, length));
}

enum wire_status wire_reply_error(struct wire *wire, const struct wire_call *call, int code,
                                  const char *text)
{
    const char *name = code != 0 ? strerrorname_np(code) : NULL;
    size_t length = strnlen(text, WIRE_ERROR_MAX);
    unsigned char *at = store_header(wire->message + 4, call, STATUS_ERROR);

    at = xdr_store_opaque(at, name, name != NULL ? strlen(name) : 0);
    return send_message(wire, xdr_store_opaque(at, text, length));
}

enum wire_status wire_progress(struct wire *wire, uint64_t bytes)
{
    const uint32_t words[1 + WIRE_PROGRESS_SIZE / 4] = {
        WIRE_PROGRESS_FLAG, wire->procedure, wire->serial, (uint32_t)(bytes >> 32),
        (uint32_t)bytes,    UINT32_MAX,      UINT32_MAX,
    };
    unsigned char message[sizeof words];

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        xdr_store_u32(message + 4 * i, words[i]);
    return write_all(wire, message, sizeof message);
}

enum wire_status wire_receive_chunk(struct wire *wire, const unsigned char **ret_bytes,
                                    size_t *ret_length)
{
    size_t length;

    if (read_message(wire, &length) != WIRE_OK)
        return WIRE_LOST;
    struct xdr_reader reader = {.at = wire->message, .end = wire->message + length};
    uint32_t cancel = xdr_read_u32(&reader);
    const unsigned char *bytes = xdr_read_opaque(&reader, WIRE_CHUNK_MAX, &length);

    if (reader.bad || cancel > 1)
        return WIRE_LOST;
    if (cancel)
        return WIRE_CANCELLED;
    *ret_bytes = bytes;
    *ret_length = length;
    return length == 0 ? WIRE_END : WIRE_OK;
}

enum wire_status wire_refuse_file(struct wire *wire)
{
    unsigned char word[4];

    xdr_store_u32(word, WIRE_CANCEL_FLAG);
    enum wire_status status = write_all(wire, word, sizeof word);

    while (status == WIRE_OK) {
        const unsigned char *bytes;
        size_t length;

        status = wire_receive_chunk(wire, &bytes, &length);
    }
    return status == WIRE_LOST ? WIRE_LOST : WIRE_OK;
}
