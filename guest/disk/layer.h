/* The new layer, on its way to the host. */
#ifndef VMBUILD_GUEST_LAYER_H
#define VMBUILD_GUEST_LAYER_H

#include <stdint.h>

#include "guest/lib/fault.h"
#include "guest/lib/output.h"

/* Packs layer/ of the scratch disk into PORT (GUEST_LAYER_PORT), in a worker. Times later than
 * CLAMP (seconds since 1970) become CLAMP; what is left out is noted on OUTPUT. Returns 0 with the
 * number of bytes written, which the host may not have read yet, or -1 with FAULT. */
int layer_send(int port, struct output *output, int64_t clamp, uint64_t *ret_bytes,
               struct fault *fault);

#endif
