/*
 * Carries out edits of a file tree, read from standard input: the same program, run natively in a
 * chroot and by vmbuild in the guest, makes the same tree. Static, so that it runs in any image.
 *
 * One edit per line, words separated by single blanks, bytes other than plain ones as \OOO:
 *
 *   file PATH MODE UID GID SECONDS TEXT    written anew (an existing file is truncated)
 *   append PATH SECONDS TEXT               symlink SECONDS TARGET PATH
 *   dir PATH MODE UID GID                  link OLD NEW
 *   fifo PATH MODE                         rename OLD NEW
 *   char PATH MODE MAJOR MINOR             remove PATH      (with all below it)
 *   block PATH MODE MAJOR MINOR            chmod PATH MODE
 *   chown PATH UID GID                     xattr PATH NAME VALUE
 *   sparse PATH SIZE SECONDS TEXT          a hole, and TEXT at its end
 *   truncate PATH SIZE SECONDS             shorter, or longer by a hole
 *   hexattr PATH NAME HEX                  an extended attribute of any bytes
 *   unattr PATH NAME                       removes it
 *   touch PATH SECONDS                     socket PATH MODE
 *   move OLD NEW                           as mv(1): copied if it cannot be renamed
 *   swap LEFT RIGHT                        atomically
 *   list PATH                              changes nothing: prints all at and below PATH
 *
 * An edit that the kernel refuses is skipped, natively and in the guest alike, and is printed.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <ftw.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#define WORDS_MAX 8

static char *words[WORDS_MAX];

/* Undoes \OOO in place. */
static void unescape(char *word)
{
    char *to = word;

    for (char *from = word; *from != '\0'; to++) {
        if (*from == '\\') {
            *to = (char)strtoul((char[]){from[1], from[2], from[3], '\0'}, NULL, 8);
            from += 4;
        } else {
            *to = *from++;
        }
    }
    *to = '\0';
}

static unsigned long number(int index, int base)
{
    return strtoul(words[index], NULL, base);
}

/* Every other time lies between two seconds. */
static int set_time(const char *path, long seconds)
{
    const struct timespec time = {.tv_sec = seconds, .tv_nsec = seconds % 2 != 0 ? 600000000 : 0};
    const struct timespec times[2] = {time, time};

    return utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW);
}

static int write_text(const char *path, int flags, off_t offset, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | flags, 0644);

    if (fd < 0)
        return -1;
    if (offset > 0 && lseek(fd, offset, SEEK_SET) < 0)
        return -1;
    if (write(fd, text, strlen(text)) != (ssize_t)strlen(text))
        return -1;
    return close(fd);
}

static int own(const char *path, mode_t mode, unsigned long uid, unsigned long gid)
{
    /* In this order: chown takes setuid and setgid away. */
    return lchown(path, (uid_t)uid, (gid_t)gid) == 0 ? chmod(path, mode) : -1;
}

static int make_file(void)
{
    if (write_text(words[1], O_TRUNC, 0, words[6]) != 0)
        return -1;
    if (own(words[1], (mode_t)number(2, 8), number(3, 10), number(4, 10)) != 0)
        return -1;
    return set_time(words[1], (long)number(5, 10));
}

static int make_node(mode_t type)
{
    bool device_node = type == S_IFCHR || type == S_IFBLK;
    dev_t device = device_node ? makedev(number(3, 10), number(4, 10)) : 0;

    if (mknod(words[1], type | 0600, device) != 0)
        return -1;
    return chmod(words[1], (mode_t)number(2, 8)) == 0 ? set_time(words[1], 1000000000) : -1;
}

static int set_hex_attribute(void)
{
    char value[256];
    size_t length = 0;

    for (const char *hex = words[3]; hex[0] != '\0' && hex[1] != '\0' && length < sizeof value;
         hex += 2)
        value[length++] = (char)strtoul((char[]){hex[0], hex[1], '\0'}, NULL, 16);
    return lsetxattr(words[1], words[2], value, length, 0);
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *walk)
{
    (void)info;
    (void)type;
    (void)walk;
    return remove(path);
}

