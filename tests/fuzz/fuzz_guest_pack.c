/* A tree as scripts may leave it, made by a program: it is packed as the host expects it, and the
 * same each time. */
#include <sys/socket.h>
#include <sys/un.h>

#include "host/image/layer_check.h"
#include "tests/fuzz/guest_tree.h"
#include "tests/fuzz/tar_program.h"

#define STEPS_MAX 64
#define DISK_SIZE (16u << 20)

static void make_file(struct fuzz_bytes *input, const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0644);
    unsigned int head = fuzz_byte(input);

    if (fd < 0)
        return;
    if ((head & 1) != 0)
        (void)ftruncate(fd, (head >> 1) * 4096);
    (void)pwrite(fd, "data", head >> 4 & 3, (head & 15) * 4096);
    close(fd);
}

static void make_socket(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    strncpy(address.sun_path, path, sizeof address.sun_path - 1);
    (void)bind(fd, (struct sockaddr *)&address, sizeof address);
    close(fd);
}

static void set_times(struct fuzz_bytes *input, const char *path)
{
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {fuzz_byte(input) - 20, 1}};

    (void)utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW);
}

static void set_attribute(struct fuzz_bytes *input, const char *path)
{
    static const char *const names[] = {"trusted.overlay.opaque",   "user.a",
                                        "user.overlay.opaque",      "security.capability",
                                        "trusted.overlay.metacopy", "user.\xff"};
    unsigned int head = fuzz_byte(input);

    (void)lsetxattr(path, names[head % (sizeof names / sizeof *names)], "y", head >> 7, 0);
}

/* Does one thing to the tree at the working directory. */
static void step(struct fuzz_bytes *input)
{
    unsigned int head = fuzz_byte(input);
    char path[TAR_PROGRAM_PATH_MAX], other[TAR_PROGRAM_PATH_MAX];

    tar_program_path(input, path);
    switch (head % 11) {
    case 0:
        make_file(input, path);
        break;
    case 1:
    case 2:
        mkdir(path, 0755);
        break;
    case 3:
        tar_program_path(input, other);
        (void)symlink(other, path);
        break;
    case 4:
        tar_program_path(input, other);
        (void)link(other, path);
        break;
    case 5:
        mknod(path, S_IFCHR, fuzz_byte(input) & 1);
        break;
    case 6:
        mknod(path, S_IFIFO | 0600, 0);
        break;
    case 7:
        make_socket(path);
        break;
    case 8:
        set_times(input, path);
        break;
    case 9:
        set_attribute(input, path);
        break;
    default:
        (void)lchown(path, head, head / 2);
        (void)chmod(path, fuzz_byte(input) * 16u);
        break;
    }
}

static int make_tree(void *context)
{
    struct fuzz_bytes *input = context;

    for (size_t i = 0; input->size > 0 && i < STEPS_MAX; i++)
        step(input);
    return 0;
}

static void check(const struct buffer *tar)
{
    struct layer_check *check = layer_check_new();

    layer_check_expect_guest(check, DISK_SIZE);
    fuzz_expect(layer_check_write(check, tar->data, tar->length) == NULL &&
                layer_check_finish(check) == NULL);
    layer_check_free(check);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct fault fault;
    struct fuzz_bytes input = {data, size}, image = fuzz_piece(&input);
    struct buffer tar = {0}, again = {0};

    if (guest_tree_folder == NULL)
        guest_tree_set_up();
    guest_tree_empty();
    guest_tree_do("tree", make_tree, &input);
    guest_tree_do("image", make_tree, &image);
    if (guest_tree_pack(&tar, &fault) == 0) {
        check(&tar);
        fuzz_expect(guest_tree_pack(&again, &fault) == 0 && again.length == tar.length &&
                    memcmp(again.data, tar.data, tar.length) == 0);
    }
    buffer_free(&tar);
    buffer_free(&again);
    return 0;
}
