/*
 * The daemon's side of libguestfs' protocol (guestfs(3), "COMMUNICATION PROTOCOL"; the structures
 * are those of its guestfs_protocol.x, version 4).
 *
 * The library sends one call at a time: a length word, a header of 40 bytes, the arguments. A call
 * that carries a file is followed by its chunks, then comes the reply. Instead of a length word
 * there may be a flag: the daemon sends the cancel flag to refuse the rest of a file, and the
 * progress flag, before its reply, to tell how far a call is. Files in the other direction are not
 * used.
 *
 * A wire belongs to a file descriptor, which the caller keeps and closes. It has no other state, so
 * it works over a virtio-serial port in the guest and over a socket in a test.
 */
#ifndef VMBUILD_GUEST_WIRE_H
#define VMBUILD_GUEST_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include "guest/call/xdr.h"

#define WIRE_PROGRAM 0x2000F5F5u
#define WIRE_VERSION 4u
#define WIRE_LAUNCH_FLAG 0xf5f55ff5u
#define WIRE_CANCEL_FLAG 0xffffeeeeu
#define WIRE_PROGRESS_FLAG 0xffff5555u
#define WIRE_PROGRESS_SIZE 24u
#define WIRE_MESSAGE_MAX (4u << 20) /* bytes */
#define WIRE_CHUNK_MAX 8192u        /* bytes of file data */
#define WIRE_HEADER_SIZE 40u
#define WIRE_ERROR_MAX (64u << 10) /* bytes of an error's text */

struct wire {
    int fd;
    unsigned char *message; /* of WIRE_MESSAGE_MAX bytes */
    unsigned char in[64u << 10];
    size_t in_start;
    size_t in_end;
    uint32_t procedure, serial; /* of the call that was received last */
};

struct wire_call {
    uint32_t procedure;
    uint32_t serial;
    uint64_t optional; /* bit mask of the optional arguments that are set */
    struct xdr_reader arguments;
};

enum wire_status {
    WIRE_OK = 0,
    WIRE_END,       /* of the file, or of the connection */
    WIRE_CANCELLED, /* by the library */
    WIRE_LOST,      /* the connection is broken or out of sync, and of no more use */
};

/* Returns a new wire over FD, or NULL if memory is short. */
struct wire *wire_new(int fd);
void wire_free(struct wire *wire);

/* Tells the library that the daemon is up. */
enum wire_status wire_launch(struct wire *wire);

/* Waits for the next call; messages that are not calls of this protocol's version get an error
 * reply here. Returns WIRE_END if the library is gone. CALL's arguments point into WIRE and are
 * valid until the next receive. */
enum wire_status wire_receive(struct wire *wire, struct wire_call *call);

/* Reply to CALL: with success, with a string, or with an error of errno value CODE (0: none). */
enum wire_status wire_reply(struct wire *wire, const struct wire_call *call);
enum wire_status wire_reply_string(struct wire *wire, const struct wire_call *call,
                                   const char *string);
enum wire_status wire_reply_error(struct wire *wire, const struct wire_call *call, int code,
                                  const char *text);

/* Tells the library how many BYTES the call that was received last has read, of an unknown number.
 */
enum wire_status wire_progress(struct wire *wire, uint64_t bytes);

/* Receives the next chunk of the incoming file. Returns WIRE_OK with at least one byte at
 * *RET_BYTES, valid until the next receive; WIRE_END, WIRE_CANCELLED or WIRE_LOST. */
enum wire_status wire_receive_chunk(struct wire *wire, const unsigned char **ret_bytes,
                                    size_t *ret_length);

/* Refuses the rest of the incoming file: notifies the library, and reads until it has stopped.
 * Returns WIRE_OK or WIRE_LOST. */
enum wire_status wire_refuse_file(struct wire *wire);

#endif
