#include "guest/call/xdr.h"

#include <stdlib.h>
#include <string.h>

static const unsigned char *take(struct xdr_reader *reader, size_t length)
{
    if (reader->bad || (size_t)(reader->end - reader->at) < length) {
        reader->bad = true;
        return NULL;
    }
    const unsigned char *taken = reader->at;

    reader->at += length;
    return taken;
}

uint32_t xdr_read_u32(struct xdr_reader *reader)
{
    const unsigned char *at = take(reader, 4);

    return at != NULL ? xdr_load_u32(at) : 0;
}

uint64_t xdr_read_u64(struct xdr_reader *reader)
{
    uint64_t high = xdr_read_u32(reader);

    return high << 32 | xdr_read_u32(reader);
}

const unsigned char *xdr_read_opaque(struct xdr_reader *reader, size_t limit, size_t *ret_length)
{
    size_t length = xdr_read_u32(reader);

    if (length > limit)
        reader->bad = true;
    const unsigned char *bytes = take(reader, xdr_padded(length));

    *ret_length = bytes != NULL ? length : 0;
    return bytes;
}

char *xdr_read_string(struct xdr_reader *reader, size_t limit)
{
    size_t length;
    const unsigned char *bytes = xdr_read_opaque(reader, limit, &length);

    if (bytes == NULL)
        return NULL;
    if (memchr(bytes, '\0', length) != NULL) {
        reader->bad = true;
        return NULL;
    }
    char *string = malloc(length + 1);

    if (string == NULL) {
        reader->bad = true;
        return NULL;
    }
    memcpy(string, bytes, length);
    string[length] = '\0';
    return string;
}

unsigned char *xdr_store_opaque(unsigned char *at, const void *bytes, size_t length)
{
    xdr_store_u32(at, (uint32_t)length);
    at += 4;
    if (length != 0)
        memcpy(at, bytes, length);
    memset(at + length, 0, xdr_padded(length) - length);
    return at + xdr_padded(length);
}
