/* What a broken or hostile library may send to the guest's init: any bytes as calls and files. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "guest/call/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    /* What is read and what is written follow one another in one file, so that it ends. */
    int fd = memfd_create("wire", MFD_CLOEXEC);
    struct wire *wire = wire_new(fd);
    struct wire_call call;

    if (!wire || write(fd, bytes, length) != (ssize_t)length || lseek(fd, 0, SEEK_SET) != 0)
        abort();
    while (wire_receive(wire, &call) == WIRE_OK && lseek(fd, 0, SEEK_CUR) < 1 << 16) {
        const unsigned char *chunk;
        size_t chunk_length;

        free(xdr_read_string(&call.arguments, WIRE_ERROR_MAX));
        if (call.procedure & 1) {
            while (wire_receive_chunk(wire, &chunk, &chunk_length) == WIRE_OK) {
            }
        } else {
            wire_reply_string(wire, &call, "ok");
        }
    }
    wire_free(wire);
    close(fd);
    return 0;
}
