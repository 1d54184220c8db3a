#include "host/tar/tar_header.h"

#include <stdlib.h>
#include <string.h>

#include "host/tar/pax_records.h"

/* Where the fields are (POSIX ustar; those of star and GNU). */
struct field {
    size_t at, size;
};
static const struct field NAME = {0, 100}, MODE = {100, 8}, UID = {108, 8}, GID = {116, 8},
                          SIZE = {124, 12}, MTIME = {136, 12}, CHECKSUM = {148, 8},
                          LINK = {157, 100}, MAGIC = {257, 8}, USER = {265, 32}, GROUP = {297, 32},
                          MAJOR = {329, 8}, MINOR = {337, 8}, PREFIX = {345, 155},
                          STAR_PREFIX = {345, 131}, STAR_TRAILER = {508, 4}, REAL_SIZE = {483, 12};
#define TYPE_AT 156
#define REGION_NUMBER 12 /* bytes of each of a region's two numbers */

enum format { FORMAT_V7, FORMAT_USTAR, FORMAT_STAR, FORMAT_GNU };

static enum format format_of(const unsigned char *block)
{
    if (memcmp(block + MAGIC.at, "ustar  ", 8) == 0)
        return FORMAT_GNU;
    if (memcmp(block + MAGIC.at, "ustar", 6) != 0)
        return FORMAT_V7;
    return memcmp(block + STAR_TRAILER.at, "tar", 4) == 0 ? FORMAT_STAR : FORMAT_USTAR;
}

/* Appends the field's text, which ends at its first NUL or at its end. */
static void add_text(const unsigned char *block, struct field field, struct buffer *out)
{
    const char *text = (const char *)block + field.at;

    buffer_append(out, text, strnlen(text, field.size));
}

/* GNU's and star's base-256: big-endian two's complement in all bits but the first. */
static bool parse_binary(const unsigned char *bytes, size_t size, int64_t *ret)
{
    bool negative = (bytes[0] & 0x40) != 0;
    uint64_t value = negative ? UINT64_MAX : 0;

    for (size_t i = 0; i < size; i++) {
        unsigned char byte = bytes[i];

        if (i == 0)
            byte = negative ? byte | 0x80 : byte & 0x7f;
        if (value >> 56 != (negative ? 0xffu : 0u))
            return false;
        value = value << 8 | byte;
    }
    if (value >> 63 != (negative ? 1u : 0u))
        return false;
    *ret = (int64_t)value;
    return true;
}

/* Octal digits among spaces and NULs; a blank field is 0. */
static bool parse_octal(const unsigned char *bytes, size_t size, int64_t *ret)
{
    size_t at = 0;
    uint64_t value = 0;

    while (size > 0 && (bytes[size - 1] == ' ' || bytes[size - 1] == '\0'))
        size--;
    while (at < size && (bytes[at] == ' ' || bytes[at] == '\0'))
        at++;
    for (; at < size && bytes[at] != '\0'; at++) {
        if (bytes[at] < '0' || bytes[at] > '7' || value >> 60 != 0)
            return false;
        value = value << 3 | (uint64_t)(bytes[at] - '0');
    }
    *ret = (int64_t)value;
    return true;
}

static struct error *parse_number(const unsigned char *block, struct field field, const char *what,
                                  int64_t *ret)
{
    const unsigned char *bytes = block + field.at;
    bool valid = (bytes[0] & 0x80) != 0 ? parse_binary(bytes, field.size, ret)
                                        : parse_octal(bytes, field.size, ret);

    return valid ? NULL : error_new(EXIT_INPUT, "the header's %s is not a number", what);
}

/* The checksum is that of the block with its own field blank; old tars computed it over signed
 * chars. */
static struct error *check_sum(const unsigned char *block)
{
    int64_t given = 0, sum = 0, signed_sum = 0;

