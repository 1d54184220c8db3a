#include "host/machine/migration_stream.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "host/lib/cleanup.h"

/* Sections. */
#define SECTION_START 0x01
#define SECTION_PART 0x02
#define SECTION_END 0x03
#define SECTION_FULL 0x04
#define SECTION_COMMAND 0x08 /* not a section: QEMU 10 has one before the memory's last section */

/* Flags of a record, in the low bits of an address. */
#define PAGE_SIZE UINT64_C(4096)
#define RECORD_ZERO 0x02
#define RECORD_SIZES 0x04 /* the names and sizes of all blocks */
#define RECORD_PAGE 0x08
#define RECORD_END 0x10
#define RECORD_CONTINUE 0x20 /* of the same block as the record before, whose name is left out */

/* How the first section of the memory begins, after its number: found in the first bytes. */
#define RAM_START "\x03ram\0\0\0\0\0\0\0\x04"
#define RAM_START_LENGTH (sizeof RAM_START - 1)
#define HEAD_MAX 4096

#define COPY_SIZE (1 << 20)

struct name {
    uint8_t length;
    char text[UINT8_MAX];
};

struct copy {
    FILE *from, *to;
    const char *memory;  /* name of the main memory's block */
    uint32_t section;    /* the memory's number */
    struct name block;   /* of the record just read */
    struct name written; /* of the record last written */
    uint64_t last;       /* address of the last record of the main memory */
    bool again;          /* pages are sent a second time, so empty ones count */
};

static bool get(struct copy *copy, void *bytes, size_t length)
{
    return fread(bytes, 1, length, copy->from) == length;
}

static bool put(struct copy *copy, const void *bytes, size_t length)
{
    return fwrite(bytes, 1, length, copy->to) == length;
}

/* Copies LENGTH bytes, at most a page. */
static bool pass(struct copy *copy, size_t length)
{
    char bytes[PAGE_SIZE];

    return length <= sizeof bytes && get(copy, bytes, length) && put(copy, bytes, length);
}

static bool get_name(struct copy *copy, struct name *name)
{
    return get(copy, &name->length, 1) && get(copy, name->text, name->length);
}

static bool put_name(struct copy *copy, const struct name *name)
{
    return put(copy, &name->length, 1) && put(copy, name->text, name->length);
}

static bool is_named(const struct name *name, const char *text)
{
    return name->length == strlen(text) && memcmp(name->text, text, name->length) == 0;
}

static bool same_name(const struct name *a, const struct name *b)
{
    return a->length == b->length && memcmp(a->text, b->text, a->length) == 0;
}

/* Copies the list of blocks, whose sizes add up to LEFT bytes. */
static bool pass_sizes(struct copy *copy, uint64_t left)
{
    while (left > 0) {
        struct name name;
        uint64_t size;

        if (!get_name(copy, &name) || !get(copy, &size, sizeof size) || !put_name(copy, &name) ||
            !put(copy, &size, sizeof size) || be64toh(size) > left)
            return false;
        left -= be64toh(size);
    }
    return true;
}

/* Writes the head of a record, with the name of its block unless that is the one written last. */
static bool put_head(struct copy *copy, uint64_t word)
{
    bool same = same_name(&copy->block, &copy->written);
    uint64_t head = htobe64(same ? word | RECORD_CONTINUE : word & ~(uint64_t)RECORD_CONTINUE);

    copy->written = copy->block;
    return put(copy, &head, sizeof head) && (same || put_name(copy, &copy->block));
}

/* Copies the record of a page, or leaves it out if the page is empty. */
static bool pass_page(struct copy *copy, uint64_t word)
{
    uint64_t address = word & ~(PAGE_SIZE - 1);
    bool is_zero = (word & RECORD_ZERO) != 0;
    uint8_t fill;

    if (!(word & RECORD_CONTINUE) && !get_name(copy, &copy->block))
        return false;
    if (is_named(&copy->block, copy->memory)) {
        copy->again = copy->again || address < copy->last;
        copy->last = address;
        if (is_zero && !copy->again)
            return get(copy, &fill, 1) && fill == 0;
    }
    return put_head(copy, word) && pass(copy, is_zero ? sizeof fill : PAGE_SIZE);
}

