/* Images written as text: the files of an archive or a directory, a piece of the input each, whose
 * first line is the name. In names and texts, "@N" stands for the digest of piece N (from 0), and
 * "#N" for its size, so that what a fuzzer changes still fits together. A text knows the pieces
 * before it, a name its own as well. A text that begins with "!" is a layer made by a program
 * (tar_program.h). */
#ifndef VMBUILD_TESTS_IMAGE_PIECES_H
#define VMBUILD_TESTS_IMAGE_PIECES_H

#include <fcntl.h>
#include <sys/stat.h>

#include "host/format/image_source.h"
#include "host/lib/cleanup.h"
#include "host/lib/digest.h"
#include "host/lib/memory.h"
#include "host/lib/temporary.h"
#include "host/store/store.h"
#include "host/tree/export.h"
#include "tests/fuzz/tar_program.h"

#define PIECES_MAX 10 /* a digit names one */

struct image_piece {
    char *name;
    struct buffer bytes;
    struct digest digest;
};

struct image_pieces {
    struct image_piece items[PIECES_MAX];
    size_t count;
};

/* Appends TEXT to OUT, with what stands for the pieces so far in their places. */
static inline void image_pieces_expand(const struct image_pieces *pieces, struct fuzz_bytes text,
                                       struct buffer *out)
{
    for (size_t i = 0; i < text.size; i++) {
        size_t next = i + 1 < text.size ? (size_t)(text.data[i + 1] - '0') : PIECES_MAX;

        if ((text.data[i] != '@' && text.data[i] != '#') || next >= pieces->count) {
            buffer_append(out, text.data + i, 1);
            continue;
        }
        if (text.data[i] == '@')
            buffer_printf(out, "%s", pieces->items[next].digest.hex);
        else
            buffer_printf(out, "%zu", pieces->items[next].bytes.length);
        i++;
    }
}

static inline void image_pieces_add(struct image_pieces *pieces, struct fuzz_bytes input)
{
    struct image_piece *piece = &pieces->items[pieces->count];
    const uint8_t *end = memchr(input.data, '\n', input.size);
    struct fuzz_bytes name = {input.data, end != NULL ? (size_t)(end - input.data) : input.size};
    struct fuzz_bytes text = {input.data + name.size + (end != NULL),
                              input.size - name.size - (end != NULL)};
    struct buffer expanded = {0};

    if (text.size > 0 && *text.data == '!') {
        fuzz_byte(&text);
        tar_program(&text, &piece->bytes, 1);
    } else {
        image_pieces_expand(pieces, text, &piece->bytes);
    }
    digest_of(piece->bytes.data, piece->bytes.length, &piece->digest);
    pieces->count++;
    image_pieces_expand(pieces, name, &expanded);
    piece->name = fuzz_text((struct fuzz_bytes){(uint8_t *)expanded.data, expanded.length});
    buffer_free(&expanded);
}

static inline void image_pieces_read(struct fuzz_bytes input, struct image_pieces *ret)
{
    *ret = (struct image_pieces){0};
    while (input.size > 0 && ret->count < PIECES_MAX)
        image_pieces_add(ret, fuzz_piece(&input));
}

static inline void image_pieces_free(struct image_pieces *pieces)
{
    for (size_t i = 0; i < pieces->count; i++) {
        free(pieces->items[i].name);
        buffer_free(&pieces->items[i].bytes);
    }
}

/* Returns the path of an archive, open as *RET_FD; both the caller's. */
static inline char *image_pieces_archive(const struct image_pieces *pieces, int *ret_fd)
{
    struct buffer tar = {0};

    for (size_t i = 0; i < pieces->count; i++) {
        const struct image_piece *piece = &pieces->items[i];

        tar_blocks_header(
            &tar,
            (struct tar_block){.name = piece->name, .size = piece->bytes.length, .mode = 0644});
        tar_blocks_data(&tar, piece->bytes.data, piece->bytes.length);
    }
    tar_blocks_end(&tar);
    *ret_fd = fuzz_file(tar.data, tar.length);
    buffer_free(&tar);
    return xasprintf("/proc/self/fd/%d", *ret_fd);
}

/* Makes the file of PIECE in FOLDER, if its name leads to one there. */
static inline void image_pieces_write(const char *folder, const struct image_piece *piece)
{
    CLEANUP(freep) char *path = xasprintf("%s/%s", folder, piece->name);

    if (strstr(piece->name, "..") != NULL || strlen(path) >= 1024)
        return;
    for (char *slash = path + strlen(folder) + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
        *slash = '\0';
        mkdir(path, 0700);
        *slash = '/';
    }
    CLEANUP(closep) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    if (fd >= 0)
        fuzz_expect(write(fd, piece->bytes.data, piece->bytes.length) ==
                    (ssize_t)piece->bytes.length);
}

/* Returns the path of a directory, a temporary. */
static inline char *image_pieces_folder(const struct image_pieces *pieces)
{
    char *folder;

    fuzz_expect(temporary_folder("/dev/shm", "image", &folder) == NULL);
    for (size_t i = 0; i < pieces->count; i++)
        image_pieces_write(folder, &pieces->items[i]);
    return folder;
}

/* Opens the image at PATH, as one and as a bundle, in a store of its own, and exports it. */
static inline void image_pieces_open(enum transport transport, char *path)
{
    const struct reference reference = {.transport = transport, .path = path};
    struct image_request request = {.forms = LAYER_TAR | LAYER_BLOB,
                                    .choice.architecture = "amd64"};
    struct image *image = NULL;
    struct image_bundle bundle = {0};

    fuzz_expect(store_open(NULL, true, &request.store) == NULL);
    struct error *err = image_open(&reference, &request, &image);

    if (err == NULL)
        err = export_write(image, (struct sink){.write = fuzz_discard});
    error_free(err);
    image_free(image);
    error_free(image_open_bundle(&reference, &request, false, &bundle));
    image_bundle_free(&bundle);
    store_free(request.store);
}

/* To be called once. */
static inline void image_pieces_set_up(void)
{
    setenv("TMPDIR", "/dev/shm", 1);
    fuzz_expect(temporary_setup() == NULL && atexit(temporary_remove_all) == 0);
}

/* A whole run: the image in an archive, and in a directory if there is a transport for one. */
static inline void image_pieces_run(const uint8_t *data, size_t size, enum transport archive,
                                    enum transport folder)
{
    static bool is_set_up;
    struct image_pieces pieces;

    if (!is_set_up)
        image_pieces_set_up();
    is_set_up = true;
    image_pieces_read((struct fuzz_bytes){data, size}, &pieces);
    if (archive != TRANSPORT_DIR) {
        CLEANUP(closep) int fd = -1;
        CLEANUP(freep) char *path = image_pieces_archive(&pieces, &fd);

        image_pieces_open(archive, path);
    }
    if (folder != TRANSPORT_PATH) {
        char *path = image_pieces_folder(&pieces);

        image_pieces_open(folder, path);
        temporary_removep(&path);
    }
    image_pieces_free(&pieces);
}

#endif
