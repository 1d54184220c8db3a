/*
 * What the host and the guest have agreed on: calls and their words, names, places and limits.
 *
 * The host reaches the guest through libguestfs' public API alone, and the guest answers only the
 * procedures below; every other one gets a proper error reply. A build is this sequence of calls:
 *
 *   (no call)                        init mounts GUEST_DISK_SCRATCH, and GUEST_DISK_BASE with the
 *                                    overlay if there is one, and waits on GUEST_GATE for
 *                                    randomness
 *   guestfs_launch                   init reports on GUEST_CHANNEL
 *   guestfs_upload  FILE /job/NAME   scripts, environments, resolv.conf, CA bundle
 *   guestfs_command start ...
 *   guestfs_command unpack ...       a base never seen: fill its disk, unmount it; the disk may
 *                                    have the lowest layers already (`first`)
 *   guestfs_command base ...         mount the base disk read-only as image/
 *   guestfs_tar_in  FILE /layer      the spec's contents
 *   guestfs_tar_in  FILE /mounts/N   what a mount shows
 *   guestfs_command hook name=preMount ...
 *   guestfs_command mount            overlayfs: image/ below, layer/ above, mnt/
 *   guestfs_command run ...
 *   guestfs_command hook name=postMount ...
 *   guestfs_command unmount
 *   guestfs_command hook name=postUmount ...
 *   guestfs_command hook name=extraCommands ...
 *   guestfs_command pack             the layer as a tar, to GUEST_LAYER_PORT
 *   guestfs_command end              what the build has left is gone, or else the call fails
 *   guestfs_shutdown
 *
 * Calls that a spec does not need are left out. A guestfs_command carries a verb of GUEST_VERBS,
 * then words KEY=VALUE of GUEST_WORDS in any order. An unknown verb or word, a value outside its
 * limits, and a word that is given twice without being a list are errors.
 *
 * `base` and `mount` do nothing for what init has already mounted; `tar_in`, `pack` and the hooks
 * ensure that the overlay is mounted for postMount alone.
 *
 * A verb that fails to do its own work (mount, unpack, ...) is a libguestfs error whose text names
 * operation, object and cause. If the cause is a full disk, the text ends in
 * GUEST_DISK_FULL_SUFFIX; if a base layer is at fault, it begins with GUEST_BAD_LAYER_PREFIX and
 * the layer's number from 0, then ": ".
 *
 * A disk is named by its serial number, which the host has set: GUEST_DISK_BASE,
 * GUEST_DISK_NEW_BASE, GUEST_DISK_CACHE and a number, or GUEST_DISK_LAYER and the layer's number
 * from 0. The guest looks for it in /sys/block/NAME/serial (virtio-blk: all but the layers) and
 * behind the 4-byte header of /sys/block/NAME/device/vpd_pg80 (the layers, which are the LUNs of
 * SCSI target 0; they are scanned for by `unpack`, not at boot), since the kernel's own names
 * follow the order in which disks happen to be probed.
 *
 * `run` runs the script GUEST_JOB_RUN_AS_ROOT, GUEST_JOB_RUN, or the command GUEST_JOB_RUN_WORDS,
 * whichever was uploaded; without one it does what goes before the script, such as `shadow`. With
 * `user`, USER[:GROUP] by names of the image or by numbers, it runs as that user, with its groups
 * and, unless the environment has one, its HOME; it starts in `directory`, which is made if it is
 * missing.
 *
 * The files that `secret` names are uploaded before each `run`, which removes them from the job:
 * nothing but its script sees them, each as a file at its target, in memory.
 *
 * A `mount` is KIND[,OPTION=VALUE]...:TARGET, mounted for its script alone:
 *
 *   tmpfs    an empty file system in memory; `size` in bytes
 *   secret   the file `file` of the job, which is uploaded and removed as those of `secret`; at
 *            TARGET, and in the variable `env`, each of which may be missing
 *   bind     what was unpacked for it as GUEST_MOUNT_TREE, a directory or a file, by the number
 *            `part`; read-only, unless `writable` is 1
 *   cache    the file system of the disk `disk`, a GUEST_DISK_CACHE
 *
 * All but a bind may have `mode`, octal, `uid` and `gid`, which a cache takes as long as it is
 * empty. A mount may lie in one before it. Of what is mounted, and of the places that were made for
 * it, nothing stays in the layer.
 *
 * A hook sees the shares at their targets, too, but not one that lies over what it needs itself:
 * busybox, the scratch disk or its own script.
 *
 * From boot to `start` the clock is held at GUEST_CLOCK_LEAST, from there to the first script at
 * the time of `start`, but at GUEST_CLOCK_LEAST while a base disk is made: no time of a file tells
 * how long a stage took. It runs for scripts, from the time of each call; with `still` it is held
 * there, too.
 *
 * After `end` the guest serves another build, on a base that has the same layers and more: the host
 * makes the scratch disk anew, calls `start`, sends each further layer with guestfs_tar_in to
 * GUEST_BASE, which unpacks it onto the base disk, a GUEST_DISK_NEW_BASE, and goes on with `base`.
 *
 * `run` and `hook` succeed as calls whatever the script does, and return one line (struct outcome
 * of the host is parsed from it):
 *
 *   "exited N" | "killed SIGNAL" | "timeout", then
 *   " oom=N"     processes that the kernel killed for want of memory meanwhile
 *   " full=0|1"  the scratch disk had no room left at some time meanwhile
 *   " unreachable=N"  connections and packets for which there was no way, names that were asked for
 *                included: the script's network is loopback alone
 *   " line=N"    of the script, from 1, which its shell had read last; 0 if that is unknown
 *   " output=N"  bytes written to GUEST_OUTPUT_PORT since the last such reply
 *
 * The scripts' standard output and error go, merged and unchanged, to the port GUEST_OUTPUT_PORT.
 * With `streams` of `start` they are two pipes, and go there in frames like those of a session, in
 * the order in which they were written. They are all written there before the call returns. The
 * reply may still overtake them on the way, so the host waits for as many bytes as the reply
 * announces. The kernel's console carries init's own complaints.
 *
 * With `session`, `run` and `hook` start a session of the user in place of the script, in exactly
 * what that would see: the command GUEST_JOB_COMMAND if it was uploaded, else a shell, that of the
 * image or, with `rescue` and for hooks, the builder's. With `terminal` it has a terminal of that
 * kind and of `rows` and `columns`, else three pipes. GUEST_OUTPUT_PORT then carries frames both
 * ways, each a number of GUEST_STREAM_HEADER bytes, lowest first, which is its kind and its length,
 * and as many bytes. The host begins each session with GUEST_STREAM_BEGIN: what came before it was
 * meant for an earlier one.
 *
 * `pack` returns "layer=N": the bytes that it has written to GUEST_LAYER_PORT, which the reply may
 * overtake as well. A port of its own is faster than guestfs_tar_out, whose protocol cuts files
 * into pieces of 8 KiB, and lets `pack` report why it failed.
 *
 * The layer is a tar of plain files, cut into frames: a number of GUEST_FRAME_HEADER bytes, lowest
 * first, and as many bytes of the tar. A number with GUEST_FRAME_HOLE stands for as many zeros,
 * which are not sent: what a file's hole takes is the host's to write.
 */
