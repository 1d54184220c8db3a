/*
 * The disk server: a thread through which QEMU, or the kernel of User-Mode Linux, reads the base
 * disk, so that each block is checked as it is read, and writes one that is made of another
 * (store_disk.h). It speaks NBD, as much of it as these need: one disk, one connection, no
 * structured replies
 * (https://github.com/NetworkBlockDevice/nbd/blob/master/doc/proto.md).
 *
 * A block that is damaged is answered with an error, on which QEMU stops the machine (machine.h).
 */
#ifndef VMBUILD_DISK_SERVER_H
#define VMBUILD_DISK_SERVER_H

#include <stdbool.h>

#include "host/lib/error.h"
#include "host/store/store_disk.h"

struct disk_server;

/* Makes the socket in FOLDER and starts the thread, which serves DISK, borrowed until
 * disk_server_free. Errors: EXIT_OTHER, EXIT_DISK_FULL. */
[[nodiscard]] struct error *disk_server_start(const char *folder, struct store_disk *disk,
                                              struct disk_server **ret);

/* Sets what ends the machine, END(CONTEXT), which is called from the thread: where a fault of the
 * disk would reach the guest, it ends the machine, and is not answered. To be called before the
 * socket's path is known to anyone. */
void disk_server_on_fault(struct disk_server *server, void (*end)(void *context), void *context);

/* Returns errno of the fault that ended the machine; 0: there was none. *RET_IS_WRITE: what failed.
 */
int disk_server_fault(struct disk_server *server, bool *ret_is_write);

/* The path of the socket for QEMU; borrowed. */
const char *disk_server_socket(const struct disk_server *server);

/* Ends the thread, removes the socket and frees SERVER; accepts NULL. */
void disk_server_free(struct disk_server *server);

#endif
