#include "guest/script/stand_in.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include "guest/lib/file.h"
#include "guest/lib/job.h"
#include "guest/tar/attributes.h"
#include "guest/tar/tree.h"

#define BUILDER_HOSTS "/etc/hosts" /* the guest's own names, for hooks, too */
#define ASIDE STAND_INS_LAYER ".aside"
#define COPY_MAX (1u << 20) /* bytes of a file that may be a copy of a stand-in */

static const struct kind {
    const char *target;
    const char *job; /* the job's file with its lines; the job need not have it */
    bool is_hosts;   /* shown in each run */
    bool replaces, is_stored;
} kinds[STAND_INS_MAX] = {
    {.target = "/etc/hosts", .job = GUEST_JOB_HOSTS, .is_hosts = true, .is_stored = true},
    {.target = "/etc/resolv.conf",
     .job = GUEST_JOB_RESOLV_CONF,
     .replaces = true,
     .is_stored = true},
    {.target = GUEST_CA_BUNDLE_PATH, .job = GUEST_JOB_CA_BUNDLE, .replaces = true},
};

/* Where programs keep copies of such files. */
static const char *const copy_folders[STAND_INS_COPIES] = {"/etc", "/run"};

/* Opens a folder of the scratch disk. Returns a descriptor, or -1 with errno. */
static int open_folder(const char *path)
{
    return open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* Appends the file PATH below FOLDER to TEXT. Returns 0, or -1 with errno. */
static int read_text(int folder, const char *path, struct text *text)
{
    size_t length;
    char *bytes = file_read_whole(folder, path, &length);
    char *joined = bytes != NULL ? realloc(text->bytes, text->length + length + 1) : NULL;

    if (joined != NULL) {
        memcpy(joined + text->length, bytes, length);
        *text = (struct text){.bytes = joined, .length = text->length + length};
    }
    free(bytes);
    return joined != NULL ? 0 : -1;
}

/* Reads the build's own lines. Returns 0, or -1 with errno. */
static int read_own(const struct kind *kind, struct text *own)
{
    char path[128];

    snprintf(path, sizeof path, "%s/%s", GUEST_JOB_DIR, kind->job);
    if (kind->is_hosts && read_text(AT_FDCWD, BUILDER_HOSTS, own))
        return -1;
    return job_has(kind->job) ? read_text(AT_FDCWD, path, own) : 0;
}

/* Makes the folder PATH of the layer of stand-ins what it is in the view. Returns 0, or -1 with
 * errno. */
static int make_folder(int root, int layer, const char *path)
{
    int from = openat(root, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int status = mkdirat(layer, path, 0755) && errno != EEXIST ? -1 : 0;

    if (from >= 0 && status == 0) {
        int to = openat(layer, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        status = to < 0 || attributes_copy(from, to) ? -1 : 0;
        if (to >= 0)
            close(to);
    }
    if (from >= 0)
        close(from);
    return status;
}

/* Gives PATH of the layer of stand-ins the mtime that it has in the view, or the second at which
 * the clock is held: that a script begins at, so it was not before its files. Returns 0, or -1 with
 * errno. */
static int copy_mtime(int root, int layer, const char *path)
{
    struct stat status = {.st_mtim.tv_sec = time(NULL)};

    if (fstatat(root, path, &status, AT_SYMLINK_NOFOLLOW) && errno != ENOENT)
        return -1;
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, status.st_mtim};

    return utimensat(layer, path, times, AT_SYMLINK_NOFOLLOW);
}

/* Calls DO for each folder on the way to PLACE. Returns 0, or -1 with errno. */
static int for_folders(int root, int layer, const char *place,
                       int (*act)(int root, int layer, const char *path))
{
    char path[PATH_MAX];

    if (snprintf(path, sizeof path, "%s", place) >= (int)sizeof path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    for (char *slash = strchr(path, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (act(root, layer, path))
            return -1;
        *slash = '/';
    }
    return 0;
}

/* Writes the file that a script sees. Returns 0, or -1 with errno. */
static int write_file(int root, int layer, const struct stand_in *stand_in)
{
    const char *place = path_text(&stand_in->place);
    struct text shown;

    if (for_folders(root, layer, place, make_folder) || stand_in_text_show(&stand_in->text, &shown))
        return -1;
    int to = openat(layer, place, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    int from = stand_in->text.image.bytes != NULL
                   ? openat(root, place, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)
                   : -1;
    int status = to < 0 || file_write_all(to, shown.bytes, shown.length) ||
                         (from >= 0 && attributes_copy(from, to)) || copy_mtime(root, layer, place)
                     ? -1
                     : 0;

    free(shown.bytes);
    if (from >= 0)
        close(from);
    if (to >= 0)
        close(to);
    return status;
}

/* Whether the folder of PLACE is in the image. */
static bool has_folder(int root, const char *place)
{
    char path[PATH_MAX];
    struct stat status;

    snprintf(path, sizeof path, "%s", place);
    char *slash = strrchr(path, '/');

    if (slash == NULL)
        return true;
    *slash = '\0';
    return fstatat(root, path, &status, AT_SYMLINK_NOFOLLOW) == 0;
}

static int plan(int root, int layer, const struct kind *kind, struct stand_in *stand_in,
                struct fault *fault)
{
    struct stat status;

    *stand_in = (struct stand_in){
        .target = kind->target, .text = {.replaces = kind->replaces}, .is_stored = kind->is_stored};
    if (path_resolve(root, kind->target, &stand_in->place))
        return fault_set(fault, errno, "find '%s' in the image", kind->target);
    const char *place = path_text(&stand_in->place);

    if (fstatat(root, place, &status, AT_SYMLINK_NOFOLLOW) == 0) {
        if (S_ISDIR(status.st_mode))
            return fault_set(fault, EISDIR, "show '%s'", kind->target);
        if (S_ISREG(status.st_mode) && read_text(root, place, &stand_in->text.image))
            return fault_set(fault, errno, "read '%s' of the image", kind->target);
    } else if (errno != ENOENT) {
        return fault_set(fault, errno, "find '%s' in the image", kind->target);
    } else if (kind->is_hosts && !job_has(kind->job) && !has_folder(root, place)) {
        /* A script that changes all that it finds, as chown -R does, would leave the directory. */
        return fault_set(fault, ENOTDIR, "show '%s'", kind->target);
    }
    if (read_own(kind, &stand_in->text.own) || write_file(root, layer, stand_in))
        return fault_set(fault, errno, "show '%s'", kind->target);
    return 0;
}

/* Whether CODE tells that the image has something else in the place of a file. */
static bool is_images_fault(int code)
{
    return code == EISDIR || code == ENOTDIR || code == ELOOP;
}

static void stand_in_free(struct stand_in *stand_in)
{
    path_free(&stand_in->place);
    free(stand_in->text.own.bytes);
    free(stand_in->text.image.bytes);
    *stand_in = (struct stand_in){0};
}

/* Creates the folder PATH afresh. Returns 0, or -1 with errno. */
static int renew(const char *path)
{
    return tree_delete(AT_FDCWD, path) || mkdir(path, 0755) ? -1 : 0;
}

int stand_ins_prepare(int root, struct stand_ins *ret, struct fault *fault)
{
    *ret = (struct stand_ins){0};
    int layer = renew(STAND_INS_LAYER) || renew(ASIDE) ? -1 : open_folder(STAND_INS_LAYER);

    if (layer < 0)
        return fault_set(fault, errno, "create '%s'", STAND_INS_LAYER);
    int status = 0;

    for (size_t i = 0; i < STAND_INS_COPIES; i++)
        (void)path_resolve(root, copy_folders[i], &ret->copies[i]); /* a loop: nothing is there */
    for (size_t i = 0; status == 0 && i < STAND_INS_MAX; i++) {
        if (!kinds[i].is_hosts && !job_has(kinds[i].job))
            continue;
        status = plan(root, layer, &kinds[i], &ret->items[ret->count++], fault);
        /* Images whose /etc/hosts cannot be a file, or that lack /etc, never needed it. */
        if (status && kinds[i].is_hosts && is_images_fault(fault->code)) {
            stand_in_free(&ret->items[--ret->count]);
            status = 0;
        }
    }
    /* Last, since each new file changes that of its folder. */
    for (size_t i = 0; status == 0 && i < ret->count; i++)
        if (for_folders(root, layer, path_text(&ret->items[i].place), copy_mtime))
            status = fault_set(fault, errno, "show '%s'", ret->items[i].target);
    close(layer);
    return status;
}

/* A name in a folder of the layer. */
struct spot {
    int folder;
    const char *name;
    struct timespec times[2]; /* of the folder */
};

/* Finds STAND_IN in the layer, and not where a link that the script made leads: that may be out of
 * it. Returns 0, or -1 with errno. */
static int open_spot(int layer, const struct stand_in *stand_in, struct spot *ret)
{
    struct stat status;
    struct spot spot = {0};

    spot.folder = path_open_parent(layer, path_text(&stand_in->place), &spot.name);
    if (spot.folder < 0)
        return -1;
    if (fstat(spot.folder, &status)) {
        close(spot.folder);
        return -1;
    }
    spot.times[0] = status.st_atim;
    spot.times[1] = status.st_mtim;
    *ret = spot;
    return 0;
}

/* Moves what is at SPOT to the name of STAND_IN aside, or BACK. The folder keeps its times. Returns
 * 0, or -1 with errno. */
static int move_aside(const struct spot *spot, const struct stand_in *stand_in, bool back)
{
    char aside[PATH_MAX];

    snprintf(aside, sizeof aside, "%s/%s", ASIDE, strrchr(stand_in->target, '/') + 1);
    if (back ? renameat(AT_FDCWD, aside, spot->folder, spot->name)
             : renameat(spot->folder, spot->name, AT_FDCWD, aside))
        return -1;
    return futimens(spot->folder, spot->times);
}

/* Puts the layer's own file in the place of STAND_IN aside, if there is one. Returns 0, or -1 with
 * errno. */
static int put(int layer, struct stand_in *stand_in)
{
    struct spot spot;

    if (open_spot(layer, stand_in, &spot))
        return errno == ENOENT || errno == ENOTDIR ? 0 : -1;
    int status = 0;

    if (faccessat(spot.folder, spot.name, F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
        status = move_aside(&spot, stand_in, false);
        stand_in->is_aside = status == 0;
    }
    close(spot.folder);
    return status;
}

int stand_ins_put(struct stand_ins *stand_ins, struct fault *fault)
{
    int layer = open_folder(GUEST_SCRATCH_LAYER);
    int status = 0;

    if (layer < 0)
        return fault_set(fault, errno, "open the layer");
    for (size_t i = 0; status == 0 && i < stand_ins->count; i++)
        if (put(layer, &stand_ins->items[i]))
            status = fault_set(fault, errno, "put '%s' aside", stand_ins->items[i].target);
    close(layer);
    return status;
}

/* Puts TEXT into the file that is open as FD, which keeps its times. Returns 0, or -1 with
 * errno. */
static int replace_text(int fd, struct text text)
{
    struct stat status;

    if (fstat(fd, &status) || ftruncate(fd, 0) || lseek(fd, 0, SEEK_SET) < 0 ||
        file_write_all(fd, text.bytes, text.length))
        return -1;
    const struct timespec times[2] = {status.st_atim, status.st_mtim};

    return futimens(fd, times);
}

/* Takes the lines of STAND_INS out of PATH below FOLDER, if it is a regular file. *RET_EMPTY tells
 * whether nothing but such lines was there. Returns 0, or -1 with errno. */
static int restore_file(int folder, const char *path, const struct stand_ins *stand_ins,
                        bool *ret_empty)
{
    struct stat status;

    *ret_empty = false;
    if (fstatat(folder, path, &status, AT_SYMLINK_NOFOLLOW) || !S_ISREG(status.st_mode) ||
        status.st_size == 0 || status.st_size > GUEST_JOB_FILE_MAX)
        return 0;
    int fd = openat(folder, path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    struct text text = {0};
    bool changed = false;
    int result = fd < 0 || read_text(folder, path, &text) ? -1 : 0;

    for (size_t i = 0; result == 0 && i < stand_ins->count; i++) {
        struct text restored;

        if (!stand_ins->items[i].is_stored ||
            !stand_in_text_restore(&stand_ins->items[i].text, text, &restored))
            continue;
        free(text.bytes);
        text = restored;
        changed = true;
        if (text.bytes == NULL)
            result = -1;
    }
    if (result == 0 && changed)
        result = replace_text(fd, text);
    *ret_empty = changed && text.length == 0;
    free(text.bytes);
    if (fd >= 0)
        close(fd);
    return result;
}

/* nftw(3) passes no context. */
static const struct stand_ins *walked;

static int restore_copy(const char *path, const struct stat *status, int type, struct FTW *at)
{
    bool is_empty;

    (void)at;
    if (type == FTW_F && S_ISREG(status->st_mode) && status->st_size <= COPY_MAX &&
        restore_file(AT_FDCWD, path, walked, &is_empty))
        return -1;
    return 0;
}

/* Restores the copies below PATH of the layer, where a link that the script made may lead to
 * another place of it. Returns 0, or -1 with errno. */
static int restore_copies(int layer, const char *path)
{
    struct path place;
    char full[PATH_MAX];

    if (path_resolve(layer, path, &place))
        return errno == ELOOP || errno == ENAMETOOLONG ? 0 : -1;
    int length = snprintf(full, sizeof full, "%s/%s", GUEST_SCRATCH_LAYER, path_text(&place));

    path_free(&place);
    if (length >= (int)sizeof full)
        return 0;
    return nftw(full, restore_copy, 16, FTW_PHYS | FTW_MOUNT) && errno != ENOENT &&
                   errno != ENOTDIR && errno != ENAMETOOLONG
               ? -1
               : 0;
}

/* Restores the copies in each folder for them, which may have been elsewhere before the script.
 * Returns 0, or -1 with errno. */
static int restore_all_copies(int layer, const struct stand_ins *stand_ins)
{
    walked = stand_ins;
    for (size_t i = 0; i < STAND_INS_COPIES; i++) {
        const char *before = path_text(&stand_ins->copies[i]);
        bool is_elsewhere = *before != '\0' && strcmp(before, copy_folders[i] + 1) != 0;

        if (restore_copies(layer, copy_folders[i]) ||
            (is_elsewhere && restore_copies(layer, before)))
            return -1;
    }
    return 0;
}

/* Removes SPOT; its folder keeps its times. Returns 0, or -1 with errno. */
static int forget(const struct spot *spot)
{
    return unlinkat(spot->folder, spot->name, 0) ? -1 : futimens(spot->folder, spot->times);
}

/* Whether the script removed the folder of SPOT with all that was in it, and created another. */
static bool is_new(const struct spot *spot)
{
    char value;

    return fgetxattr(spot->folder, ATTRIBUTES_OVERLAY "opaque", &value, 1) > 0;
}

/* Settles what became of the stand-in at SPOT. Returns 0, or -1 with errno. */
static int settle(const struct spot *spot, const struct stand_ins *all, const struct stand_in *one)
{
    struct stat upper;
    bool is_empty;

    if (fstatat(spot->folder, spot->name, &upper, AT_SYMLINK_NOFOLLOW)) {
        if (errno != ENOENT)
            return -1;
        return one->is_aside && !is_new(spot) ? move_aside(spot, one, true) : 0;
    }
    if (!S_ISREG(upper.st_mode))
        return 0;
    if (!one->is_stored)
        return forget(spot);
    if (restore_file(spot->folder, spot->name, all, &is_empty))
        return -1;
    return is_empty && one->text.image.bytes == NULL ? forget(spot) : 0;
}

/* The same if its folder is still there. Returns 0, or -1 with errno. */
static int settle_if_there(int layer, const struct stand_ins *all, const struct stand_in *one)
{
    struct spot spot;

    if (open_spot(layer, one, &spot))
        return errno == ENOENT || errno == ENOTDIR || errno == ELOOP ? 0 : -1;
    int status = settle(&spot, all, one);

    close(spot.folder);
    return status;
}

int stand_ins_finish(struct stand_ins *stand_ins, struct fault *fault)
{
    int layer = open_folder(GUEST_SCRATCH_LAYER);
    int status = layer < 0 ? -1 : 0;

    for (size_t i = 0; status == 0 && i < stand_ins->count; i++)
        status = settle_if_there(layer, stand_ins, &stand_ins->items[i]);
    if (status == 0)
        status = restore_all_copies(layer, stand_ins);
    if (status == 0)
        status = tree_delete(AT_FDCWD, STAND_INS_LAYER) || tree_delete(AT_FDCWD, ASIDE) ? -1 : 0;
    if (status)
        fault_set(fault, errno, "restore the files that stood in for the image's");
    if (layer >= 0)
        close(layer);
    return status;
}

void stand_ins_free(struct stand_ins *stand_ins)
{
    for (size_t i = 0; i < stand_ins->count; i++)
        stand_in_free(&stand_ins->items[i]);
    stand_ins->count = 0;
    for (size_t i = 0; i < STAND_INS_COPIES; i++)
        path_free(&stand_ins->copies[i]);
}
