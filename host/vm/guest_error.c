#include "host/vm/guest_handle.h"

#include <inttypes.h>
#include <string.h>
#include <sys/resource.h>

#include "guest/contract.h"
#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/lib/printable.h"
#include "host/vm/guest_handle_private.h"

#define WORDS_MAX_BYTES 1024 /* of the guest's own words; they end in the cause */

#define ADVICE_DISK "raise \"diskSize\" in the spec"
#define ADVICE_MEMORY "raise \"memory\" in the spec or --memory"

/* Returns TEXT without the name of the call, which stands before the guest's own words. */
static const char *skip_call(const char *text)
{
    static const char *const calls[] = {"command: ", "upload: ", "tar_in: "};

    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
        if (strncmp(text, calls[i], strlen(calls[i])) == 0)
            return text + strlen(calls[i]);
    return text;
}

/* Whether libguestfs complains of what it has received: not the guest, and not the host's kernel,
 * whose errors have an errno value. Its complaints of contents have the name of the call, too (its
 * lib/proto.c). */
static bool is_protocol_error(struct guest_handle *handle)
{
    static const char *const complaints[] = {"failed to parse reply", "received unexpected "};
    const char *text = guestfs_last_error(handle->g);

    if (text == NULL || guestfs_last_errno(handle->g) != 0)
        return false;
    const char *words = skip_call(text);

    for (size_t i = 0; i < sizeof complaints / sizeof *complaints; i++)
        if (strncmp(words, complaints[i], strlen(complaints[i])) == 0)
            return true;
    return words == text;
}

char *guest_error_words(struct guest_handle *handle)
{
    const char *text = guestfs_last_error(handle->g);

    if (text == NULL)
        return xstrdup("no reason given by libguestfs");
    text = skip_call(text);
    CLEANUP(freep)
    char *words = printable_copy(text, strcspn(text, "\n"), PRINTABLE_UTF8, PRINTABLE_MARK);

    return printable_cut(words, WORDS_MAX_BYTES);
}

struct error *guest_error_with_console(struct guest_handle *handle, struct error *err)
{
    CLEANUP(freep) char *tail = console_tail(&handle->console);

    return error_detail(err, tail);
}

void guest_error_settle(struct guest_handle *handle)
{
    if (handle->engine->kind->settle != NULL)
        handle->engine->kind->settle(handle->engine);
}

static bool ends_with(const char *text, const char *suffix)
{
    size_t length = strlen(text), suffix_length = strlen(suffix);

    return length >= suffix_length && strcmp(text + length - suffix_length, suffix) == 0;
}

struct error *guest_handle_explain(struct guest_handle *handle, const char *operation,
                                   struct error *err)
{
    struct error *log_err =
        err != NULL && handle->log != NULL ? log_file_take_error(handle->log) : NULL;

    if (log_err != NULL) {
        error_free(err);
        return error_context(log_err, "%s", operation);
    }
    if (err != NULL && handle->scripts != NULL && !script_output_is_valid(handle->scripts)) {
        error_free(err);
        return guest_error_with_console(
            handle, error_new(EXIT_VM, "%s: the guest broke the protocol: its output is not valid",
                              operation));
    }
    return handle->engine->kind->explain(handle->engine, operation, err);
}

bool guest_error_read_host_memory(const struct guest_handle *handle, struct host_memory *ret)
{
    host_memory_read("/proc", "/sys/fs/cgroup", ret);
    return ret->kills > handle->kills;
}

struct error *guest_error_of_host_memory(const struct guest_handle *handle, const char *operation,
                                         const struct host_memory *memory)
{
    return host_memory_error(memory, operation, handle->memory);
}

/* Names the limit by which the kernel may have ended QEMU, if there is one. */
static struct error *advise_processor_time(struct error *err)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_CPU, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY)
        return err;
    return error_advise(err, "the limit on processor time (ulimit -t) is %llu s; raise it",
                        (unsigned long long)limit.rlim_cur);
}

/* Returns the error of a call that has failed. FIRED: the watchdog has killed the VM after
 * SECONDS. */
static struct error *guest_error(struct guest_handle *handle, const char *operation, bool fired,
                                 uint64_t seconds)
{
    CLEANUP(freep) char *words = guest_error_words(handle);

    if (fired && handle->pace.watchdog != NULL)
        return guest_error_with_console(handle, pace_error(&handle->pace, operation));
    if (fired)
        return guest_error_with_console(
            handle, error_new(EXIT_TIMEOUT, "%s: the guest did not answer for %llu seconds",
                              operation, (unsigned long long)seconds));
    if (guestfs_is_ready(handle->g) != 1) {
        guest_error_settle(handle);
        if (console_out_of_memory(&handle->console))
            return error_advise(
                guest_error_with_console(
                    handle, error_new(EXIT_MEMORY, "%s: the guest ran out of memory", operation)),
                ADVICE_MEMORY);
        struct host_memory memory;

        if (guest_error_read_host_memory(handle, &memory))
            return guest_error_of_host_memory(handle, operation, &memory);
        return advise_processor_time(guest_error_with_console(
            handle, error_new(EXIT_VM, "%s: the VM ended: %s", operation, words)));
    }
    if (is_protocol_error(handle))
        return guest_error_with_console(
            handle, error_new(EXIT_VM, "%s: the guest broke the protocol: %s", operation, words));
    if (ends_with(words, GUEST_DISK_FULL_SUFFIX))
        return error_advise(error_new(EXIT_DISK_FULL, "%s: %s", operation, words), ADVICE_DISK);
    if (strncmp(words, GUEST_BAD_LAYER_PREFIX, strlen(GUEST_BAD_LAYER_PREFIX)) == 0)
        return error_new(EXIT_INPUT, "%s: %s", operation, words);
    return guest_error_with_console(handle, error_new(EXIT_OTHER, "%s: %s", operation, words));
}

struct error *guest_error_of_call(struct guest_handle *handle, const char *operation, bool fired,
                                  uint64_t seconds)
{
    return guest_handle_explain(handle, operation, guest_error(handle, operation, fired, seconds));
}
