/*
 * The disk server: a thread through which QEMU reads the base disk, so that each block is checked
 * as it is read, and writes one that is made of another (store_disk.h). It speaks NBD, as much of
 * it as QEMU needs: one disk, one connection, no structured replies
 * (https://github.com/NetworkBlockDevice/nbd/blob/master/doc/proto.md).
 *
 * A block that is damaged is answered with an error, on which QEMU stops the machine (machine.h).
 */
#ifndef VMBUILD_DISK_SERVER_H
#define VMBUILD_DISK_SERVER_H

#include "host/lib/error.h"
#include "host/store/store_disk.h"

struct disk_server;

/* Makes the socket in FOLDER and starts the thread, which serves DISK, borrowed until
 * disk_server_free. Errors: EXIT_OTHER, EXIT_DISK_FULL. */
[[nodiscard]] struct error *disk_server_start(const char *folder, struct store_disk *disk,
                                              struct disk_server **ret);

/* The path of the socket for QEMU; borrowed. */
const char *disk_server_socket(const struct disk_server *server);

/* Ends the thread, removes the socket and frees SERVER; accepts NULL. */
void disk_server_free(struct disk_server *server);

#endif