#ifndef VMBUILD_GUEST_CONTRACT_H
#define VMBUILD_GUEST_CONTRACT_H

#include <stdbool.h>
#include <stdint.h>

/* Raised whenever the content of a base disk would differ for the same layers; part of its cache
 * key. */
#define GUEST_BASE_FORMAT "8"

/* Names of the virtio-serial ports. The first is libguestfs' own. */
#define GUEST_CHANNEL "org.libguestfs.channel.0"
#define GUEST_OUTPUT_PORT "org.vmbuild.output.0"
#define GUEST_LAYER_PORT "org.vmbuild.layer.0"
#define GUEST_GATE "org.vmbuild.gate.0"

/*
 * User-Mode Linux has no virtio. Its disks are of its own driver, which reads the base disk from
 * the host's server. The ports are streams of bytes by one serial line, GUEST_LINE, and
 * through memory that guest and host share, GUEST_WINDOW. By the line go messages of
 * GUEST_LINE_MESSAGE bytes: the port, the kind, two bytes of zero, and a length, lowest byte first.
 * The bytes themselves lie in the window, where each port has GUEST_LINE_SLOTS slots for either
 * direction, the guest's first. They are filled in turn. One that is filled is announced (DATA),
 * and filled again only after it was emptied (TAKEN). The guest begins (HELLO): what is sent to a
 * line that nobody has opened is lost. There is one more port: the network, if the variable
 * GUEST_LINE_NETWORK of init is set, as frames, each after its length in GUEST_LINE_FRAME bytes,
 * highest first.
 */
