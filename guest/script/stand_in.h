/*
 * Stand-ins: files that a script sees in place of the image's own, for the time that it runs:
 * /etc/hosts, with the guest's own names, and with a network /etc/resolv.conf and the CA bundle.
 *
 * They are a lower layer of the script's view, above the image. So a script may write, replace or
 * remove them as any other file. What it wrote stays in the layer; what it did not touch was never
 * there. A file that it changed, or a copy below /etc or /run, has the build's own lines taken out
 * again (stand_in_text.h).
 *
 * A file of the layer itself, which comes from the contents or from a hook, would hide the
 * stand-in. It is put aside and comes back if the script has left the stand-in alone.
 *
 * Use: stand_ins_prepare while the plain view is mounted; stand_ins_put, once it is not; the view
 * with STAND_INS_LAYER; stand_ins_finish, once that is gone as well.
 */
#ifndef VMBUILD_GUEST_STAND_IN_H
#define VMBUILD_GUEST_STAND_IN_H

#include <stdbool.h>
#include <stddef.h>

#include "guest/contract.h"
#include "guest/lib/fault.h"
#include "guest/script/stand_in_text.h"
#include "guest/tar/path.h"

#define STAND_INS_LAYER GUEST_SCRATCH "/stand-ins"
#define STAND_INS_MAX 3
#define STAND_INS_COPIES 2

struct stand_in {
    const char *target;
    struct path place; /* TARGET in the image, symbolic links followed */
    struct stand_in_text text;
    bool is_stored; /* what a script makes of it */
    bool is_aside;  /* the layer's own file */
};

struct stand_ins {
    struct stand_in items[STAND_INS_MAX];
    size_t count;
    struct path copies[STAND_INS_COPIES]; /* /etc and /run in the image, symbolic links followed */
};

/* Makes the stand-ins of the job for the plain view, which is open as ROOT. RET is to be freed by
 * stand_ins_free in any case. Returns 0, or -1 with FAULT. */
int stand_ins_prepare(int root, struct stand_ins *ret, struct fault *fault);

/* Puts what hides a stand-in aside. Returns 0, or -1 with FAULT. */
int stand_ins_put(struct stand_ins *stand_ins, struct fault *fault);

/* Puts what is aside back and takes the build's own lines out of the layer; whiteouts stay. Returns
 * 0, or -1 with FAULT. */
int stand_ins_finish(struct stand_ins *stand_ins, struct fault *fault);

void stand_ins_free(struct stand_ins *stand_ins);

#endif
