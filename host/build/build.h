/*
 * One build, from spec to output: the only module that knows all of its stages.
 *
 *     spec -> plan -> base layers -> scratch disk -> VM run -> layer -> image -> output
 */
#ifndef VMBUILD_BUILD_H
#define VMBUILD_BUILD_H

#include <stdbool.h>
#include <stdint.h>

#include "host/build/build_cache.h"
#include "host/build/build_session.h"
#include "host/build/held_vm.h"
#include "host/build/kept_step.h"
#include "host/build/shared_cache.h"
#include "host/format/output.h"
#include "host/image/image_request.h"
#include "host/lib/buffer.h"
#include "host/lib/error.h"
#include "host/lib/json.h"
#include "host/lib/log_file.h"
#include "host/lib/secret.h"
#include "host/machine/accelerator.h"
#include "host/spec/spec.h"
#include "host/store/store.h"

/* What is made again though the cache has it. */
enum build_rebuild { BUILD_REBUILD_NOTHING, BUILD_REBUILD_IMAGES, BUILD_REBUILD_ALL };

struct build {
    const struct spec *spec;
    const struct output *outputs; /* at least one */
    size_t output_count;
    enum accelerator accelerator;
    const struct strings *grants;  /* what the network may reach beyond public addresses and the
                                     proxies of the environment (network/egress.h) */
    const struct secrets *secrets; /* of SPEC, with their bytes */
    bool verbose;
    bool trace;       /* shells show each command of the scripts */
    bool is_followed; /* by another build in this process, which may start a VM, too */
    enum build_rebuild rebuild;
    int64_t max_age;      /* of a layer from the cache, in seconds, or BUILD_CACHE_NO_LIMIT */
    struct held_vm *held; /* the VM of the builds before this one and after it; or NULL */
    struct shared_cache *shared; /* where else layers are taken from and kept, or NULL */
    struct log_file *log;        /* that keeps the scripts' output, or NULL */
    struct store *store;
    struct registry_access registry; /* for a base image in a registry */

    /* Of a graph of images. */
    const struct digest *built; /* the names of those that were built before (built_image.h), by
                                   node; or NULL */
    bool is_kept;               /* the image is kept in the store for others, or for a registry */
    bool is_kept_only;          /* and nothing is written: OUTPUTS have the formats of those that
                                   are */
    bool is_look;               /* nothing is built: the result is {"key": its layer's or null,
                                   "cached": whether the cache has that, "kept"} */

    /* With a session, with what is resumed, and once a shell was opened after a failure, the layer
     * is not what SPEC alone makes: it must not be kept as if it were. */
    const char *shell_on_failure; /* after a script fails, TERM of the user's terminal; or NULL */
    const char *keep;         /* path of the file that keeps a failed step (kept_step.h), or NULL */
    const char *keep_log;     /* path of the file with the scripts' output, for that */
    bool keep_base;           /* the base image is to be in it */
    struct json **ret_result; /* what was made (build_result.h); is replaced; or NULL */
    const struct kept_step *resumed;     /* what the build goes on with, or NULL */
    const struct build_session *session; /* or NULL; unless its image is stored, nothing is
                                            written */
};

/* Carries BUILD out. Errors: every code of error.h; on error, no output is made or changed. */
[[nodiscard]] struct error *build_run(const struct build *build);

#endif