#define GUEST_LINE "/dev/ttyS0"
#define GUEST_WINDOW "/dev/mmapper"
#define GUEST_LINE_NETWORK "VMBUILD_NETWORK"
#define GUEST_LINE_MESSAGE 8
#define GUEST_LINE_FRAME 4
#define GUEST_LINE_FRAME_MAX (64u << 10) /* bytes of a frame */
#define GUEST_LINE_SLOTS 2
#define GUEST_LINE_SLOT (128u << 10) /* bytes */
#define GUEST_LINE_PORTS 5
#define GUEST_WINDOW_SIZE (GUEST_LINE_PORTS * 2 * GUEST_LINE_SLOTS * GUEST_LINE_SLOT)

enum guest_line_port {
    GUEST_LINE_CHANNEL,
    GUEST_LINE_OUTPUT,
    GUEST_LINE_LAYER,
    GUEST_LINE_GATE,
    GUEST_LINE_FRAMES,
};

enum guest_line_kind {
    GUEST_LINE_HELLO = 1, /* of the guest; without a port */
    GUEST_LINE_DATA,      /* the next slot holds as many bytes, at least one */
    GUEST_LINE_TAKEN,     /* the oldest slot that was announced is empty; without a length */
    GUEST_LINE_END,       /* of the host: nothing follows by this port; without a length */
};

/* Returns where in the window a slot begins. */
static inline uint32_t guest_line_slot(enum guest_line_port port, bool to_host, unsigned slot)
{
    return ((port * 2u + (to_host ? 0 : 1)) * GUEST_LINE_SLOTS + slot) * GUEST_LINE_SLOT;
}

/* At the gate: what the guest writes when it gets there, and what opens it: this many random bytes,
 * and a byte that is not 0 if the machine has got devices since it booted. */
#define GUEST_GATE_HERE "H"
#define GUEST_GATE_SEED 64
#define GUEST_GATE_SIZE (GUEST_GATE_SEED + 1)

/* Serial numbers of the disks. */
#define GUEST_DISK_SCRATCH "scratch"
#define GUEST_DISK_BASE "base"        /* one that is filled */
#define GUEST_DISK_NEW_BASE "newbase" /* one to be filled */
#define GUEST_DISK_CACHE "cache"      /* then the number of the mount that shows it */
#define GUEST_DISK_LAYER "layer"      /* then the layer's number: "layer0" is the lowest */

/* The network: a user-mode stack (IPv4) on the host, which passes questions for names on to the
 * host's resolver. The gateway's address leads to the host's loopback, if the user grants that.
 * Each address X is both: GUEST_X a text, GUEST_NUMBER(X) a number, 10.0.2.0 being 0x0a000200. */
#define GUEST_NETWORK_IS(A) A(10, 0, 2, 0)
#define GUEST_NETWORK_GATEWAY_IS(A) A(10, 0, 2, 2)
#define GUEST_NETWORK_NAMESERVER_IS(A) A(10, 0, 2, 3)
#define GUEST_NETWORK_ADDRESS_IS(A) A(10, 0, 2, 15)
#define GUEST_NETWORK_PREFIX 24 /* bits */

#define GUEST_ADDRESS_TEXT(a, b, c, d) #a "." #b "." #c "." #d
#define GUEST_ADDRESS_NUMBER(a, b, c, d)                                                           \
    ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (uint32_t)(d))