/* Copies the records of a section up to its end. */
static bool pass_records(struct copy *copy)
{
    for (;;) {
        uint64_t word;

        if (!get(copy, &word, sizeof word))
            return false;
        word = be64toh(word);
        uint64_t flags = word & (PAGE_SIZE - 1) & ~(uint64_t)RECORD_CONTINUE;

        if (flags == RECORD_ZERO || flags == RECORD_PAGE) {
            if (!pass_page(copy, word))
                return false;
            continue;
        }
        uint64_t head = htobe64(word);

        if (!put(copy, &head, sizeof head))
            return false;
        if (flags == RECORD_END)
            return pass(copy, 1 + sizeof copy->section); /* and the section's footer */
        if (flags != RECORD_SIZES || !pass_sizes(copy, word & ~(PAGE_SIZE - 1)))
            return false;
    }
}

/* Copies up to the first record of the first section of the memory. */
static bool find_memory(struct copy *copy)
{
    uint8_t head[HEAD_MAX];
    const size_t start = 1 + sizeof copy->section + RAM_START_LENGTH;

    for (size_t length = 0; length < sizeof head; length++) {
        int byte = getc(copy->from);

        if (byte == EOF || putc(byte, copy->to) == EOF)
            return false;
        head[length] = (uint8_t)byte;
        if (length + 1 < start)
            continue;
        const uint8_t *at = head + length + 1 - start;

        if (at[0] == SECTION_START &&
            memcmp(at + start - RAM_START_LENGTH, RAM_START, RAM_START_LENGTH) == 0) {
            memcpy(&copy->section, at + 1, sizeof copy->section);
            return true;
        }
    }
    return false;
}

/* What a section begins with, and a command, which its bytes follow (QEMU's migration/savevm.c). */
struct section_head {
    uint8_t type;
    union {
        uint32_t section;
        struct {
            uint16_t command, length;
        };
    };
} __attribute__((packed));

/* Copies the head of the next section, and the commands before it. */
static bool pass_section_head(struct copy *copy, struct section_head *ret)
{
    do
        if (!get(copy, ret, sizeof *ret) || !put(copy, ret, sizeof *ret))
            return false;
    while (ret->type == SECTION_COMMAND && pass(copy, be16toh(ret->length)));
    return ret->type != SECTION_COMMAND;
}

/* Copies the memory's sections and the head of the first one after them. */
static bool pass_memory(struct copy *copy)
{
    struct section_head head;

    if (!find_memory(copy))
        return false;
    do {
        if (!pass_records(copy) || !pass_section_head(copy, &head))
            return false;
    } while ((head.type == SECTION_PART || head.type == SECTION_END) &&
             head.section == copy->section);
    return head.type == SECTION_FULL;
}

/* Copies the rest of the stream. */
static void pass_rest(struct copy *copy)
{
    char bytes[BUFSIZ];
    size_t length;

    while ((length = fread(bytes, 1, sizeof bytes, copy->from)) > 0)
        if (!put(copy, bytes, length))
            return;
}

/* Returns a stream of a copy of FD, or NULL with errno. */
static FILE *open_copy(int fd, const char *mode)
{
    CLEANUP(closep) int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    FILE *stream = copy < 0 ? NULL : fdopen(copy, mode);

    if (stream != NULL)
        (void)steal_fd(&copy);
    return stream;
}

struct error *migration_stream_copy(int from, const char *memory, int to)
{
    CLEANUP(fclosep) FILE *in = open_copy(from, "r");
    CLEANUP(fclosep) FILE *out = in != NULL ? open_copy(to, "w") : NULL;

    if (out == NULL)
        return error_errno(EXIT_OTHER, "copy the VM's saved state");
    setvbuf(in, NULL, _IOFBF, COPY_SIZE);
    setvbuf(out, NULL, _IOFBF, COPY_SIZE);
    struct copy copy = {.from = in, .to = out, .memory = memory};
    bool understood = pass_memory(&copy);

    if (understood)
        pass_rest(&copy);
    if (ferror(in))
        return error_errno(EXIT_OTHER, "read QEMU's state");
    if (ferror(out) || fflush(out) != 0)
        return error_errno(EXIT_OTHER, "write QEMU's state");
    return understood ? NULL : error_new(EXIT_OTHER, "read QEMU's state: unknown format");
}