    TRY(parse_number(block, CHECKSUM, "checksum", &given));
    for (size_t i = 0; i < TAR_BLOCK; i++) {
        bool own = i >= CHECKSUM.at && i < CHECKSUM.at + CHECKSUM.size;

        sum += own ? ' ' : block[i];
        signed_sum += own ? ' ' : (signed char)block[i];
    }
    if (given != sum && given != signed_sum)
        return error_new(EXIT_INPUT, "the header's checksum does not match");
    return NULL;
}

static void read_name(const unsigned char *block, enum format format, struct buffer *out)
{
    const struct field *prefix = format == FORMAT_USTAR  ? &PREFIX
                                 : format == FORMAT_STAR ? &STAR_PREFIX
                                                         : NULL;

    if (prefix != NULL && block[prefix->at] != '\0') {
        add_text(block, *prefix, out);
        buffer_append(out, "/", 1);
    }
    add_text(block, NAME, out);
}

static struct error *read_block(const unsigned char *block, struct tar_strings *strings,
                                struct tar_entry *ret)
{
    enum format format = format_of(block);

    TRY(check_sum(block));
    TRY(parse_number(block, MODE, "mode", &ret->mode));
    TRY(parse_number(block, UID, "uid", &ret->uid));
    TRY(parse_number(block, GID, "gid", &ret->gid));
    TRY(parse_number(block, SIZE, "size", &ret->size));
    TRY(parse_number(block, MTIME, "mtime", &ret->mtime));
    ret->type = (char)block[TYPE_AT];
    ret->is_sparse = ret->type == 'S';
    read_name(block, format, &strings->name);
    add_text(block, LINK, &strings->link);
    if (format == FORMAT_V7)
        return NULL;
    add_text(block, USER, &strings->user);
    add_text(block, GROUP, &strings->group);
    TRY(parse_number(block, MAJOR, "device major", &ret->major));
    return parse_number(block, MINOR, "device minor", &ret->minor);
}

static const char *text_of(struct buffer *buffer)
{
    buffer_append(buffer, "", 0); /* an empty buffer has no bytes yet */
    return buffer->data;
}

static void reset(struct tar_strings *strings)
{
    strings->name.length = 0;
    strings->link.length = 0;
    strings->user.length = 0;
    strings->group.length = 0;
    strings->sparse_name.length = 0;
    strings->sparse_map.length = 0;
}

static void lend(struct tar_strings *strings, struct tar_entry *entry)
{
    entry->name = text_of(&strings->name);
    entry->link = text_of(&strings->link);
    entry->user = text_of(&strings->user);
    entry->group = text_of(&strings->group);
    entry->xattrs = strings->xattrs;
    entry->name_has_nul =
        strlen(entry->name) != strings->name.length || strlen(entry->link) != strings->link.length;
}

/* A GNU long name counts up to its first NUL. */
static void apply_long(const struct buffer *from, struct buffer *to)
{
    if (from->length == 0)
        return;
    to->length = 0;
    buffer_append(to, from->data, strnlen(from->data, from->length));
}

/* The file's size is the stored size, except for a sparse file, whose size and name are in records,
 * or in the older format in the header. */
static struct error *settle_size(const unsigned char *block, struct tar_strings *strings,
                                 struct tar_entry *entry)
{
    if (entry->stored_size < 0)
        return error_new(EXIT_INPUT, "the header's size is negative");
    if (!entry->is_sparse) {
        entry->size = entry->stored_size;
        return NULL;
    }
    if (entry->type == 'S')
        return parse_number(block, REAL_SIZE, "real size", &entry->size);
    if (entry->size < 0 || (strings->sparse_name.length == 0 && !entry->has_map))
        return error_new(EXIT_INPUT, "a sparse file has no size or name");
    if (strings->sparse_name.length == 0)
        return NULL;
    strings->name.length = 0;
    buffer_append(&strings->name, strings->sparse_name.data, strings->sparse_name.length);
    return NULL;
}

