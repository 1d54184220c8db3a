#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guest/contract.h"
#include "guest/lib/file.h"
#include "tests/hostile/lie.h"

#define BLOCK 512u
#define PIECE (256u << 10)

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

/* Places in a header, and the widths of its numbers. */
enum {
    AT_MODE = 100,
    AT_UID = 108,
    AT_GID = 116,
    AT_SIZE = 124,
    AT_MTIME = 136,
    AT_CHECKSUM = 148,
    AT_TYPE = 156,
    AT_LINK = 157,
    AT_MAGIC = 257,
    AT_MAJOR = 329,
    AT_MINOR = 337,
};

static void send_bytes(struct liar *liar, const void *bytes, size_t length)
{
    if (file_write_all(liar->layer, bytes, length) == 0)
        liar->sent += length;
}

static void send_number(struct liar *liar, uint64_t number)
{
    unsigned char bytes[GUEST_FRAME_HEADER];

    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(number >> (8 * i));
    send_bytes(liar, bytes, sizeof bytes);
}

static void send_frame(struct liar *liar, const void *bytes, size_t length)
{
    send_number(liar, length);
    send_bytes(liar, bytes, length);
}

/* Sends SIZE bytes of the value FILL. */
static void send_many(struct liar *liar, char fill, uint64_t size)
{
    static char piece[PIECE];

    memset(piece, fill, sizeof piece);
    while (size > 0) {
        size_t length = size < sizeof piece ? (size_t)size : sizeof piece;

        send_frame(liar, piece, length);
        size -= length;
    }
}

static void send_padding(struct liar *liar, uint64_t size)
{
    send_many(liar, 0, (uint64_t)-size % BLOCK);
}

/* Puts NUMBER into a field of WIDTH bytes: in octal, or if it does not fit, as a binary number. */
static void put_number(char *field, size_t width, int64_t number)
{
    if (number >= 0 && number < INT64_C(1) << (3 * (width - 1))) {
        snprintf(field, width, "%0*llo", (int)width - 1, (unsigned long long)number);
        return;
    }
    for (size_t i = width; i-- > 0; number >>= 8)
        field[i] = (char)number;
    field[0] = (char)(number < 0 ? 0xff : 0x80);
}

static void put_checksum(char *block, int bad)
{
    unsigned int sum = bad ? 1 : 0;

    memset(block + AT_CHECKSUM, ' ', 8);
    for (size_t i = 0; i < BLOCK; i++)
        sum += (unsigned char)block[i];
    snprintf(block + AT_CHECKSUM, 8, "%06o", sum);
}

static void send_entry(struct liar *liar, const struct part *part)
{
    static const char magic[] = {'u', 's', 't', 'a', 'r', '\0', '0', '0'};
    char block[BLOCK] = "";

    memcpy(block, part->path, strnlen(part->path, AT_MODE));
    put_number(block + AT_MODE, 8, part->mode != 0 ? part->mode : 0644);
    put_number(block + AT_UID, 8, part->uid);
    put_number(block + AT_GID, 8, part->gid);
    put_number(block + AT_SIZE, 12, (int64_t)part->size);
    put_number(block + AT_MTIME, 12, 1);
    block[AT_TYPE] = part->type != 0 ? part->type : '0';
    if (part->link != NULL)
        memcpy(block + AT_LINK, part->link, strnlen(part->link, 100));
    memcpy(block + AT_MAGIC, magic, sizeof magic);
    put_number(block + AT_MAJOR, 8, part->major);
    put_number(block + AT_MINOR, 8, part->minor);
    if (part->field != NULL)
        memcpy(block + part->field_at, part->field, part->field_length);
    put_checksum(block, part->bad_checksum);
    send_frame(liar, block, sizeof block);
}

static void send_extension(struct liar *liar, const struct part *part)
{
    const char *records = part->field != NULL ? part->field : part->path;
    uint64_t length = part->field != NULL ? part->field_length
                      : records != NULL   ? strlen(records)
                                          : 0;
    uint64_t size = part->size != 0 ? part->size : length;
    const struct part header = {ENTRY, "extension", size, .type = 'x'};

    send_entry(liar, &header);
    send_frame(liar, records, length);
    send_many(liar, 'x', size - length);
    send_padding(liar, size);
}