/* Gives NEW the extended attributes of OLD, and no others: it may have inherited some. */
static int copy_attributes(const char *old, const char *new)
{
    char names[4096], value[4096];
    ssize_t length = llistxattr(new, names, sizeof names);

    for (const char *name = names; name < names + length; name += strlen(name) + 1)
        if (lremovexattr(new, name) != 0)
            return -1;
    length = llistxattr(old, names, sizeof names);
    for (const char *name = names; name < names + length; name += strlen(name) + 1) {
        ssize_t size = lgetxattr(old, name, value, sizeof value);

        if (size < 0 || lsetxattr(new, name, value, (size_t)size, 0) != 0)
            return -1;
    }
    return 0;
}

static int move(const char *old, const char *new)
{
    struct stat info;
    struct dirent **children;

    if (rename(old, new) == 0)
        return 0;
    /* What overlayfs returns for directories of a lower layer. */
    if (errno != EXDEV || lstat(old, &info) != 0 || mkdir(new, 0700) != 0)
        return -1;
    int count = scandir(old, &children, NULL, alphasort);

    for (int i = 0; i < count; i++) {
        char *from = NULL, *to = NULL;

        if (strcmp(children[i]->d_name, ".") != 0 && strcmp(children[i]->d_name, "..") != 0 &&
            (asprintf(&from, "%s/%s", old, children[i]->d_name) < 0 ||
             asprintf(&to, "%s/%s", new, children[i]->d_name) < 0 || move(from, to) != 0))
            return -1;
        free(from);
        free(to);
        free(children[i]);
    }
    free(children);
    const struct timespec times[2] = {info.st_atim, info.st_mtim};

    return own(new, info.st_mode & 07777, info.st_uid, info.st_gid) || copy_attributes(old, new) ||
           utimensat(AT_FDCWD, new, times, 0) || rmdir(old);
}

static void print_word(const char *text, size_t length)
{
    putchar(' ');
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)text[i];

        printf(byte > ' ' && byte < 127 && byte != '\\' ? "%c" : "\\%03o", byte);
    }
}

