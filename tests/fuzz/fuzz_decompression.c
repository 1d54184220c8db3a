/* Any bytes as a compressed stream; and what is compressed here is read back. */
#include "host/tar/decompression.h"
#include "tests/fuzz/fuzz.h"

#define OUTPUT_MAX (8u << 20)

/* source_read: pieces of at most as many bytes as the first of them says. */
static ssize_t take(void *context, void *buffer, size_t capacity, struct error **err)
{
    struct fuzz_bytes *input = context;
    size_t length = input->size > 0 ? *input->data + 1u : 0;

    (void)err;
    if (length > input->size)
        length = input->size;
    if (length > capacity)
        length = capacity;
    if (length == 0)
        return 0;
    memcpy(buffer, input->data, length);
    input->data += length;
    input->size -= length;
    return (ssize_t)length;
}

static struct error *decompress(struct fuzz_bytes input, struct buffer *ret)
{
    struct decompressor *decompressor = NULL;
    const void *bytes = NULL;
    size_t length = 1;
    struct error *err = decompressor_new("input", (struct source){take, &input}, &decompressor);

    while (err == NULL && length > 0 && ret->length < OUTPUT_MAX) {
        err = decompressor_read(decompressor, &bytes, &length);
        if (err == NULL)
            buffer_append(ret, bytes, length);
    }
    decompressor_free(decompressor);
    return err;
}

static void compress_and_read_back(enum compression compression, const uint8_t *data, size_t size)
{
    struct compressor *compressor = NULL;
    struct buffer packed = {0}, again = {0};

    fuzz_expect(compressor_new(compression, (struct sink){fuzz_append, &packed}, &compressor) ==
                    NULL &&
                compressor_write(compressor, data, size / 2) == NULL &&
                compressor_write(compressor, data + size / 2, size - size / 2) == NULL &&
                compressor_finish(compressor) == NULL);
    struct error *err =
        decompress((struct fuzz_bytes){(const uint8_t *)packed.data, packed.length}, &again);

    /* Data that looks compressed would be so twice, which is refused. */
    if (decompression_sniff(data, size) == COMPRESSION_NONE)
        fuzz_expect(err == NULL && again.length == size && memcmp(again.data, data, size) == 0);
    error_free(err);
    buffer_free(&packed);
    buffer_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buffer out = {0};

    error_free(decompress((struct fuzz_bytes){data, size}, &out));
    buffer_free(&out);
    if (size > 0)
        compress_and_read_back(data[size - 1] & 1 ? COMPRESSION_GZIP : COMPRESSION_ZSTD, data,
                               size);
    return 0;
}
