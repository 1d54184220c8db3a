/* Tars made block by block, for tests that need ones which no tar program would write. */
#ifndef VMBUILD_TESTS_TAR_BLOCKS_H
#define VMBUILD_TESTS_TAR_BLOCKS_H

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "host/lib/buffer.h"

struct tar_block {
    const char *name, *link, *user, *group;
    unsigned int mode, uid, gid;
    uint64_t size, mtime;
    unsigned int major, minor;
    char type; /* 0: '0' */
};

/* Sets the checksum of the header at BLOCK. */
static inline void tar_blocks_sum(char *block)
{
    unsigned int sum = 0;

    memset(block + 148, ' ', 8);
    for (size_t i = 0; i < 512; i++)
        sum += (unsigned char)block[i];
    snprintf(block + 148, 8, "%06o", sum & 0777777);
}

/* Appends a ustar header. */
static inline void tar_blocks_header(struct buffer *tar, struct tar_block entry)
{
    char block[513] = {0};

    snprintf(block, 101, "%s", entry.name);
    snprintf(block + 100, 8, "%07o", entry.mode & 07777777);
    snprintf(block + 108, 8, "%07o", entry.uid & 07777777);
    snprintf(block + 116, 8, "%07o", entry.gid & 07777777);
    snprintf(block + 124, 12, "%011llo", (unsigned long long)(entry.size & 077777777777));
    snprintf(block + 136, 12, "%011llo", (unsigned long long)(entry.mtime & 077777777777));
    block[156] = entry.type != 0 ? entry.type : '0';
    snprintf(block + 157, 101, "%s", entry.link != NULL ? entry.link : "");
    memcpy(block + 257,
           "ustar\0"
           "00",
           8);
    snprintf(block + 265, 33, "%s", entry.user != NULL ? entry.user : "");
    snprintf(block + 297, 33, "%s", entry.group != NULL ? entry.group : "");
    snprintf(block + 329, 8, "%07o", entry.major & 07777777);
    snprintf(block + 337, 8, "%07o", entry.minor & 07777777);
    tar_blocks_sum(block);
    buffer_append(tar, block, 512);
}

/* Appends LENGTH bytes of data, filled up to a block. */
static inline void tar_blocks_data(struct buffer *tar, const void *bytes, size_t length)
{
    static const char zeros[512];

    buffer_append(tar, bytes, length);
    buffer_append(tar, zeros, (512 - length % 512) % 512);
}

/* Appends an extended header of TYPE ('x', 'g', 'L', 'K') that contains TEXT. */
static inline void tar_blocks_extension(struct buffer *tar, char type, const char *text)
{
    tar_blocks_header(tar, (struct tar_block){.name = "ext", .size = strlen(text), .type = type});
    tar_blocks_data(tar, text, strlen(text));
}

/* Appends the two blocks of zeros. */
static inline void tar_blocks_end(struct buffer *tar)
{
    static const char zeros[1024];

    buffer_append(tar, zeros, sizeof zeros);
}

#endif
