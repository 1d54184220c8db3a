/* The names of whiteouts in a layer's tar, as OCI's layer specification has them. */
#ifndef VMBUILD_GUEST_WHITEOUT_H
#define VMBUILD_GUEST_WHITEOUT_H

#define WHITEOUT_PREFIX ".wh."
#define WHITEOUT_OPAQUE ".wh..wh..opq"

#endif
