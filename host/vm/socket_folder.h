/*
 * The directory of the VM's sockets, and the one that libguestfs makes for its own. Its path is
 * short and plain.
 *
 * A Unix socket's path has little room (sockaddr_un). The sockets lie in the build's own temporary
 * directory unless its path is too long, and else in a temporary directory of their own in /tmp.
 *
 * libguestfs overruns its buffer (command.c: add_string) if the path of QEMU is long, takes a list
 * of directories for the appliance, split at colons, and doubles commas for an option of QEMU that
 * does not undouble them. So it is given links in this directory.
 *
 * libguestfs makes a directory below the one it is given, and removes it when its handle is closed.
 * For root, though, it makes it in /tmp, whatever it is given, and if this process is killed, it
 * stays behind. Once QEMU runs, that directory is therefore adopted as a temporary.
 */
#ifndef VMBUILD_SOCKET_FOLDER_H
#define VMBUILD_SOCKET_FOLDER_H

#include <stdbool.h>

#include "host/lib/error.h"

/* A zeroed one is empty. */
struct socket_folder {
    char *path;
    bool is_apart; /* not the build's own directory, but one for the sockets only */
    char *adopted; /* the directory that libguestfs made for root; NULL: none */
};

/* Chooses the directory, and makes it if need be. Errors: EXIT_OTHER. */
[[nodiscard]] struct error *socket_folder_choose(struct socket_folder *ret);

/* Makes the link NAME to PATH, in place of an earlier one. *RET is its path, the caller's. Errors:
 * EXIT_OTHER. */
[[nodiscard]] struct error *socket_folder_link(const struct socket_folder *folder, const char *name,
                                               const char *path, char **ret);

/* Adopts the directory of libguestfs, which is waiting for QEMU in it, if it would stay behind. May
 * be called from any thread while no other function is. */
void socket_folder_adopt(struct socket_folder *folder);

/* Removes the adopted directory, once libguestfs has closed its handle. */
void socket_folder_release(struct socket_folder *folder);

/* Removes the directory, if it is apart, and frees what FOLDER holds. */
void socket_folder_free(struct socket_folder *folder);

#endif
