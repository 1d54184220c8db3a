/* Two trees for the guest's code, and a thread whose root is the first of them, as the worker's is
 * in the guest. The coverage of a thread counts for the fuzzer, that of a process would not. */
#ifndef VMBUILD_TESTS_GUEST_TREE_H
#define VMBUILD_TESTS_GUEST_TREE_H

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "guest/lib/fault.h"
#include "guest/tar/pack.h"
#include "guest/tar/tree.h"
#include "host/lib/memory.h"
#include "host/lib/temporary.h"
#include "tests/fuzz/fuzz.h"

#define GUEST_TREE_CLAMP 100 /* seconds; mtimes after it are those of the clock */
#define GUEST_TREE_HOLES_MAX 1

/* After archive_write_fail nothing frees the buffer that archive_write_open made. */
const char *__lsan_default_suppressions(void);

const char *__lsan_default_suppressions(void)
{
    return "leak:libarchive.so";
}

static char *guest_tree_folder;     /* holds tree/ and image/ */
static int guest_tree, guest_image; /* these two, open for reading */

static inline int guest_tree_open(const char *name)
{
    char *path = xasprintf("%s/%s", guest_tree_folder, name);

    fuzz_expect(mkdir(path, 0755) == 0);
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    fuzz_expect(fd >= 0);
    free(path);
    return fd;
}

static inline void guest_tree_remove(void)
{
    temporary_remove_all();
    free(guest_tree_folder);
}

/* To be called once, as root. */
static inline void guest_tree_set_up(void)
{
    const char *parent = getenv("TMPDIR");

    fuzz_expect(temporary_setup() == NULL && atexit(guest_tree_remove) == 0 &&
                temporary_folder(parent != NULL ? parent : "/var/tmp", "guest",
                                 &guest_tree_folder) == NULL);
    guest_tree = guest_tree_open("tree");
    guest_image = guest_tree_open("image");
}

static inline void guest_tree_empty(void)
{
    const struct timespec times[2] = {{0, 0}, {0, 0}};
    const int trees[] = {guest_tree, guest_image};

    for (size_t i = 0; i < 2; i++) {
        fuzz_expect(tree_empty(trees[i]) == 0 && fchmod(trees[i], 0755) == 0 &&
                    fchown(trees[i], 0, 0) == 0 && futimens(trees[i], times) == 0);
        (void)fremovexattr(trees[i], "user.a");
    }
}

struct guest_tree_work {
    const char *root;
    int (*work)(void *context);
    void *context;
    int result;
};

static inline void *guest_tree_run_work(void *argument)
{
    struct guest_tree_work *work = argument;

    fuzz_expect(unshare(CLONE_FS) == 0);
    if (work->root != NULL)
        fuzz_expect(chroot(guest_tree_folder) == 0 && chdir("/") == 0 && chroot(work->root) == 0 &&
                    chdir("/") == 0);
    umask(0);
    work->result = work->work(work->context);
    return NULL;
}

/* Does FUNCTION(CONTEXT) in a thread with directories of its own, with the tree NAME as the root
 * unless NAME is NULL. Returns what it does. */
static inline int guest_tree_do(const char *name, int (*function)(void *context), void *context)
{
    struct guest_tree_work work = {name, function, context, -1};
    pthread_t thread;

    fuzz_expect(pthread_create(&thread, NULL, guest_tree_run_work, &work) == 0 &&
                pthread_join(thread, NULL) == 0);
    return work.result;
}

/* What pack() writes. */

static inline int guest_tree_append(void *context, const void *bytes, size_t length)
{
    buffer_append(context, bytes, length);
    return 0;
}

static inline int guest_tree_append_zeros(void *context, uint64_t length)
{
    static const char zeros[4096];

    for (; length > 0; length -= length < sizeof zeros ? length : sizeof zeros)
        buffer_append(context, zeros, length < sizeof zeros ? length : sizeof zeros);
    return 0;
}

static inline void guest_tree_note(void *context, const char *text, const char *path)
{
    (void)context, (void)text, (void)path;
}

struct guest_tree_packing {
    struct buffer *tar;
    struct fault *fault;
};

static inline int guest_tree_run_pack(void *context)
{
    const struct guest_tree_packing *packing = context;
    const struct pack_sink sink = {.write = guest_tree_append,
                                   .skip = guest_tree_append_zeros,
                                   .holes_max = GUEST_TREE_HOLES_MAX,
                                   .note = guest_tree_note,
                                   .context = packing->tar};

    return pack(guest_tree, guest_image, GUEST_TREE_CLAMP, sink, packing->fault);
}

/* Packs the first tree, which lies over the second. Returns what pack() returns. */
static inline int guest_tree_pack(struct buffer *ret, struct fault *fault)
{
    struct guest_tree_packing packing = {ret, fault};

    return guest_tree_do(NULL, guest_tree_run_pack, &packing);
}

#endif