/* An extended header whose record gives a path of SIZE bytes. */
static void send_long_path(struct liar *liar, uint64_t size)
{
    char start[64];
    /* The record's length counts its own digits. */
    uint64_t length = size + strlen("12345 path=\n");
    int digits = snprintf(start, sizeof start, "%llu path=", (unsigned long long)length);
    const struct part header = {ENTRY, "extension", length, .type = 'x'};

    send_entry(liar, &header);
    send_frame(liar, start, (size_t)digits);
    send_many(liar, 'x', size);
    send_frame(liar, "\n", 1);
    send_padding(liar, length);
}

static void send_part(struct liar *liar, const struct part *part)
{
    switch (part->kind) {
    case ENTRY:
        send_entry(liar, part);
        break;
    case DATA:
        send_many(liar, 'x', part->size);
        send_padding(liar, part->size);
        break;
    case ZEROS:
        send_many(liar, 0, part->size);
        break;
    case TEXT:
        send_frame(liar, part->path, strlen(part->path));
        break;
    case PAX:
        send_extension(liar, part);
        break;
    case LONG_PATH:
        send_long_path(liar, part->size);
        break;
    case HOLE:
        send_number(liar, GUEST_FRAME_HOLE | part->size);
        break;
    case FRAME:
        send_number(liar, part->size);
        break;
    case FRAME_TEXT:
        send_bytes(liar, part->path, strlen(part->path));
        break;
    case REPEAT:
    case NO_PART:
        break;
    }
}

void send_layer(struct liar *liar, const struct part *parts)
{
    uint64_t round = 1;

    for (size_t i = 0; i < PARTS_MAX && parts[i].kind != NO_PART; i++) {
        if (parts[i].kind == REPEAT && round < parts[i].size) {
            round++;
            i = (size_t)-1; /* once more from the first */
            continue;
        }
        send_part(liar, &parts[i]);
    }
}

#define FILE_AT(PATH)                                                                              \
    {                                                                                              \
        ENTRY, PATH                                                                                \
    }
#define FOLDER(PATH)                                                                               \
    {                                                                                              \
        ENTRY, PATH, .type = '5', .mode = 0755                                                     \
    }
#define LINK(PATH, TARGET)                                                                         \
    {                                                                                              \
        ENTRY, PATH, .type = '1', .link = (TARGET)                                                 \
    }
#define SYMLINK(PATH, TARGET)                                                                      \
    {                                                                                              \
        ENTRY, PATH, .type = '2', .link = (TARGET)                                                 \
    }
#define FIELD(AT, BYTES) .field_at = (AT), .field = (BYTES), .field_length = sizeof(BYTES) - 1
#define END                                                                                        \
    {                                                                                              \
        ZEROS, .size = 2 * BLOCK                                                                   \
    }