struct error *tar_header_read(const unsigned char block[TAR_BLOCK],
                              const struct tar_extensions *extensions, struct tar_strings *strings,
                              struct tar_entry *ret)
{
    *ret = (struct tar_entry){0};
    reset(strings);
    TRY(read_block(block, strings, ret));
    ret->stored_size = ret->size;
    ret->size = -1;
    TRY(pax_records_apply(&extensions->pax, strings, ret));
    TRY(settle_size(block, strings, ret));
    apply_long(&extensions->long_name, &strings->name);
    apply_long(&extensions->long_link, &strings->link);
    lend(strings, ret);
    if (ret->type == '\0') { /* V7's regular file, or directory if it ends in a slash */
        size_t length = strings->name.length;

        ret->type = length > 0 && strings->name.data[length - 1] == '/' ? '5' : '0';
    }
    ret->has_data = strchr("123456", ret->type) == NULL;
    return NULL;
}

struct error *tar_header_read_regions(const unsigned char block[TAR_BLOCK], bool is_header,
                                      struct sparse_map *map, bool *ret_more)
{
    size_t at = is_header ? 386 : 0, count = is_header ? 4 : 21;

    *ret_more = block[is_header ? 482 : 504] != 0;
    for (size_t i = 0; i < count && block[at] != 0; i++, at += 2 * REGION_NUMBER) {
        int64_t offset = 0, length = 0;

        TRY(parse_number(block, (struct field){at, REGION_NUMBER}, "region", &offset));
        TRY(parse_number(block, (struct field){at + REGION_NUMBER, REGION_NUMBER}, "region",
                         &length));
        TRY(sparse_map_add(map, offset, length));
    }
    return NULL;
}

/* Reads a number at *TEXT and moves on to the next. */
static struct error *next_number(const char **text, int64_t *ret)
{
    size_t digits = strspn(*text, "0123456789");

    if (digits == 0 || digits > 18 || ((*text)[digits] != ',' && (*text)[digits] != '\0'))
        return error_new(EXIT_INPUT, "the map of a sparse file is not a list of numbers");
    *ret = strtoll(*text, NULL, 10);
    *text += digits + ((*text)[digits] == ',');
    return NULL;
}

struct error *tar_header_add_regions(const struct tar_strings *strings, struct sparse_map *map)
{
    const char *text = strings->sparse_map.data;

    if (strlen(text) != strings->sparse_map.length)
        return error_new(EXIT_INPUT, "the map of a sparse file is not a list of numbers");
    while (*text != '\0') {
        int64_t offset = 0;
        int64_t length = 0;

        TRY(next_number(&text, &offset));
        TRY(next_number(&text, &length));
        TRY(sparse_map_add(map, offset, length));
    }
    return NULL;
}

struct error *tar_header_read_global(const unsigned char block[TAR_BLOCK], const struct buffer *pax,
                                     struct tar_strings *strings, struct tar_entry *ret)
{
    struct tar_entry given = {0};

    *ret = (struct tar_entry){.type = 'g', .mtime = TAR_NO_TIME};
    reset(strings);
    TRY(read_block(block, strings, &given));
    TRY(pax_records_apply(pax, strings, &given));
    reset(strings);
    read_name(block, format_of(block), &strings->name);
    ret->xattr_count = given.xattr_count;
    lend(strings, ret);
    return NULL;
}

void tar_extensions_free(struct tar_extensions *extensions)
{
    buffer_free(&extensions->pax);
    buffer_free(&extensions->long_name);
    buffer_free(&extensions->long_link);
}

void tar_strings_free(struct tar_strings *strings)
{
    buffer_free(&strings->name);
    buffer_free(&strings->link);
    buffer_free(&strings->user);
    buffer_free(&strings->group);
    buffer_free(&strings->sparse_name);
    buffer_free(&strings->sparse_map);
    buffer_free(&strings->records);
    free(strings->xattrs);
    *strings = (struct tar_strings){0};
}
