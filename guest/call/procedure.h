/* The procedures of libguestfs' protocol that init answers; every other one is refused. */
#ifndef VMBUILD_GUEST_PROCEDURE_H
#define VMBUILD_GUEST_PROCEDURE_H

#include "guest/call/guest.h"

/* Serves CALL and replies in any case. Returns WIRE_OK, or WIRE_LOST if the connection is out of
 * step. */
enum wire_status procedure_serve(struct guest *guest, struct wire_call *call);

#endif