#define GUEST_ADDRESS_BYTES(a, b, c, d) a, b, c, d
#define GUEST_NUMBER(X) GUEST_##X##_IS(GUEST_ADDRESS_NUMBER)
#define GUEST_NETWORK GUEST_NETWORK_IS(GUEST_ADDRESS_TEXT)
#define GUEST_NETWORK_GATEWAY GUEST_NETWORK_GATEWAY_IS(GUEST_ADDRESS_TEXT)
#define GUEST_NETWORK_NAMESERVER GUEST_NETWORK_NAMESERVER_IS(GUEST_ADDRESS_TEXT)
#define GUEST_NETWORK_ADDRESS GUEST_NETWORK_ADDRESS_IS(GUEST_ADDRESS_TEXT)

/* Uploads, and the trees that tar_in names. */
#define GUEST_JOB_DIR "/job"
#define GUEST_LAYER "/layer"
#define GUEST_BASE "/base"
#define GUEST_MOUNTS "/mounts/" /* then the number of a mount, from 0 */
#define GUEST_MOUNT_TREE "tree" /* the entry of that tar which is mounted */

/* Files below GUEST_JOB_DIR. A script has its spec key's name; environments are NAME=VALUE, each
 * ended by a NUL byte. */
#define GUEST_JOB_RUN_AS_ROOT "runAsRoot"
#define GUEST_JOB_RUN "run"                 /* a script */
#define GUEST_JOB_RUN_WORDS "run-words"     /* a command: its arguments, each ended by a NUL byte */
#define GUEST_JOB_ENVIRONMENT "environment" /* of these */
#define GUEST_JOB_BUILDER_ENVIRONMENT "builder-environment" /* of hooks and extraCommands */
#define GUEST_JOB_COMMAND "command" /* of a session: its arguments, each ended by a NUL byte */
#define GUEST_JOB_RESOLV_CONF "resolv.conf" /* seen by these only */
#define GUEST_JOB_HOSTS "hosts"   /* further lines of /etc/hosts, which they see in any case */
#define GUEST_JOB_SECRET "secret" /* then the secret's number from 0 */
#define GUEST_JOB_CA_BUNDLE "ca-bundle.crt" /* shown at GUEST_CA_BUNDLE_PATH, never stored */
#define GUEST_JOB_VIEW_DIR "/dev/vmbuild"   /* where a script in the image lies */
#define GUEST_CA_BUNDLE_PATH "/run/vmbuild/ca-bundle.crt"

/* The end of each line of /etc/hosts that is the build's own: no other line is the same, so that
 * what a script leaves of them can be told from what it wrote. */
#define GUEST_HOSTS_MARK "\t# vmbuild"

/* On the scratch disk, whose root is the hooks' directory. */
#define GUEST_SCRATCH "/disk"
#define GUEST_SCRATCH_LAYER GUEST_SCRATCH "/layer"
#define GUEST_SCRATCH_IMAGE GUEST_SCRATCH "/image"
#define GUEST_SCRATCH_MNT GUEST_SCRATCH "/mnt"
#define GUEST_SCRATCH_WORK GUEST_SCRATCH "/work"
#define GUEST_SCRATCH_MOUNTS GUEST_SCRATCH "/mounts" /* made for the first of them */

/* On a base disk: the merged tree, and the file whose presence shows that it is complete. */
#define GUEST_BASE_TREE "root"
#define GUEST_BASE_COMPLETE "complete"

/* The least time that the clock is set to: the kernel refuses one before its own boot, and it has
 * booted within this. Base disks are made at this time. */
#define GUEST_CLOCK_LEAST 3600 /* seconds since 1970 */

/* The frames of a layer. */
#define GUEST_FRAME_HEADER 8
#define GUEST_FRAME_HOLE (UINT64_C(1) << 63)

/* The frames of a session, and of streams that are told apart. */
#define GUEST_STREAM_HEADER 4
#define GUEST_STREAM_KIND_SHIFT 24
#define GUEST_STREAM_MAX (64u << 10) /* bytes after the header */

enum guest_stream {
    GUEST_STREAM_BEGIN = 1, /* to the guest: nothing follows */
    GUEST_STREAM_INPUT,     /* to the guest: what the session reads */
    GUEST_STREAM_END,       /* to the guest: of its input; nothing follows */
    GUEST_STREAM_SIZE,      /* to the guest: rows and columns of the terminal, two bytes each */
    GUEST_STREAM_OUTPUT,    /* to the host: standard output, or all that a terminal shows */
    GUEST_STREAM_ERROR,     /* to the host: standard error */
};

