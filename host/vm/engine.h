/*
 * An engine: what runs the guest's machine, with all that it needs of the host. Its kinds are
 * qemu_engine.h. An engine runs one machine, once:
 *
 *   made -> configured -> launched -> freed
 *
 * Its functions are called from one thread. After an error of any of them, the engine can only be
 * freed.
 */
#ifndef VMBUILD_ENGINE_H
#define VMBUILD_ENGINE_H

#include <guestfs.h>
#include <stdbool.h>
#include <sys/types.h>

#include "host/lib/error.h"
#include "host/lib/stream.h"
#include "host/machine/machine.h"
#include "host/vm/gatekeeper.h"
#include "host/vm/guest_port.h"
#include "host/vm/socket_folder.h"
#include "host/vm/vm_options.h"

/* An attempt to start the VM; all borrowed. */
struct guest_attempt {
    const char *appliance;    /* its directory */
    const char *qemu;         /* its path */
    struct machine_host host; /* without the sockets, which the engine chooses */
    const char *memory;       /* name of the main memory's block (machine_type.h); static */
    enum gatekeeper_task task;
    int state;              /* the gatekeeper's file; not used by a boot */
    const char *state_path; /* its path, if it is to be written */
    uint64_t seconds;       /* of the engine's own time (watchdog.h) that the guest may take to
                               report */
};

/* What an engine uses; all borrowed as long as it lives, except that the ports may end before. */
struct engine_host {
    struct socket_folder *sockets;
    struct guest_port *output, *layer; /* open; the engine starts the first */
    struct sink sink;                  /* of the output port */
    /* Called from any thread: the engine's process is known now; ends that process. */
    void (*started)(void *context, pid_t pid);
    void (*end)(void *context);
    void *context;
};

struct engine;

struct engine_kind {
    /* Sets up G to launch the machine. Returns false if it refuses something. */
    bool (*configure)(struct engine *engine, guestfs_h *g);

    /* Takes the end of guestfs_launch, and its error, ERR. Returns the error to report. */
    struct error *(*launched)(struct engine *engine, struct error *err);

    /* Waits until it is known what has ended the machine, which has ended. NULL: that is known. */
    void (*settle)(struct engine *engine);

    /* Returns ERR, an error of OPERATION, or in its place the fault of the host that has ended the
     * machine. NULL stays NULL. */
    struct error *(*explain)(struct engine *engine, const char *operation, struct error *err);

    /* Returns a directory of the engine's, which it removes in the end; borrowed. NULL, or if it
     * returns that: there is none but those of `sockets`. */
    const char *(*folder)(const struct engine *engine);

    /* Stops the machine, with its clocks, or lets it go on. May be called from any thread while the
     * guest runs. */
    void (*suspend)(struct engine *engine, bool suspends);

    /* Releases everything. The engine's process has been killed. */
    void (*free)(struct engine *engine);
};

/* The start of each kind's own structure. */
struct engine {
    const struct engine_kind *kind;
};

#endif
