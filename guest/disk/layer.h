/* The new layer on its way to the host. */
#ifndef VMBUILD_GUEST_LAYER_H
#define VMBUILD_GUEST_LAYER_H

#include <stdint.h>

#include "guest/lib/fault.h"
#include "guest/lib/output.h"

/* Packs the scratch disk's layer/, times later than CLAMP as CLAMP, into the port GUEST_LAYER_PORT;
 * what is left out of it is noted on OUTPUT. A worker does it. Returns 0 with the number of bytes
 * written, which the host may not have read yet; or -1 with FAULT. */
int layer_send(struct output *output, int64_t clamp, uint64_t *ret_bytes, struct fault *fault);

#endif