/* Limits, checked on both sides. */
#define GUEST_LAYER_HOLES_MAX_GIB 64   /* of all holes of a layer, each byte of which is hashed */
#define GUEST_JOB_FILE_MAX (16u << 20) /* bytes of one uploaded file */
#define GUEST_REPLY_MAX 256            /* bytes of the line that run, hook and pack return */
#define GUEST_LAYERS_MAX 255           /* layers of one base image */
#define GUEST_SHARES_MAX 64
#define GUEST_SECRETS_MAX 64
#define GUEST_MOUNTS_MAX 64
#define GUEST_SECRET_MAX (500u << 10)       /* bytes of one, as in BuildKit */
#define GUEST_TIMEOUT_MAX (365 * 24 * 3600) /* seconds */
#define GUEST_NAME_MAX 64                   /* bytes of a hook's name or a disk's serial number */
#define GUEST_TERMINAL_MAX 64               /* bytes of the kind of a terminal, TERM */
#define GUEST_TERMINAL_SIZE_MAX 65535       /* rows, columns */
#define GUEST_USER_MAX 256                  /* bytes of USER[:GROUP] */
#define GUEST_PATH_MAX 4095                 /* bytes */

#define GUEST_DISK_FULL_SUFFIX ": the scratch disk is full"
#define GUEST_BAD_LAYER_PREFIX "base layer "

/*
 * The words: X(WORD, KEY, KIND, LEAST, MOST). A number lies between LEAST and MOST, a text has as
 * many bytes, a list (a word for each of its items) as many items. A flag is 1 or, just as if it
 * were left out, 0.
 */
#define GUEST_WORDS(X)                                                                             \
    X(CLOCK, "clock", NUMBER, 0, INT64_MAX)             /* seconds since 1970 */                   \
    X(CLAMP, "clamp", NUMBER, INT64_MIN, INT64_MAX)     /* newest mtime of the layer */            \
    X(TIMEOUT, "timeout", NUMBER, 1, GUEST_TIMEOUT_MAX) /* seconds */                              \
    X(STILL, "still", FLAG, 0, 1)                       /* hold the clock */                       \
    X(SHADOW, "shadow", FLAG, 0, 1)                     /* make what useradd and its like need */  \
    X(NETWORK, "network", FLAG, 0, 1)                   /* set up GUEST_NETWORK */                 \
    X(TRACE, "trace", FLAG, 0, 1)                       /* run shells with -x */                   \
    X(STREAMS, "streams", FLAG, 0, 1)                   /* tell output and error apart */          \
    X(SHARE, "share", LIST, 0, GUEST_SHARES_MAX)        /* TAG:TARGET, of 9p */                    \
    X(SECRET, "secret", LIST, 0, GUEST_SECRETS_MAX)     /* FILE:TARGET, of the job */              \
    X(MOUNT, "mount", LIST, 0, GUEST_MOUNTS_MAX)        /* see above */                            \
    X(USER, "user", TEXT, 1, GUEST_USER_MAX)            /* USER[:GROUP] */                         \
    X(DIRECTORY, "directory", TEXT, 1, GUEST_PATH_MAX)  /* absolute */                             \
    X(NAME, "name", TEXT, 1, GUEST_NAME_MAX)            /* of a hook */                            \
    X(SESSION, "session", FLAG, 0, 1)                   /* in place of the script */               \
    X(RESCUE, "rescue", FLAG, 0, 1)                     /* with the builder's shell */             \
    X(TERMINAL, "terminal", TEXT, 1, GUEST_TERMINAL_MAX)                                           \
    X(ROWS, "rows", NUMBER, 0, GUEST_TERMINAL_SIZE_MAX)                                            \
    X(COLUMNS, "columns", NUMBER, 0, GUEST_TERMINAL_SIZE_MAX)                                      \
    X(BASE, "base", TEXT, 1, GUEST_NAME_MAX)       /* a disk */                                    \
    X(LAYER, "layer", LIST, 0, GUEST_LAYERS_MAX)   /* disks, lowest first */                       \
    X(FIRST, "first", NUMBER, 0, GUEST_LAYERS_MAX) /* layers that the base disk has already */

