/*
 * What vmbuild calls of libslirp.
 */
#include <libslirp.h>

#include "host/late/late_library.h"

static struct late_library slirp = {.file = "libslirp.so.0"};

LATE_PROCEDURE(slirp, slirp_cleanup, (Slirp * stack), stack)
LATE_PROCEDURE(slirp, slirp_input, (Slirp * stack, const uint8_t *frame, int length), stack, frame,
               length)
LATE_FUNCTION(slirp, Slirp *, slirp_new,
              (const SlirpConfig *config, const SlirpCb *callbacks, void *opaque), config,
              callbacks, opaque)
LATE_PROCEDURE(slirp, slirp_pollfds_fill,
               (Slirp * stack, uint32_t *timeout, SlirpAddPollCb add, void *opaque), stack, timeout,
               add, opaque)
LATE_PROCEDURE(slirp, slirp_pollfds_poll,
               (Slirp * stack, int select_error, SlirpGetREventsCb get, void *opaque), stack,
               select_error, get, opaque)
