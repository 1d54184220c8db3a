/* What the fuzzers share: how an input is taken apart, a store, and files in memory. */
#ifndef VMBUILD_TESTS_FUZZ_H
#define VMBUILD_TESTS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "host/lib/buffer.h"
#include "host/lib/error.h"
#include "host/lib/stream.h"

/* Between the pieces of an input that stands for several files or answers. */
#define FUZZ_SEPARATOR "\n====\n"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is left of an input. */
struct fuzz_bytes {
    const uint8_t *data;
    size_t size;
};

/* Takes the next byte; 0 at the end. */
static inline uint8_t fuzz_byte(struct fuzz_bytes *input)
{
    if (input->size == 0)
        return 0;
    input->size--;
    return *input->data++;
}

/* Takes what comes before the next separator, and that; the rest if there is none. */
static inline struct fuzz_bytes fuzz_piece(struct fuzz_bytes *input)
{
    const size_t length = sizeof FUZZ_SEPARATOR - 1;
    const uint8_t *end = memmem(input->data, input->size, FUZZ_SEPARATOR, length);
    struct fuzz_bytes piece = {input->data, end ? (size_t)(end - input->data) : input->size};
    size_t taken = piece.size + (end ? length : 0);

    input->data += taken;
    input->size -= taken;
    return piece;
}

/* Returns BYTES as a string, without NUL bytes; the caller's. */
static inline char *fuzz_text(struct fuzz_bytes bytes)
{
    struct buffer text = {0};

    buffer_append(&text, "", 0);
    for (size_t i = 0; i < bytes.size; i++)
        if (bytes.data[i] != '\0')
            buffer_append(&text, &bytes.data[i], 1);
    return buffer_steal(&text);
}

/* What has to hold. */
static inline void fuzz_expect(bool holds)
{
    if (!holds)
        abort();
}

/* Returns a file of these bytes, at its start; the caller's. */
static inline int fuzz_file(const void *bytes, size_t length)
{
    int fd = memfd_create("input", MFD_CLOEXEC);

    fuzz_expect(fd >= 0 && write(fd, bytes, length) == (ssize_t)length &&
                lseek(fd, 0, SEEK_SET) == 0);
    return fd;
}

/* sink_write: CONTEXT is a buffer. */
static inline struct error *fuzz_append(void *context, const void *bytes, size_t length)
{
    buffer_append(context, bytes, length);
    return NULL;
}

static inline struct error *fuzz_discard(void *context, const void *bytes, size_t length)
{
    (void)context, (void)bytes, (void)length;
    return NULL;
}

#endif
