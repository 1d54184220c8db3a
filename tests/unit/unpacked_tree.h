/* A tree into which tars are unpacked, in a child that is chrooted into it as the guest's worker
 * is. For that the test has to be root. */
#ifndef VMBUILD_TESTS_UNPACKED_TREE_H
#define VMBUILD_TESTS_UNPACKED_TREE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "guest/tar/unpack.h"
#include "host/lib/memory.h"
#include "tests/unit/tar_blocks.h"

static char folder[] = "/tmp/test_guest_unpack.XXXXXX"; /* holds tree/ and outside/ */

static inline void run(const char *command)
{
    char *line = xasprintf("cd %s && %s", folder, command);

    assert_int_equal(system(line), 0);
    free(line);
}

static inline int set_up_folder(void **state)
{
    (void)state;
    if (geteuid() != 0)
        return 0;
    strcpy(folder + strlen(folder) - 6, "XXXXXX");
    if (mkdtemp(folder) == NULL)
        return -1;
    run("mkdir tree outside");
    return 0;
}

static inline int tear_down_folder(void **state)
{
    (void)state;
    if (geteuid() == 0)
        run("rm -rf tree outside && rmdir $PWD");
    return 0;
}

static inline void need_root(void)
{
    if (geteuid() != 0) {
        fprintf(stderr, "# skipped: chroot needs root\n");
        skip();
    }
}

/* Unpacks TAR, which is freed, as a layer of KIND. Returns whether that worked; *FAULT is shared
 * with the child. */
static inline bool unpack_tar(struct buffer *tar, enum unpack_kind kind, struct fault *fault)
{
    int source = memfd_create("tar", MFD_CLOEXEC);
    int status;

    tar_blocks_end(tar);
    assert_int_equal(write(source, tar->data, tar->length), tar->length);
    assert_int_equal(lseek(source, 0, SEEK_SET), 0);
    buffer_free(tar);
    pid_t child = fork();

    if (child == 0) {
        umask(0);
        if (chdir(folder) || chroot("tree") || chdir("/"))
            _exit(2);
        _exit(unpack(source, kind, fault) ? 1 : 0);
    }
    close(source);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) < 2);
    return WEXITSTATUS(status) == 0;
}

static inline struct fault *shared_fault(void)
{
    static struct fault *fault;

    if (fault == NULL)
        fault =
            mmap(NULL, sizeof *fault, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(fault, MAP_FAILED);
    *fault = (struct fault){0};
    return fault;
}

static inline void expect_unpacked(struct buffer *tar, enum unpack_kind kind)
{
    struct fault *fault = shared_fault();

    if (!unpack_tar(tar, kind, fault))
        fail_msg("%s", fault->text);
}

static inline void expect_refused(struct buffer *tar, const char *words)
{
    struct fault *fault = shared_fault();

    assert_false(unpack_tar(tar, UNPACK_LAYER, fault));
    if (strstr(fault->text, words) == NULL)
        fail_msg("'%s' is not in '%s'", words, fault->text);
    assert_false(unpack_is_disks_fault(fault->code));
}

static inline void add_file(struct buffer *tar, const char *name, const char *text)
{
    tar_blocks_header(tar, (struct tar_block){.name = name, .mode = 0644, .size = strlen(text)});
    tar_blocks_data(tar, text, strlen(text));
}

static inline void add_link(struct buffer *tar, const char *name, char type, const char *target)
{
    tar_blocks_header(tar,
                      (struct tar_block){.name = name, .mode = 0777, .type = type, .link = target});
}

/* Compares the tree, as lines "NAME[->TARGET] LINKS" of all but directories' links. */
static inline void expect_tree(const char *lines)
{
    char *command =
        xasprintf("test \"$(cd tree && find . -mindepth 1 '(' -type d -printf '%%P/\\n' "
                  "-o -type l -printf '%%P->%%l\\n' -o -printf '%%P %%n\\n' ')' | "
                  "LC_ALL=C sort)\" = '%s'",
                  lines);

    run(command);
    free(command);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up_folder, tear_down_folder)

#endif
