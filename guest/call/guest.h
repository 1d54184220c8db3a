/*
 * The state of init between two calls of the host. There is one, which main() makes; each verb
 * changes what it is about, and leaves its reply or its fault here.
 */
#ifndef VMBUILD_GUEST_GUEST_H
#define VMBUILD_GUEST_GUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "guest/call/wire.h"
#include "guest/contract.h"
#include "guest/lib/fault.h"
#include "guest/lib/output.h"

struct guest {
    struct wire *wire;
    int layer_port;
    struct output output;
    uint64_t output_reported; /* bytes that replies have told the host of */
    int64_t clock;            /* held until the first script */
    int64_t clamp;
    bool started;
    bool scratch_ended; /* the scratch disk is unmounted; the next build has a new one */
    bool base_mounted;
    bool mounted;                /* the plain merged view, at mnt/; overlay_show keeps it */
    bool networked;              /* the build's script has the network */
    struct fault fault;          /* of the current call */
    char reply[GUEST_REPLY_MAX]; /* of the current verb */
};

#endif
