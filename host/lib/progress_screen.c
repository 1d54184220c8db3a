#include "host/lib/progress_screen.h"

#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "host/lib/buffer.h"
#include "host/lib/progress.h"

#define LIVE_MAX 16384 /* bytes; what is longer is erased, rather than left */

/* The worker writes the slot that is not current, and then makes it current, so that the supervisor
 * finds a whole one whenever the worker was killed. */
static struct shared {
    _Atomic size_t current;
    atomic_bool is_lost;
    struct {
        size_t length;
        bool is_cut;
        char text[LIVE_MAX];
    } slots[2];
} * shared;

/* The group that has the terminal while this program is in the foreground. */
static pid_t owner;

void progress_screen_share(void)
{
    if (shared != NULL || !isatty(STDERR_FILENO))
        return;
    void *memory =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED)
        return;
    shared = memory;
    owner = getpgrp();
}

void progress_screen_keep(const char *live, size_t length)
{
    if (shared == NULL)
        return;
    size_t slot = 1 - shared->current;

    shared->slots[slot].is_cut = length > LIVE_MAX;
    shared->slots[slot].length = length > LIVE_MAX ? 0 : length;
    if (length > 0 && length <= LIVE_MAX)
        memcpy(shared->slots[slot].text, live, length);
    shared->current = slot;
}

bool progress_screen_is_covered(void)
{
    pid_t foreground = shared != NULL ? tcgetpgrp(STDERR_FILENO) : -1;

    return foreground >= 0 && foreground != owner; /* below 0: it is not the controlling terminal */
}

bool progress_screen_is_lost(void)
{
    return shared != NULL && atomic_exchange(&shared->is_lost, false);
}

/* Takes what is live, which the worker, stopped or killed, may have been writing. Returns false if
 * nothing is. What it may have written half of, a control function or a character, is ended by the
 * first bytes of what is appended to OUT. */
static bool take_live(struct buffer *out, bool stays)
{
    size_t slot = shared != NULL ? shared->current & 1 : 0;
    size_t length = shared != NULL ? shared->slots[slot].length : 0;
    bool is_cut = shared != NULL && shared->slots[slot].is_cut;

    if ((length == 0 && !is_cut) || length > LIVE_MAX)
        return false;
    shared->slots[slot].length = 0;
    shared->slots[slot].is_cut = false;
    buffer_printf(out, "\033[m\r");
    if (stays)
        buffer_append(out, shared->slots[slot].text, length);
    buffer_printf(out, "\033[J%s", stays && length > 0 ? "\n" : "");
    return true;
}

void progress_cover(void)
{
    struct buffer out = {0};

    if (take_live(&out, false)) {
        (void)!write(STDERR_FILENO, out.data, out.length);
        shared->is_lost = true;
    }
    buffer_free(&out);
}

void progress_settle(void)
{
    struct buffer out = {0};

    if (take_live(&out, true))
        (void)!write(STDERR_FILENO, out.data, out.length);
    buffer_free(&out);
}