/* A row: the layer's parts, which the host refuses for the reason WHY. */
#define LIE(NAME, WHY, ...)                                                                        \
    {                                                                                              \
        .name = "layer-" NAME, .moment = AT_PACK, .code = 4, .message = WHY, .play = play_layer,   \
        .parts = {                                                                                 \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }

const struct lie layer_lies[] = {
    /* Paths. */
    LIE("absolute-path", "it is absolute", FILE_AT("/etc/passwd"), END),
    LIE("parent-path", "contains '\\.\\.'", FILE_AT("../x"), END),
    LIE("parent-path-inside", "contains '\\.\\.'", FOLDER("a/"), FILE_AT("a/../b"), END),
    LIE("parent-path-at-the-end", "contains '\\.\\.'", FOLDER("a/"), FOLDER("a/.."), END),
    LIE("empty-path", "it is empty", FILE_AT(""), END),
    LIE("path-with-nul", "NUL", {PAX, FIELD(0, "12 path=x\0y\n")}, FILE_AT("x"), END),
    LIE("long-path", "too long", {LONG_PATH, .size = 70000}, FILE_AT("x"), END),
    LIE("path-with-empty-parts", "empty parts", FOLDER("a/"), FILE_AT("a//b"), END),
    LIE("path-with-dots", "empty parts", FOLDER("a/"), FILE_AT("a/./b"), END),
    LIE("path-is-a-dot", "empty parts", FILE_AT("."), END),
    LIE("root-that-is-a-file", "", FILE_AT("./"), END),
    LIE("root-that-comes-late", "", FILE_AT("a"), FOLDER("./"), END),
    LIE("same-path-twice", "there twice", FILE_AT("x"), FILE_AT("x"), END),
    LIE("same-path-later", "there twice, or out of order", FILE_AT("a"), FILE_AT("b"), FILE_AT("a"),
        END),
    LIE("file-and-directory", "there twice, also as a file", FILE_AT("a"), FOLDER("a/"),
        FILE_AT("a/b"), END),
    LIE("out-of-order", "out of order", FILE_AT("b"), FILE_AT("a"), END),
    LIE("through-a-symlink", "not in a directory", SYMLINK("a", "/etc"), FILE_AT("a/passwd"), END),
    LIE("through-a-file", "not in a directory", FILE_AT("a"), FILE_AT("a/b"), END),
    LIE("in-no-directory", "not in a directory", FILE_AT("a/b"), END),

    /* Links. */
    LIE("link-to-an-absolute-path", "it is absolute", LINK("x", "/etc/shadow"), END),
    LIE("link-to-a-parent", "contains '\\.\\.'", LINK("x", "../../etc/shadow"), END),
    LIE("link-to-an-empty-path", "it is empty", LINK("x", ""), END),
    LIE("link-to-nothing", "not a file before it", LINK("x", "y"), END),
    LIE("link-to-what-follows", "not a file before it", LINK("a", "b"), FILE_AT("b"), END),
    LIE("link-to-itself", "not a file before it", LINK("x", "x"), END),
    LIE("link-to-a-directory", "not a file before it", FOLDER("a/"), LINK("b", "a"), END),
    LIE("link-through-dots", "not a file before it", FILE_AT("a"), LINK("b", "./a"), END),
    LIE("link-with-data", "has a size", FILE_AT("a"), {ENTRY, "b", 1, '1', "a"}, {DATA, .size = 1},
        END),

    /* Whiteouts: what a reader would remove in place of a name. */
    LIE("whiteout-of-nothing", "whiteout", FILE_AT(".wh."), END),
    LIE("whiteout-of-its-directory", "whiteout", FOLDER("a/"), FILE_AT("a/.wh.."), END),
    LIE("whiteout-of-its-parent", "whiteout", FILE_AT(".wh..."), END),
    LIE("whiteout-of-a-whiteout", "whiteout", FILE_AT(".wh..wh.x"), END),
    LIE("whiteout-that-is-a-directory", "whiteout", FOLDER(".wh.x/"), FILE_AT(".wh.x/y"), END),
    LIE("whiteout-that-is-a-symlink", "whiteout", SYMLINK(".wh.x", "/"), END),
    LIE("whiteout-with-data", "whiteout", {ENTRY, ".wh.x", 1}, {DATA, .size = 1}, END),

    /* Types, owners and numbers. */
    LIE("type-sparse", "unknown type", {ENTRY, "x", .type = 'S'}, END),
    LIE("type-sparse-in-records", "sparse",
        {PAX, "22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n25 GNU.sparse.realsize=9\n"},
        {ENTRY, "x", BLOCK}, {TEXT, "1\n0\n9\n"}, {ZEROS, .size = BLOCK - 6}, END),
    LIE("type-contiguous", "unknown type", {ENTRY, "x", .type = '7'}, END),
    LIE("type-dump", "unknown type", {ENTRY, "x", .type = 'D'}, END),
    LIE("type-volume", "unknown type", {ENTRY, "x", .type = 'V'}, END),
    LIE("type-of-high-bit", "unknown type", {ENTRY, "x", .type = '\xff'}, END),
    LIE("type-global", "unknown type", {ENTRY, "x", 10, 'g'}, {TEXT, "10 a=bcde\n"},
        {ZEROS, .size = BLOCK - 10}, END),
    LIE("directory-with-data", "has a size", {ENTRY, "x/", 1, '5'}, {DATA, .size = 1}, END),
    LIE("symlink-with-data", "has a size", {ENTRY, "x", 1, '2', "y"}, {DATA, .size = 1}, END),
    LIE("device-with-data", "has a size", {ENTRY, "x", 1, '3'}, {DATA, .size = 1}, END),
    LIE("owner-too-large", "out of range", {ENTRY, "x", .uid = INT64_C(1) << 32}, END),
    LIE("owner-negative", "out of range", {ENTRY, "x", .uid = -1}, END),
    LIE("group-negative", "out of range", {ENTRY, "x", .gid = -1}, END),
    LIE("mode-too-large", "out of range", {ENTRY, "x", .mode = 010000}, END),
    LIE("device-too-large", "out of range", {ENTRY, "x", .type = '3', .major = 0x1000}, END),
    LIE("size-negative", "", {ENTRY, "x", (uint64_t)-1}, END),
    LIE("size-too-large", "too large|larger than", {ENTRY, "x", UINT64_C(1) << 62}, END),
    LIE("size-of-letters", "", {ENTRY, "x", FIELD(AT_SIZE, "abc")}, END),
    LIE("mtime-of-letters", "", {ENTRY, "x", FIELD(AT_MTIME, "abc")}, END),

    /* Headers and their extensions. */
    LIE("bad-checksum", "checksum", {ENTRY, "x", .bad_checksum = 1}, END),
    LIE("garbage", "", {DATA, .size = MIB}),
    LIE("nothing", "truncated", {FRAME, .size = 0}),
    LIE("half-a-header", "truncated", {ZEROS, .size = 100}),
    LIE("without-its-end", "truncated", FILE_AT("x")),
    LIE("half-an-end", "truncated", FILE_AT("x"), {ZEROS, .size = BLOCK}),
    LIE("end-in-the-middle", "single zero block", FILE_AT("a"), {ZEROS, .size = BLOCK},
        FILE_AT("b"), END),
    LIE("data-after-the-end", "after the end", FILE_AT("a"), END, FILE_AT("b")),
    LIE("cut-data", "truncated", {ENTRY, "x", 1000}, {TEXT, "less"}),
    LIE("record-too-long", "", {PAX, "99 path=x\n"}, FILE_AT("x"), END),
    LIE("record-without-end", "", {PAX, "9 path=xy"}, FILE_AT("x"), END),
    LIE("record-of-length-0", "", {PAX, "0 path=x\n"}, FILE_AT("x"), END),
    LIE("record-with-negative-size", "", {PAX, "11 size=-1\n"}, FILE_AT("x"), END),
    LIE("record-with-huge-size", "", {PAX, "28 size=9223372036854775807\n"}, FILE_AT("x"), END),
    LIE("record-with-absolute-path", "it is absolute", {PAX, "20 path=/etc/passwd\n"}, FILE_AT("x"),
        END),
    LIE("records-too-large", "larger than", {PAX, .size = 5 * MIB}, FILE_AT("x"), END),
    LIE("records-for-nothing", "without an entry", {PAX, "10 path=x\n"}, END),
    LIE("long-name-too-large", "larger than", {ENTRY, "x", 5 * MIB, 'L'}, {DATA, .size = 5 * MIB},
        FILE_AT("x"), END),

    /* What takes memory, disk or time. */
    LIE("more-data-than-the-disk", "more data than its disk of 64 MiB", {ENTRY, "x", 100 * MIB},
        {DATA, .size = 100 * MIB}, END),
    LIE("endless-headers", "more headers than|out of order|there twice",
        {PAX, "12 path=xyz\n", .size = 4 * MIB}, {REPEAT, .size = 10000}),
    LIE("endless-links", "there twice", FILE_AT("a"), {REPEAT, .size = 100000000}),
    LIE("hole-too-large", "holes of more than 64 GiB", {ENTRY, "x", UINT64_C(65) * GIB},
        {HOLE, .size = UINT64_C(65) * GIB}, END),
    LIE("hole-without-end", "holes of more than", {HOLE, .size = GUEST_FRAME_HOLE - 1}),
    LIE("hole-after-the-end", "not in a file", FILE_AT("x"), END, {HOLE, .size = 60 * GIB}),
    LIE("hole-in-place-of-the-end", "not in a file", FILE_AT("x"), {HOLE, .size = 1024}),
    LIE("hole-beyond-the-data", "not in a file", {ENTRY, "x", 1000}, {HOLE, .size = 1024}, END),
    LIE("hole-for-a-header", "not in a file", {HOLE, .size = 512}, FILE_AT("x"), END),
    LIE("frame-without-bytes", "within a frame", FILE_AT("x"), END, {FRAME, .size = 1000}),
    LIE("frame-of-exbibytes", "within a frame", {FRAME, .size = UINT64_C(1) << 62},
        {FRAME_TEXT, "x"}),
    LIE("half-a-frame", "within a frame", FILE_AT("x"), END, {FRAME_TEXT, "half"}),
    {.name = "layer-endless-empty-frames",
     .moment = AT_PACK,
     .code = 8,
     .message = "did not answer|too slow",
     .play = play_layer,
     .parts = {{FRAME, .size = 0}, {REPEAT, .size = UINT64_MAX}},
     .slow = 1},
    {0},
};
