#include "guest/script/view.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "guest/disk/overlay.h"
#include "guest/lib/device.h"
#include "guest/lib/job.h"
#include "guest/lib/line.h"
#include "guest/script/dev.h"
#include "guest/script/modules.h"
#include "guest/script/nested_mount.h"
#include "guest/script/own_mount.h"
#include "guest/script/points.h"
#include "guest/script/proc.h"
#include "guest/script/vault.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static int mount_dev(const struct view_mount *mounted, const char *path, struct fault *fault)
{
    return dev_mount(path, mounted->target, fault);
}

static int mount_proc(const struct view_mount *mounted, const char *path, struct fault *fault)
{
    return proc_mount(path, mounted->target, fault);
}

/* Whether SYS shows with what the kernel was started: a device tree has the kernel's arguments,
 * which depend on the host, and numbers that were random; on s390x it is QEMU's firmware. */
static bool describes_start(const char *sys)
{
    static const char *const names[] = {"devicetree", "ipl"};
    char path[PATH_MAX];

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/firmware/%s", sys, names[i]);
        if (access(path, F_OK) == 0)
            return true;
    }
    return false;
}

/* Covers the description of the machine that the kernel was started with, if there is one. */
static int cover_firmware(const char *sys, struct fault *fault)
{
    char path[PATH_MAX];

    if (!describes_start(sys))
        return 0;
    snprintf(path, sizeof path, "%s/firmware", sys);
    if (mount("tmpfs", path, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY, "mode=0755"))
        return fault_set(fault, errno, "cover '/sys/firmware'");
    return 0;
}

