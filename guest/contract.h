/*
 * What the host and the guest have agreed on: names, places, limits and the calls.
 *
 * The host speaks to the guest through libguestfs' public API only, and the guest answers only the
 * procedures below; every other one gets a proper error reply. A build is this sequence of calls:
 *
 *   (no call)                                      init mounts GUEST_DISK_SCRATCH, and where it
 *                                                  is there GUEST_DISK_BASE and the overlay, and
 *                                                  waits on GUEST_GATE for randomness
 *   guestfs_launch                                 init reports on GUEST_CHANNEL
 *   guestfs_upload  FILE   /job/NAME               scripts, environments, resolv.conf, CA bundle
 *   guestfs_command start clock=S clamp=S
 *   guestfs_command unpack base=DEV layer=DEV ...  a base never seen: fill its disk, unmount it
 *   guestfs_command base base=DEV                  mount the base disk read-only as image/
 *   guestfs_tar_in  FILE   /layer                  the spec's contents
 *   guestfs_command hook name=preMount timeout=S clock=S [still=1] [share=TAG:TARGET ...]
 *   guestfs_command mount                          overlayfs: image/ below, layer/ above, mnt/
 *   guestfs_command run timeout=S clock=S [still=1] [network=ADDRESS/PREFIX,GATEWAY,DNS]
 *                       [share=TAG:TARGET ...] [shadow=1]
 *   guestfs_command hook name=postMount ...
 *   guestfs_command unmount
 *   guestfs_command hook name=postUmount ...
 *   guestfs_command hook name=extraCommands ...
 *   guestfs_command pack                           the layer as a tar, to GUEST_LAYER_PORT
 *   guestfs_shutdown
 *
 * DEV is a disk's serial number, which the host has set: GUEST_DISK_BASE, GUEST_DISK_NEW_BASE, or
 * GUEST_DISK_LAYER and the layer's number from 0. The guest looks for it in /sys/block/NAME/serial
 * (virtio-blk: all but the layers) and behind the 4-byte header of /sys/block/NAME/device/vpd_pg80
 * (the layers, which are the LUNs of SCSI target 0; they are scanned for by `unpack`, not at boot),
 * since the kernel's own names follow the order in which disks happen to be probed.
 *
 * What init has mounted by itself, `base` and `mount` find done; `tar_in`, `pack` and the hooks see
 * to it that the overlay is mounted for postMount alone.
 *
 * Stages that a spec does not need are not called. Each verb's arguments are KEY=VALUE words in any
 * order; an unknown key or verb is an error. A verb that fails to do its own work (mount, unpack,
 * ...) is a libguestfs error whose text names operation, object and cause. Where the cause is a
 * full disk, the text ends in GUEST_DISK_FULL_SUFFIX; where a base layer is at fault, it begins
 * with GUEST_BAD_LAYER_PREFIX and the layer's number from 0, then ": ".
 *
 * `run` without an upload of GUEST_JOB_RUN does what goes before the script, such as `shadow`.
 *
 * A hook sees the shares at their targets, too, but not one that lies over what it needs itself:
 * busybox, the scratch disk or its own script.
 *
 * From boot to `start` the clock is held at GUEST_CLOCK_LEAST, from there to the first script at S,
 * but at GUEST_CLOCK_LEAST while a base disk is made: no time of a file tells how long a stage
 * took. It runs for scripts, from the S of each call; with still=1 it is held there, too.
 *
 * `run` and `hook` succeed as calls whatever the script does, and return one line (struct outcome
 * of the host is parsed from it):
 *
 *   "exited N" | "killed SIGNAL" | "timeout", then
 *   " oom=N"     processes that the kernel killed for want of memory meanwhile
 *   " full=0|1"  the scratch disk had no room left at some time meanwhile
 *   " output=N"  bytes written to GUEST_OUTPUT_PORT since the last such reply
 *
 * The scripts' standard output and error go, merged and unchanged, to the port GUEST_OUTPUT_PORT;
 * they are all written there before the call returns. The reply may still overtake them on the way,
 * so the host waits for as many bytes as the reply says. The kernel's console carries init's own
 * complaints.
 *
 * `pack` returns "layer=N": the bytes that it has written to GUEST_LAYER_PORT, which the reply may
 * overtake as well. A port of its own is faster than guestfs_tar_out, whose protocol cuts files
 * into pieces of 8 KiB, and lets `pack` say why it failed.
 */
