/* Layers made by a small program, which the input is: a fuzzer that changes the bytes of a tar
 * breaks the checksums of its headers, and gets no further. */
#ifndef VMBUILD_TESTS_TAR_PROGRAM_H
#define VMBUILD_TESTS_TAR_PROGRAM_H

#include "host/lib/buffer.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/tar_blocks.h"

#define TAR_PROGRAM_PATH_MAX 100
#define TAR_PROGRAM_LARGE (70u << 10) /* bytes: so many zeros become a hole */
#define TAR_PROGRAM_ENTRIES_MAX 64

/* Takes a path of few and short parts, so that entries meet one another. */
static inline void tar_program_path(struct fuzz_bytes *input, char ret[TAR_PROGRAM_PATH_MAX])
{
    static const char *const parts[] = {"a",
                                        "b",
                                        "c",
                                        "d",
                                        "a",
                                        "b",
                                        "..",
                                        ".",
                                        ".wh.a",
                                        ".wh..wh..opq",
                                        ".wh..wh.plnk",
                                        ".wh..wh.x",
                                        ".wh.",
                                        "\xff",
                                        "caf\xc3\xa9",
                                        ""};
    unsigned int head = fuzz_byte(input), count = 1 + (head & 3);
    size_t length = 0;

    if ((head & 4) != 0)
        ret[length++] = '/';
    for (unsigned int i = 0; i < count; i++) {
        const char *part = parts[fuzz_byte(input) % (sizeof parts / sizeof *parts)];

        if (i > 0)
            ret[length++] = '/';
        memcpy(ret + length, part, strlen(part));
        length += strlen(part);
    }
    if ((head & 8) != 0)
        ret[length++] = '/';
    ret[length] = '\0';
}

static inline void tar_program_data(struct fuzz_bytes *input, struct buffer *tar, uint64_t size)
{
    static char data[TAR_PROGRAM_LARGE];

    memset(data, size < sizeof data ? fuzz_byte(input) : 0, sizeof data);
    tar_blocks_data(tar, data, size);
}

/* Appends the next entry. Returns false if a layer ends here instead. */
static inline bool tar_program_entry(struct fuzz_bytes *input, struct buffer *tar)
{
    static const char types[] = "0055521133467";
    unsigned int head = fuzz_byte(input);
    char name[TAR_PROGRAM_PATH_MAX], link[TAR_PROGRAM_PATH_MAX] = "";

    if ((head & 15) >= sizeof types - 1)
        return false;
    struct tar_block entry = {.name = name, .link = link, .type = types[head & 15]};

    tar_program_path(input, name);
    if (entry.type == '1' || entry.type == '2')
        tar_program_path(input, link);
    if ((head & 16) != 0) {
        entry.mode = fuzz_byte(input) * 16u;
        entry.uid = fuzz_byte(input);
        entry.mtime = fuzz_byte(input);
    }
    if (entry.type == '3' || entry.type == '4')
        entry.minor = fuzz_byte(input) & 1;
    if (entry.type == '0')
        entry.size = (head & 32) != 0 ? TAR_PROGRAM_LARGE : fuzz_byte(input) & 15;
    if ((head & 64) != 0)
        tar_blocks_extension(tar, 'x', "25 SCHILY.xattr.user.a=\x01\n");
    tar_blocks_header(tar, entry);
    if (entry.type == '0')
        tar_program_data(input, tar, entry.size);
    return true;
}

/* Makes up to MAX layers. Returns how many; they are the caller's. */
static inline size_t tar_program(struct fuzz_bytes *input, struct buffer *layers, size_t max)
{
    size_t count = 1;

    for (size_t i = 0; input->size > 0 && i < TAR_PROGRAM_ENTRIES_MAX; i++)
        if (!tar_program_entry(input, &layers[count - 1]) && count < max)
            count++;
    for (size_t i = 0; i < count; i++)
        tar_blocks_end(&layers[i]);
    return count;
}

#endif
