/* The names of whiteouts in a layer's tar, as OCI's layer specification has them. */
#ifndef VMBUILD_GUEST_WHITEOUT_H
#define VMBUILD_GUEST_WHITEOUT_H

#define WHITEOUT_PREFIX ".wh."
#define WHITEOUT_OPAQUE ".wh..wh..opq"
/* Names of AUFS' own files, in the root of a layer; and the directory that holds files which the
 * layer has under several names, all of them hard links to there. */
#define WHITEOUT_AUFS ".wh..wh."
#define WHITEOUT_AUFS_LINKS ".wh..wh.plnk"

#endif