static int compare_names(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

static void print_attributes(const char *path)
{
    static char names[65536], value[65536];
    const char *sorted[64] = {NULL};
    size_t count = 0;
    ssize_t length = llistxattr(path, names, sizeof names);

    for (const char *name = names; name < names + length && count < 64; name += strlen(name) + 1)
        sorted[count++] = name;
    qsort(sorted, count, sizeof *sorted, compare_names);
    for (size_t i = 0; i < count; i++) {
        ssize_t size = lgetxattr(path, sorted[i], value, sizeof value);

        print_word(sorted[i], strlen(sorted[i]));
        print_word(value, size > 0 ? (size_t)size : 0);
    }
}

static void print_content(const char *path)
{
    unsigned long hash = 5381;
    int byte;
    FILE *file = fopen(path, "r");

    while (file != NULL && (byte = getc(file)) != EOF)
        hash = hash * 33 + (unsigned long)byte;
    printf(" #%lx", hash);
    if (file != NULL)
        fclose(file);
}

static void print_file(const char *path, const struct stat *info)
{
    char target[4096] = "";

    /* Not the number of links: overlayfs goes on to count those that it hides. */
    printf("list %06o %u:%u", info->st_mode, info->st_uid, info->st_gid);
    print_word(path, strlen(path));
    if (S_ISREG(info->st_mode))
        print_content(path);
    if (S_ISCHR(info->st_mode) || S_ISBLK(info->st_mode))
        printf(" %u,%u", major(info->st_rdev), minor(info->st_rdev));
    if (S_ISLNK(info->st_mode))
        print_word(target, (size_t)readlink(path, target, sizeof target));
    if (!S_ISDIR(info->st_mode))
        printf(" %ld %ld", (long)info->st_size, (long)info->st_mtime);
    print_attributes(path);
    putchar('\n');
}

static int by_name(const FTSENT **left, const FTSENT **right)
{
    return strcmp((*left)->fts_name, (*right)->fts_name);
}

static int list(const char *path)
{
    FTS *walk = fts_open((char *[]){(char *)path, NULL}, FTS_PHYSICAL | FTS_NOCHDIR, by_name);
    const FTSENT *entry;

    while (walk != NULL && (entry = fts_read(walk)) != NULL)
        if (entry->fts_info != FTS_DP)
            print_file(entry->fts_path, entry->fts_statp);
    return walk != NULL ? fts_close(walk) : -1;
}

static int is_link(const char *path)
{
    struct stat info;

    return lstat(path, &info) == 0 && S_ISLNK(info.st_mode);
}

/* Edits of what is there. */
static int change(const char *edit)
{
    if (strcmp(edit, "append") == 0)
        return write_text(words[1], O_APPEND, 0, words[3]) ||
               set_time(words[1], (long)number(2, 10));
    if (strcmp(edit, "truncate") == 0)
        return truncate(words[1], (off_t)number(2, 10)) || set_time(words[1], (long)number(3, 10));
    if (strcmp(edit, "rename") == 0)
        return rename(words[1], words[2]);
    if (strcmp(edit, "move") == 0)
        return move(words[1], words[2]);
    if (strcmp(edit, "swap") == 0)
        return renameat2(AT_FDCWD, words[1], AT_FDCWD, words[2], RENAME_EXCHANGE);
    if (strcmp(edit, "remove") == 0)
        return nftw(words[1], remove_one, 32, FTW_DEPTH | FTW_PHYS);
    if (strcmp(edit, "chmod") == 0)
        return is_link(words[1]) || chmod(words[1], (mode_t)number(2, 8));
    if (strcmp(edit, "chown") == 0)
        return lchown(words[1], (uid_t)number(2, 10), (gid_t)number(3, 10));
    if (strcmp(edit, "touch") == 0)
        return set_time(words[1], (long)number(2, 10));
    if (strcmp(edit, "xattr") == 0)
        return lsetxattr(words[1], words[2], words[3], strlen(words[3]), 0);
    if (strcmp(edit, "hexattr") == 0)
        return set_hex_attribute();
    if (strcmp(edit, "unattr") == 0)
        /* Whether the lack of an ACL is an error differs among file systems. */
        return lremovexattr(words[1], words[2]) != 0 && errno != ENODATA;
    fprintf(stderr, "edit: no edit '%s'\n", edit);
    exit(2);
}

static int carry_out(void)
{
    const char *edit = words[0];

    if (strcmp(edit, "file") == 0)
        return make_file();
    if (strcmp(edit, "sparse") == 0)
        return write_text(words[1], O_TRUNC, (off_t)number(2, 10), words[4]) ||
               set_time(words[1], (long)number(3, 10));
    if (strcmp(edit, "dir") == 0)
        return mkdir(words[1], 0700) ||
               own(words[1], (mode_t)number(2, 8), number(3, 10), number(4, 10));
    if (strcmp(edit, "fifo") == 0)
        return make_node(S_IFIFO);
    if (strcmp(edit, "socket") == 0)
        return make_node(S_IFSOCK);
    if (strcmp(edit, "char") == 0)
        return make_node(S_IFCHR);
    if (strcmp(edit, "block") == 0)
        return make_node(S_IFBLK);
    if (strcmp(edit, "symlink") == 0)
        return symlink(words[2], words[3]) || set_time(words[3], (long)number(1, 10));
    if (strcmp(edit, "link") == 0)
        return linkat(AT_FDCWD, words[1], AT_FDCWD, words[2], 0);
    if (strcmp(edit, "list") == 0)
        return list(words[1]);
    return change(edit);
}

int main(void)
{
    char *line = NULL;
    size_t capacity = 0;
    char none[] = "";

    umask(0);
    for (int count = 1; getline(&line, &capacity, stdin) > 0; count++) {
        char *rest = line;

        line[strcspn(line, "\n")] = '\0';
        for (int i = 0; i < WORDS_MAX; i++) {
            words[i] = rest != NULL ? strsep(&rest, " ") : none;
            unescape(words[i]);
        }
        errno = 0;
        if (carry_out() != 0)
            printf("refused %d: %s\n", count, strerror(errno));
    }
    free(line);
    return 0;
}