static int mount_sys(const struct view_mount *mounted, const char *path, struct fault *fault)
{
    if (mount("sysfs", path, "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY, NULL))
        return fault_set(fault, errno, "mount '%s'", mounted->target);
    return cover_firmware(path, fault);
}

static int mount_modules(const struct view_mount *mounted, const char *path, struct fault *fault)
{
    return modules_mount(path, mounted->target, fault);
}

/* Under User-Mode Linux, shares are disks. */
static int mount_share_disk(const struct view_mount *mounted, const char *path, struct fault *fault)
{
    char device[DEVICE_PATH_MAX];

    if (device_find_disk(mounted->source, device, fault))
        return -1;
    return mount(device, path, "ext4", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOATIME, NULL)
               ? fault_set(fault, errno, "mount the share '%s' at '%s'", mounted->source,
                           mounted->target)
               : 0;
}

static int mount_share(const struct view_mount *mounted, const char *path, struct fault *fault)
{
    if (line_is_there())
        return mount_share_disk(mounted, path, fault);
    if (mount(mounted->source, path, "9p", MS_RDONLY | MS_NOSUID | MS_NODEV,
              "trans=virtio,version=9p2000.L,msize=524288,cache=loose")) {
        return fault_set(fault, errno, "mount the share '%s' at '%s'", mounted->source,
                         mounted->target);
    }
    return 0;
}

/* Finds the place of MOUNT in the plain view ROOT, or makes a point for it. */
static int place(int root, struct view *view, struct view_mount *mount, struct fault *fault)
{
    struct stat status;

    mount->is_nested = nested_mount_is(view, mount);
    if (mount->is_nested)
        return 0;
    if (path_resolve(root, mount->target, &mount->place))
        return fault_set(fault, errno, "find '%s' in the image", mount->target);
    if (mount->place.length == 0)
        return fault_set(fault, EINVAL, "mount at '%s'", mount->target);
    if (fstatat(root, path_text(&mount->place), &status, AT_SYMLINK_NOFOLLOW) == 0) {
        if (S_ISDIR(status.st_mode) == mount->is_file)
            return fault_set(fault, mount->is_file ? EISDIR : ENOTDIR, "mount at '%s'",
                             mount->target);
        return 0;
    }
    if (errno != ENOENT ||
        points_add(root, path_text(&mount->place), mount->is_file, &mount->known))
        return fault_set(fault, errno, "create a mount point for '%s'", mount->target);
    mount->is_point = view->has_points = true;
    return 0;
}

/* Returns 0 with the status of PATH in the plain view ROOT, or -1 with errno. */
static int look_up(int root, const char *path, struct stat *ret)
{
    struct path resolved = {0};
    int status = path_resolve(root, path, &resolved);

    if (status == 0)
        status = fstatat(root, path_text(&resolved), ret, AT_SYMLINK_NOFOLLOW);
    int cause = errno;

    path_free(&resolved);
    errno = cause;
    return status;
}

/* Plans and places the mount of the kernel's modules. Not in an image that has something else in
 * their place, nor in one that lacks /lib, which nothing would look there for and a script may
 * create. */
static int place_modules(int root, struct view *view, struct fault *fault)
{
    struct view_mount modules = {
        .target = modules_folder(), .mount = mount_modules, .is_hidden = true};
    struct stat status;

    if (access(modules.target, F_OK) || look_up(root, "/lib", &status) ||
        !S_ISDIR(status.st_mode) || look_up(root, modules.target, &status) == 0 || errno != ENOENT)
        return 0;
    if (place(root, view, &modules, fault)) {
        path_free(&modules.place);
        return -1;
    }
    view->mounts[view->count++] = modules;
    return 0;
}

/* The mounts of every run, in their order. The shares come after them, then the secrets, then the
 * kernel's modules. */
static const struct view_mount standard[] = {
    {.target = "/dev", .mount = mount_dev},
    {.target = "/proc", .mount = mount_proc},
    {.target = "/sys", .mount = mount_sys},
};

/* Splits ITEM, SOURCE:TARGET, in place. WHAT it is, for errors. */
static int split(char *item, const char *what, struct view_mount *ret, struct fault *fault)
{
    char *colon = strchr(item, ':');

    if (colon == NULL || colon == item || colon[1] != '/')
        return fault_set(fault, EINVAL, "%s '%s'", what, item);
    *colon = '\0';
    ret->target = colon + 1;
    ret->source = item;
    return 0;
}

static int plan_share(char *share, struct view_mount *ret, struct fault *fault)
{
    *ret = (struct view_mount){.mount = mount_share};
    return split(share, "share", ret, fault);
}

static int plan_secret(char *secret, struct view_mount *ret, struct fault *fault)
{
    *ret = (struct view_mount){.mount = own_mount_secret, .is_file = true};
    return split(secret, "secret", ret, fault);
}

/* Returns whether TARGET of a share is the builder's directory NAME, or above or below it. */
static bool is_over(const char *target, const char *name)
{
    size_t length = strlen(target);
    size_t name_length = strlen(name);
    size_t common = length < name_length ? length : name_length;
    char end = length < name_length ? name[common] : target[common];

    return strncmp(target, name, common) == 0 && (end == '\0' || end == '/');
}

int view_show_shares(const struct words *words, struct fault *fault)
{
    static const char *const needed[] = {"/bin",      "/sbin",       "/usr/bin",
                                         "/usr/sbin", GUEST_SCRATCH, GUEST_JOB_DIR};
    size_t count;
    char *const *shares = words_list(words, GUEST_WORD_SHARE, &count);

    for (size_t i = 0; i < count; i++) {
        struct view_mount share = {.target = ""};
        bool hides = false;

        if (plan_share(shares[i], &share, fault))
            return -1;
        for (size_t j = 0; j < COUNT(needed); j++)
            hides = hides || is_over(share.target, needed[j]);
        if (hides)
            continue;
        if (points_make("", share.target + 1))
            return fault_set(fault, errno, "create a mount point for '%s'", share.target);
        if (share.mount(&share, share.target, fault))
            return -1;
    }
    return 0;
}

/* Plans the script's own mounts, for which RET has room. */
static int plan_own(char *const *texts, size_t count, struct view *ret, struct fault *fault)
{
    for (size_t i = 0; i < count; i++) {
        struct mount_word *own = &ret->own[ret->own_count++];

        if (mount_word_read(texts[i], own, fault))
            return -1;
        ret->has_secrets |= own->kind == MOUNT_SECRET;
        if (own->target != NULL && own_mount_plan(own, &ret->mounts[ret->count++], fault))
            return -1;
    }
    return 0;
}

/* Plans all mounts but those of the script's own, for which RET has room. */
static int plan_mounts(char *const *shares, size_t share_count, char *const *secrets,
                       size_t secret_count, struct view *ret, struct fault *fault)
{
    for (size_t i = 0; i < COUNT(standard); i++)
        ret->mounts[ret->count++] = standard[i];
    for (size_t i = 0; i < share_count; i++)
        if (plan_share(shares[i], &ret->mounts[ret->count++], fault))
            return -1;
    for (size_t i = 0; i < secret_count; i++)
        if (plan_secret(secrets[i], &ret->mounts[ret->count++], fault))
            return -1;
    ret->has_secrets = secret_count > 0;
    return 0;
}

int view_prepare(const struct words *words, struct view *ret, struct fault *fault)
{
    size_t share_count, secret_count, own_count;
    char *const *shares = words_list(words, GUEST_WORD_SHARE, &share_count);
    char *const *secrets = words_list(words, GUEST_WORD_SECRET, &secret_count);
    char *const *own = words_list(words, GUEST_WORD_MOUNT, &own_count);

    *ret = (struct view){0};
    ret->mounts =
        calloc(COUNT(standard) + share_count + secret_count + own_count + 1, sizeof *ret->mounts);
    ret->own = calloc(own_count + 1, sizeof *ret->own);
    if (ret->mounts == NULL || ret->own == NULL || points_prepare())
        return fault_set(fault, errno, "plan the script's mounts");
    if (plan_mounts(shares, share_count, secrets, secret_count, ret, fault) ||
        plan_own(own, own_count, ret, fault))
        return -1;
    int root = open(GUEST_SCRATCH_MNT, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (root < 0)
        return fault_set(fault, errno, "open '%s'", GUEST_SCRATCH_MNT);
    int status = stand_ins_prepare(root, &ret->stand_ins, fault);

    for (size_t i = 0; status == 0 && i < ret->count; i++)
        status = place(root, ret, &ret->mounts[i], fault);
    if (status == 0)
        status = place_modules(root, ret, fault);
    close(root);
    return status;
}

static int copy_script(const char *script, struct fault *fault)
{
    char to[PATH_MAX];

    snprintf(to, sizeof to, "%s%s/%s", GUEST_SCRATCH_MNT, VIEW_SCRIPT_FOLDER, script);
    return job_copy(script, to, 0755, fault);
}

/* Shows the builder's busybox in the view, and makes room for its applets. */
static int show_rescue(struct fault *fault)
{
    static const char target[] = GUEST_SCRATCH_MNT VIEW_RESCUE;
    int fd = open(target, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);

    if (fd < 0 || close(fd) || mount("/bin/busybox", target, NULL, MS_BIND, NULL) ||
        mkdir(GUEST_SCRATCH_MNT VIEW_RESCUE_FOLDER, 0755))
        return fault_set(fault, errno, "show the builder's shell at '%s'", VIEW_RESCUE);
    return 0;
}

int view_put(struct view *view, struct fault *fault)
{
    return stand_ins_put(&view->stand_ins, fault);
}

/* Mounts everything in the view. */
static int mount_all(const struct view *view, struct fault *fault)
{
    if (view->has_secrets && vault_open(fault))
        return -1;
    for (size_t i = 0; i < view->count; i++) {
        const struct view_mount *mounted = &view->mounts[i];
        char path[PATH_MAX];

        snprintf(path, sizeof path, "%s/%s", GUEST_SCRATCH_MNT, path_text(&mounted->place));
        if (mounted->is_nested ? nested_mount_make(mounted, fault)
                               : mounted->mount(mounted, path, fault))
            return -1;
        if (mounted->is_hidden && points_hide(path_text(&mounted->place)))
            return fault_set(fault, errno, "hide '%s'", mounted->target);
    }
    for (size_t i = 0; i < view->own_count; i++)
        if (view->own[i].variable != NULL &&
            vault_export(view->own[i].file, view->own[i].variable, fault))
            return -1;
    return view->has_secrets ? vault_close(fault) : 0;
}

int view_enter(const struct view *view, const char *script, bool rescue, struct fault *fault)
{
    if (overlay_mount_with(STAND_INS_LAYER, view->has_points ? POINTS : NULL, fault) ||
        mount_all(view, fault))
        return -1;
    if ((script != NULL && copy_script(script, fault)) || (rescue && show_rescue(fault)))
        return -1;
    /* Like switch_root: the initramfs cannot be pivoted away, only covered. */
    if (chdir(GUEST_SCRATCH_MNT) || mount(".", "/", NULL, MS_MOVE, NULL) || chroot(".") ||
        chdir("/"))
        return fault_set(fault, errno, "make the merged view the root directory");
    return 0;
}

/* Finds PATH below ROOT, without following symbolic links. Returns its folder as a descriptor, or
 * -1 with errno. */
static int find(int root, const char *path, const char **ret_name, struct stat *ret)
{
    int folder = path_open_parent(root, path, ret_name);

    if (folder >= 0 && fstatat(folder, *ret_name, ret, AT_SYMLINK_NOFOLLOW)) {
        int cause = errno;

        close(folder);
        errno = cause;
        return -1;
    }
    return folder;
}

/* Removes PATH from the layer if it is a whiteout that hides nothing of the image. Returns 0, or
 * -1 with errno. */
static int remove_whiteout(int layer, int image, const char *path)
{
    const char *name;
    struct stat upper, lower;
    int folder = find(layer, path, &name, &upper);
    int status = 0;

    if (folder < 0)
        return errno == ENOENT || errno == ENOTDIR || errno == ELOOP ? 0 : -1;
    if (S_ISCHR(upper.st_mode) && upper.st_rdev == makedev(0, 0)) {
        int hidden = find(image, path, &name, &lower);

        if (hidden >= 0)
            close(hidden);
        else
            status = unlinkat(folder, name, 0);
    }
    close(folder);
    return status;
}

/* Removes whiteouts on the way to PLACE that hide nothing of the image. Returns 0, or -1 with
 * errno. */
static int remove_whiteouts(int layer, int image, const char *place)
{
    char path[PATH_MAX];

    snprintf(path, sizeof path, "%s/", place);
    for (char *slash = strchr(path, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (remove_whiteout(layer, image, path))
            return -1;
        *slash = '/';
    }
    return 0;
}

/* Removes what the place of MOUNT has left in the layer. Returns 0, or -1 with errno. */
static int settle(int layer, int image, const struct view_mount *mount)
{
    const char *place = path_text(&mount->place);

    if (mount->is_nested)
        return 0;
    if (mount->is_point && points_forget(layer, place, mount->is_file, mount->known))
        return -1;
    return remove_whiteouts(layer, image, place);
}

int view_finish(struct view *view, struct fault *fault)
{
    if (stand_ins_finish(&view->stand_ins, fault))
        return -1;
    int layer = open(GUEST_SCRATCH_LAYER, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int image = open(GUEST_SCRATCH_IMAGE, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int status = layer < 0 || image < 0 ? -1 : 0;

    for (size_t i = 0; status == 0 && i < view->count; i++)
        status = settle(layer, image, &view->mounts[i]);
    for (size_t i = 0; status == 0 && i < view->stand_ins.count; i++)
        status = remove_whiteouts(layer, image, path_text(&view->stand_ins.items[i].place));
    if (status)
        fault_set(fault, errno, "remove what is left of mount points");
    if (layer >= 0)
        close(layer);
    if (image >= 0)
        close(image);
    return status;
}

void view_free(struct view *view)
{
    for (size_t i = 0; i < view->count; i++)
        path_free(&view->mounts[i].place);
    free(view->mounts);
    free(view->own);
    stand_ins_free(&view->stand_ins);
    *view = (struct view){0};
}
