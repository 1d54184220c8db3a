/*
 * The part of XDR (RFC 4506) that libguestfs' protocol needs: big-endian integers, strings, opaque
 * data. A reader is a cursor over a received message and never leaves it: once something is cut off
 * or exceeds its limit, `bad` is set, and everything read from then on is zero or empty.
 */
#ifndef VMBUILD_GUEST_XDR_H
#define VMBUILD_GUEST_XDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct xdr_reader {
    const unsigned char *at;
    const unsigned char *end;
    bool bad;
};

static inline uint32_t xdr_load_u32(const unsigned char *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static inline void xdr_store_u32(unsigned char *at, uint32_t value)
{
    at[0] = (unsigned char)(value >> 24);
    at[1] = (unsigned char)(value >> 16);
    at[2] = (unsigned char)(value >> 8);
    at[3] = (unsigned char)value;
}

/* Returns the size of data of LENGTH bytes without its length word: a multiple of 4. */
static inline size_t xdr_padded(size_t length)
{
    return (length + 3) & ~(size_t)3;
}

/* Read an integer of 4 or 8 bytes. */
uint32_t xdr_read_u32(struct xdr_reader *reader);
uint64_t xdr_read_u64(struct xdr_reader *reader);

/* Reads opaque data of at most LIMIT bytes. Returns a pointer into the message, with its length. */
const unsigned char *xdr_read_opaque(struct xdr_reader *reader, size_t limit, size_t *ret_length);

/* Reads a string of at most LIMIT bytes; one with a NUL byte in it is bad. Returns a new,
 * NUL-terminated string, which the caller frees, or NULL if the reader is bad or memory is short,
 * which makes it bad. */
char *xdr_read_string(struct xdr_reader *reader, size_t limit);

/* Writes LENGTH BYTES, a string or opaque data, to AT, which has room for 4 + xdr_padded(LENGTH)
 * bytes. Returns the place after it. */
unsigned char *xdr_store_opaque(unsigned char *at, const void *bytes, size_t length);

#endif
