#include "guest/script/shadow.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest/lib/file.h"

/* A file is written if it is missing or if its key file is: a shadow file alone is not worth
 * keeping. The row of the key file itself comes later. */
static const struct {
    const char *path;
    const char *key;
    mode_t mode;
    const char *text;
} files[] = {
    {"/etc/shadow", "/etc/passwd", 0600, "root:!x:::::::\n"},
    {"/etc/passwd", "/etc/passwd", 0644, "root:x:0:0::/root:/bin/sh\n"},
    {"/etc/gshadow", "/etc/group", 0600, "root:x::\n"},
    {"/etc/group", "/etc/group", 0644, "root:x:0:\n"},
    {"/etc/pam.d/other", "/etc/pam.d/other", 0644,
     "account sufficient pam_unix.so\n"
     "auth sufficient pam_rootok.so\n"
     "password requisite pam_unix.so nullok sha512\n"
     "session required pam_unix.so\n"},
    {"/etc/login.defs", "/etc/login.defs", 0644, ""},
};

static int write_file(const char *path, const char *text, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

    if (fd < 0)
        return -1;
    int failed = file_write_all(fd, text, strlen(text)) || fchmod(fd, mode);

    return close(fd) || failed ? -1 : 0;
}

int shadow_set_up(struct fault *fault)
{
    static const char *const folders[] = {"/etc", "/etc/pam.d"};

    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
        if (mkdir(folders[i], 0755) && errno != EEXIST)
            return fault_set(fault, errno, "set up '%s'", folders[i]);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        bool is_missing = access(files[i].key, F_OK) || access(files[i].path, F_OK);

        if (is_missing && write_file(files[i].path, files[i].text, files[i].mode))
            return fault_set(fault, errno, "set up '%s'", files[i].path);
    }
    return 0;
}
