/*
 * A session of the user's with a program in the guest (guest/contract.h), as the host sees it: a
 * thread sends what the user types to the guest's output port, in frames, and what the guest writes
 * there goes, by the thread of that port, to the user's standard streams.
 *
 * Both ways wait for each other: a program that does not read holds up what is sent to it, and a
 * terminal that is stopped holds up the program. With a terminal, typing SESSION_ESCAPE three times
 * within a second ends the VM, whatever state that is in.
 *
 * The guest is not trusted, but what it shows here is what the user has asked to see, as with any
 * program that is run in a terminal: nothing is filtered. It reaches the terminal alone, since all
 * other output of vmbuild is silent meanwhile.
 */
#ifndef VMBUILD_SESSION_H
#define VMBUILD_SESSION_H

#include <stdbool.h>

#include "host/lib/buffer.h"
#include "host/lib/error.h"
#include "host/lib/stream.h"
#include "host/vm/guest_port.h"

#define SESSION_ESCAPE 0x1d /* Ctrl-] */

struct session_plan {
    bool has_terminal;          /* the user's, which is taken (lib/terminal.h) */
    bool has_input;             /* standard input is passed on */
    struct guest_port *port;    /* of which QEMU has connected */
    struct buffer *unsent;      /* what an earlier session with PORT could not send, and this one */
    void (*end)(void *context); /* ends the VM; called from a thread */
    void *context;
};

struct session;

/* Starts a session; with a terminal, takes that. *RET is ended by session_finish. Errors:
 * EXIT_OTHER. */
[[nodiscard]] struct error *session_start(const struct session_plan *plan, struct session **ret);

/* Where the bytes that the guest writes to the port go until session_finish. */
struct sink session_sink(struct session *session);

/* Ends the thread, gives the terminal back and frees SESSION. Returns ERR, the error of the guest's
 * call, or in its place what the session itself has failed by. */
[[nodiscard]] struct error *session_finish(struct session *session, struct error *err);

#endif