#ifndef VMBUILD_GUEST_CONTRACT_H
#define VMBUILD_GUEST_CONTRACT_H

/* Raised whenever the content of a base disk would differ for the same layers; part of its cache
 * key. */
#define GUEST_BASE_FORMAT "2"

/* Names of the virtio-serial ports. The first is libguestfs' own. */
#define GUEST_CHANNEL "org.libguestfs.channel.0"
#define GUEST_OUTPUT_PORT "org.vmbuild.output.0"
#define GUEST_LAYER_PORT "org.vmbuild.layer.0"
#define GUEST_GATE "org.vmbuild.gate.0"

/* At the gate: what the guest says when it gets there, and what opens it: this many random bytes,
 * and a byte that is not 0 where the machine has got devices since it booted. */
#define GUEST_GATE_HERE "H"
#define GUEST_GATE_SEED 64
#define GUEST_GATE_SIZE (GUEST_GATE_SEED + 1)

/* Serial numbers of the disks. */
#define GUEST_DISK_SCRATCH "scratch"
#define GUEST_DISK_BASE "base"        /* one that is filled */
#define GUEST_DISK_NEW_BASE "newbase" /* one to be filled */
#define GUEST_DISK_LAYER "layer"      /* then the layer's number: "layer0" is the lowest */

/* Uploads, and the tree that tar_in names. */
#define GUEST_JOB_DIR "/job"
#define GUEST_LAYER "/layer"

/* Files below GUEST_JOB_DIR. A script has its spec key's name; environments are NAME=VALUE, each
 * ended by a NUL byte. */
#define GUEST_JOB_RUN "runAsRoot"
#define GUEST_JOB_ENVIRONMENT "environment"                 /* of runAsRoot */
#define GUEST_JOB_BUILDER_ENVIRONMENT "builder-environment" /* of hooks and extraCommands */
#define GUEST_JOB_RESOLV_CONF "resolv.conf"                 /* seen by runAsRoot only */
#define GUEST_JOB_HOSTS "hosts"
#define GUEST_JOB_CA_BUNDLE "ca-bundle.crt" /* shown at GUEST_CA_BUNDLE_PATH, never stored */
#define GUEST_CA_BUNDLE_PATH "/run/vmbuild/ca-bundle.crt"

/* On the scratch disk, whose root is the hooks' folder. */
#define GUEST_SCRATCH "/disk"
#define GUEST_SCRATCH_LAYER GUEST_SCRATCH "/layer"
#define GUEST_SCRATCH_IMAGE GUEST_SCRATCH "/image"
#define GUEST_SCRATCH_MNT GUEST_SCRATCH "/mnt"
#define GUEST_SCRATCH_WORK GUEST_SCRATCH "/work"

/* On a base disk: the merged tree, and the file whose presence says that it is complete. */
#define GUEST_BASE_TREE "root"
#define GUEST_BASE_COMPLETE "complete"

/* The least time that the clock is set to: the kernel refuses one before its own boot, and it has
 * booted within this. Base disks are made at this time. */
#define GUEST_CLOCK_LEAST 3600 /* seconds since 1970 */

/* Limits, checked on both sides. */
#define GUEST_JOB_FILE_MAX (16u << 20) /* bytes of one uploaded file */
#define GUEST_REPLY_MAX 256            /* bytes of the line that run, hook and pack return */
#define GUEST_LAYERS_MAX 255           /* layers of one base image */

#define GUEST_DISK_FULL_SUFFIX ": the scratch disk is full"
#define GUEST_BAD_LAYER_PREFIX "base layer "

#endif