/* The verbs: X(VERB, NAME, REQUIRED, OPTIONAL), the sets of words that it must and may have. */
#define GUEST_VERBS(X)                                                                             \
    X(START, "start", W(CLOCK) | W(CLAMP), W(STREAMS) | W(NETWORK))                                \
    X(UNPACK, "unpack", W(BASE), W(LAYER) | W(FIRST))                                              \
    X(BASE, "base", W(BASE), 0)                                                                    \
    X(MOUNT, "mount", 0, 0)                                                                        \
    X(RUN, "run", W(TIMEOUT) | W(CLOCK),                                                           \
      W(STILL) | W(NETWORK) | W(SHARE) | W(SECRET) | W(MOUNT) | W(SHADOW) | W(TRACE) | W(USER) |   \
          W(DIRECTORY) | WORDS_OF_SESSION)                                                         \
    X(HOOK, "hook", W(NAME) | W(TIMEOUT) | W(CLOCK),                                               \
      W(STILL) | W(SHARE) | W(TRACE) | WORDS_OF_SESSION)                                           \
    X(UNMOUNT, "unmount", 0, 0)                                                                    \
    X(PACK, "pack", 0, 0)                                                                          \
    X(END, "end", 0, 0)

/* The hooks: X(HOOK, NAME, DIRECTORY, MERGED): where each starts, and whether the overlay is
 * mounted then. NAME is that of its spec key, too. */
#define GUEST_HOOKS(X)                                                                             \
    X(PRE_MOUNT, "preMount", GUEST_SCRATCH, false)                                                 \
    X(POST_MOUNT, "postMount", GUEST_SCRATCH, true)                                                \
    X(POST_UMOUNT, "postUmount", GUEST_SCRATCH, false)                                             \
    X(EXTRA_COMMANDS, "extraCommands", GUEST_SCRATCH_LAYER, false)

/* What follows is made from these three lists. */

enum guest_kind { GUEST_FLAG, GUEST_NUMBER, GUEST_TEXT, GUEST_LIST };

#define X(WORD, ...) GUEST_WORD_##WORD,
enum guest_word { GUEST_WORD_NONE, GUEST_WORDS(X) GUEST_WORD_COUNT };
#undef X

#define X(VERB, ...) GUEST_VERB_##VERB,
enum guest_verb { GUEST_VERBS(X) GUEST_VERB_COUNT };
#undef X

#define X(HOOK, ...) GUEST_HOOK_##HOOK,
enum guest_hook { GUEST_HOOKS(X) GUEST_HOOK_COUNT };
#undef X

/* A set of words: bit N is the word N. */
typedef uint64_t guest_word_set;

#define GUEST_WORD_BIT(word) ((guest_word_set)1 << (word))
_Static_assert(GUEST_WORD_COUNT <= 64, "a guest_word_set has a bit for each word");

#define X(WORD, KEY, KIND, LEAST, MOST) [GUEST_WORD_##WORD] = {KEY, GUEST_##KIND, LEAST, MOST},
static const struct guest_word_row {
    const char *key;
    enum guest_kind kind;
    int64_t least, most;
} guest_words[GUEST_WORD_COUNT] = {GUEST_WORDS(X)};
#undef X

#define W(WORD) GUEST_WORD_BIT(GUEST_WORD_##WORD)
#define WORDS_OF_SESSION (W(SESSION) | W(RESCUE) | W(TERMINAL) | W(ROWS) | W(COLUMNS))
#define X(VERB, NAME, REQUIRED, OPTIONAL) {NAME, REQUIRED, (REQUIRED) | (OPTIONAL)},
static const struct guest_verb_row {
    const char *name;
    guest_word_set required, taken;
} guest_verbs[GUEST_VERB_COUNT] = {GUEST_VERBS(X)};
#undef X
#undef WORDS_OF_SESSION
#undef W

#define X(HOOK, NAME, DIRECTORY, MERGED) {NAME, DIRECTORY, MERGED},
static const struct guest_hook_row {
    const char *name;
    const char *directory;
    bool merged;
} guest_hooks[GUEST_HOOK_COUNT] = {GUEST_HOOKS(X)};
#undef X

#endif
